#!/bin/sh
# Installs what the lab runs: the build needs of wa-db, PostgreSQL 15, MariaDB, MySQL and a
# PostgreSQL that takes TLS from the first byte (17 or later), the programs of tests/clients
# that use them (PHP, Qt and Python with their drivers), age, which encrypts secrets, and a
# browser and Prometheus' tool for the monitor's page and alerts, on Debian 12. Run it as often
# as you like: with everything in place it only looks.
#
# MySQL and the newer PostgreSQL are not part of Debian 12. They come from Debian unstable,
# are unpacked with the libraries they were built against into directories of their own, and
# run through the loader found there, so that nothing of unstable touches the system.
#
# The packages and those directories stay. What keeps the packages from starting servers of
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
work=

main() {
    missing=$(missing_packages)
    if [ -n "$missing" ]; then
        # One word per package, so the list is split on purpose.
        # shellcheck disable=SC2086
        install_packages $missing
    fi
    mysql_present || install_mysql
    postgresql_present || install_postgresql
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
    have age && have age-keygen || echo age
    have make || echo make
    have setpriv || echo util-linux
    [ -x /usr/lib/postgresql/15/bin/postgres ] || echo postgresql-15
    have psql || echo postgresql-client-15
    [ -x /usr/sbin/mariadbd ] && [ -e /usr/lib/mysql/plugin/auth_ed25519.so ] || echo mariadb-server
    [ -x /usr/bin/mariadb ] || echo mariadb-client
    [ -e "$keyring" ] || echo debian-archive-keyring
    # The status page is looked at, and the alert rules are tried.
    [ -x /usr/bin/chromium ] || echo chromium fonts-dejavu-core
    [ -x /usr/bin/promtool ] || echo prometheus
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

# A directory is in its place only when it is complete; one that is not is made anew.
mysql_present() {
    for root in "$WA_DB_LAB_CACHE"/mysql-*; do
        [ -x "$root/bin/mysqld" ] && [ -x "$root/bin/mysql" ] && return 0
    done
    return 1
}

postgresql_present() {
    for bin in "$WA_DB_LAB_CACHE"/postgresql-*/usr/lib/postgresql/*/bin; do
        [ -x "$bin/postgres" ] && [ -x "$bin/initdb" ] && [ -x "$bin/psql" ] && return 0
    done
    return 1
}

# The mirror that this machine's own apt uses.
apt_mirror() {
    # The words in parentheses are apt's to fill in.
    # shellcheck disable=SC2016
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
        sed -n 's|/*$||; /\/debian$/p' | sort -u | head -n 1
}

install_mysql() {
    say "fetching MySQL from Debian unstable"
    list_unstable
    unpack mysql-server-core mysql-client-core
    write_wrapper "$work/root" bin/mysqld usr/sbin/mysqld
    write_wrapper "$work/root" bin/mysql usr/bin/mysql
    version=$("$work/root/bin/mysqld" --no-defaults --version | sed -n 's/.*Ver \([0-9.]*\).*/\1/p')
    [ -n "$version" ] || die "the unpacked mysqld does not run"
    trim_mysql "$work/root"
    keep "mysql-$version"
}

# The package without a number depends on the newest version that unstable has.
install_postgresql() {
    say "fetching PostgreSQL from Debian unstable"
    list_unstable
    # None of these is a library: they set a server up and care for it, which the lab does.
    pretend_installed debconf locales postgresql-client-common postgresql-common ssl-cert tzdata
    unpack postgresql
    bin=$(cd "$work/root" && echo usr/lib/postgresql/*/bin)
    trim_postgresql "$work/root" "$bin"
    # The programs find each other, and their files, by the place they were started from.
    for name in postgres initdb psql; do
        mv "$work/root/$bin/$name" "$work/root/$bin/$name.real"
        write_wrapper "$work/root" "$bin/$name" "$bin/$name.real"
    done
    version=$("$work/root/$bin/postgres" --version | sed -n 's/.*(PostgreSQL) \([0-9.]*\).*/\1/p')
    [ -n "$version" ] || die "the unpacked postgres does not run"
    keep "postgresql-$version"
}

# Says what unstable has, once for all that comes from there.
list_unstable() {
    [ -z "$work" ] || return 0
    mkdir -p "$WA_DB_LAB_CACHE"
    work=$(mktemp -d "$WA_DB_LAB_CACHE/.fetch.XXXXXX")
    chmod 0755 "$WA_DB_LAB_CACHE" "$work"
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    mkdir -p "$work/lists/partial" "$work/none.d"
    # With an empty status file apt fetches every library, not only those this system lacks.
    : >"$work/status"
    echo "deb [target=Packages signed-by=$keyring] $(apt_mirror) unstable main" >"$work/sources.list"
    unstable update
}

# Has apt fetch none of these.
pretend_installed() {
    for package; do
        printf 'Package: %s\nStatus: install ok installed\nVersion: 9999\nArchitecture: all\n\n' "$package"
    done >"$work/status"
}

# Packages and all they depend on, in a root of their own.
unpack() {
    rm -rf "$work/archives" "$work/root"
    mkdir -p "$work/archives/partial" "$work/root"
    unstable install -y -d --no-install-recommends "$@"
    for deb in "$work"/archives/*.deb; do
        dpkg-deb -x "$deb" "$work/root"
    done
}

# What lies in the place is not complete, or this would not be called.
keep() {
    chmod 0755 "$work/root"
    rm -rf "${WA_DB_LAB_CACHE:?}/$1"
    mv "$work/root" "$WA_DB_LAB_CACHE/$1"
    say "$WA_DB_LAB_CACHE/$1 is installed"
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

# The wrapper finds its own root, so the directory may be moved. The program goes by the
# wrapper's name.
write_wrapper() {
    up=$(dirname "$2" | sed 's|[^/][^/]*|..|g')
    mkdir -p "$1/${2%/*}"
    cat >"$1/$2" <<WRAPPER
#!/bin/sh
root=\$(cd "\$(dirname "\$0")/$up" && pwd)
libs=
for dir in "\$root"/usr/lib/*-linux-gnu "\$root"/lib/*-linux-gnu; do
    [ -d "\$dir" ] && libs=\${libs:+\$libs:}\$dir
done
for loader in "\$root"/usr/lib64/ld-linux-*.so.* "\$root"/usr/lib/ld-linux-*.so.* \\
    "\$root"/lib64/ld-linux-*.so.* "\$root"/lib/ld-linux-*.so.*; do
    [ -x "\$loader" ] && exec "\$loader" --argv0 "\$root/$2" --library-path "\$libs" "\$root/$3" "\$@"
done
echo "no loader in \$root" >&2
exit 127
WRAPPER
    chmod 0755 "$1/$2"
}

# Server, client, their libraries, plugins and messages are what the lab runs.
trim_mysql() {
    find "$1/usr" -mindepth 1 -maxdepth 1 ! -name sbin ! -name bin ! -name lib ! -name lib64 \
        ! -name share -exec rm -rf {} +
    find "$1/usr/share" -mindepth 1 -maxdepth 1 ! -name mysql ! -name mysql-\* -exec rm -rf {} +
    find "$1/usr/bin" ! -type d ! -name mysql -delete
    find "$1/usr/sbin" ! -type d ! -name mysqld -delete
    trim_libraries "$1"
}

# Messages are in English, whose words the programs have in them.
trim_postgresql() {
    find "$1/usr" -mindepth 1 -maxdepth 1 ! -name lib ! -name lib64 ! -name share -exec rm -rf {} +
    find "$1/usr/share" -mindepth 1 -maxdepth 1 ! -name postgresql -exec rm -rf {} +
    find "$1/$2" ! -type d ! -name postgres ! -name initdb ! -name psql -delete
    trim_libraries "$1"
}

trim_libraries() {
    for libs in "$1"/usr/lib/*-linux-gnu; do
        find "$libs" -mindepth 1 -maxdepth 1 -type d \
            \( -name 'perl*' -o -name gconv -o -name audit \) -exec rm -rf {} +
    done
}

main "$@"
