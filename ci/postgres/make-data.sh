#!/bin/sh
# Makes the data that all tests start with.
set -eu
data=${ISOTEST_SETUP_DIR:?}/data
mkdir "$data"
if [ "$(id -u)" = 0 ]; then
    chown postgres:postgres "$data"
fi
sh as-postgres.sh initdb --pgdata="$data" --username=postgres --auth=trust --no-sync
cat >> "$data/postgresql.conf" <<'END'
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = off
shared_buffers = 16MB
END
printf 'PGHOST=127.0.0.1\nPGUSER=postgres\n' >> "${NEXTEST_ENV:?}"
