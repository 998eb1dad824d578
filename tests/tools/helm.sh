#!/bin/sh
# helm: lints and renders the chart, offline.
set -eu
if ! command -v go >/dev/null; then
    echo "helm: needs Go to build it" >&2
    exit 1
fi
exec sh "$(dirname "$0")/go-tool.sh" helm.sh/helm/v3/cmd/helm v3.22.0
