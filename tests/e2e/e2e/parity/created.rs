//! Flags of `create` and `run`: a container is made with each set by both commands, and everything that became of the
//! flags is compared. How lines are written: `super::Judge`.

/// With each set: `create`, `inspect`, `rm`, and `run`, `inspect`, `rm`.
pub(super) const FLAGS: &[&str] = &[
    "-a stdout -i --annotation a=b -l tier=front --label-file FOLDER/labels",
    "--blkio-weight 500 --blkio-weight-device /dev/null:200",
    "--device-read-bps /dev/null:1mb --device-write-bps /dev/null:1mb",
    "--device-read-iops /dev/null:100 --device-write-iops /dev/null:100",
    "--cap-add NET_ADMIN --cap-drop MKNOD --security-opt no-new-privileges --group-add 5 --user 7:8 --workdir /tmp",
    "--privileged --read-only --init --tmpfs /u:size=2m",
    "--cgroup-parent /hull-parity",
    "--cgroupns private --cpu-shares 512 --cpu-period 50000 --cpu-quota 25000 --cpuset-cpus 0 --cpuset-mems 0",
    "--memory 64m --memory-swap 128m --memory-reservation 32m --memory-swappiness 10 --kernel-memory 1g",
    "--oom-kill-disable --oom-score-adj 700 --pids-limit 50 --shm-size 5m --ulimit nofile=10:20",
    "--cpu-rt-period 100000 --cpu-rt-runtime 1000",
    "--cpus .5",
    "--cpu-count 1",
    "--cpu-percent 1",
    "--io-maxbandwidth 1m",
    "--io-maxiops 1",
    "--isolation default --disable-content-trust --runtime runc",
    "--isolation hyperv",
    "--dns 9.9.9.9 --dns-option ndots:1 --dns-search x --domainname dom -h host --add-host a:1.2.3.4",
    "--expose 90 -P --mac-address 92:d0:c6:0a:29:33",
    "--publish 80:80",
    "--device /dev/null:/dev/x:r --device-cgroup-rule 'c 1:3 r'",
    "--entrypoint /bin/echo -e A=2 --env-file FOLDER/env",
    "--gpus all",
    "--link nosuch:a",
    "--health-cmd true --health-interval 1h --health-retries 2 --health-timeout 1m",
    "--health-cmd true --health-start-interval 1m --health-start-period 1m",
    "--no-healthcheck",
    "--ip 1.2.3.4",
    "--ip6 2001:db8::33",
    "--link-local-ip 169.254.1.1",
    "--network none --network-alias x",
    "--ipc private --pid host --uts host --userns host --network host",
    "--log-driver json-file --log-opt max-size=1m",
    "--mount type=tmpfs,dst=/t -v /v --volume-driver local --volumes-from web",
    "--platform linux/amd64 --pull never -q --restart no --stop-signal INT --stop-timeout 3",
    "--storage-opt size=1g",
    "--sysctl net.ipv4.ip_forward=1",
    "--tty",
    "--cidfile FOLDER/@.cid",
    "--rm",
];

/// All that is done with one set.
pub(super) fn lines(flags: &str) -> [String; 6] {
    let inspect = "inspect -f '{{json .Config}}{{json .HostConfig}}{{json .Mounts}}{{.State.ExitCode}}{{.Args}}' @";
    [
        format!("create --name @ {flags} busybox true"),
        inspect.to_owned(),
        "rm -fv @".to_owned(),
        format!("run --name @ {flags} busybox true"),
        inspect.to_owned(),
        "rm -fv @".to_owned(),
    ]
}
