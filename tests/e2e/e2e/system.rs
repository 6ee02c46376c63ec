//! The engine as a whole: `info`, `version`, `system df`, and what it answers for what it has not.

use hull_test_support::Engine;
use serde_json::{Value, json};

/// Every key of dockerd 28's answer that has a meaning here.
const INFO: &str = "ID Containers ContainersRunning ContainersPaused ContainersStopped Images Driver DriverStatus Plugins \
    MemoryLimit SwapLimit CpuCfsPeriod CpuCfsQuota CPUShares CPUSet PidsLimit IPv4Forwarding Debug NFd OomKillDisable \
    NGoroutines SystemTime LoggingDriver CgroupDriver CgroupVersion NEventsListener KernelVersion OperatingSystem OSVersion \
    OSType Architecture IndexServerAddress RegistryConfig NCPU MemTotal GenericResources DockerRootDir HttpProxy HttpsProxy \
    NoProxy Name Labels ExperimentalBuild ServerVersion Runtimes DefaultRuntime Swarm LiveRestoreEnabled Isolation InitBinary \
    ContainerdCommit RuncCommit InitCommit SecurityOptions FirewallBackend CDISpecDirs Warnings";

#[test]
fn info_and_version_have_what_clients_print() {
    let engine = Engine::start();
    let outcome = engine.docker(["info"]);
    assert!(!outcome.stderr.contains("ERROR"), "{}", outcome.stderr);
    let text = outcome.ok();
    for line in ["Storage Driver: overlay2", "Default Runtime: hull", "Live Restore Enabled: true", "Swarm: inactive"] {
        assert!(text.contains(line), "{line:?} in {text}");
    }
    let info = engine.get("/info");
    let missing: Vec<&str> = INFO.split_whitespace().filter(|key| info.get(*key).is_none()).collect();
    assert_eq!(missing, [""; 0]);
    assert!(info["NCPU"].as_i64() > Some(0) && info["MemTotal"].as_i64() > Some(0), "{info}");
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("a host name");
    assert_eq!(info["Name"], name.trim());
    assert!(info["Warnings"].is_null() || info["Warnings"].as_array().is_some_and(|list| !list.is_empty()));

    let version = engine.docker(["version", "--format", "{{json .Server}}"]).ok();
    let version: Value = serde_json::from_str(&version).expect("JSON");
    for key in [
        "Platform",
        "Components",
        "Version",
        "ApiVersion",
        "MinAPIVersion",
        "GitCommit",
        "GoVersion",
        "Os",
        "Arch",
        "KernelVersion",
    ] {
        assert!(!version[key].is_null() && version[key] != "", "{key} in {version}");
    }
    for (method, length) in [("GET", 2), ("HEAD", 0)] {
        let ping = engine.raw(method, "/_ping", b"");
        assert_eq!((ping.status, ping.body.len()), (200, length), "{method}");
        assert_eq!((ping.header("api-version"), ping.header("swarm")), (Some("1.51"), Some("inactive")));
    }
}

#[test]
fn disk_use_counts_what_is_there_and_takes_a_type() {
    let engine = Engine::start();
    engine.load("busybox");
    engine
        .docker([
            "run",
            "--name",
            "one",
            "-v",
            "vol:/v",
            "busybox",
            "sh",
            "-c",
            "head -c 100000 /dev/zero | tee /f > /v/f",
        ])
        .ok();
    let usage = engine.get("/system/df");
    assert_eq!(usage["Containers"][0]["SizeRw"], 100_000);
    assert_eq!(usage["Volumes"][0]["UsageData"], json!({"RefCount": 1, "Size": 100_000}));
    let images = usage["Images"].as_array().expect("images");
    let sum = |key: &str| images.iter().filter_map(|image| image[key].as_u64()).sum::<u64>();
    // The other one is the image that hulld has in itself.
    assert_eq!((images.len(), sum("Containers")), (2, 1));
    assert_eq!(usage["LayersSize"], sum("Size"));
    assert!(usage["BuildCache"].is_array());
    let only = |kind: &str| engine.get(&format!("/system/df?type={kind}"));
    assert!(only("volume")["Volumes"][0].is_object() && only("volume")["Images"].as_array().is_none_or(Vec::is_empty));
    assert!(only("image")["Images"][0].is_object() && only("image")["Containers"].as_array().is_none_or(Vec::is_empty));
    assert!(only("container&type=volume")["Containers"][0].is_object());
    let wrong = engine.raw("GET", "/system/df?type=soup", b"");
    assert_eq!((wrong.status, wrong.message().as_str()), (400, "unknown object type: soup"));
    let table = engine.docker(["system", "df"]).ok();
    for row in ["Images          2         1", "Containers      1         0", "Local Volumes   1         1"] {
        assert!(table.contains(row), "{row:?} in\n{table}");
    }
    assert!(engine.docker(["system", "df", "-v"]).ok().contains("100kB"));
}

#[test]
fn what_is_not_there_is_a_clear_no() {
    let engine = Engine::start();
    for path in ["/swarm", "/nodes", "/services", "/tasks", "/secrets", "/configs", "/nodes/x", "/services/x/logs"] {
        let reply = engine.raw("GET", path, b"");
        assert_eq!(reply.status, 503, "{path}");
        assert!(reply.message().starts_with("This node is not a swarm manager."), "{path}");
    }
    assert_eq!(engine.get("/plugins"), json!([]));
    let plugin = engine.raw("GET", "/plugins/vieux/sshfs:latest/json", b"");
    assert_eq!((plugin.status, plugin.message().as_str()), (404, "plugin \"vieux/sshfs:latest\" not found"));
    for path in ["/session", "/grpc", "/nonsense", "/"] {
        let reply = engine.raw("POST", path, b"");
        assert_eq!((reply.status, reply.message().as_str()), (404, "page not found"), "{path}");
    }
    let login = engine.api("POST", "/auth", &json!({"username": "u", "password": "p", "serveraddress": "r.example"}));
    assert!(login.status == 501 && login.message().contains("r.example") && !login.message().contains("\"p\""));
}
