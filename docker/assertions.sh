# What `stack-test` asserts on the running stack.
# shellcheck shell=bash

assertions=0

# Runs a command that must succeed; its output is shown only when it does not.
assert() {
    local what=$1 started=${EPOCHREALTIME/./} output
    shift
    output=$(mktemp)
    # A subshell with errexit on, so that any failing line of a function fails it.
    set +e
    (set -e && "$@") >"$output" 2>&1
    local status=$?
    set -e
    if ((status)); then
        printf '  FAILED  %s\n' "$what"
        sed 's/^/          /' "$output"
        rm -f "$output"
        exit 1
    fi
    rm -f "$output"
    assertions=$((assertions + 1))
    printf '  ok %5d ms  %s\n' $(((${EPOCHREALTIME/./} - started) / 1000)) "$what"
}

# True when the command fails, and with an answer that matches the pattern.
refused() {
    local pattern=$1 output
    shift
    if output=$("$@" 2>&1); then
        echo "was accepted: $output"
        return 1
    fi
    grep -qiE "$pattern" <<<"$output" || { echo "refused, but not for /$pattern/: $output"; return 1; }
}

# Fails, showing it, when grep finds something. (A bare `! grep` would not end a function under errexit.)
absent() {
    if grep "$@"; then
        return 1
    fi
}

assert_containers() {
    assert "every container is unprivileged on a read-only root" containers_are_hardened
    assert "only webapps and pages publish a port, on the loopback address" only_pages_are_published
    assert "secrets are files for the containers' user alone, and in no environment" secrets_are_kept
}

containers_are_hardened() {
    local facts
    facts=$(docker ps --all --quiet --filter "label=com.docker.compose.project=$project" | xargs docker inspect --format \
        '{{.Name}} {{.Config.User}} {{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.CapAdd}} {{.HostConfig.Privileged}} {{.HostConfig.SecurityOpt}}')
    echo "$facts"
    # A job and three servers; a check, a service and a monitor for each role on each; what goes through tunnels.
    (($(wc -l <<<"$facts") == 4 + 18 + 8))
    absent -vE ' 10001:10001 true \[ALL\] \[\] false \[no-new-privileges(:true)?\]$' <<<"$facts"
}

only_pages_are_published() {
    local id service ports
    for id in $(docker ps --quiet --filter "label=com.docker.compose.project=$project"); do
        service=$(docker inspect --format '{{index .Config.Labels "com.docker.compose.service"}}' "$id")
        ports=$(docker port "$id")
        echo "$service: $ports"
        case $service in
        webapp-* | page-*) [[ $ports =~ ^'8080/tcp -> 127.0.0.1:'[0-9]+$ ]] ;;
        *) [[ -z $ports ]] ;;
        esac
    done
}

