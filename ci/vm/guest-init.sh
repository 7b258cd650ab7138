#!/bin/sh
# PID 1 of the guest: mounts what a machine has, runs /isotest-vm/command, reports its exit status, and switches off.
# Serial ports: ttyS0 console, ttyS1 the command's standard output, ttyS2 its standard error, ttyS3 its exit status.

# The kernel puts the `name=value` words of its command line into our environment: user, root_on.
PATH=/bin:/sbin
export PATH

enter_real_root() {
    # pivot_root(2) refuses the initramfs. A tmpfs is a root like any other.
    mount -t tmpfs -o mode=755,size=90% root /newroot
    for entry in /*; do
        case $entry in
        /newroot | /proc | /sys | /dev) ;;
        *) cp -a "$entry" /newroot/ ;;
        esac
    done
    mkdir -p /newroot/proc /newroot/sys /newroot/dev
    in_real_root=1 exec switch_root /newroot /init
}

mount_all() {
    mount -t proc -o nosuid,nodev,noexec proc /proc
    mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
    mount -t devtmpfs -o nosuid,mode=755 dev /dev
    mkdir -p /dev/pts /dev/shm
    mount -t devpts -o nosuid,noexec,gid=5,mode=620,ptmxmode=666 devpts /dev/pts
    mount -t tmpfs -o nosuid,nodev,mode=1777 shm /dev/shm
    mount -t tmpfs -o nosuid,nodev,mode=755 run /run
    mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 /sys/fs/cgroup
    ln -sf /proc/self/fd /dev/fd
    ln -sf /proc/self/fd/0 /dev/stdin
    ln -sf /proc/self/fd/1 /dev/stdout
    ln -sf /proc/self/fd/2 /dev/stderr
    chown 1000:1000 /home/user
}

load_modules() {
    [ ! -e /modules/order ] || while read -r module; do insmod "/modules/$module"; done </modules/order
}

# The one place whose reads and writes reach a block device.
mount_disk() {
    mount -t ext4 /dev/vda /mnt/disk
    chmod 1777 /mnt/disk
}

# As a service manager does it: a directory that belongs to the user, with the files that make it theirs to divide.
delegate() {
    mkdir "$1"
    chown 1000:1000 "$1" "$1/cgroup.procs" "$1/cgroup.subtree_control" "$1/cgroup.threads"
}

run_as_root() {
    HOME=/root USER=root exec /isotest-vm/command
}

run_as_user() {
    delegate /sys/fs/cgroup/user
    echo 0 >/sys/fs/cgroup/user/cgroup.procs
    mkdir -p /run/user/1000
    chown 1000:1000 /run/user/1000
    chmod 700 /run/user/1000
    HOME=/home/user USER=user XDG_RUNTIME_DIR=/run/user/1000 exec su -p user -s /bin/sh -c 'cd; exec /isotest-vm/command'
}

# The command writes to pipes, not to terminals, and what it wrote is carried over before the guest is switched off.
run_command() {
    mkfifo /run/out /run/err
    stty -F /dev/ttyS1 raw
    stty -F /dev/ttyS2 raw
    cat /run/out >/dev/ttyS1 & out=$!
    cat /run/err >/dev/ttyS2 & err=$!
    (cd /root && "run_as_$user") </dev/null >/run/out 2>/run/err
    status=$?
    # Something the command left running may still hold the pipes.
    (sleep 10; kill $out $err) 2>/dev/null &
    wait $out $err
    echo "$status" >/dev/ttyS3
    sync
}

if [ "$root_on" = tmpfs ] && [ -z "$in_real_root" ]; then
    enter_real_root
fi
mount_all
load_modules
mount_disk
chmod 755 /
for controller in memory pids cpu io; do echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control; done
ip link set lo up
hostname guest
run_command
# The machine is started with -no-reboot, so this ends it.
reboot -f
