#!/bin/sh
# What happens to an engine on a host with systemd, over three boots: the first ends with a reboot, the second with a
# power cut, the third with a power-off. It runs as a service; lines that begin with @ are for the host.
export PATH=/usr/sbin:/usr/bin HOME=/root DOCKER_HOST=unix:///run/hull/hull.sock
STATE=/var/lib/hull-scenario
mkdir -p $STATE/acknowledged

port() {
	for port in /sys/class/virtio-ports/*; do
		[ "$(cat "$port/name")" = "$1" ] && echo "/dev/${port##*/}"
	done
}
exec </dev/null >"$(port hull.log)" 2>&1

passed=0
failed=0
# check NAME COMMAND...: counted as a test.
check() {
	name=$1
	shift
	if said=$("$@" 2>&1); then
		passed=$((passed + 1))
		echo "test systemd::$name ... ok"
	else
		failed=$((failed + 1))
		echo "test systemd::$name ... FAILED"
		echo "  $*: $said"
	fi
}
# The end of a boot: what was counted, and what the daemon said.
result() {
	echo "test result: of this boot. $passed passed; $failed failed; 0 ignored"
	journalctl --no-pager --unit hulld --unit hulld.socket >"/hull/out/$boot"
	hull inspect keep >"/hull/out/$boot-keep"
	sync
}
# eventually COMMAND...: within a minute of emulated time.
eventually() {
	for _ in $(seq 120); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.5
	done
	"$@"
}
is() { [ "$1" = "$2" ] || { echo "it is '$1', not '$2'"; return 1; }; }
not() { ! "$@"; }
field() { hull inspect --format "{{$2}}" "$1"; }
is_field() { is "$(field "$1" "$2")" "$3"; }
cgroup_of() { sed -n 's/^0:://p' "/proc/$(field "$1" .State.Pid)/cgroup"; }
file_of() { cat "/sys/fs/cgroup$(cgroup_of "$1")/$2"; }
scope_of() { echo "hull-$(field "$1" .Id).scope"; }
main_pid() { systemctl show --property MainPID --value hulld; }

# Waits for the write to reach the disk: what stands here was answered before the power went.
acknowledged() {
	echo "$2" >"$STATE/acknowledged/$1"
	sync "$STATE/acknowledged/$1" "$STATE/acknowledged"
}

first_boot() {
	check the_socket_is_there_before_the_daemon systemctl is-active hulld.socket
	check the_daemon_waits_for_a_request is "$(systemctl is-active hulld.service)" inactive
	check a_request_starts_the_daemon hull version
	check the_daemon_is_ready is "$(systemctl is-active hulld.service)" active
	check the_driver_is_systemd is "$(hull info --format '{{.CgroupDriver}} {{.CgroupVersion}}')" "systemd 2"
	hull load --quiet --input /hull/busybox.tar

	hull run --detach --name keep --restart always --memory 100m --cpus .5 busybox sleep 100000
	scope=$(scope_of keep)
	check a_container_is_a_scope systemctl is-active "$scope"
	check the_scope_is_in_system_slice is "$(cgroup_of keep)" "/system.slice/$scope/container"
	check memory_is_limited is "$(file_of keep memory.max)" 104857600
	check cpu_is_limited is "$(file_of keep cpu.max)" "50000 100000"
	check the_scope_is_described is "$(systemctl show --property Description --value "$scope")" "container keep"

	hull run --detach --name sliced --cgroup-parent my-work.slice busybox sleep 100000
	check a_slice_can_be_chosen is "$(cgroup_of sliced)" "/my.slice/my-work.slice/$(scope_of sliced)/container"
	scope=$(scope_of sliced)
	hull rm --force sliced
	check a_scope_goes_with_its_container eventually not systemctl is-active "$scope"
	check its_cgroup_goes_too eventually not test -e "/sys/fs/cgroup/my.slice/my-work.slice/$scope"
	check a_parent_must_be_a_slice is "$(hull run --rm --cgroup-parent /x busybox true 2>&1 | grep -c 'valid slice')" 1

	hull run --name greedy --memory 32m --shm-size 256m busybox dd if=/dev/zero of=/dev/shm/x bs=1M count=200
	check memory_kills is_field greedy '.State.ExitCode}} {{.State.OOMKilled' "137 true"

	pid=$(field keep .State.Pid)
	systemctl restart hulld
	check containers_outlive_a_restart is_field keep .State.Pid "$pid"
	kill -9 "$(main_pid)"
	check the_daemon_comes_back eventually hull version
	check containers_outlive_a_kill is_field keep .State.Pid "$pid"
	check they_can_be_worked_with is "$(hull exec keep cat /proc/1/comm)" sleep
	systemctl stop hulld.socket hulld.service
	check containers_outlive_a_stop test -d "/proc/$pid"
	systemctl start hulld.socket

	hull run --detach --name once busybox sleep 100000
	hull run --detach --name stopped --restart unless-stopped busybox sleep 100000
	hull stop --time 0 stopped
	systemctl enable --quiet hulld.service
	result
	echo second_boot >$STATE/next
	systemctl reboot
}

