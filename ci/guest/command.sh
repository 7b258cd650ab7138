#!/bin/sh
# Runs /isotest-vm/command in the guest as the kernel's command line says (user=root, user=user), and reports it.
# Serial ports: ttyS0 console, ttyS1 the command's standard output, ttyS2 its standard error, ttyS3 its exit status.

user=$(tr ' ' '\n' </proc/cmdline | sed -n 's/^user=//p')

# As a service manager does it: a directory that belongs to the user, with the files that make it theirs to divide.
delegate() {
    mkdir "$1"
    chown 1000:1000 "$1" "$1/cgroup.procs" "$1/cgroup.subtree_control" "$1/cgroup.threads"
}

run_as_root() {
    HOME=/root USER=root exec /isotest-vm/command
}

run_as_user() {
    # Where there is a service manager, the user logs in, and gets what it gives to those who do.
    [ ! -d /run/systemd/system ] || exec su --login user --command 'exec /isotest-vm/command'
    delegate /sys/fs/cgroup/user
    echo 0 >/sys/fs/cgroup/user/cgroup.procs
    mkdir -p /run/user/1000
    chown 1000:1000 /run/user/1000
    chmod 700 /run/user/1000
    HOME=/home/user USER=user XDG_RUNTIME_DIR=/run/user/1000 exec su -p user -s /bin/sh -c 'cd; exec /isotest-vm/command'
}

# The command writes to pipes, not to terminals, and what it wrote is carried over before the guest is switched off.
mkfifo /run/out /run/err
stty -F /dev/ttyS1 raw
stty -F /dev/ttyS2 raw
cat /run/out >/dev/ttyS1 & out=$!
cat /run/err >/dev/ttyS2 & err=$!
(cd /root && "run_as_$user") </dev/null >/run/out 2>/run/err
status=$?
# Something the command left running may still hold the pipes.
(sleep 10; kill "$out" "$err") 2>/dev/null &
wait "$out" "$err"
echo "$status" >/dev/ttyS3
sync
