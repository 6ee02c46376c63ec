//! Files of containers: `cp`, `diff`, `export`, `commit`, sizes. Docker's client and ours do the same and are compared.

use hull_test_support::{Engine, Outcome};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A command line's name, and how to run it.
type Client = (&'static str, fn(&Engine, &[&str]) -> Outcome);

/// Both clients; Docker's only where there is one.
fn clients() -> Vec<Client> {
    let mut clients: Vec<Client> = vec![("hull", |e, args| e.hull(args))];
    if Command::new("docker").arg("--version").output().is_ok() {
        clients.push(("docker", |e, args| e.docker(args)));
    } else {
        eprintln!("skipped for docker: no such client on this host");
    }
    clients
}

/// A tree with what a tree can have.
fn tree(folder: &Path) -> PathBuf {
    let tree = folder.join("tree");
    fs::create_dir_all(tree.join("deep/er")).expect("folders");
    fs::write(tree.join("file"), "content\n").expect("a file");
    fs::write(tree.join("deep/er/x"), "x\n").expect("a file");
    fs::hard_link(tree.join("file"), tree.join("same")).expect("a link");
    symlink("deep/er/x", tree.join("inner")).expect("a link");
    symlink("/etc/passwd", tree.join("outer")).expect("a link");
    fs::write(tree.join(format!("{}.long", "n".repeat(150))), "").expect("a file");
    fs::set_permissions(tree.join("file"), fs::Permissions::from_mode(0o4711)).expect("a mode");
    fs::set_permissions(tree.join("deep"), fs::Permissions::from_mode(0o500)).expect("a mode");
    tree
}

/// Every path below with its kind, mode, size and content, for comparing two trees.
fn described(root: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let mut pending = vec![root.to_owned()];
    while let Some(path) = pending.pop() {
        let meta = fs::symlink_metadata(&path).expect("it is there");
        let name = path.strip_prefix(root).expect("below").display().to_string();
        let what = if meta.is_dir() {
            pending.extend(fs::read_dir(&path).expect("a folder").map(|entry| entry.expect("an entry").path()));
            String::new()
        } else if meta.is_symlink() {
            fs::read_link(&path).expect("a link").display().to_string()
        } else {
            fs::read_to_string(&path).expect("a file")
        };
        lines.push(format!("{name} {:o} {} {what:?}", meta.mode(), meta.mtime()));
    }
    lines.sort();
    lines
}

#[test]
fn trees_are_the_same_after_both_ways() {
    let engine = Engine::start();
    engine.load("busybox");
    let source = tree(engine.folder());
    let source = source.to_str().expect("a path");
    engine.hull(["create", "--name", "still", "busybox", "sleep", "1000"]).ok();
    engine.hull(["run", "-d", "--name", "busy", "busybox", "sleep", "1000"]).ok();
    for (client, run) in clients() {
        for container in ["still", "busy"] {
            let back = engine.folder().join(format!("{client}-{container}"));
            run(&engine, &["cp", source, &format!("{container}:/{client}")]).ok();
            run(&engine, &["cp", &format!("{container}:/{client}"), back.to_str().expect("a path")]).ok();
            assert_eq!(described(&back), described(Path::new(source)), "{client}, {container}");
            assert_eq!(fs::metadata(back.join("file")).expect("a file").nlink(), 2, "names of one file");
        }
    }
}

#[test]
fn cp_follows_dockers_rules_for_names() {
    let engine = Engine::start();
    engine.load("busybox");
    let tree = tree(engine.folder());
    let path = |name: &str| tree.join(name).display().to_string();
    for (client, run) in clients() {
        let c = format!("c-{client}");
        engine
            .hull(["create", "--name", &c, "--read-only", "-v", "/vol", "-v", "locked:/locked:ro", "busybox", "true"])
            .ok();
        let to = |target: &str| format!("{c}:{target}");
        let list = |folder: &str| {
            let out = run(&engine, &["cp", &to(folder), "-"]).stdout;
            assert!(!out.is_empty(), "{folder}");
            let listing = engine.folder().join("listing.tar");
            fs::write(&listing, out).expect("an archive");
            let listing = Command::new("tar").arg("tf").arg(&listing).output().expect("tar");
            let names = String::from_utf8_lossy(&listing.stdout).into_owned();
            let mut names: Vec<String> = names.lines().map(str::to_owned).collect();
            names.sort();
            names
        };
        run(&engine, &["cp", &path("deep/er/x"), &to("/vol")]).ok();
        run(&engine, &["cp", &path("deep/er/x"), &to("/vol/renamed")]).ok();
        run(&engine, &["cp", &path("deep"), &to("/vol/new")]).ok();
        run(&engine, &["cp", &path("deep/."), &to("/vol")]).ok();
        run(&engine, &["cp", "-L", &path("inner"), &to("/vol/followed")]).ok();
        run(&engine, &["cp", &path("inner"), &to("/vol/link")]).ok();
        let expected = [
            "vol/",
            "vol/er/",
            "vol/er/x",
            "vol/followed",
            "vol/link",
            "vol/new/",
            "vol/new/er/",
            "vol/new/er/x",
            "vol/renamed",
            "vol/x",
        ];
        assert_eq!(list("/vol"), expected, "{client}");
        assert_eq!(list("/vol/er/."), ["./", "./x"], "{client}");

        run(&engine, &["cp", &path("deep"), &to("/vol/x")]).fails(1, "cannot copy directory");
        run(&engine, &["cp", &path("file"), &to("/vol/none/")]).fails(1, "no such directory");
        run(&engine, &["cp", &path("file"), &to("/nowhere/at/all")])
            .fails(1, "Could not find the file /nowhere/at in container");
        run(&engine, &["cp", &to("/nowhere"), "-"]).fails(1, "Could not find the file /nowhere in container");
        run(&engine, &["cp", &path("file"), &to("/tmp")]).fails(1, "container rootfs is marked read-only");
        run(&engine, &["cp", &path("file"), &to("/locked")]).fails(1, "mounted volume is marked read-only");
        run(&engine, &["cp", &path("none"), &to("/vol")]).fails(1, "no such file or directory");
        run(&engine, &["cp", &to("/vol/x"), "/no/such/folder/x"]).fails(1, "does not exist");
        run(&engine, &["cp", "a", "b"]).fails(1, "must specify at least one container source");
        run(&engine, &["cp", &to("/vol"), &to("/tmp")]).fails(1, "copying between containers is not supported");
        run(&engine, &["cp", "nosuch:/x", "-"]).fails(1, "No such container: nosuch");
    }
}

#[test]
fn archives_go_through_standard_streams_and_owners_are_the_users() {
    let engine = Engine::start();
    engine.load("busybox");
    let tree = tree(engine.folder());
    engine.hull(["run", "-d", "--name", "c1", "-u", "5:6", "busybox", "sleep", "1000"]).ok();
    let archive = engine.folder().join("in.tar");
    let packed = Command::new("tar").arg("-C").arg(&tree).arg("-czf").arg(&archive).arg(".").status().expect("tar");
    assert!(packed.success());
    let send = |target: &str| {
        let input = fs::File::open(&archive).expect("the archive");
        engine.hull_command().args(["cp", "-", target]).stdin(input).output().expect("hull")
    };
    assert!(send("c1:/tmp").status.success(), "compressed archives are taken too");
    assert_eq!(engine.hull(["exec", "c1", "cat", "/tmp/deep/er/x"]).code, 1, "0500 of somebody else's");
    assert_eq!(engine.hull(["exec", "-u", "0", "c1", "cat", "/tmp/deep/er/x"]).ok(), "x");
    let refused = send("c1:/etc/passwd");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("destination \"c1:/etc/passwd\" must be a directory"));
    let file = tree.join("deep/er/x").display().to_string();
    for (client, run) in clients() {
        run(&engine, &["cp", "-a", &file, &format!("c1:/{client}")]).ok();
        run(&engine, &["cp", &file, &format!("c1:/{client}-plain")]).ok();
        let owners = ["exec", "c1", "stat", "-c", "%u:%g", &format!("/{client}"), &format!("/{client}-plain")];
        assert_eq!(engine.hull(owners).ok(), "5:6\n0:0", "{client}");
    }
}

