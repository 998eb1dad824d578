#!/bin/sh
# Usage: go-tool.sh MODULE/PACKAGE VERSION
# Builds a Go program into .tools/bin and prints its path. A marker keeps the version, so a new pin builds anew.
set -eu
cd "$(dirname "$0")/../.."
package=$1 version=$2

program=$PWD/.tools/bin/$(basename "$package")
marker=$PWD/.tools/go/$(basename "$package")-$version
if [ ! -x "$program" ] || [ ! -e "$marker" ]; then
    mkdir -p "$PWD/.tools/bin" "$PWD/.tools/go"
    rm -f "$PWD/.tools/go/$(basename "$package")"-*
    GOBIN=$PWD/.tools/bin GOFLAGS=-modcacherw CGO_ENABLED=0 go install "$package@$version" >&2
    : >"$marker"
fi
echo "$program"
