#!/bin/sh
# Executes a test with a server of its own, which is ready before the test starts, and gone when it has ended.
set -eu
data=${ISOTEST_SETUP_DIR:?}/data
as_postgres=${NEXTEST_WORKSPACE_ROOT:?}/as-postgres.sh
if ! sh "$as_postgres" pg_ctl start --wait --timeout=120 --pgdata="$data" --log="$data/log" > /dev/null; then
    cat "$data/log" >&2
    exit 1
fi
status=0
"$@" || status=$?
sh "$as_postgres" pg_ctl stop --wait --mode=immediate --pgdata="$data" > /dev/null
exit "$status"
