# What `stack` and `stack-test` share: one project of compose, from images to nothing left.
# shellcheck shell=bash

engines=(postgres mariadb mysql)
roles=(webapp coreapp)
# Where a page and a worker go through tunnels.
tunnelled=(postgres mysql)
# The user of every container, see the Dockerfiles.
container_uid=10001
images=(wa-db wa-db-stack/services wa-db-stack/legacy wa-db-stack/certs wa-db-stack/postgres wa-db-stack/mariadb wa-db-stack/mysql)
repository=$(cd "$here/.." && pwd)

# Sets the project that the functions below work on.
use_project() {
    project=$1
    export WA_DB_STACK_SECRETS=$2
    if [[ -n ${WA_DB_COMPOSE-} ]]; then
        read -ra compose_program <<<"$WA_DB_COMPOSE"
    elif docker compose version >/dev/null 2>&1; then
        compose_program=(docker compose)
    else
        compose_program=(docker-compose)
    fi
}

# Compose on our project, never for longer than five minutes, never reading our input. Compose 1.29 would give
# up on an engine that takes a minute for one answer.
compose() {
    COMPOSE_HTTP_TIMEOUT=240 timeout --foreground 300 "${compose_program[@]}" --project-name "$project" --file "$here/compose.yml" "$@" </dev/null
}

up() {
    images
    make_secrets
    start
    wait_until_well
}

# Programs and images. What compiles and what waits for mirrors and disks go side by side.
images() {
    "$here/install.sh"
    build_server_images &
    local servers=$!
    # A build that is under way is let end: what it leaves behind half done would be in the way of the next.
    build_programs || { wait "$servers" || true; exit 1; }
    wait "$servers"
    build_program_images
}

# Starts what is not running. An engine that is short of time now and then fails to start a container, and
# starts it when asked again; a container that ended badly is an answer, and the last word.
start() {
    local attempt log
    log=$(mktemp)
    for attempt in 1 2 3; do
        if compose up --detach --no-build >"$log" 2>&1; then
            rm -f "$log"
            return
        fi
        echo "stack: attempt $attempt to start everything failed:" >&2
        { tr -d '\r' <"$log" | grep -vE '^(Creating|Starting|Recreating) [^ ]+ +\.\.\. *(done)?$' || true; } | tail -n 30 >&2
        if container_states | grep -E ' exited [a-z]+ [1-9]' >&2; then
            break
        fi
    done
    rm -f "$log"
    compose logs --tail 20 >&2 || true
    exit 1
}

check() {
    local engine role
    for engine in "${engines[@]}"; do
        for role in "${roles[@]}"; do
            check_job "$role" "$engine" --role "$role"
        done
    done
}

# Runs `wa-db check` with further arguments in the place of a role's check job.
check_job() {
    local role=$1 engine=$2
    shift 2
    compose run --rm --no-deps -T "check-$role-$engine" check "$@"
}

down() {
    down_project
    remove_images
}

down_project() {
    COMPOSE_PARALLEL_LIMIT=2 compose down --volumes --remove-orphans --timeout 10 || [[ -z $(left_over) ]]
    rm -rf "$WA_DB_STACK_SECRETS"
}

# What is left of the project. Docker 20.10 miscounts who is on a network where many leave it at once, and then
# keeps it for good ("has active endpoints"): a network that nobody is on and that it will not remove is its own.
left_over() {
    local network
    docker ps --all --quiet --filter "label=com.docker.compose.project=$project"
    docker volume ls --quiet --filter "label=com.docker.compose.project=$project"
    for network in $(docker network ls --quiet --filter "label=com.docker.compose.project=$project"); do
        docker network rm "$network" >/dev/null 2>&1 && continue
        if [[ $(docker network inspect --format '{{len .Containers}}' "$network") == 0 ]]; then
            echo "stack: the engine keeps network $network, though nobody is on it" >&2
        else
            echo "$network"
        fi
    done
}

