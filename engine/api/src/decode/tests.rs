//! Bodies are read with Go's leniency: case, null, missing and unknown fields.

use serde_json::json;

use super::*;
use crate::{ContainerConfig, CreateRequest, HostConfig};

#[test]
fn keys_match_without_regard_to_case_and_an_exact_one_wins() {
    let config: ContainerConfig =
        from_value(json!({"image": "busybox", "CMD": ["true"], "tty": true, "Hostname": "a", "HOSTNAME": "b"}))
            .unwrap();
    assert_eq!(config.image, "busybox");
    assert_eq!(config.cmd, Some(vec!["true".to_owned()]));
    assert!(config.tty);
    assert_eq!(config.hostname, "a");
}

#[test]
fn null_is_missing_at_every_depth() {
    let request: CreateRequest = from_value(json!({
        "Env": null, "Labels": {"a": null}, "Tty": null, "Entrypoint": null,
        "HostConfig": {"Memory": null, "PidsLimit": null, "ConsoleSize": null, "RestartPolicy": null,
                       "Ulimits": [null], "PortBindings": {"80/tcp": null}},
        "NetworkingConfig": null,
    }))
    .unwrap();
    assert_eq!(request.config.labels["a"], "");
    assert_eq!(request.config.entrypoint, None);
    assert_eq!(request.host_config.console_size, [0, 0]);
    assert_eq!(request.host_config.ulimits, [crate::Ulimit::default()]);
    assert_eq!(request.host_config.port_bindings["80/tcp"], None);
    let empty: CreateRequest = from_value(json!(null)).unwrap();
    assert_eq!(empty, CreateRequest::default());
}

#[test]
fn an_empty_entrypoint_is_not_a_missing_one() {
    let config: ContainerConfig = from_value(json!({"Entrypoint": [], "Cmd": "ls -l"})).unwrap();
    assert_eq!(config.entrypoint, Some(vec![]));
    assert_eq!(config.cmd, Some(vec!["ls -l".to_owned()]), "a command may be one string");
}

#[test]
fn unknown_fields_are_ignored_and_arrays_fit() {
    let host: HostConfig =
        from_value(json!({"Wings": {"n": 2}, "ConsoleSize": [24, 80, 7], "mntmode": "host"})).unwrap();
    assert_eq!(host.console_size, [24, 80]);
    assert_eq!(host.mnt_mode, "host");
    let host: HostConfig = from_value(json!({"ConsoleSize": [24]})).unwrap();
    assert_eq!(host.console_size, [24, 0]);
}

#[test]
fn errors_name_the_field() {
    let cases = [
        (json!({"HostConfig": {"Memory": "1g"}}), "HostConfig.Memory"),
        (json!({"HostConfig": {"memory": 1.5}}), "HostConfig.Memory"),
        (json!({"HostConfig": {"BlkioWeight": 70000}}), "HostConfig.BlkioWeight"),
        (json!({"HostConfig": {"Ulimits": [{}, {"Soft": "x"}]}}), "HostConfig.Ulimits[1].Soft"),
        (json!({"Labels": {"a.b": 3}}), "Labels.a.b"),
        (json!({"Env": "A=1"}), "Env"),
        (json!({"HostConfig": []}), "HostConfig"),
        (json!({"Tty": 1}), "Tty"),
    ];
    for (body, path) in cases {
        let error = from_value::<CreateRequest>(body.clone()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{path}: ")), "{body}: {error}");
    }
}

#[test]
fn what_is_no_json_object_is_refused() {
    for body in ["", "[]", "3", "\"x\"", "{", "{} {}", "{\"a\":}"] {
        assert!(from_str::<CreateRequest>(body).is_err(), "{body:?}");
        assert!(from_str::<ContainerConfig>(body).is_err(), "{body:?}");
    }
}
