#!/bin/sh
# oidc-provider: a real identity provider, which tests/tools/oidc_provider.mjs sets up. Node comes from the system's packages.
set -eu
cd "$(dirname "$0")/../.."
version=9.13.3

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    echo "oidc-provider.sh: install Node.js and npm from the packages of the system first" >&2
    exit 1
fi
home=$PWD/.tools/npm/oidc-provider-$version
if [ ! -d "$home/node_modules/oidc-provider" ]; then
    mkdir -p "$home"
    npm install --prefix "$home" --no-save --no-audit --no-fund --loglevel=error "oidc-provider@$version" >&2
fi
cp tests/tools/oidc_provider.mjs "$home/oidc_provider.mjs"
launcher=$PWD/.tools/bin/oidc-provider
mkdir -p "$PWD/.tools/bin"
cat >"$launcher" <<END
#!/bin/sh
exec node "$home/oidc_provider.mjs" "\$@"
END
chmod +x "$launcher"
echo "$launcher"
