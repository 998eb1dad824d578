#!/bin/sh
# Usage: python-tool.sh PACKAGE VERSION PROGRAM
# Installs a program that a Python package ships into a place of its own, with a launcher in .tools/bin; prints that.
set -eu
cd "$(dirname "$0")/../.."
package=$1 version=$2 program=$3

home=$PWD/.tools/python/$package-$version
launcher=$PWD/.tools/bin/$program
if [ ! -x "$home/bin/$program" ]; then
    rm -rf "$home"
    mkdir -p "$home"
    # Debian ships Python without what `venv` needs to bring pip along; `--target` does without.
    if python3 -m venv "$home" >/dev/null 2>&1; then
        "$home/bin/pip" install --quiet --disable-pip-version-check "$package==$version" >&2
    else
        rm -rf "$home"
        python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
            --target "$home" "$package==$version" >&2
    fi
fi
mkdir -p "$PWD/.tools/bin"
rm -f "$launcher"
# The path is for what came by `--target`; an environment has its own.
cat >"$launcher" <<END
#!/bin/sh
PYTHONPATH="$home" exec "$home/bin/$program" "\$@"
END
chmod +x "$launcher"
echo "$launcher"