#[test]
fn diff_export_and_commit_tell_the_same_story() {
    let engine = Engine::start();
    engine.load("busybox");
    let script = "echo new > /new; rm /bin/vi; mkdir /d; touch /d/x; echo ready; sleep 1000";
    engine.hull(["run", "-d", "--name", "c1", "-v", "/vol", "-e", "A=b", "busybox", "sh", "-c", script]).ok();
    hull_test_support::eventually("it is ready", std::time::Duration::from_secs(20), || {
        engine.hull(["logs", "c1"]).stdout.contains("ready").then_some(())
    });
    for (client, run) in clients() {
        let diff = run(&engine, &["diff", "c1"]).ok();
        let mut lines: Vec<&str> = diff.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["A /d", "A /d/x", "A /new", "A /vol", "C /bin", "D /bin/vi"], "{client}");

        let file = engine.folder().join(format!("{client}.tar"));
        run(&engine, &["export", "-o", file.to_str().expect("a path"), "c1"]).ok();
        let names = Command::new("tar").arg("tf").arg(&file).output().expect("tar").stdout;
        let names = String::from_utf8_lossy(&names).into_owned();
        let has = |name: &str| names.lines().any(|line| line == name);
        assert!(has("new") && has("d/x") && has("bin/busybox") && !has("bin/vi"), "{client}: {names}");

        let image = format!("made/{client}:1");
        let change = ["-c", "CMD [\"cat\", \"/new\"]", "-c", "LABEL by=test", "-m", "words", "-a", "me"];
        let id = run(&engine, &[&["commit"], &change[..], &["c1", &image]].concat()).ok();
        let inspected = &engine.get(&format!("/images/{image}/json"));
        assert_eq!(inspected["Id"], Value::from(id.as_str()));
        assert_eq!((&inspected["Comment"], &inspected["Author"]), (&Value::from("words"), &Value::from("me")));
        assert_eq!(inspected["Config"]["Labels"]["by"], "test");
        assert!(inspected["Config"]["Env"].to_string().contains("A=b"));
        assert_eq!(engine.inspect("c1")["State"]["Status"], "running", "thawed again");
        assert_eq!(run(&engine, &["run", "--rm", &image]).ok(), "new");
        run(&engine, &["run", "--rm", &image, "ls", "/bin/vi"]).fails(1, "No such file");

        // It is an image like any other.
        let saved = engine.folder().join(format!("{client}-image.tar"));
        run(&engine, &["save", "-o", saved.to_str().expect("a path"), &image]).ok();
        run(&engine, &["rmi", &image]).ok();
        run(&engine, &["load", "-i", saved.to_str().expect("a path")]).ok();
        assert_eq!(run(&engine, &["run", "--rm", &image]).ok(), "new");
        run(&engine, &["commit", "-c", "RUN true", "c1"]).fails(1, "run is not a valid change command");
        run(&engine, &["commit", "c1", "Bad Name"]).fails(1, "invalid reference format");
        run(&engine, &["commit", "nosuch"]).fails(1, "No such container: nosuch");
    }
    assert_eq!(engine.hull(["run", "--name", "same", "busybox", "true"]).code, 0);
    assert_eq!(engine.get("/containers/same/changes"), Value::Null, "null, as Docker answers");
    let commit = engine.api("POST", "/commit?container=same", &Value::Null);
    assert_eq!(commit.status, 201, "{}", commit.message());
    let id = commit.json()["Id"].as_str().expect("an id").to_owned();
    let layers = |image: &str| engine.get(&format!("/images/{image}/json"))["RootFS"]["Layers"].clone();
    assert_eq!(layers(&id), layers("busybox"), "nothing written, no layer");
}

