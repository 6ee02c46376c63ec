//! What `docker run`'s flags come to, seen from inside the container; and what `inspect` then says.

use hull_test_support::Engine;
use serde_json::Value;

fn absent() -> bool {
    let absent = std::process::Command::new("docker").arg("--version").output().is_err();
    if absent {
        eprintln!("skipped: no docker client on this host");
    }
    absent
}

/// Runs a script in busybox with these flags.
fn run(engine: &Engine, flags: &[&str], script: &str) -> String {
    engine.docker([&["run", "--rm"], flags, &["busybox", "sh", "-c", script]].concat()).ok()
}

#[test]
fn flags_do_what_they_say() {
    if absent() {
        return;
    }
    let engine = Engine::start();
    engine.load("busybox");
    for (flags, script, output) in [
        (&["--init"][..], "cat /proc/1/comm; echo $$", "hull-init\n2"),
        (&["--hostname", "web", "--domainname", "example.org"], "hostname; cat /etc/hostname", "web\nweb"),
        (&["--add-host", "db:10.9.8.7"], "grep db /etc/hosts", "10.9.8.7\tdb"),
        (&["--add-host", "six=[fd00::7]"], "grep six /etc/hosts", "fd00::7\tsix"),
        (
            &["--add-host", "gw:host-gateway"],
            "[ $(awk '/gw$/{print $1}' /etc/hosts) = $(ip route | awk '/default/{print $3}') ]",
            "",
        ),
        (
            &["--dns", "10.0.0.53", "--dns-search", "a.example", "--dns-option", "ndots:3"],
            "cat /etc/resolv.conf",
            "nameserver 10.0.0.53\nsearch a.example\noptions ndots:3",
        ),
        (&["--user", "1000:1000", "--group-add", "root", "--group-add", "4242"], "id -G", "1000 0 4242"),
        (&["--user", "root", "--workdir", "/a/b/../c"], "pwd", "/a/c"),
        (&["--sysctl", "net.ipv4.ip_forward=1"], "cat /proc/sys/net/ipv4/ip_forward", "1"),
        (&["--mac-address", "02:42:ac:11:00:7b"], "cat /sys/class/net/eth0/address", "02:42:ac:11:00:7b"),
        (
            &["--read-only", "--tmpfs", "/t:size=64k,mode=700"],
            "touch /x 2> /dev/null || echo no; stat -c %a /t",
            "no\n700",
        ),
        (&["--shm-size", "1m"], "df -k /dev/shm | awk 'END{print $2}'", "1024"),
        (&["--ulimit", "nofile=100:200"], "ulimit -Sn; ulimit -Hn", "100\n200"),
        (&["--cap-drop", "ALL"], "grep CapEff /proc/self/status | cut -f2", "0000000000000000"),
        (&["--cap-drop", "all", "--cap-add", "chown"], "grep CapEff /proc/self/status | cut -f2", "0000000000000001"),
        (&["--security-opt", "no-new-privileges:true"], "grep NoNewPrivs /proc/self/status | cut -f2", "1"),
        (&["--security-opt", "seccomp=unconfined"], "grep Seccomp: /proc/self/status | cut -f2", "0"),
        (&["--security-opt", "label=disable"], "echo fine", "fine"),
        (&["--security-opt", "systempaths=unconfined"], "grep -c ' /proc/[a-z]' /proc/self/mountinfo; true", "0"),
        (&["--device", "/dev/zero:/dev/nought:r"], "head -c 2 /dev/nought | wc -c", "2"),
        (&["--oom-score-adj", "500"], "cat /proc/self/oom_score_adj", "500"),
        (&["--pids-limit", "7"], "cat /sys/fs/cgroup/pids/pids.max 2> /dev/null || cat /sys/fs/cgroup/pids.max", "7"),
        (
            &["--mount", "type=tmpfs,target=/t,tmpfs-size=65536,tmpfs-mode=1770"],
            "stat -c %a /t; df -k /t | awk 'END{print $2}'",
            "1770\n64",
        ),
        (&["--mount", "type=volume,source=vol,target=/v,readonly"], "touch /v/x 2> /dev/null || echo no", "no"),
        (&["--mount", "type=image,source=busybox,target=/i"], "/i/bin/echo fine", "fine"),
        (
            &["--mount", "type=bind,source=/tmp,target=/m,readonly,bind-recursive=readonly,bind-propagation=rprivate"],
            "touch /m/x 2> /dev/null || echo no",
            "no",
        ),
        (&["--net", "none"], "ls /sys/class/net", "lo"),
        (&["--uts", "host", "--net", "none"], "cat /proc/sys/kernel/hostname | wc -l", "1"),
        (&["--ipc", "none"], "[ -d /dev/shm ] || echo none", "none"),
        (&["--entrypoint", "echo"], "", "sh -c"),
        (&["-e", "A=1", "-e", "PATH=/bin"], "echo $A $PATH", "1 /bin"),
        (&["--userns", "host", "--isolation", "default", "--runtime", "runc"], "echo fine", "fine"),
    ] {
        assert_eq!(run(&engine, flags, script), output, "{flags:?}");
    }
}

