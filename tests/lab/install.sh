#!/bin/sh
# Installs what the lab runs: the build needs of wa-db, PostgreSQL 15, MariaDB and
# MySQL, and the programs of tests/clients that use them (PHP, Qt and Python with their
# drivers), on Debian 12. Run it as often as you like: with everything in place it only looks.
#
# MySQL is not part of Debian 12. Its server comes from Debian unstable, is unpacked with
# the libraries it was built against into a directory of its own, and runs through the
# loader found there, so that nothing of unstable touches the system.
#
# The packages and that directory stay. What keeps the packages from starting servers of
# their own is undone when they are installed.
set -eu

# Servers started by root run as another user, who cannot look into root's home.
if [ "$(id -u)" -eq 0 ]; then
    : "${WA_DB_LAB_CACHE:=/var/cache/wa-db-lab}"
else
    : "${WA_DB_LAB_CACHE:=$HOME/.cache/wa-db-lab}"
fi
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
rc=/usr/sbin/policy-rc.d
conf=/etc/postgresql-common/createcluster.conf
default_conf=/usr/share/postgresql-common/createcluster.conf

main() {
    missing=$(missing_packages)
    if [ -n "$missing" ]; then
        # One word per package, so the list is split on purpose.
        # shellcheck disable=SC2086
        install_packages $missing
    fi
    mysql_present || install_mysql
}

say() { printf 'lab: %s\n' "$*" >&2; }

die() {
    say "$*"
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

missing_packages() {
    have gcc || echo gcc libc6-dev
    have pkg-config || echo pkg-config
    [ -e /usr/include/openssl/ssl.h ] || echo libssl-dev
    have openssl || echo openssl
    have make || echo make
    have setpriv || echo util-linux
    [ -x /usr/lib/postgresql/15/bin/postgres ] || echo postgresql-15
    have psql || echo postgresql-client-15
    [ -x /usr/sbin/mariadbd ] && [ -e /usr/lib/mysql/plugin/auth_ed25519.so ] || echo mariadb-server
    [ -x /usr/bin/mariadb ] || echo mariadb-client
    [ -e "$keyring" ] || echo debian-archive-keyring
    missing_clients
}

missing_clients() {
    [ -x /usr/bin/php ] || echo php-cli
    exists /usr/lib/php/*/pdo_mysql.so || echo php-mysql
    exists /usr/lib/php/*/pdo_pgsql.so || echo php-pgsql
    exists /usr/lib/*/qt5/plugins/sqldrivers/libqsqlmysql.so || echo libqt5sql5-mysql
    exists /usr/lib/*/qt5/plugins/sqldrivers/libqsqlpsql.so || echo libqt5sql5-psql
    # Debian's own Python has them, whichever comes first on the path.
    packages=/usr/lib/python3/dist-packages
    exists $packages/PyQt5/QtSql*.so || echo python3-pyqt5.qtsql
    [ -e $packages/psycopg ] || echo python3-psycopg
    [ -e $packages/pymysql ] || echo python3-pymysql
    # With it PyMySQL hides a password from a server that is not trusted with it.
    [ -e $packages/cryptography ] || echo python3-cryptography
}

# Whether a pattern, as the shell expands it, names a file.
exists() {
    [ -e "$1" ]
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        die "root is needed to install packages: run this as root or install sudo"
    fi
}

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" >&2
}

# The packages want to create a cluster and start a daemon; the lab wants only the programs.
install_packages() {
    say "installing $*"
    made_rc=
    made_conf=
    trap undo EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    if [ ! -e "$rc" ]; then
        made_rc=yes
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$rc" >/dev/null
        as_root chmod 0755 "$rc"
    fi
    if [ ! -e "$conf" ]; then
        made_conf=yes
        as_root mkdir -p "${conf%/*}"
        echo 'create_main_cluster = false' | as_root tee "$conf" >/dev/null
    fi
    status=0
    apt install -y --no-install-recommends -o Dpkg::Options::=--force-confold "$@" || {
        apt update
        apt install -y --no-install-recommends -o Dpkg::Options::=--force-confold "$@"
    } || status=$?
    [ "$status" -eq 0 ] || die "apt-get could not install: $*"
    undo
    trap - EXIT INT TERM
}

