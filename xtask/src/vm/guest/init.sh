#!/bin/sh
# The guest's first process: what a distribution's init would have mounted, then the tests, then off.
# It says on a serial port what happens; lines that begin with @ are for the host.
export PATH=/usr/sbin:/usr/bin HOME=/root LC_ALL=C.UTF-8
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts -o ptmxmode=0666,mode=0620,gid=5 devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs -o mode=0755 run /run
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf
mount -t tracefs tracefs /sys/kernel/tracing
mount -t securityfs securityfs /sys/kernel/security
# systemd makes every mount shared, and so do we: what the engine mounts must not escape all the same.
mount --make-rshared /
ln -s /proc/self/fd /dev/fd
hostname hull-guest
ip link set lo up

port() {
	for port in /sys/class/virtio-ports/*; do
		[ "$(cat "$port/name")" = "$1" ] && echo "/dev/${port##*/}"
	done
}

exec </dev/null >"$(port hull.log)" 2>&1
echo "@up $(uname -r)"
mkdir -p /hull/out
# As a login or a service: in a cgroup that is not the root.
mkdir /sys/fs/cgroup/session
(echo 0 >/sys/fs/cgroup/session/cgroup.procs && exec sh /hull/run)
dmesg >/hull/out/dmesg
tar -C /hull/out -cf - . >"$(port hull.files)"
echo "@done"
sync
busybox poweroff -f
