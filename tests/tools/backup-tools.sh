#!/bin/sh
# restic and borg, which backups are measured against, and zstd and the clients of PostgreSQL. They come from the system's packages.
set -eu

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

missing=
for tool in restic:restic borg:borgbackup zstd:zstd psql:postgresql-client; do
    command -v "${tool%%:*}" >/dev/null || missing="$missing ${tool#*:}"
done
if [ -n "$missing" ]; then
    as_root apt-get update -q >&2
    # shellcheck disable=SC2086
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >&2
fi
echo "$(restic version | cut -d' ' -f1-2), $(borg --version)"
