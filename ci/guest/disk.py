#!/usr/bin/env bash
# Writes the disk of a guest with systemd: the files of a Debian, a command, the service that runs it, and files of
# this machine. Root calls it.
#
#     disk.sh TREE COMMAND_FILE OUTPUT [FILE_OR_DIRECTORY..]
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
tree=$1 command=$2 output=$3
shift 3
# Beside the tree, whose files it shares until they are written to the disk.
staging=$(mktemp -d "$tree.XXXXXX")
trap 'rm -rf "$staging"' EXIT

cp -al "$tree/." "$staging"
mkdir "$staging/isotest-vm"
install -m 755 "$here/guest-command.sh" "$staging/isotest-vm/run"
install -m 755 "$command" "$staging/isotest-vm/command"
cat >"$staging/etc/systemd/system/isotest-vm.service" <<'UNIT'
[Unit]
Description=the command of this guest
After=multi-user.target systemd-logind.service
[Service]
Type=exec
ExecStart=/isotest-vm/run
ExecStopPost=/bin/systemctl reboot --force --force
UNIT
ln -s ../isotest-vm.service "$staging/etc/systemd/system/multi-user.target.wants/"

if [ $# -gt 0 ]; then
    # What the Debian has it keeps.
    "$here/copies.sh" "$@" | while read -r path; do [ -e "$staging/$path" ] || echo "$path"; done |
        tar -c -C / --no-recursion -T - | tar -x -C "$staging"
    # A user must get to what was copied, whosever home it comes from.
    for path in "$@"; do
        path=$(realpath -s "$path")
        while path=$(dirname "$path") && [ "$path" != / ]; do chmod go+x "$staging$path"; done
    done
fi

kilobytes=$(du -sk --apparent-size "$staging" | cut -f1)
truncate -s "$((kilobytes * 5 / 4 / 1024 + 512))M" "$output"
/sbin/mke2fs -q -F -t ext4 -d "$staging" "$output"
