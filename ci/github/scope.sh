#!/usr/bin/env bash
# Executes a command in a cgroup of its own that the caller may divide: a scope, of which root asks the system's manager.
# Root moves this process and starts nothing: environment, limits and ids are the caller's, and signals reach the command.
set -euo pipefail

unit=isotest-$$.scope
sudo -n busctl --quiet call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager \
    StartTransientUnit 'ssa(sv)a(sa(sv))' "${unit}" fail 3 PIDs au 1 $$ Delegate b true User s "$(id -u)" 0
# The manager moves it later.
for ((attempt = 0; attempt < 500; attempt++)); do
    if grep -q "/${unit}\$" /proc/$$/cgroup; then
        exec "$@"
    fi
    sleep 0.02
done
echo "error: ${unit} has not been made within 10 seconds" >&2
exit 1
