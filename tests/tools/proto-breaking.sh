#!/bin/sh
# Refuses a change of the protos, since the commit before this one, that breaks clients. A commit that breaks them on
# purpose says so in its message, with a line `Breaks-Clients: the reason`.
set -eu
cd "$(dirname "$0")/../.."

reason=$(git log -1 --format='%(trailers:key=Breaks-Clients,valueonly)' 2>/dev/null || true)
if [ -n "$reason" ]; then
    echo "protos: this commit breaks clients on purpose: $reason"
elif ! git cat-file -e 'HEAD~1:proto' 2>/dev/null; then
    echo "protos: no earlier commit with protos to compare with"
else
    before=$(mktemp -d)
    trap 'rm -rf "$before"' EXIT
    git archive HEAD~1 proto | tar -x -C "$before"
    buf breaking proto --against "$before/proto"
    echo "protos: clients of $(git rev-parse --short HEAD~1) go on working"
fi
