#!/bin/sh
# aiosmtpd: a real mail server, which tests/tools/mail_server.py lets answer as a test wants.
set -eu
here=$(dirname "$0")
program=$(sh "$here/python-tool.sh" aiosmtpd 1.4.6 aiosmtpd)
cd "$here/../.."
home=$PWD/.tools/python/aiosmtpd-1.4.6
python=python3
if [ -x "$home/bin/python" ]; then
    python=$home/bin/python
fi
launcher=$(dirname "$program")/mail-server
cat >"$launcher" <<END
#!/bin/sh
PYTHONPATH="$home" exec "$python" "$PWD/tests/tools/mail_server.py" "\$@"
END
chmod +x "$launcher"
echo "$launcher"
