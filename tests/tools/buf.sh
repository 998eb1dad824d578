#!/bin/sh
# buf: formats and lints the protos and refuses changes that break clients.
set -eu
cd "$(dirname "$0")/../.."
version=1.75.0

home=$PWD/.tools/npm/buf-$version
if [ ! -x "$home/node_modules/.bin/buf" ]; then
    mkdir -p "$home"
    npm install --prefix "$home" --no-save --no-audit --no-fund --loglevel=error "@bufbuild/buf@$version" >&2
fi
mkdir -p "$PWD/.tools/bin"
ln -sf "$home/node_modules/.bin/buf" "$PWD/.tools/bin/buf"
echo "$PWD/.tools/bin/buf"
