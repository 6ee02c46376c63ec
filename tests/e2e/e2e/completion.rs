//! What Tab offers: the shell's script asks `hull`, which asks the engine.

use hull_test_support::{Engine, Outcome};

/// What is offered for the last word, one a line, as bash asks for it.
fn offered(engine: &Engine, line: &str) -> Vec<String> {
    let words: Vec<&str> = line.split(' ').collect();
    let mut command = engine.hull_command();
    command
        .env("HULL_COMPLETE", "bash")
        .env("_CLAP_IFS", "\n")
        .env("_CLAP_COMPLETE_INDEX", (words.len() - 1).to_string())
        .arg("--")
        .args(words);
    Outcome::of(command, b"").ok().lines().map(str::to_owned).collect()
}

#[test]
fn tab_offers_what_there_is() {
    let engine = Engine::start();
    engine.load("busybox");
    engine.hull(["create", "--name", "web", "-v", "weights:/x", "busybox"]).ok();
    engine.hull(["create", "--name", "db", "busybox"]).ok();
    assert_eq!(offered(&engine, "hull logs w"), ["web"]);
    assert_eq!(offered(&engine, "hull container rm -f d"), ["db"]);
    assert_eq!(offered(&engine, "hull exec -it w"), ["web"]);
    assert_eq!(offered(&engine, "hull run --rm bus"), ["busybox:latest"]);
    assert_eq!(offered(&engine, "hull volume rm w"), ["weights"]);
    assert_eq!(offered(&engine, "hull inspect we"), ["web", "weights"]);
    assert_eq!(offered(&engine, "hull logs --ta"), ["--tail"]);
    assert_eq!(offered(&engine, "hull atta"), ["attach"]);
    // An engine that is not there is nobody's error.
    assert!(offered(&engine, "hull -H unix:///nosuch logs w").is_empty());
    assert!(engine.hull(["completion", "bash"]).ok().contains("HULL_COMPLETE"));
    engine.hull(["completion", "csh"]).fails(125, "csh");
}
