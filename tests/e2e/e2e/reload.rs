//! SIGHUP: what daemon.json says now holds, where it can change; a broken file changes nothing.

use crate::events::history;
use hull_test_support::{Engine, Options, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use std::time::Duration;

#[test]
fn labels_and_registries_change_without_a_restart_and_an_event_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("daemon.json");
    let write = |text: &str| std::fs::write(&file, text).expect("daemon.json");
    write(r#"{"labels": ["tier=front"]}"#);
    let flags = vec!["--config-file".to_owned(), file.display().to_string()];
    let engine = Engine::start_with(Options { flags });
    assert_eq!(engine.get("/info")["Labels"], json!(["tier=front"]));

    let hang_up = || kill(Pid::from_raw(engine.pid().cast_signed()), Signal::SIGHUP).expect("SIGHUP");
    write(r#"{"labels": ["tier=back"], "registry-mirrors": ["https://mirror.example"], "no-ebpf": true}"#);
    hang_up();
    eventually("the new labels", Duration::from_secs(10), || {
        (engine.get("/info")["Labels"] == json!(["tier=back"])).then_some(())
    });
    assert_eq!(engine.get("/info")["RegistryConfig"]["Mirrors"], json!(["https://mirror.example"]));
    eventually("what needs a restart is named", Duration::from_secs(10), || {
        engine.daemon_log().contains("need a restart of hulld to change: no-ebpf").then_some(())
    });
    let events = history(&engine, &["--filter", "event=reload"]);
    let event = events.first().expect("an event");
    assert_eq!((&event["Type"], &event["Action"]), (&json!("daemon"), &json!("reload")));
    assert_eq!(event["Actor"]["ID"], engine.engine_id());
    let attributes = &event["Actor"]["Attributes"];
    assert_eq!(attributes["labels"], "[\"tier=back\"]");
    assert_eq!(attributes["registry-mirrors"], "[\"https://mirror.example\"]");
    assert_ne!(attributes["name"], "");

    write("{ broken");
    hang_up();
    eventually("the refusal", Duration::from_secs(10), || {
        engine.daemon_log().contains("the old configuration stays").then_some(())
    });
    assert_eq!(engine.get("/info")["Labels"], json!(["tier=back"]));
}
