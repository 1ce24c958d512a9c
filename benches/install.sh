#!/bin/sh
# Installs those that the tunnel is measured against: stunnel, PgBouncer and HAProxy. Only programs are
# wanted, so nothing is started: the policy file that says so goes again afterwards.
set -eu

rc=/usr/sbin/policy-rc.d

missing=
command -v stunnel4 >/dev/null 2>&1 || missing="$missing stunnel4"
command -v pgbouncer >/dev/null 2>&1 || missing="$missing pgbouncer"
command -v haproxy >/dev/null 2>&1 || missing="$missing haproxy"
[ -n "$missing" ] || exit 0

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

if [ ! -e "$rc" ]; then
    trap 'as_root rm -f "$rc"' EXIT
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$rc" >/dev/null
    as_root chmod 0755 "$rc"
fi
install() {
    # One word for each package, so the list is split on purpose.
    # shellcheck disable=SC2086
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 \
        install -y --no-install-recommends $missing >&2
}
install || { as_root apt-get -qq update && install; }