has_acknowledged() { [ "$(ls $STATE/acknowledged | wc -l)" -ge "$1" ]; }

# Until the power goes: makes new things, and notes which of them the engine has confirmed.
work() {
	n=0
	while :; do
		n=$((n + 1))
		hull import /hull/layer.tar "imported:$1-$n" && acknowledged "image-imported:$1-$n" "$n"
		hull create --name "made-$1-$n" --label "round=$n" busybox true && acknowledged "container-made-$1-$n" "$n"
		hull run --name "ran-$1-$n" --label "round=$n" busybox sh -c 'exit 7'
		[ $? = 7 ] && acknowledged "container-ran-$1-$n" "$n"
		hull load --quiet --input /hull/busybox.tar
		hull volume create "volume-$1-$n" && acknowledged "volume-$1-$n" "$n"
		if [ $((n % 3)) = 0 ]; then
			# From here on either is right, until the answer.
			acknowledged "removing-ran-$1-$n" "$n"
			hull rm "ran-$1-$n" && acknowledged "removed-ran-$1-$n" "$n"
		fi
	done
}

# Deaths of the daemon at random moments, up to two seconds and a half after it has come back.
deaths() {
	for n in $(seq "$1"); do
		# systemd gives up on what dies so often.
		systemctl reset-failed hulld.service
		byte=$(od -An -N1 -tu1 /dev/urandom)
		sleep "$((byte / 100)).$((byte % 100))"
		kill -9 "$(main_pid)" || { echo "no daemon to kill in round $n"; return 1; }
		eventually hull version || { echo "no daemon after round $n"; return 1; }
	done
}

second_boot() {
	check always_runs_again eventually is_field keep .State.Status running
	check in_a_scope_again systemctl is-active "$(scope_of keep)"
	check with_its_limits is "$(file_of keep memory.max)" 104857600
	check others_do_not_run_again is_field once .State.Running false
	check what_was_stopped_stays_so is_field stopped .State.Running false
	work a >/dev/null 2>&1 &
	work b >/dev/null 2>&1 &
	check work_is_done eventually has_acknowledged 12
	pid=$(field keep .State.Pid)
	check the_daemon_is_killed_50_times deaths 50
	check containers_outlive_that_too is_field keep .State.Pid "$pid"
	check nothing_that_was_confirmed_is_lost_with_a_daemon is "$(lost 2>&1)" ""
	check work_is_done_before_the_cut eventually has_acknowledged $(($(ls $STATE/acknowledged | wc -l) + 6))
	echo "  confirmed before the cut: $(ls $STATE/acknowledged | sed 's/-.*//' | sort | uniq -c | tr -s ' \n' ' ')"
	result
	echo third_boot >$STATE/next
	sync $STATE/next $STATE
	# A reset without a goodbye: nothing is written back.
	echo b >/proc/sysrq-trigger
}

# Each confirmed thing that is not as it was confirmed.
lost() {
	for file in "$STATE"/acknowledged/*; do
		kind=${file##*/}
		name=${kind#*-}
		case $kind in
		image-*) hull image inspect "$name" >/dev/null || echo "lost: $kind" ;;
		volume-*) hull volume inspect "$kind" >/dev/null || echo "lost: $kind" ;;
		container-*)
			[ "$(field "$name" '.Config.Labels.round' 2>&1)" = "$(cat "$file")" ] && continue
			# Looked at last: it may be removed while we look.
			[ -e "$STATE/acknowledged/removing-$name" ] || echo "lost: $kind"
			;;
		removed-*) hull inspect "$name" >/dev/null 2>&1 && echo "not removed: $kind" ;;
		esac
	done
}

# Images whose layers cannot be read to the end.
broken() {
	for image in $(hull images --quiet --no-trunc); do
		hull save "$image" | tar -t >/dev/null || echo "$image"
	done
}

# Containers that were made and do not start.
unstartable() {
	for container in $(hull ps --all --quiet --filter status=created); do
		hull start --attach "$container" >/dev/null
		# Those that had been made to run end with 7.
		case $? in 0 | 7) ;; *) echo "$container" ;; esac
	done
}

settled() { [ -z "$(ls -A /var/lib/hull/staging /var/lib/hull/trash | grep -v ':$')" ]; }

third_boot() {
	check the_daemon_starts_after_a_power_cut eventually hull version
	check always_runs_again_after_a_power_cut eventually is_field keep .State.Status running
	check nothing_that_was_confirmed_is_lost is "$(lost 2>&1)" ""
	check every_image_is_whole is "$(broken 2>&1)" ""
	check images_run is "$(hull run --rm busybox echo alive 2>&1)" alive
	check containers_that_were_made_start is "$(unstartable 2>&1)" ""
	check nothing_is_left_half_done eventually settled
	result
	tar -C /hull/out -cf - . >"$(port hull.files)"
	echo "@end systemd 0"
	echo "@done"
	sync
	systemctl poweroff --force --force
}

boot=$(cat $STATE/next 2>/dev/null || echo first_boot)
echo "@up $(uname -r), $boot"
[ "$boot" = first_boot ] && echo "@begin systemd"
$boot
