#!/bin/sh
# moto: a real S3 service, as far as its clients can tell.
set -eu
sh "$(dirname "$0")/python-tool.sh" 'moto[server]' 5.2.5 moto_server
