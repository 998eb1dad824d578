#!/bin/sh
# s3s-fs: an S3 service that checks signatures. Cargo builds it, at a pinned version.
set -eu
cd "$(dirname "$0")/../.."
version=0.14.1

program=$PWD/.tools/bin/s3s-fs
marker=$PWD/.tools/cargo/s3s-fs-$version
if [ ! -x "$program" ] || [ ! -e "$marker" ]; then
    mkdir -p "$PWD/.tools/bin" "$PWD/.tools/cargo"
    # It is small, and its speed is not what is measured.
    CARGO_PROFILE_RELEASE_OPT_LEVEL=1 cargo install --quiet --locked --features binary --version "$version" \
        --root "$PWD/.tools/cargo" --target-dir "$PWD/.tools/cargo/target" s3s-fs >&2
    ln -sf "$PWD/.tools/cargo/bin/s3s-fs" "$program"
    rm -rf "$PWD/.tools/cargo/target"
    : >"$marker"
fi
echo "$program"
