# Everything here works without a terminal, may be repeated, and needs Debian with Rust: `make install` (a part
# of the targets that need it) gets the rest.

.PHONY: help install demo test bench stack-up stack-down stack-test lint format clippy deny unit examples doc package
.NOTPARALLEL:

STEP := .ci/step
export CARGO_TERM_COLOR ?= never

help: ## Say what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

install: ## Install database servers, certificate tools and Docker, where missing
	@$(STEP) "install servers" tests/lab/install.sh
	@$(STEP) "install docker" docker/install.sh

demo: ## Show wa-db check pass and fail against real servers
	@$(STEP) "install servers" tests/lab/install.sh
	@$(STEP) "build" cargo build --locked --package wa-db --package wa-db-lab --bins
	@$(or $(CARGO_TARGET_DIR),target)/debug/demo

# Cheap things first: a typing error should not wait for a database.
test: install lint doc unit examples package stack-test ## Run every check and test there is

lint: format clippy deny ## Formatting, clippy, features, dependencies

format:
	@$(STEP) "format" cargo fmt --all --check

clippy:
	@$(STEP) "features" .ci/features
	@$(STEP) "clippy" cargo clippy --locked --workspace --all-targets -- --deny warnings
	@$(STEP) "clippy, postgres alone" cargo clippy --locked --package wa-db --lib --no-default-features --features postgres -- --deny warnings
	@$(STEP) "clippy, mysql alone" cargo clippy --locked --package wa-db --lib --no-default-features --features mysql -- --deny warnings

deny:
	@$(STEP) "licences and sources" .ci/cargo-deny --locked --workspace check licenses sources
	@$(STEP) "duplicates" .ci/cargo-deny --locked --exclude-dev check bans

doc: ## Build the documentation, warnings denied
	@RUSTDOCFLAGS="--deny warnings" $(STEP) "documentation" cargo doc --locked --workspace --no-deps

# Most tests wait for a server most of the time; each may have servers of its own.
unit: export RUST_TEST_THREADS ?= $(shell n=$$(nproc); echo $$((n < 4 ? 2 * n : 8)))
unit: ## Unit, integration and documentation tests, against real servers
	@$(STEP) --show "tests" cargo test --locked --workspace
	@$(STEP) --show "tests, without age" cargo test --locked --package wa-db --lib --no-default-features --features cli -- secret_file

examples:
	@$(STEP) "examples" cargo build --locked --examples

# A working tree with changes can be tried too; what is released comes from a clean one.
package: ## See whether the crate could be published
	@$(STEP) "package" cargo publish --locked --dry-run --package wa-db $(if $(CI),,--allow-dirty)

bench: ## Measure, side by side with other pools and clients
	@$(STEP) "install servers" tests/lab/install.sh
	@$(STEP) "install peers" benches/install.sh
	@$(STEP) "build" cargo build --locked --release --package wa-db --package wa-db-bench
	@target/release/wa-db-bench

stack-up: ## Bring the compose stack up
	@docker/stack up

stack-down: ## Take it down without a trace
	@docker/stack down

stack-test: ## Test the stack with both versions of compose
	@$(STEP) "programs and images" docker/stack images
	@$(STEP) --show "stack" docker/stack test
