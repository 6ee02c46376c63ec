//! Execs and a daemon that comes back, on the real kernel.

use super::*;
use hull_api::{ExecCreate, ExecInspect, ExecStart};
use hull_test_patience::patience;

/// An exec that is made; it has stdout.
pub(super) async fn make(host: &Host, id: &str, command: &[&str], change: impl FnOnce(&mut ExecCreate)) -> String {
    let mut request = ExecCreate {
        cmd: Some(command.iter().map(|word| (*word).to_owned()).collect()),
        attach_stdout: true,
        ..ExecCreate::default()
    };
    change(&mut request);
    host.service.exec_create(id, request).await.unwrap()
}

async fn start(host: &Host, exec: &str) -> Attachment {
    host.service.exec_start(exec, &ExecStart::default()).await.unwrap().unwrap()
}

async fn inspect(host: &Host, exec: &str) -> ExecInspect {
    host.service.exec_inspect(exec).await.unwrap()
}

/// Waits until inspect says that it has ended.
async fn code(host: &Host, exec: &str) -> Option<i64> {
    let start = Instant::now();
    loop {
        let view = inspect(host, exec).await;
        if !view.running {
            return view.exit_code;
        }
        assert!(start.elapsed() < patience(Duration::from_secs(20)), "exec {exec} runs on");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Events of execs with their ids and codes, in order.
fn told(host: &Host) -> Vec<String> {
    let events = host.events.subscribe(Some(host.began), Some(Time::now()), EventFilter::default());
    let line = |event: Arc<crate::events::Event>| {
        let attribute = |name: &str| event.attributes.get(name).cloned().unwrap_or_default();
        let verb = event.action.split(':').next().unwrap_or_default().to_owned();
        let line = format!("{verb} {} {}", attribute("execID"), attribute("exitCode"));
        let wanted = verb.starts_with("exec_") || verb == "die";
        async move { wanted.then(|| line.trim_end().to_owned()) }
    };
    Box::pin(events).filter_map(line).collect::<Vec<_>>().now_or_never().unwrap_or_default()
}

/// What the first daemon of a test hands over.
struct Note {
    id: String,
    shared: PathBuf,
    lives: String,
    unseen: String,
    before: String,
    missing: String,
    later: String,
    pids: (i64, i64),
    record: PathBuf,
}

async fn run_some(host: Host) -> (Host, Note) {
    let shared = host.root.path().join("shared");
    let bind = format!("{}:/shared", shared.display());
    let id = host.create(&["sleep", "1000"], |request| request.host_config.binds = vec![bind]).await;
    host.service.start(&id).await.unwrap();
    let wait_for = |name: &str| format!("while [ ! -e /shared/{name} ]; do sleep 0.01; done; exit 5");
    let lives = make(&host, &id, &["sh", "-c", &wait_for("stop")], |_| ()).await;
    let unseen = make(&host, &id, &["sh", "-c", &wait_for("early")], |_| ()).await;
    let before = make(&host, &id, &["sh", "-c", "exit 3"], |_| ()).await;
    let missing = make(&host, &id, &["nosuch"], |_| ()).await;
    let later = make(&host, &id, &["echo", "later"], |request| request.env = vec!["A=b".to_owned()]).await;
    let streams = (start(&host, &lives).await, start(&host, &unseen).await);
    text(start(&host, &before).await.chunks).await;
    text(start(&host, &missing).await.chunks).await;
    let pids = (inspect(&host, &lives).await.pid, inspect(&host, &unseen).await.pid);
    let mut pending = vec![lives.clone(), unseen.clone(), later.clone()];
    pending.sort();
    assert_eq!(host.service.inspect(&id, false).await.unwrap().exec_ids, pending, "those that run or have not started");
    // Clients are attached to the last moment.
    std::mem::forget(streams);
    let record = host.paths.exec_record(&id.clone().try_into().unwrap(), &unseen);
    let note = Note { id, shared, lives, unseen, before, missing, later, pids, record };
    (host, note)
}

#[test]
fn execs_are_found_again_with_pid_and_code() {
    // One of them ends while nobody looks.
    let end_one = |note: &Note| {
        std::fs::write(note.shared.join("early"), "").unwrap();
        until_written(&note.record);
    };
    on_host_whose_daemon_dies(run_some, end_one, |host, note| async move {
        let Note { id, shared, lives, unseen, before, missing, later, pids, record } = note;
        let view = inspect(&host, &lives).await;
        assert_eq!((view.running, view.pid, view.exit_code), (true, pids.0, None));
        assert_eq!(view.process_config.entrypoint, "sh");
        let view = inspect(&host, &unseen).await;
        assert_eq!((view.running, view.pid, view.exit_code), (false, pids.1, Some(5)));
        assert_eq!(inspect(&host, &before).await.exit_code, Some(3));
        assert_eq!(inspect(&host, &missing).await.exit_code, Some(127));
        assert_eq!(host.service.inspect(&id, false).await.unwrap().exec_ids.len(), 2);
        assert_eq!(told(&host), [format!("exec_die {unseen} 5")], "told once, and only of what nobody had told of");

        // One that was made under the old daemon is run under the new one.
        assert_eq!(text(start(&host, &later).await.chunks).await, "later\n");
        assert_eq!(inspect(&host, &later).await.exit_code, Some(0), "at once, with the end of the stream");
        for (exec, state) in [(&lives, "is already running"), (&unseen, "has already run")] {
            let again = host.service.exec_start(exec, &ExecStart::default()).await.err().unwrap();
            assert_eq!(again.to_string(), format!("Error: Exec command {exec} {state}"));
            assert_eq!(again.kind(), Kind::Conflict);
        }
        std::fs::write(shared.join("stop"), "").unwrap();
        assert_eq!(code(&host, &lives).await, Some(5));
        assert_eq!(inspect(&host, &lives).await.pid, pids.0);
        assert_eq!(told(&host).last(), Some(&format!("exec_die {lives} 5")));

        // A third daemon tells none of it again.
        let others = host.paths.exec_record(&id.clone().try_into().unwrap(), &lives);
        eventually(|| !record.exists() && !others.exists()).await;
        let host = host.restart().await;
        assert_eq!(inspect(&host, &unseen).await.exit_code, Some(5));
        assert_eq!(told(&host), Vec::<String>::new());
        host.remove(&id).await;
        let gone = host.service.exec_inspect(&lives).await.unwrap_err().to_string();
        assert_eq!(gone, format!("No such exec instance: {lives}"));
    });
}

fn until_written(record: &Path) {
    let start = Instant::now();
    while !record.exists() {
        assert!(start.elapsed() < patience(Duration::from_secs(20)), "no {}", record.display());
        std::thread::yield_now();
    }
}

#[test]
fn execs_that_ended_with_their_container_unseen_are_told_before_it() {
    let run = async |host: Host| {
        let id = host.run(&["sleep", "1000"]).await;
        let exec = make(&host, &id, &["sleep", "1000"], |_| ()).await;
        std::mem::forget(start(&host, &exec).await);
        let init = host.service.get(&id).unwrap().state.run().unwrap().pid;
        let record = host.paths.exit_record(&id.clone().try_into().unwrap());
        (host, (id, exec, init, record))
    };
    let end = |(_, _, init, record): &(String, String, u32, PathBuf)| {
        let init = nix::unistd::Pid::from_raw(i32::try_from(*init).unwrap());
        nix::sys::signal::kill(init, nix::sys::signal::Signal::SIGKILL).unwrap();
        until_written(record);
    };
    on_host_whose_daemon_dies(run, end, |host, (id, exec, ..)| async move {
        assert_eq!(inspect(&host, &exec).await.exit_code, Some(137));
        assert_eq!(told(&host), [format!("exec_die {exec} 137"), "die  137".to_owned()]);
        let refused = host.service.exec_start(&exec, &ExecStart::default()).await.err().unwrap();
        assert_eq!(refused.to_string(), format!("container {id} is not running"));
    });
}

#[test]
fn events_of_an_exec_come_in_order_and_before_the_containers_end() {
    on_host(|host| async move {
        let id = host.run(&["sleep", "1000"]).await;
        let short = make(&host, &id, &["true"], |_| ()).await;
        text(start(&host, &short).await.chunks).await;
        let long = make(&host, &id, &["sleep", "1000"], |_| ()).await;
        let stream = start(&host, &long).await;
        host.service.kill(&id, None).await.unwrap();
        host.ended(&id).await;
        let expected = [
            format!("exec_create {short}"),
            format!("exec_start {short}"),
            format!("exec_die {short} 0"),
            format!("exec_create {long}"),
            format!("exec_start {long}"),
            format!("exec_die {long} 137"),
            "die  137".to_owned(),
        ];
        assert_eq!(told(&host), expected);
        assert_eq!(text(stream.chunks).await, "");
        assert_eq!(host.service.inspect(&id, false).await.unwrap().exec_ids, Vec::<String>::new());
    });
}

#[test]
fn a_terminal_has_the_size_that_it_was_given_before_it_was_there() {
    on_host(|host| async move {
        let id = host.run(&["sleep", "1000"]).await;
        let tty = |request: &mut ExecCreate| {
            request.tty = true;
            request.console_size = Some([10, 20]);
        };
        let created = make(&host, &id, &["stty", "size"], tty).await;
        assert_eq!(text(start(&host, &created).await.chunks).await, "10 20\r\n", "as create said");
        let resized = make(&host, &id, &["stty", "size"], tty).await;
        host.service.exec_resize(&resized, 11, 22).await.unwrap();
        assert_eq!(text(start(&host, &resized).await.chunks).await, "11 22\r\n", "resized before the start");
        let started = make(&host, &id, &["stty", "size"], tty).await;
        let request = ExecStart { console_size: Some([12, 24]), tty: true, ..ExecStart::default() };
        let attached = host.service.exec_start(&started, &request).await.unwrap().unwrap();
        assert_eq!(text(attached.chunks).await, "12 24\r\n", "the start's own size wins");
        let ended = host.service.exec_resize(&started, 1, 1).await.unwrap_err();
        assert_eq!(ended.kind(), Kind::Conflict);
        let pipes = make(&host, &id, &["sleep", "1000"], |_| ()).await;
        let _stream = start(&host, &pipes).await;
        host.service.exec_resize(&pipes, 1, 1).await.unwrap();
        host.service.resize(&id, 1, 1).await.unwrap();
    });
}

#[test]
fn user_directory_environment_and_privileges_are_the_execs_own() {
    on_host(|host| async move {
        let id = host.create(&["sleep", "1000"], |request| request.config.env = vec!["A=1".to_owned()]).await;
        host.service.start(&id).await.unwrap();
        let script = "id -u; id -g; pwd; echo $A $B $TERM; grep CapEff /proc/self/status";
        let run = async |change: fn(&mut ExecCreate)| {
            let exec = make(&host, &id, &["sh", "-c", script], change).await;
            text(start(&host, &exec).await.chunks).await.lines().map(str::to_owned).collect::<Vec<_>>()
        };
        let plain = run(|_| ()).await;
        assert_eq!(plain[..4], ["0", "0", "/", "1"]);
        let own = run(|request| {
            request.user = "1000:2000".to_owned();
            request.working_dir = "/tmp".to_owned();
            request.env = vec!["A=2".to_owned(), "B=3".to_owned()];
        })
        .await;
        assert_eq!(own[..4], ["1000", "2000", "/tmp", "2 3"]);
        let privileged = run(|request| request.privileged = true).await;
        assert_ne!(privileged[4], plain[4], "more capabilities");
        let nobody = make(&host, &id, &["true"], |request| request.user = "ghost".to_owned()).await;
        let said = text(start(&host, &nobody).await.chunks).await;
        assert_eq!(said, "unable to find user ghost: no matching entries in passwd file\r\n");
        assert_eq!(inspect(&host, &nobody).await.exit_code, Some(126));
    });
}

#[test]
fn a_container_that_is_paused_or_stopped_runs_nothing() {
    on_host(|host| async move {
        let id = host.run(&["sleep", "1000"]).await;
        let made = make(&host, &id, &["true"], |_| ()).await;
        host.service.pause(&id).await.unwrap();
        let request = ExecCreate { cmd: Some(vec!["true".to_owned()]), ..ExecCreate::default() };
        let errors = [
            host.service.exec_create(&id[..12], request.clone()).await.unwrap_err(),
            host.service.exec_start(&made, &ExecStart::default()).await.err().unwrap(),
            host.service.exec_resize(&made, 1, 1).await.unwrap_err(),
        ];
        let key = [&id[..12], &id, &id];
        for (error, key) in errors.iter().zip(key) {
            let words = format!("container {key} is paused, unpause the container before exec");
            assert_eq!((error.to_string(), error.kind()), (words, Kind::Conflict));
        }
        host.service.unpause(&id).await.unwrap();
        host.service.kill(&id, None).await.unwrap();
        let stopped = host.service.exec_create(&id, request).await.unwrap_err();
        assert_eq!((stopped.to_string(), stopped.kind()), (format!("container {id} is not running"), Kind::Conflict));
        assert_eq!(inspect(&host, &made).await.exit_code, None, "it was never run");
        let unknown = host.service.exec_start("0123", &ExecStart::default()).await.err().unwrap();
        assert_eq!((unknown.to_string().as_str(), unknown.kind()), ("No such exec instance: 0123", Kind::NotFound));
    });
}

#[test]
fn what_is_on_disk_of_execs_goes_with_them() {
    on_host(|host| async move {
        let id = host.run(&["sleep", "1000"]).await;
        for _ in 0..5 {
            let exec = make(&host, &id, &["true"], |_| ()).await;
            text(start(&host, &exec).await.chunks).await;
        }
        let directory = host.paths.run(&id.clone().try_into().unwrap());
        let records = || {
            let names = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name());
            names.filter(|name| name.to_string_lossy().starts_with("exec-")).count()
        };
        eventually(|| records() == 0).await;
        host.remove(&id).await;
        host.settled().await;
        assert!(!directory.exists());
    });
}
