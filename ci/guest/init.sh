#!/bin/sh
# PID 1 of the guest: mounts what a machine has, runs the command, and switches off; or hands over to the init of the
# disk.

# The kernel puts the `name=value` words of its command line into our environment: root_on, cgroups.
PATH=/bin:/sbin
export PATH
: "${root_on:=tmpfs}" "${cgroups:=v2}"

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

# Modules stay loaded when the initramfs is gone.
enter_disk() {
    mount -t devtmpfs dev /dev
    load_modules
    mount -t ext4 /dev/vda /newroot
    mount --move /dev /newroot/dev
    exec switch_root /newroot /sbin/init
}

mount_all() {
    mount -t proc -o nosuid,nodev,noexec proc /proc
    mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
    mount -t devtmpfs -o nosuid,mode=755 dev /dev
    mkdir -p /dev/pts /dev/shm
    mount -t devpts -o nosuid,noexec,gid=5,mode=620,ptmxmode=666 devpts /dev/pts
    mount -t tmpfs -o nosuid,nodev,mode=1777 shm /dev/shm
    mount -t tmpfs -o nosuid,nodev,mode=755 run /run
    mount_cgroups
    ln -sf /proc/self/fd /dev/fd
    ln -sf /proc/self/fd/0 /dev/stdin
    ln -sf /proc/self/fd/1 /dev/stdout
    ln -sf /proc/self/fd/2 /dev/stderr
    chown 1000:1000 /home/user
}

# As service managers have done it: version 2 alone, version 1 alone, or version 1 with an empty version 2 beside it.
mount_cgroups() {
    if [ "$cgroups" = v2 ]; then
        mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 /sys/fs/cgroup
        for controller in memory pids cpu io; do echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control; done
        return
    fi
    mount -t tmpfs -o nosuid,nodev,noexec,mode=755 cgroup /sys/fs/cgroup
    for controllers in memory pids cpu,cpuacct blkio; do
        mkdir "/sys/fs/cgroup/$controllers"
        mount -t cgroup -o "nosuid,nodev,noexec,$controllers" cgroup "/sys/fs/cgroup/$controllers"
    done
    if [ "$cgroups" = hybrid ]; then
        mkdir /sys/fs/cgroup/unified
        mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 /sys/fs/cgroup/unified
    fi
}

load_modules() {
    [ ! -e /modules/order ] || while read -r module; do insmod "/modules/$module"; done </modules/order
}

# The one place whose reads and writes reach a block device.
mount_disk() {
    mount -t ext4 /dev/vda /mnt/disk
    chmod 1777 /mnt/disk
}

case $root_on in
disk) enter_disk ;;
tmpfs) [ -n "$in_real_root" ] || enter_real_root ;;
*) ;;
esac
mount_all
load_modules
mount_disk
chmod 755 /
ip link set lo up
hostname guest
/isotest-vm/run
# The machine is started with -no-reboot, so this ends it.
reboot -f
