//! The wire as Docker's clients know it.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    ContainerConfig, ContainerInspect, ContainerSummary, CreateRequest, CreateResponse, ExecCreate, HostConfig,
    ImageInspect, Info, NetworkCreateRequest, Stats, UpdateRequest, VolumeCreateRequest, VolumeList, decode,
};

fn wire(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

#[test]
fn empty_lists_are_null_or_brackets_as_dockers() {
    let host = wire(&HostConfig::default());
    for name in ["Binds", "CapAdd", "CapDrop", "VolumesFrom", "ExtraHosts", "GroupAdd", "Links", "SecurityOpt"] {
        assert_eq!(host[name], json!(null), "{name}");
    }
    for name in ["Dns", "DnsOptions", "DnsSearch", "Devices", "Ulimits", "BlkioDeviceReadIOps"] {
        assert_eq!(host[name], json!([]), "{name}");
    }
    assert_eq!(host["PortBindings"], json!({}));
    for name in
        ["Tmpfs", "Sysctls", "StorageOpt", "Annotations", "Mounts", "Init", "MntMode", "CpuBurst", "OomKillGroup"]
    {
        assert!(host.get(name).is_none(), "{name} is left out when empty");
    }
    assert_eq!(host["ConsoleSize"], json!([0, 0]));
    assert_eq!(host["MemorySwappiness"], json!(null));
    let config = wire(&ContainerConfig::default());
    assert_eq!((&config["Cmd"], &config["Env"], &config["Labels"]), (&json!(null), &json!(null), &json!({})));
    assert_eq!(wire(&CreateResponse::default()), json!({"Id": "", "Warnings": []}));
    assert_eq!(wire(&VolumeList::default()), json!({"Volumes": [], "Warnings": null}));
}

#[test]
fn names_that_no_rule_gives() {
    let host = wire(&HostConfig {
        blkio_device_write_iops: vec![crate::ThrottleDevice { path: "/d".into(), rate: 1 }],
        ..HostConfig::default()
    });
    assert_eq!(host["BlkioDeviceWriteIOps"], json!([{"Path": "/d", "Rate": 1}]));
    for name in ["ContainerIDFile", "UTSMode", "IOMaximumIOps", "CpusetCpus", "OomKillDisable", "NanoCpus"] {
        assert!(host.get(name).is_some(), "{name}");
    }
    let inspect = wire(&ContainerInspect::default());
    for path in [
        "/State/OOMKilled",
        "/ExecIDs",
        "/NetworkSettings/SandboxID",
        "/NetworkSettings/IPAddress",
        "/NetworkSettings/GlobalIPv6PrefixLen",
        "/GraphDriver/Data",
        "/AppArmorProfile",
        "/HostnamePath",
    ] {
        assert!(inspect.pointer(path).is_some(), "{path}");
    }
    let info = wire(&Info::default());
    for name in ["ID", "NCPU", "CPUShares", "CPUSet", "IPv4Forwarding", "OSType", "CpuCfsPeriod", "NFd", "CDISpecDirs"]
    {
        assert!(info.get(name).is_some(), "{name}");
    }
    assert!(wire(&ImageInspect::default()).pointer("/RootFS/Type").is_some());
    assert_eq!(wire(&Stats::default())["read"], json!("0001-01-01T00:00:00Z"));
    assert!(wire(&ContainerSummary::default()).get("ImageID").is_some());
}

#[test]
fn a_create_request_is_flat() {
    let mut request = CreateRequest::default();
    request.config.image = "busybox".into();
    request.host_config.memory = 5;
    let value = wire(&request);
    assert_eq!((&value["Image"], &value["HostConfig"]["Memory"]), (&json!("busybox"), &json!(5)));
    assert_eq!(decode::from_value::<CreateRequest>(value).unwrap(), request);
}

/// Any JSON, with the names of real fields among its keys.
fn any_json() -> impl Strategy<Value = Value> {
    let key = prop_oneof![
        prop::sample::select(vec![
            "Image",
            "cmd",
            "Entrypoint",
            "Env",
            "Labels",
            "HostConfig",
            "hostconfig",
            "Memory",
            "Ulimits",
            "Mounts",
            "PortBindings",
            "ConsoleSize",
            "NetworkingConfig",
            "EndpointsConfig",
            "IPAMConfig",
            "Healthcheck",
            "Name",
        ])
        .prop_map(str::to_owned),
        ".{0,6}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_body_makes_the_decoder_panic_and_errors_say_something(body in any_json()) {
        fn check<T: serde::de::DeserializeOwned>(body: &Value) {
            if let Err(error) = decode::from_value_ref::<T>(body) {
                assert!(!error.to_string().is_empty());
            }
        }
        check::<CreateRequest>(&body);
        check::<UpdateRequest>(&body);
        check::<ExecCreate>(&body);
        check::<NetworkCreateRequest>(&body);
        check::<VolumeCreateRequest>(&body);
    }

    #[test]
    fn the_case_of_a_key_does_not_matter(upper in any::<bool>(), memory in any::<i64>()) {
        let recase = |name: &str| if upper { name.to_uppercase() } else { name.to_lowercase() };
        let body = json!({ recase("HostConfig"): { recase("Memory"): memory } });
        let request: CreateRequest = decode::from_value(body).unwrap();
        prop_assert_eq!(request.host_config.memory, memory);
    }
}

#[test]
fn a_runtime_beside_the_host_configuration_counts_where_that_has_none() {
    let runtime = |body: Value| decode::from_value::<CreateRequest>(body).unwrap().host_config.runtime;
    assert_eq!(runtime(json!({"Image": "x", "Runtime": "runc"})), "runc");
    assert_eq!(runtime(json!({"Runtime": "runc", "HostConfig": {"Runtime": "hull"}})), "hull");
}