secrets_are_kept() {
    local file environments
    environments=$(docker ps --all --quiet --filter "label=com.docker.compose.project=$project" | xargs docker inspect)
    for file in "$WA_DB_STACK_SECRETS"/*; do
        [[ $(stat --format '%u %a' "$file") == "$container_uid 400" ]]
        # Root may read it; who may not cannot compare, and has nothing to hide from.
        if [[ -r $file ]]; then
            absent -qF "$(<"$file")" <<<"$environments"
        fi
    done
}

assert_checks() {
    local engine role
    for engine in "${engines[@]}"; do
        for role in "${roles[@]}"; do
            assert "$role on $engine: check passes, verified and encrypted" check_passes "$role" "$engine"
        done
        assert "both roles on $engine: check passes with four pooled connections" check_of_both_passes "$engine"
    done
}

check_passes() {
    local role=$1 engine=$2 answer
    answer=$(check_job "$role" "$engine" --role "$role" --format json)
    echo "$answer"
    jq --exit-status --arg role "$role" '.ok and .exit_code == 0 and (.targets | length) == 1 and
        (.targets[0] | .role == $role and .ok and .tls.verified and .server.encrypted)' <<<"$answer"
}

# One account serves for both here: the role is a matter of policy, not of login.
check_of_both_passes() {
    local engine=$1 answer
    answer=$(check_job coreapp "$engine" --role both --connections 4 --format json)
    echo "$answer"
    jq --exit-status '.ok and ([.targets[] | [.role, .ok, .tls.verified, .pool.opened]] ==
        [["webapp", true, true, 4], ["coreapp", true, true, 4]])' <<<"$answer"
}

# A statement by a role through the server's own client, from the server's container, over TCP.
as_role() {
    local tls=$1 role=$2 engine=$3 statement=$4 password
    password=$(<"$WA_DB_STACK_SECRETS/$engine-$role")
    case $engine-$tls in
    postgres-on) set -- psql "host=$engine user=$role dbname=app sslmode=require" -XAtc "$statement" ;;
    postgres-off) set -- psql "host=$engine user=$role dbname=app sslmode=disable" -XAtc "$statement" ;;
    mariadb-on) set -- mariadb --host="$engine" --user="$role" --ssl --batch --skip-column-names --execute="$statement" app ;;
    mariadb-off) set -- mariadb --host="$engine" --user="$role" --skip-ssl --execute="$statement" app ;;
    mysql-on) set -- mysql --host="$engine" --user="$role" --ssl-mode=REQUIRED --batch --skip-column-names --execute="$statement" app ;;
    mysql-off) set -- mysql --host="$engine" --user="$role" --ssl-mode=DISABLED --get-server-public-key --execute="$statement" app ;;
    esac
    PGPASSWORD=$password MYSQL_PWD=$password docker exec --env PGPASSWORD --env MYSQL_PWD "$(container "$engine")" "$@"
}

assert_accounts() {
    local engine role
    for engine in "${engines[@]}"; do
        for role in "${roles[@]}"; do
            assert "$role on $engine: no administrator, sees only its own database" account_is_small "$role" "$engine"
        done
        assert "coreapp on $engine: makes no tables" refused 'denied' as_role on coreapp "$engine" 'CREATE TABLE t (n INT)'
        assert "coreapp on $engine: deletes no messages" refused 'denied' as_role on coreapp "$engine" 'DELETE FROM messages'
    done
}

account_is_small() {
    local role=$1 engine=$2 grants
    if [[ $engine == postgres ]]; then
        [[ $(as_role on "$role" "$engine" "SELECT rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls
            FROM pg_roles WHERE rolname = current_user") == f ]]
        [[ $(as_role on "$role" "$engine" "SELECT string_agg(datname, ',') FROM pg_database
            WHERE has_database_privilege(datname, 'connect')") == app ]]
    else
        grants=$(as_role on "$role" "$engine" 'SHOW GRANTS')
        echo "$grants"
        # Nothing on all databases, and of the rights on its own none to pass them on.
        absent -vE '^GRANT (USAGE ON \*\.\*|[A-Z, ]+ ON `app`\.\*) ' <<<"$grants"
        absent 'ALL PRIVILEGES\|GRANT OPTION' <<<"$grants"
    fi
}

assert_plaintext_is_refused() {
    local engine
    for engine in "${engines[@]}"; do
        assert "webapp on $engine: let in over TLS" as_role on webapp "$engine" 'SELECT 1'
        assert "webapp on $engine: refused in plaintext" refused 'no encryption|denied|secure' as_role off webapp "$engine" 'SELECT 1'
    done
}

assert_services() {
    local engine
    for engine in "${engines[@]}"; do
        assert "webapp on $engine: alive and ready" alive_and_ready "$engine"
        assert "webapp on $engine: takes a message and shows it, coreapp drains it" message_goes_through "$engine"
    done
}

alive_and_ready() {
    get "$1" /healthz
    get "$1" /readyz
}

# Posts a message while coreapp is held, and sees it wait.
message_waits() {
    local engine=$1 text=$2 worker status=0
    worker=$(container "coreapp-$engine")
    docker pause "$worker"
    get "$engine" / --location --data-urlencode "body=$text" >/dev/null && message_is waiting "$engine" "$text" || status=$?
    docker unpause "$worker"
    return "$status"
}

# Coreapp is held while the message is posted: that it waits before and is delivered after is then coreapp's doing.
message_goes_through() {
    local engine=$1 text attempt
    for attempt in 1 2 3; do
        text="message $RANDOM$RANDOM"
        ! message_waits "$engine" "$text" || break
        # Held in the middle of its own transaction, coreapp keeps the table locked.
        ((attempt < 3))
    done
    for _ in $(seq 120); do
        if message_is delivered "$engine" "$text"; then
            return
        fi
        sleep 0.25
    done
    echo "not delivered within 30 s"
    return 1
}

message_is() {
    local state=$1 engine=$2 text=$3
    get "$engine" / | grep -F "<td>$text</td>" | grep -F ">$state<"
}

# A page of the webapp on an engine, through its published port.
get() {
    local engine=$1 path=$2
    shift 2
    curl --fail --silent --show-error --max-time 15 "$@" "http://$(docker port "$(container "webapp-$engine")" 8080)$path"
}

assert_isolation() {
    local engine port
    for engine in "${engines[@]}"; do
        port=3306
        [[ $engine == postgres ]] && port=5432
        assert "webapp on $engine: reaches the server on its own network" reaches "webapp-$engine" "$engine" webapp "$port"
        assert "webapp on $engine: does not reach the server on coreapp's" refused 'timed out|unreachable' reaches "webapp-$engine" "$engine" coreapp "$port"
        assert "coreapp on $engine: reaches the server on its own network" reaches "coreapp-$engine" "$engine" coreapp "$port"
        assert "coreapp on $engine: does not reach the server on webapp's" refused 'timed out|unreachable' reaches "coreapp-$engine" "$engine" webapp "$port"
        assert "webapp on $engine: does not know coreapp's name" refused "can't (find|resolve)|timed out|no servers" resolves "webapp-$engine" "coreapp-$engine"
        assert "coreapp on $engine: does not know webapp's name" refused "can't (find|resolve)|timed out|no servers" resolves "coreapp-$engine" "webapp-$engine"
        assert "webapp on $engine: knows the server's name" resolves "webapp-$engine" "$engine"
    done
}

# Whether a service can open a connection to a server's address on a network.
reaches() {
    local service=$1 server=$2 network=$3 port=$4 address
    address=$(docker inspect --format "{{with index .NetworkSettings.Networks \"${project}_$network\"}}{{.IPAddress}}{{end}}" "$(container "$server")")
    [[ -n $address ]] || { echo "no address of $server on $network"; exit 1; }
    timeout 5 docker exec --interactive "$(container "$service")" busybox nc -w 2 "$address" "$port" </dev/null
}

resolves() {
    timeout 20 docker exec "$(container "$1")" busybox nslookup "$2"
}

assert_broken_certificates() {
    assert_breakage postgres hostname_mismatch --name other.example
    assert_breakage mariadb certificate_expired --expired
    assert_breakage mysql hostname_mismatch --name other.example
}

# A server gets a bad certificate: both roles' checks say so. It gets a good one: they pass again.
assert_breakage() {
    local engine=$1 code=$2 role
    shift 2
    assert "$engine gets a bad certificate ($*)" reissue "$engine" "$@"
    for role in "${roles[@]}"; do
        assert "$role on $engine: check fails with 13 and $code" check_fails "$role" "$engine" "$code"
    done
    for role in "${roles[@]}"; do
        assert "monitor of $role on $engine: notices $code" in_time monitor_notices "$role" "$engine" "$code"
    done
    assert "webapp on $engine: its open connections live on" get "$engine" /readyz
    if is_tunnelled "$engine"; then
        assert_tunnels_refuse "$engine" "$code"
    fi
    assert "$engine gets a good certificate again" reissue "$engine"
    assert "webapp on $engine: check passes again" check_passes webapp "$engine"
    if is_tunnelled "$engine"; then
        assert "page on $engine: is served again" in_time page_is_served "$engine"
    fi
}

reissue() {
    local engine=$1
    shift
    compose run --rm --no-deps -T certs reissue "$engine" "$@"
    docker exec "$(container "$engine")" reload-tls
}

check_fails() {
    local role=$1 engine=$2 code=$3 answer status=0
    answer=$(check_job "$role" "$engine" --role "$role" --format json) || status=$?
    echo "exit code $status: $answer"
    ((status == 13))
    jq --exit-status --arg code "$code" '.ok == false and .exit_code == 13 and
        ([.targets[].stages[] | select(.status == "failed") | .stage + " " + .error.code] == ["tls " + $code])' <<<"$answer"
}