/// Directories that were deleted and made again, over several layers.
#[test]
fn layers_upon_layers_hide_what_they_hid_in_the_container() {
    let engine = Engine::start();
    engine.load("busybox");
    let step = |number: u32, script: &str| {
        let (name, from, to) = (format!("m{number}"), format!("multi:{}", number - 1), format!("multi:{number}"));
        engine.hull(["run", "--name", &name, if number == 1 { "busybox" } else { &from }, "sh", "-c", script]).ok();
        let diff = engine.hull(["diff", &name]).ok();
        engine.hull(["commit", &name, &to]).ok();
        let files = engine.hull(["run", "--rm", &to, "sh", "-c", "find /a /k | sort"]).ok();
        (diff.replace('\n', ", "), files.replace('\n', " "))
    };
    let (_, files) = step(1, "mkdir -p /a/b /a/c /k; echo 1 > /a/b/f; echo 2 > /a/c/g; echo k > /k/k");
    assert_eq!(files, "/a /a/b /a/b/f /a/c /a/c/g /k /k/k");
    let (diff, files) = step(2, "rm -r /a; mkdir -p /a/b; echo n > /a/n; rm /k/k");
    assert_eq!(diff, "C /a, D /a/c, C /a/b, D /a/b/f, A /a/n, C /k, D /k/k");
    assert_eq!(files, "/a /a/b /a/n /k");
    let (diff, files) = step(3, "mkdir /a/c; touch /a/c/h; mv /a/b /a/bb; chmod 700 /k");
    assert_eq!(diff, "C /a, D /a/b, A /a/bb, A /a/c, A /a/c/h, C /k");
    assert_eq!(files, "/a /a/bb /a/c /a/c/h /a/n /k");
}

