//! Flags, daemon.json and what they make of each other.

use super::*;
use clap::Parser;
use hull_runtime::cgroup::Driver;

fn config(arguments: &[&str]) -> Result<Config, String> {
    let flags = Flags::try_parse_from(["hulld"].iter().chain(arguments)).unwrap();
    let settings = Settings::merge(&flags, file::File::default(), std::path::Path::new("none")).unwrap();
    Config::new(settings).map_err(|error| error.to_string())
}

#[test]
fn defaults_are_docker_users_expectations() {
    let config = config(&[]).unwrap();
    assert_eq!(config.hosts, [Listen::Unix("/run/hull/hull.sock".into())]);
    assert_eq!(config.data_root.to_str(), Some("/var/lib/hull"));
    assert_eq!(config.pidfile.to_str(), Some("/run/hull/hulld.pid"));
    assert!(config.tls.is_none() && config.ebpf && config.metrics_addr.is_none() && config.bip.is_none());
}

#[test]
fn tcp_is_open_to_others_only_on_request() {
    assert!(config(&["-H", "tcp://127.0.0.1:2375"]).is_ok());
    let refused = config(&["-H", "tcp://0.0.0.0:2375"]).unwrap_err();
    assert!(refused.starts_with("refusing to serve tcp://0.0.0.0 without TLS"), "{refused}");
    assert!(config(&["-H", "tcp://0.0.0.0:2375", "--insecure-tcp"]).is_ok());
    let tls = config(&["-H", "tcp://0.0.0.0", "--tlsverify", "--tlscert", "/c"]).unwrap().tls.unwrap();
    assert_eq!(tls.client_ca.as_deref(), Some(std::path::Path::new("/etc/hull/ca.pem")));
    assert_eq!(tls.certificate.to_str(), Some("/c"));
    assert_eq!(config(&["--tls"]).unwrap().tls.unwrap().client_ca, None);
}

#[test]
fn bad_values_are_named() {
    for (arguments, message) in [
        (&["--tlscert", "/c"][..], "--tlscert does nothing without --tlsverify (or --tls)"),
        (&["--data-root", "x"], "invalid value for --data-root: x is not an absolute path"),
        (&["--pidfile", "x"], "invalid value for --pidfile: x is not an absolute path"),
        (&["--log-level", "loud"], "invalid logging level: loud: use debug, info, warn, error or fatal"),
        (&["--metrics-addr", "9323"], "invalid value for --metrics-addr: 9323 is not an address and a port"),
        (&["--metrics-addr", "x:y"], "invalid value for --metrics-addr: x:y is not an address and a port"),
        (
            &["--registry-mirror", "r.io"],
            "invalid mirror: r.io: no scheme specified: must use either 'https://' or 'http://'",
        ),
        (&["--registry-mirror", "https://"], "invalid mirror: https://: no host specified"),
        (
            &["--exec-opt", "native.cgroupdriver=none"],
            "invalid value for --exec-opt: native.cgroupdriver=none: use native.cgroupdriver=cgroupfs or \
             native.cgroupdriver=systemd",
        ),
        (
            &["--insecure-registry", "http://r"],
            "invalid registry: http://r: give a host, host:port or network, without a scheme or path",
        ),
    ] {
        assert_eq!(config(arguments).unwrap_err(), message);
    }
    for bad in ["172.30.0.1", "172.30.0.0/24", "172.30.0.255/24", "172.30.0.1/31", "172.30.0.1/0", "::1/64", "x/24"] {
        assert!(config(&["--bip", bad]).is_err(), "{bad}");
    }
    let error = config(&["--cgroup-parent", "/a/../b"]).unwrap_err().to_string();
    assert_eq!(error, "invalid value for --cgroup-parent: /a/../b: it must not contain \"..\"");
    let parent = config(&["--cgroup-parent", "/a//b"]).unwrap().cgroups;
    assert_eq!(parent, Driver::Cgroupfs { parent: Some("/a/b".parse().unwrap()) });
    let systemd = ["--exec-opt", "native.cgroupdriver=systemd", "--cgroup-parent"];
    let slice = config(&[&systemd[..], &["a.slice"]].concat()).unwrap().cgroups;
    assert_eq!(slice, Driver::Systemd { slice: "a.slice".parse().unwrap() });
    assert!(config(&[&systemd[..], &["/a"]].concat()).is_err());
    let bip = config(&["--bip", "172.30.0.1/24"]).unwrap().bip.unwrap();
    assert_eq!((bip.address.to_string().as_str(), bip.prefix_len), ("172.30.0.1", 24));
}

#[test]
fn labels_are_keys_with_one_value_each() {
    let labels = config(&["--label", "b=2", "--label", "a=1=x", "--label", "b=2"]).unwrap().labels;
    assert_eq!(labels, ["a=1=x", "b=2"]);
    assert_eq!(
        config(&["--label", "a=1", "--label", "a=2"]).unwrap_err().to_string(),
        "conflict labels for a=1 and a=2"
    );
    for bad in ["a", "=1", ""] {
        assert!(config(&["--label", bad]).is_err(), "{bad:?}");
    }
}

#[test]
fn registries_are_normalised() {
    let config = config(&["--registry-mirror", "https://m.example/", "--insecure-registry", "10.0.0.0/8"]).unwrap();
    assert_eq!(config.registries.mirrors, ["https://m.example"]);
    assert_eq!(config.registries.insecure, ["10.0.0.0/8"]);
}

#[test]
fn log_options_come_from_flags_or_from_the_file() {
    let logs = config(&["--log-driver", "local", "--log-opt", "max-size=1m", "--log-opt", "max-file=2"]).unwrap().logs;
    assert_eq!((logs.driver.as_str(), logs.options.len(), &*logs.options["max-size"]), ("local", 2, "1m"));
    assert_eq!(config(&[]).unwrap().logs, crate::logs::LogDefaults::default());
    for (arguments, message) in [
        (&["--log-driver", "asdf"][..], "failed to set log opts: logger: no log driver named 'asdf' is registered"),
        (&["--log-opt", "size=1m"], "failed to set log opts: unknown log opt 'size' for json-file log driver"),
    ] {
        assert_eq!(config(arguments).unwrap_err(), message);
    }
    let path = std::path::Path::new("d.json");
    let merge = |arguments: &[&str]| {
        let flags = Flags::try_parse_from(["hulld"].iter().chain(arguments)).unwrap();
        let text = r#"{"log-driver": "local", "log-opts": {"max-size": "2m"}}"#;
        Settings::merge(&flags, file::parse(path, text).unwrap(), path)
    };
    assert_eq!(Config::new(merge(&[]).unwrap()).unwrap().logs.options["max-size"], "2m");
    let both = merge(&["--log-opt", "max-size=1m"]).unwrap_err().to_string();
    assert!(
        both.ends_with("log-opts: (from flag: {\"max-size\": \"1m\"}, from file: {\"max-size\": \"2m\"})"),
        "{both}"
    );
    assert!(file::parse(path, r#"{"log-opts": {"max-file": 3}}"#).is_err(), "values are strings, as in Docker");
}