#[test]
fn what_makes_no_sense_is_refused_as_docker_refuses_it() {
    if absent() {
        return;
    }
    let engine = Engine::start();
    engine.load("busybox");
    let refused = |flags: &[&str], says: &str| {
        engine.docker([&["run", "--rm"], flags, &["busybox", "true"]].concat()).fails(125, says);
    };
    refused(&["--gpus", "all"], "could not select device driver \"\" with capabilities: [[gpu]]");
    refused(&["--runtime", "nvidia"], "unknown or invalid runtime name: nvidia");
    refused(&["--platform", "linux/s390x", "--pull", "never"], "does not match the specified platform");
    refused(&["--mount", "type=bind,source=/no/such,target=/x"], "bind source path does not exist: /no/such");
    refused(&["--mount", "type=volume,source=vol,target=/x,volume-subpath=../y"], "subpath must be a relative path");
    refused(&["-v", "/a:/x", "-v", "/b:/x"], "Duplicate mount point: /x");
    refused(&["--cap-add", "FLY"], "invalid CapAdd: invalid capability: \"CAP_FLY\"");
    refused(&["--security-opt", "apparmor=strict"], "AppArmor profile \"strict\" cannot be applied");
    refused(&["--volumes-from", "nosuch"], "No such container: nosuch");
    refused(&["--net", "container:nosuch"], "No such container: nosuch");
    refused(&["-p", "8080:80"], "does not publish ports yet (80/tcp)");
    refused(&["--net", "mine"], "network mine not found");
    refused(&["--storage-opt", "size=1G"], "--storage-opt is supported only for overlay over xfs with 'pquota'");
}

#[test]
fn containers_share_volumes_memory_and_namespaces() {
    if absent() {
        return;
    }
    let engine = Engine::start();
    engine.load("busybox");
    let donor = ["run", "-d", "--name", "donor", "--ipc", "shareable", "-v", "data:/data", "--hostname", "first"];
    engine
        .docker(
            [&donor[..], &["busybox", "sh", "-c", "echo m > /dev/shm/m; echo d > /data/d; exec sleep 1000"]].concat(),
        )
        .ok();
    assert_eq!(
        run(&engine, &["--volumes-from", "donor:ro"], "cat /data/d; touch /data/x 2> /dev/null || echo ro"),
        "d\nro"
    );
    assert_eq!(run(&engine, &["--ipc", "container:donor"], "cat /dev/shm/m"), "m");
    assert_eq!(run(&engine, &["--pid", "container:donor"], "cat /proc/1/comm"), "sleep");
    assert_eq!(run(&engine, &["--net", "container:donor"], "hostname; cat /etc/hostname"), "first\nfirst");
    let part = "type=volume,source=data,target=/part,volume-subpath=sub";
    engine.docker(["exec", "donor", "sh", "-c", "mkdir /data/sub; echo s > /data/sub/s; ln -s /etc /data/out"]).ok();
    assert_eq!(run(&engine, &["--mount", part], "ls /part"), "s");
    let out = ["run", "--rm", "--mount", "type=volume,source=data,target=/part,volume-subpath=out", "busybox", "true"];
    engine.docker(out).fails(127, "no such file or directory");
}

/// dockerd 28's fields: a client that decodes strictly, or a template that names one, finds all of them.
const FIELDS: [(&str, &str); 6] = [
    (
        "",
        "Id Created Path Args State Image ResolvConfPath HostnamePath HostsPath LogPath Name RestartCount Driver Platform MountLabel \
         ProcessLabel AppArmorProfile ExecIDs HostConfig GraphDriver Mounts Config NetworkSettings",
    ),
    ("/State", "Status Running Paused Restarting OOMKilled Dead Pid ExitCode Error StartedAt FinishedAt"),
    (
        "/Config",
        "Hostname Domainname User AttachStdin AttachStdout AttachStderr Tty OpenStdin StdinOnce Env Cmd Image Volumes WorkingDir \
         Entrypoint OnBuild Labels",
    ),
    (
        "/HostConfig",
        "Binds ContainerIDFile LogConfig NetworkMode PortBindings RestartPolicy AutoRemove VolumeDriver VolumesFrom ConsoleSize \
         CapAdd CapDrop CgroupnsMode Dns DnsOptions DnsSearch ExtraHosts GroupAdd IpcMode Cgroup Links OomScoreAdj PidMode \
         Privileged PublishAllPorts ReadonlyRootfs SecurityOpt UTSMode UsernsMode ShmSize Runtime Isolation CpuShares Memory \
         NanoCpus CgroupParent BlkioWeight BlkioWeightDevice BlkioDeviceReadBps BlkioDeviceWriteBps BlkioDeviceReadIOps \
         BlkioDeviceWriteIOps CpuPeriod CpuQuota CpuRealtimePeriod CpuRealtimeRuntime CpusetCpus CpusetMems Devices \
         DeviceCgroupRules DeviceRequests MemoryReservation MemorySwap MemorySwappiness OomKillDisable PidsLimit Ulimits \
         CpuCount CpuPercent IOMaximumIOps IOMaximumBandwidth MaskedPaths ReadonlyPaths",
    ),
    (
        "/NetworkSettings",
        "Bridge SandboxID SandboxKey Ports HairpinMode LinkLocalIPv6Address LinkLocalIPv6PrefixLen SecondaryIPAddresses \
         SecondaryIPv6Addresses EndpointID Gateway GlobalIPv6Address GlobalIPv6PrefixLen IPAddress IPPrefixLen IPv6Gateway \
         MacAddress Networks",
    ),
    (
        "/NetworkSettings/Networks/bridge",
        "IPAMConfig Links Aliases MacAddress DriverOpts GwPriority NetworkID EndpointID Gateway IPAddress IPPrefixLen \
         IPv6Gateway GlobalIPv6Address GlobalIPv6PrefixLen DNSNames",
    ),
];

