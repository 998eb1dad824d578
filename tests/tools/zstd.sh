#!/bin/sh
# zstd: opens a downloaded backup the way that its owner does. It comes from the system's packages.
set -eu

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

if ! command -v zstd >/dev/null; then
    as_root apt-get update -q >&2
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends zstd >&2
fi
command -v zstd