# The packages' own default takes the place of what was written for their installation.
undo() {
    [ -z "$made_rc" ] || as_root rm -f "$rc"
    made_rc=
    [ -n "$made_conf" ] || return 0
    made_conf=
    if [ -e "$default_conf" ]; then
        as_root cp "$default_conf" "$conf"
    else
        as_root rm -f "$conf"
    fi
}

# A directory counts only once the wrappers work; a half-done one is unpacked again.
mysql_present() {
    for root in "$WA_DB_LAB_CACHE"/mysql-*; do
        [ -x "$root/bin/mysqld" ] && [ -x "$root/bin/mysql" ] && return 0
    done
    return 1
}

# The mirror that this machine's own apt uses.
apt_mirror() {
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
        sed -n 's|/*$||; /\/debian$/p' | sort -u | head -n 1
}

install_mysql() {
    say "fetching MySQL from Debian unstable"
    mkdir -p "$WA_DB_LAB_CACHE"
    work=$(mktemp -d "$WA_DB_LAB_CACHE/.fetch.XXXXXX")
    chmod 0755 "$WA_DB_LAB_CACHE" "$work"
    trap 'rm -rf "$work"' EXIT
    mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/none.d"
    : >"$work/status"
    echo "deb [signed-by=$keyring] $(apt_mirror) unstable main" >"$work/sources.list"

    # The empty status file makes apt fetch every library, not only those this system lacks.
    unstable update
    unstable install -y -d --no-install-recommends mysql-server-core mysql-client-core
    mkdir "$work/root"
    for deb in "$work"/archives/*.deb; do
        dpkg-deb -x "$deb" "$work/root"
    done

    write_wrapper "$work/root" mysqld usr/sbin/mysqld
    write_wrapper "$work/root" mysql usr/bin/mysql
    version=$("$work/root/bin/mysqld" --no-defaults --version | sed -n 's/.*Ver \([0-9.]*\).*/\1/p')
    [ -n "$version" ] || die "the unpacked mysqld does not run"
    trim "$work/root"
    chmod 0755 "$work/root"
    mv "$work/root" "$WA_DB_LAB_CACHE/mysql-$version"
    say "MySQL $version is in $WA_DB_LAB_CACHE/mysql-$version"
}

unstable() {
    apt-get -qq \
        -o Dir::Etc::SourceList="$work/sources.list" \
        -o Dir::Etc::SourceParts="$work/none.d" \
        -o Dir::State::Lists="$work/lists" \
        -o Dir::State::Status="$work/status" \
        -o Dir::Cache="$work" \
        -o Dir::Cache::Archives="$work/archives" \
        -o Acquire::Languages=none \
        -o APT::Sandbox::User= \
        -o Debug::NoLocking=1 \
        "$@" >&2
}

# The wrapper finds its own root, so the directory may be moved.
write_wrapper() {
    mkdir -p "$1/bin"
    cat >"$1/bin/$2" <<WRAPPER
#!/bin/sh
root=\$(cd "\$(dirname "\$0")/.." && pwd)
libs=
for dir in "\$root"/usr/lib/*-linux-gnu "\$root"/lib/*-linux-gnu; do
    [ -d "\$dir" ] && libs=\${libs:+\$libs:}\$dir
done
for loader in "\$root"/usr/lib64/ld-linux-*.so.* "\$root"/usr/lib/ld-linux-*.so.* \\
    "\$root"/lib64/ld-linux-*.so.* "\$root"/lib/ld-linux-*.so.*; do
    [ -x "\$loader" ] && exec "\$loader" --library-path "\$libs" "\$root/$3" "\$@"
done
echo "no loader in \$root" >&2
exit 127
WRAPPER
    chmod 0755 "$1/bin/$2"
}

# Server, client, their libraries, plugins and messages are what the lab runs.
trim() {
    find "$1/usr" -mindepth 1 -maxdepth 1 ! -name sbin ! -name bin ! -name lib ! -name lib64 \
        ! -name share -exec rm -rf {} +
    find "$1/usr/share" -mindepth 1 -maxdepth 1 ! -name mysql ! -name mysql-\* -exec rm -rf {} +
    find "$1/usr/bin" ! -type d ! -name mysql -delete
    find "$1/usr/sbin" ! -type d ! -name mysqld -delete
    for libs in "$1"/usr/lib/*-linux-gnu; do
        find "$libs" -mindepth 1 -maxdepth 1 -type d \
            \( -name 'perl*' -o -name gconv -o -name audit \) -exec rm -rf {} +
    done
}

main "$@"
