# What `stack-test` asserts on the page in PHP and the worker in Qt, and on the tunnels that they go through.
# shellcheck shell=bash

assert_tunnels() {
    local engine
    for engine in "${tunnelled[@]}"; do
        assert "page on $engine: has neither a password nor a way to a server but the tunnel's socket" page_is_apart "$engine"
        assert "worker on $engine: has its tunnel's network and no other" worker_shares_a_network "$engine"
        assert "page on $engine: takes a note and shows it, the worker delivers it" note_goes_through "$engine"
        assert "page on $engine: its tunnel's metrics count sessions" tunnel_counts "$engine"
    done
}

is_tunnelled() {
    [[ " ${tunnelled[*]} " == *" $1 "* ]]
}

page_is_apart() {
    local id port=3306
    [[ $1 == postgres ]] && port=5432
    id=$(container "page-$1")
    [[ $(docker inspect --format '{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}' "$id") == "${project}_front " ]]
    [[ $(docker inspect --format '{{range .Mounts}}{{.Destination}} {{end}}' "$id") == '/run/tunnel ' ]]
    # It does not even know the server's name.
    docker exec "$id" php -r 'exit(gethostbyname($argv[1]) === $argv[1] ? 0 : 1);' "$1"
}

worker_shares_a_network() {
    local tunnel
    tunnel=$(docker inspect --format '{{.Id}}' "$(container "tunnel-worker-$1")")
    [[ $(docker inspect --format '{{.HostConfig.NetworkMode}}' "$(container "worker-$1")") == "container:$tunnel" ]]
}

# The worker is held while the note is taken, as coreapp is for messages.
note_goes_through() {
    local engine=$1 text="note $RANDOM$RANDOM" worker status=0
    worker=$(container "worker-$engine")
    docker pause "$worker"
    page "$engine" / --data-urlencode "body=$text" >/dev/null && note_is waiting "$engine" "$text" || status=$?
    docker unpause "$worker"
    ((status == 0))
    in_time note_is delivered "$engine" "$text"
}

note_is() {
    page "$2" / | grep -F "<tr><td>$3</td><td>$1</td></tr>"
}

tunnel_counts() {
    local metrics
    metrics=$(docker exec "$(container "tunnel-page-$1")" busybox wget -q -O - http://127.0.0.1:9187/metrics)
    echo "$metrics"
    grep -qE '^wa_db_tunnel_sessions_total\{.*\} [1-9]' <<<"$metrics"
}

# The page has a session for each request, so the next one finds the server's bad certificate.
assert_tunnels_refuse() {
    local engine=$1 code=$2
    assert "page on $engine: fails, with the tunnel's own words and $code in its log alone" page_fails "$engine" "$code"
    assert "page on $engine: its tunnel is not ready any more" refused '503|unavailable' \
        docker exec "$(container "tunnel-page-$engine")" busybox wget -q -O - http://127.0.0.1:9187/readyz
    assert "worker on $engine: its open session lives on" session_lives_on "$engine"
}

page_fails() {
    local answer
    answer=$(page "$1" /readyz --no-fail --write-out '%{http_code}')
    echo "$answer"
    [[ $answer == *503 ]]
    # Visitors are told nothing of the database.
    if grep -F "$2" <<<"$answer"; then
        return 1
    fi
    docker logs --since 60s "$(container "page-$1")" 2>&1 | grep -F "$2"
}

# The worker touches its heartbeat at every turn with the database, and at none without.
session_lives_on() {
    local worker
    worker=$(container "worker-$1")
    docker exec "$worker" rm /tmp/heartbeat
    in_time docker exec "$worker" test -e /tmp/heartbeat
}

page_is_served() {
    page "$1" /readyz
}

# Runs a command until it succeeds, for half a minute.
in_time() {
    for _ in $(seq 120); do
        if "$@"; then
            return
        fi
        sleep 0.25
    done
    echo "not within 30 s: $*"
    return 1
}

# A page of the page on an engine, through its published port.
page() {
    local engine=$1 path=$2
    shift 2
    curl --fail --silent --show-error --max-time 30 "$@" "http://$(docker port "$(container "page-$engine")" 8080)$path"
}