remove_images() {
    local image
    for image in "${images[@]}"; do
        # Fails while another project's container runs on it, and then it has to stay.
        docker image rm "$image" >/dev/null 2>&1 || true
    done
    # The stages which the classic builder leaves without a name.
    docker image prune --force --filter label=wa-db.stack >/dev/null
}

build_programs() {
    if command -v cargo >/dev/null; then
        (cd "$repository" && cargo build --locked --release --target-dir target --quiet \
            --bin wa-db --example webapp --example coreapp)
    elif [[ ! -x $repository/target/release/wa-db ]]; then
        echo "stack: no cargo here and no target/release/wa-db either: build the programs first" >&2
        return 1
    fi
}

build_server_images() {
    local name
    "$here/base-images"
    for name in postgres mariadb mysql legacy; do
        build_image "wa-db-stack/$name" "$here/$name"
    done
}

build_program_images() {
    build_image wa-db-stack/certs "$repository" --file "$here/certs/Dockerfile"
    build_image wa-db "$repository" --file "$here/wa-db/Dockerfile" --target wa-db
    build_image wa-db-stack/services "$repository" --file "$here/wa-db/Dockerfile" --target services
}

# Plain `docker build` serves the classic builder and BuildKit alike; compose asks for one or the other.
build_image() {
    local image=$1 context=$2 log
    shift 2
    log=$(mktemp)
    if ! timeout 600 docker build --tag "$image" --label wa-db.stack "$@" "$context" >"$log" 2>&1 </dev/null; then
        tail -n 30 "$log" >&2
        rm -f "$log"
        echo "stack: building $image failed" >&2
        exit 1
    fi
    rm -f "$log"
    echo "stack: $image, $(docker image inspect --format '{{.Size}}' "$image" | awk '{printf "%.1f MB", $1 / 1e6}')"
}

# One password for every account, readable by the containers' user alone.
make_secrets() {
    local engine role file
    mkdir -p "$WA_DB_STACK_SECRETS"
    chmod 0700 "$WA_DB_STACK_SECRETS"
    for engine in "${engines[@]}"; do
        for role in "${roles[@]}"; do
            file=$WA_DB_STACK_SECRETS/$engine-$role
            [[ -s $file ]] && continue
            (umask 077 && head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"$file.new")
            chmod 0400 "$file.new"
            mv "$file.new" "$file"
        done
    done
    if ((EUID == 0)); then
        chown "$container_uid:$container_uid" "$WA_DB_STACK_SECRETS"/*
    else
        # Who may use Docker but is not root has a container do it.
        docker run --rm --network none --user 0:0 --volume "$WA_DB_STACK_SECRETS:/secrets" --entrypoint sh \
            wa-db-stack/certs -c "chown $container_uid:$container_uid /secrets/*"
    fi
}

# Every container is either healthy or a job that ended well; four minutes are allowed.
wait_until_well() {
    local deadline=$((SECONDS + 240)) states
    while ((SECONDS < deadline)); do
        states=$(container_states)
        if ! grep -qv -e ' running healthy ' -e ' exited none 0$' <<<"$states"; then
            return
        fi
        sleep 0.5
    done
    echo "stack: not everything is well after four minutes:" >&2
    grep -v -e ' running healthy ' -e ' exited none 0$' <<<"$states" >&2
    compose logs --tail 20 >&2 || true
    exit 1
}

# Name, state, health and exit code of each container of the project.
container_states() {
    docker ps --all --quiet --filter "label=com.docker.compose.project=$project" | xargs --no-run-if-empty docker inspect \
        --format '{{.Name}} {{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}} {{.State.ExitCode}}'
}

# The container of a service.
container() {
    docker ps --quiet --filter "label=com.docker.compose.project=$project" \
        --filter "label=com.docker.compose.service=$1" --filter label=com.docker.compose.oneoff=False
}
