//! The daemon is killed with -9 again and again while clients use it, and nothing that they were told turns out wrong.
//!
//! Clients create, start, exec, stop, kill, pause and remove containers at random, and import, remove and load images, each
//! its own ones, and remember every answer. A request whose connection died has no answer: the client then asks what became of it, as a person
//! would. After each restart everything that was told must still hold: states, PIDs, times, exit codes, and the
//! numbered lines that the containers print, and every byte of the images. At the end nothing is left on the host.
//!
//! `HULL_CRASH_ROUNDS` says how often the daemon dies, `HULL_CRASH_SEED` repeats the choices of a run that failed.

mod chance;
mod client;
mod logs;
mod payload;
mod picture;
mod truth;
mod wire;

use chance::Chance;
use client::Client;
use hull_test_support::{Engine, eventually, pause, provided, slowness};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// About ten seconds.
const ROUNDS: u64 = 12;
const CLIENTS: usize = 4;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// What the store holds of images.
fn blobs(engine: &Engine) -> BTreeSet<OsString> {
    let folder = engine.data_root().join("blobs/sha256");
    std::fs::read_dir(folder).expect("blobs").flatten().map(|entry| entry.file_name()).collect()
}

#[test]
fn a_daemon_that_is_killed_at_random_moments_keeps_its_word() {
    let rounds = setting("HULL_CRASH_ROUNDS").unwrap_or(ROUNDS);
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seed = setting("HULL_CRASH_SEED").unwrap_or(u64::from(clock.subsec_nanos()));
    eprintln!("to repeat: HULL_CRASH_SEED={seed} HULL_CRASH_ROUNDS={rounds}");
    let mut chance = Chance::new(seed);
    let mut engine = Engine::start();
    engine.load("busybox");
    let shared = std::fs::read(provided("HULL_IMAGES").join("busybox.tar")).expect("an archive");
    let mut clients: Vec<Client> =
        (0..CLIENTS).map(|number| Client::new(number, &engine.socket(), &shared, chance.fork())).collect();
    // What is made once and kept, as the pool of network namespaces, belongs to the baseline.
    clients[0].warm_up();
    let baseline = engine.leftovers();
    let blobs = blobs(&engine);

    let over = AtomicBool::new(false);
    let mut clients = std::thread::scope(|scope| {
        let over = &over;
        let threads: Vec<_> = clients
            .into_iter()
            .map(|mut client| {
                scope.spawn(move || {
                    client.live(over);
                    client
                })
            })
            .collect();
        for _ in 0..rounds {
            pause(chance.milliseconds(20..400) * slowness());
            engine.kill();
            if chance.one_in(4) {
                // Also while it looks for what the one before it has left.
                engine.launch();
                pause(chance.milliseconds(0..60) * slowness());
                engine.kill();
            }
            pause(chance.milliseconds(0..60));
            engine.spawn();
            if threads.iter().any(std::thread::ScopedJoinHandle::is_finished) {
                break;
            }
        }
        over.store(true, Ordering::Relaxed);
        let joined: Result<Vec<_>, _> = threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        joined.unwrap_or_else(|panic| {
            let log = std::env::temp_dir().join(format!("hull-crash-{seed}.log"));
            std::fs::write(&log, engine.daemon_log()).ok();
            eprintln!("what the daemons said: {}", log.display());
            std::panic::resume_unwind(panic)
        })
    });

    clients.iter_mut().for_each(Client::check_all);
    eventually("a shim for each container that runs, and no other", Duration::from_secs(10), || {
        let running = engine.hull(["ps", "-q"]).ok();
        (engine.leftovers().shims() == running.lines().count()).then_some(())
    });
    clients.iter_mut().for_each(Client::remove_all);
    let steps: usize = clients.iter().map(Client::steps).sum();
    let images: usize = clients.iter().map(Client::images).sum();
    eprintln!("{rounds} deaths, {steps} operations, {images} images");
    assert!(steps as u64 > rounds, "the clients got to do something");
    let saved = engine.api("GET", "/images/busybox/get", &serde_json::Value::Null);
    assert_eq!(picture::is_whole(&saved.body, &[]), Ok(()), "the image that all loaded");
    // An import that died between the image and its name leaves one without a name, as with Docker.
    let pruned = engine.api("POST", "/images/prune", &serde_json::Value::Null);
    assert_eq!(pruned.status, 200, "{}", pruned.message());
    let left = engine.leftovers();
    assert_eq!(left, baseline, "nothing is left behind");
    assert_eq!(engine.hull(["ps", "-aq"]).ok(), "");
    assert_eq!(engine.hull(["volume", "ls", "-q"]).ok(), "");
    assert_eq!(self::blobs(&engine), blobs, "no image has left anything in the store");
    // A last one, with nothing to find.
    engine.kill();
    engine.spawn();
    assert_eq!(engine.leftovers(), baseline);
}
