#!/bin/sh
# Executes a program of PostgreSQL, which refuses to work for root. In the sandbox of root's tests all users are there, and root
# may become any of them.
set -eu
for program in /usr/lib/postgresql/*/bin/"$1"; do :; done
shift
if [ "$(id -u)" = 0 ]; then
    exec setpriv --reuid=postgres --regid=postgres --clear-groups -- "$program" "$@"
fi
exec "$program" "$@"
