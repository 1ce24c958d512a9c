#!/bin/bash
# Installs what the compose stack needs on Debian and starts the Docker daemon where none answers.
# Does nothing, quickly, when all of it is there.
set -euo pipefail

main() {
    local missing=()
    has docker || missing+=(docker.io)
    docker compose version >/dev/null 2>&1 || has docker-compose || missing+=(docker-compose)
    has debootstrap || missing+=(debootstrap)
    # What debootstrap verifies Debian's packages with.
    [[ -s /usr/share/keyrings/debian-archive-keyring.gpg ]] || missing+=(debian-archive-keyring)
    has curl || missing+=(curl)
    has jq || missing+=(jq)
    if ((${#missing[@]})); then
        install "${missing[@]}"
    fi
    daemon_answers || start_daemon
}

has() {
    command -v "$1" >/dev/null
}

install() {
    echo "docker/install.sh: installing $*" >&2
    local apt=(apt-get --option DPkg::Lock::Timeout=300 --quiet=2)
    as_root "${apt[@]}" install --yes --no-install-recommends "$@" >/dev/null 2>&1 && return
    # The package lists may be missing or old.
    as_root "${apt[@]}" update
    as_root "${apt[@]}" install --yes --no-install-recommends "$@" >/dev/null
}

daemon_answers() {
    timeout 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1
}

start_daemon() {
    local log=/var/log/dockerd-wa-db.log
    echo "docker/install.sh: starting dockerd" >&2
    if [[ -d /run/systemd/system ]]; then
        as_root systemctl start docker
    elif ! as_root service docker start >/dev/null 2>&1; then
        as_root sh -c "setsid dockerd >$log 2>&1 </dev/null &"
    fi
    for _ in $(seq 60); do
        daemon_answers && return
        sleep 0.5
    done
    echo "docker/install.sh: dockerd did not answer within 30 s; see $log, or whether this user may use it" >&2
    exit 1
}

as_root() {
    if ((EUID == 0)); then
        env DEBIAN_FRONTEND=noninteractive "$@"
    else
        sudo env DEBIAN_FRONTEND=noninteractive "$@"
    fi
}

main "$@"
