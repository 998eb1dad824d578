#!/bin/sh
# Makes sure that PostgreSQL's server programs are on this machine and prints the folder they are in.
# They come from the system's packages; Landlord starts its own private clusters with them, so the cluster that
# Debian's package would create and start by default is suppressed.
set -eu

oldest=13

# Prints the folder of the newest `initdb`, looking where src/dev/postgres/ looks too.
find_programs() {
    onpath=$(command -v initdb || true)
    if [ -n "$onpath" ]; then
        # A link on the PATH points into the folder in which its companions are.
        dir=$(dirname "$(readlink -f "$onpath" 2>/dev/null || echo "$onpath")")
        if usable "$dir"; then
            echo "$dir"
            return 0
        fi
    fi
    for dir in $(ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin \
        /usr/local/opt/postgresql*/bin /home/linuxbrew/.linuxbrew/opt/postgresql*/bin 2>/dev/null | sort -rV); do
        if usable "$dir"; then
            echo "$dir"
            return 0
        fi
    done
    return 1
}

usable() {
    [ -x "$1/initdb" ] && [ -x "$1/postgres" ] || return 1
    version=$("$1/postgres" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
    [ "$version" -ge "$oldest" ]
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "postgres: not root and there is no sudo. As root, run: $*" >&2
        exit 1
    fi
}

install_on_debian() {
    no_cluster=/etc/postgresql-common/createcluster.d/landlord-install.conf
    as_root mkdir -p "$(dirname "$no_cluster")"
    echo 'create_main_cluster = false' | as_root tee "$no_cluster" >/dev/null
    as_root apt-get update -q
    installed=0
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends postgresql || installed=$?
    as_root rm -f "$no_cluster"
    return "$installed"
}

if find_programs; then
    exit 0
fi
if command -v apt-get >/dev/null; then
    echo "postgres: installing the package postgresql with apt-get" >&2
    install_on_debian >&2
elif command -v brew >/dev/null; then
    echo "postgres: installing postgresql@17 with brew" >&2
    brew install postgresql@17 >&2
elif [ "$(uname)" = Darwin ]; then
    echo "postgres: not found. Install Homebrew, then: brew install postgresql@17" >&2
    exit 1
else
    echo "postgres: not found. Install the PostgreSQL server ($oldest or newer) from your system's packages:" >&2
    echo "  Fedora, RHEL: dnf install postgresql-server    Alpine: apk add postgresql    Arch: pacman -S postgresql" >&2
    exit 1
fi
find_programs
