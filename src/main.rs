//! The `wa-db` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    wa_db::cli::main()
}
