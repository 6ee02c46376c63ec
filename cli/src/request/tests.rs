//! Lines of flags, and the requests that they mean.

use hull_api::CreateRequest;
use serde_json::{Value, json};

use crate::args::usage;
use crate::args::{Cli, Command, Verb};

fn request(line: &str) -> Result<CreateRequest, String> {
    let mut words = vec!["hull".to_owned(), "create".to_owned()];
    words.extend(line.split(' ').map(str::to_owned));
    let Cli { command: Command::Verb(Verb::Create(args)), .. } = usage::parse(&words).map_err(|e| e.text)? else {
        return Err("another command".to_owned());
    };
    args.into_request().map_err(|e| e.to_string())
}

/// `path` is dotted.
fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(value, |value, key| &value[key])
}

#[test]
fn flags_become_fields() {
    let cases = [
        ("img a -b", "Cmd", json!(["a", "-b"])),
        ("img", "Cmd", json!(null)),
        ("img", "AttachStdout", json!(true)),
        ("img", "AttachStdin", json!(false)),
        ("-i img", "StdinOnce", json!(true)),
        ("-a stderr img", "AttachStdout", json!(false)),
        ("--entrypoint= img", "Entrypoint", json!([""])),
        ("-e A=1 -e B= img", "Env", json!(["A=1", "B="])),
        ("-l a=b -l c img", "Labels", json!({"a": "b", "c": ""})),
        ("-h box img", "Hostname", json!("box")),
        ("--stop-timeout 3 img", "StopTimeout", json!(3)),
        ("--cpus=.5 img", "HostConfig.NanoCpus", json!(500_000_000)),
        ("-m 100m img", "HostConfig.Memory", json!(104_857_600)),
        ("--memory-swap -1 img", "HostConfig.MemorySwap", json!(-1)),
        ("--cpus 1 --cpu-burst 20000 img", "HostConfig.CpuBurst", json!(20000)),
        ("--oom-kill-group img", "HostConfig.OomKillGroup", json!(true)),
        ("--oom-kill-group=false img", "HostConfig.OomKillGroup", json!(null)),
        ("--pids-limit 7 img", "HostConfig.PidsLimit", json!(7)),
        ("img", "HostConfig.MemorySwappiness", json!(-1)),
        (
            "--ulimit nofile=1:2 --ulimit nofile=3 img",
            "HostConfig.Ulimits",
            json!([{"Name": "nofile", "Soft": 3, "Hard": 3}]),
        ),
        ("--shm-size=1g img", "HostConfig.ShmSize", json!(1 << 30)),
        ("--pid=host img", "HostConfig.PidMode", json!("host")),
        ("--mnt=host img", "HostConfig.MntMode", json!("host")),
        ("--net=host img", "HostConfig.NetworkMode", json!("host")),
        ("img", "HostConfig.NetworkMode", json!("default")),
        ("--network name=n,alias=a img", "NetworkingConfig.EndpointsConfig.n.Aliases", json!(["a"])),
        ("-v /a:/b:ro img", "HostConfig.Binds", json!(["/a:/b:ro"])),
        ("-v /a img", "Volumes", json!({"/a": {}})),
        ("--tmpfs /t:size=1m img", "HostConfig.Tmpfs", json!({"/t": "size=1m"})),
        ("--read-only img", "HostConfig.ReadonlyRootfs", json!(true)),
        ("-p 8080:80 img", "HostConfig.PortBindings", json!({"80/tcp": [{"HostIp": "", "HostPort": "8080"}]})),
        ("-p 80 --expose 90 img", "ExposedPorts", json!({"80/tcp": {}, "90/tcp": {}})),
        ("--privileged img", "HostConfig.Privileged", json!(true)),
        ("--privileged=false img", "HostConfig.Privileged", json!(false)),
        ("--cap-add ALL --cap-drop KILL img", "HostConfig.CapDrop", json!(["CAP_KILL"])),
        ("--security-opt systempaths=unconfined img", "HostConfig.MaskedPaths", json!([])),
        ("img", "HostConfig.MaskedPaths", json!(null)),
        (
            "--restart on-failure:3 img",
            "HostConfig.RestartPolicy",
            json!({"Name": "on-failure", "MaximumRetryCount": 3}),
        ),
        ("--log-opt max-size=1m img", "HostConfig.LogConfig.Config", json!({"max-size": "1m"})),
        (
            "--health-cmd true --health-interval 1m img",
            "Healthcheck",
            json!({"Test": ["CMD-SHELL", "true"], "Interval": 60_000_000_000i64}),
        ),
        ("--no-healthcheck img", "Healthcheck.Test", json!(["NONE"])),
        ("--init img", "HostConfig.Init", json!(true)),
        ("--rm img", "HostConfig.AutoRemove", json!(true)),
        (
            "--device /dev/null:r img",
            "HostConfig.Devices",
            json!([{"PathOnHost": "/dev/null", "PathInContainer": "/dev/null", "CgroupPermissions": "r"}]),
        ),
        (
            "--gpus 2 img",
            "HostConfig.DeviceRequests",
            json!([{"Driver": "", "Count": 2, "DeviceIDs": null, "Capabilities": [["gpu"]], "Options": null}]),
        ),
        ("--sysctl net.ipv4.ip_forward=1 img", "HostConfig.Sysctls", json!({"net.ipv4.ip_forward": "1"})),
    ];
    for (line, path, expected) in cases {
        let body = serde_json::to_value(request(line).unwrap()).unwrap();
        assert_eq!(at(&body, path), &expected, "{line} -> {path}");
    }
}

#[test]
fn nonsense_is_refused_in_dockers_words() {
    for (line, message) in [
        ("--rm --restart always img", "conflicting options: cannot specify both --restart and --rm"),
        ("--pid=foo img", "--pid: invalid PID mode"),
        ("--mnt=foo img", "--mnt: invalid MNT mode"),
        ("--memory-swappiness 101 img", "invalid value: 101. Valid memory swappiness range is 0-100"),
        ("--log-driver none --log-opt a=b img", "invalid logging opts for driver none"),
        ("--no-healthcheck --health-cmd x img", "--no-healthcheck conflicts with --health-* options"),
        ("--health-retries -1 img", "--health-retries cannot be negative"),
        ("--restart on-failure:x img", "invalid restart policy format: maximum retry count must be an integer"),
        ("--mac-address x img", "x is not a valid mac address"),
        ("--storage-opt x img", "invalid storage option"),
        (
            "--mnt=host -v /a:/b img",
            "with --mnt=host the container sees the host's files: --volume has no meaning there",
        ),
        ("--sysctl a.b=1 img", "invalid argument \"a.b=1\" for \"--sysctl\" flag: sysctl 'a.b=1' is not allowed"),
    ] {
        let error = request(line).unwrap_err();
        assert!(error.starts_with(message), "{line}: {error}");
    }
}

#[test]
fn what_is_sent_is_understood_on_the_other_side() {
    let sent =
        request("-it --cpus 1.5 -m 1g --ulimit core=0 -p 80 -v /a -e A=1 --mount target=/x --gpus all img sh").unwrap();
    let wire = serde_json::to_vec(&sent).unwrap();
    assert_eq!(hull_api::decode::from_slice::<CreateRequest>(&wire).unwrap(), sent);
}
