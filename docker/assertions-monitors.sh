# What `stack-test` asserts on the monitors.
# shellcheck shell=bash

assert_monitors() {
    local engine role
    for engine in "${engines[@]}"; do
        for role in "${roles[@]}"; do
            assert "monitor of $role on $engine: is ready" in_time monitor_answers "$role" "$engine" readyz
            assert "monitor of $role on $engine: shows every stage passed, verified" monitor_shows "$role" "$engine"
        done
    done
}

monitor_answers() {
    docker exec "$(container "monitor-$1-$2")" busybox wget -q -O - "http://127.0.0.1:9187/$3"
}

monitor_shows() {
    local role=$1 engine=$2 page status
    page=$(monitor_answers "$role" "$engine" "")
    grep -qF "<h2 id=\"name-0\">$role <span class=\"place\">at $engine:" <<<"$page"
    status=$(monitor_answers "$role" "$engine" status.json)
    echo "$status"
    jq --exit-status '[.targets[0].stages[].status] == ["ok", "ok", "ok", "ok", "ok", "ok", "ok"] and .targets[0].tls.verified' <<<"$status"
    grep -qE "^wa_db_monitor_up\{.*role=\"$role\".*\} 1$" <<<"$(monitor_answers "$role" "$engine" metrics)"
}

# Its newest look fails, and says why.
monitor_notices() {
    local answer
    answer=$(docker exec "$(container "monitor-$1-$2")" busybox wget -q -O - http://127.0.0.1:9187/status.json)
    jq --exit-status --arg code "$3" '.state == "failing" and any(.targets[].stages[]; .error.code == $code)' <<<"$answer"
}