#[test]
fn inspect_has_every_field_of_dockers() {
    if absent() {
        return;
    }
    let engine = Engine::start();
    engine.load("busybox");
    engine
        .docker(["run", "-d", "--name", "full", "-v", "data:/data", "--annotation", "a=b", "busybox", "sleep", "1000"])
        .ok();
    let view: Value = serde_json::from_str(&engine.docker(["inspect", "full"]).ok()).expect("JSON");
    for (place, fields) in FIELDS {
        let object = view[0].pointer(place).and_then(Value::as_object).expect(place);
        let missing: Vec<_> = fields.split_whitespace().filter(|field| !object.contains_key(*field)).collect();
        assert!(missing.is_empty(), "{place} lacks {missing:?}");
    }
    let value = |path: &str| view[0].pointer(path).cloned().unwrap_or_default();
    assert_eq!(value("/HostConfig/Annotations/a"), "b");
    assert_eq!(value("/HostConfig/ShmSize"), 64 << 20);
    assert_eq!(value("/HostConfig/CapAdd"), Value::Null);
    assert_eq!(value("/HostConfig/MaskedPaths/0"), "/proc/acpi");
    assert_eq!(value("/HostConfig/RestartPolicy/Name"), "no");
    assert_eq!(value("/Mounts/0/Name"), "data");
    assert_eq!((value("/Mounts/0/Mode"), value("/Mounts/0/RW")), (Value::from("z"), Value::from(true)));
    let merged = value("/GraphDriver/Data/MergedDir");
    let inside = std::path::Path::new(merged.as_str().expect("a path")).join("bin/busybox");
    assert!(inside.exists(), "{}", inside.display());
}

#[test]
fn lists_are_filtered() {
    if absent() {
        return;
    }
    let engine = Engine::start();
    engine.load("busybox");
    engine
        .docker([
            "run",
            "-d",
            "--name",
            "web-1",
            "--label",
            "tier=file",
            "-v",
            "data:/data",
            "--expose",
            "80",
            "busybox",
            "sleep",
            "1000",
        ])
        .ok();
    engine.docker(["create", "--name", "db-1", "--label", "tier=db", "--net", "none", "busybox", "true"]).ok();
    engine.docker(["run", "--name", "job", "busybox", "sh", "-c", "exit 3"]);
    let names = |filter: &str| {
        let listed = engine.docker(["ps", "-a", "--format", "{{.Names}}", "--filter", filter]).ok();
        listed.lines().map(str::to_owned).collect::<Vec<_>>().join(" ")
    };
    for (filter, found) in [
        ("name=^/(web|db)-[0-9]$", "db-1 web-1"),
        ("name=web", "web-1"),
        ("label=tier", "db-1 web-1"),
        ("label=tier=db", "db-1"),
        ("status=created", "db-1"),
        ("status=running", "web-1"),
        ("exited=3", "job"),
        ("exited=0", ""),
        ("before=db-1", "web-1"),
        ("since=db-1", "job"),
        ("volume=data", "web-1"),
        ("volume=/data", "web-1"),
        ("network=none", "db-1"),
        ("network=bridge", "job web-1"),
        ("ancestor=busybox:latest", "job db-1 web-1"),
        ("expose=80", "web-1"),
        ("expose=70-90/tcp", "web-1"),
        ("publish=80", ""),
        ("health=none", "job db-1 web-1"),
        ("is-task=false", "job db-1 web-1"),
        ("isolation=default", ""),
    ] {
        assert_eq!(names(filter), found, "{filter}");
    }
    assert_eq!(engine.docker(["ps", "-n", "2", "--format", "{{.Names}}"]).ok(), "job\ndb-1");
    assert_eq!(engine.docker(["ps", "-l", "--format", "{{.Names}}"]).ok(), "job");
    let size = engine.docker(["ps", "-s", "--format", "{{.Size}}"]).ok();
    assert!(size.contains("(virtual "), "{size}");
    let pruned = engine.docker(["container", "prune", "-f", "--filter", "label!=tier"]).ok();
    assert!(pruned.contains("Total reclaimed space"), "{pruned}");
    assert_eq!((names("label=tier"), names("name=job")), ("db-1 web-1".to_owned(), String::new()));
}