#[test]
fn sizes_and_reclaimed_space_are_true() {
    let engine = Engine::start();
    engine.load("busybox");
    engine.hull(["run", "--name", "c1", "busybox", "sh", "-c", "echo hello > /data; truncate -s 1G /holes"]).ok();
    let listed = engine.get("/containers/json?all=1&size=1");
    assert_eq!(listed[0]["SizeRw"], 6);
    let image = engine.get("/images/busybox/json")["Size"].as_i64().expect("a size");
    assert_eq!(listed[0]["SizeRootFs"], image + 6);
    assert_eq!(engine.get("/system/df")["Containers"][0]["SizeRw"], 6);
    let report = engine.api("POST", "/containers/prune", &Value::Null).json();
    assert_eq!(report["SpaceReclaimed"], 6, "{report}");
}

#[test]
fn clients_that_go_leave_nothing() {
    let engine = Engine::start();
    engine.load("busybox");
    engine.hull(["create", "--name", "c1", "busybox", "true"]).ok();
    engine.hull(["cp", "c1:/bin", "-"]).ok();
    let held = || {
        let folder = format!("/proc/{}/fd", engine.pid());
        let links = fs::read_dir(folder).expect("descriptors").filter_map(|fd| fs::read_link(fd.ok()?.path()).ok());
        links.filter(|link| link.to_string_lossy().starts_with("mnt:[")).count()
    };
    assert_eq!(held(), 0, "mount namespaces");
    // Half an archive: the request says how long it is, and then there is no more.
    let mut header = vec![0_u8; 512];
    header[..4].copy_from_slice(b"half");
    header[124..135].copy_from_slice(b"00000100000");
    header[156] = b'0';
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    for _ in 0..5 {
        use std::io::Write;
        let mut stream = std::os::unix::net::UnixStream::connect(engine.socket()).expect("the socket");
        let head = "PUT /containers/c1/archive?path=/ HTTP/1.1\r\nHost: x\r\nContent-Length: 40000\r\n\r\n";
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&header)).expect("sent");
    }
    hull_test_support::eventually("copies end with their clients", std::time::Duration::from_secs(20), || {
        (held() == 0).then_some(())
    });
    assert_eq!(engine.get("/containers/c1/changes"), Value::Null, "half a file is none");
    // And the container can start at once.
    engine.hull(["start", "-a", "c1"]).ok();
}
