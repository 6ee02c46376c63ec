//! Copies, changes and layers of real containers, some of which do their worst meanwhile.

use super::*;
use crate::containers::files::ExtractOptions;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use tar::{Archive, Builder, EntryType, Header};

/// A tar of files, directories (`x/`) and links (`x -> y`).
fn tar(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (name, content) in entries {
        let mut header = Header::new_gnu();
        header.set_mode(if name.ends_with('/') { 0o755 } else { 0o644 });
        header.set_uid(7);
        header.set_gid(8);
        header.set_mtime(1_000_000_000);
        if let Some((name, target)) = name.split_once(" -> ") {
            header.set_entry_type(EntryType::Symlink);
            header.set_size(0);
            builder.append_link(&mut header, name, target).unwrap();
        } else {
            header.set_entry_type(if name.ends_with('/') { EntryType::Directory } else { EntryType::Regular });
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, name, content.as_bytes()).unwrap();
        }
    }
    builder.into_inner().unwrap()
}

/// Names and contents of an archive.
fn listed(archive: &[u8]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in Archive::new(archive).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        let mut content = entry.link_name_bytes().map(|link| [b"-> ", &*link].concat()).unwrap_or_default();
        entry.read_to_end(&mut content).unwrap();
        found.insert(name, String::from_utf8_lossy(&content).into_owned());
    }
    found
}

impl Host {
    async fn put(&self, id: &str, path: &str, tar: Vec<u8>, options: ExtractOptions) -> Result<(), ContainerError> {
        self.service.extract(id, path, options, move |_| io::Cursor::new(tar)).await
    }

    async fn get_files(&self, id: &str, path: &str) -> Result<BTreeMap<String, String>, ContainerError> {
        let (_, outgoing) = self.service.archive(id, path).await?;
        let mut bytes = Vec::new();
        outgoing.write(&mut bytes)?;
        Ok(listed(&bytes))
    }

    async fn changed(&self, id: &str) -> Vec<String> {
        let changes = self.service.changes(id).await.unwrap().unwrap_or_default();
        changes.iter().map(|change| format!("{} {}", ["C", "A", "D"][usize::from(change.kind)], change.path)).collect()
    }
}

#[test]
fn copies_go_in_and_out_whether_it_runs_or_not() {
    on_host(|host| async move {
        let bind = host.root.path().join("bind");
        std::fs::create_dir(&bind).unwrap();
        let binds = vec!["vol:/vol".to_owned(), format!("{}:/ro:ro", bind.display()), "fresh:/bin".to_owned()];
        let script = "cat /vol/d/x /inside; id -u; touch /memory/here; sleep 1000";
        let id = host
            .create(&["sh", "-c", script], |request| {
                request.host_config.binds = binds;
                request.host_config.tmpfs.insert("/memory".to_owned(), String::new());
                request.config.user = "5:6".to_owned();
            })
            .await;
        let files = tar(&[("d/", ""), ("d/x", "one\n"), ("d/link -> /inside", "")]);
        host.put(&id, "/vol", files.clone(), ExtractOptions::default()).await.unwrap();
        let owned = ExtractOptions { copy_uid_gid: true, ..ExtractOptions::default() };
        host.put(&id, "/", tar(&[("inside", "two\n")]), owned).await.unwrap();
        let stat = host.service.stat_path(&id, "/vol/d/link").await.unwrap();
        assert_eq!((stat.name.as_str(), stat.link_target.as_str(), stat.is_symlink()), ("link", "/inside", true));
        assert!(host.get_files(&id, "/bin/busybox").await.is_ok(), "a fresh volume is filled before the first look");
        assert!(
            host.put(&id, "/ro", files.clone(), ExtractOptions::default())
                .await
                .unwrap_err()
                .to_string()
                .contains("read-only")
        );

        host.service.start(&id).await.unwrap();
        eventually_log(&host, &id, "5\n").await;
        assert_eq!(host.log(&id).await, "one\ntwo\n5\n");
        // A tmpfs is the running container's own.
        eventually_there(&host, &id, "/memory/here").await;
        host.put(&id, "/memory", tar(&[("there", "three\n")]), ExtractOptions::default()).await.unwrap();
        let (output, _) =
            streams::exec(&host, &id, &["sh", "-c", "cat /memory/there; stat -c %u:%g /inside /memory/there"]).await;
        assert_eq!(output, "three\n5:6\n7:8\n");
        let expected = [("d/", ""), ("d/link", "-> /inside"), ("d/x", "one\n")];
        let expected = expected.map(|(name, content)| (name.to_owned(), content.to_owned())).into();
        assert_eq!(host.get_files(&id, "/vol/d").await.unwrap(), expected);
        // What is mounted cannot be replaced, so it is written to.
        host.put(&id, "/etc", tar(&[("hosts", "1.2.3.4 me\n")]), ExtractOptions::default()).await.unwrap();
        assert_eq!(streams::exec(&host, &id, &["cat", "/etc/hosts"]).await.0, "1.2.3.4 me\n");
        assert!(host.get_files(&id, "/proc/self").await.is_err(), "the kernel's own files are not seen");

        let missing = host.service.stat_path(&id, "/no/such").await.unwrap_err();
        assert_eq!(missing.to_string(), format!("Could not find the file /no/such in container {id}"));
        let file = host.put(&id, "/inside", files, ExtractOptions::default()).await.unwrap_err();
        assert!(file.to_string().contains("not a directory"), "{file}");
        let keep = ExtractOptions { no_overwrite_dir_non_dir: true, ..ExtractOptions::default() };
        let error = host.put(&id, "/vol", tar(&[("d", "file")]), keep).await.unwrap_err();
        assert_eq!(error.to_string(), "cannot overwrite directory \"/vol/d\" with non-directory \"/vol\"");
        let error = host.put(&id, "/vol/d", tar(&[("x/", "")]), keep).await.unwrap_err();
        assert_eq!(error.to_string(), "cannot overwrite non-directory \"/vol/d/x\" with directory \"/vol/d\"");
        let told = host.told();
        assert!(
            told.contains(&"container archive-path".to_owned())
                && told.contains(&"container extract-to-dir".to_owned())
        );
        host.remove(&id).await;
    });
}

async fn eventually_log(host: &Host, id: &str, end: &str) {
    while !host.log(id).await.ends_with(end) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn eventually_there(host: &Host, id: &str, path: &str) {
    while host.service.stat_path(id, path).await.is_err() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A container swaps directories for links to the host's files as fast as it can, while files are copied both ways.
#[test]
fn links_that_change_meanwhile_never_lead_to_the_host() {
    on_host(|host| async move {
        let canary = host.root.path().join("canary");
        std::fs::create_dir(&canary).unwrap();
        std::fs::write(canary.join("secret"), "of the host").unwrap();
        let outside = canary.display().to_string();
        let script = format!(
            "mkdir /work; cd /work; mkdir d; echo mine > d/secret; echo ready; while :; do
               mv d e; ln -s {outside} d; rm d; ln -s ../../../../../../..{outside} d; rm d; mv e d; done"
        );
        let id = host.run(&["sh", "-c", &script]).await;
        eventually_log(&host, &id, "ready\n").await;
        let (mut taken, mut given) = (0, 0);
        for round in 0..150 {
            let name = format!("f{round}");
            if host
                .put(&id, "/work/d", tar(&[(&name, "x"), ("sub/", ""), ("sub/y", "y")]), ExtractOptions::default())
                .await
                .is_ok()
            {
                given += 1;
            }
            for path in ["/work/d/secret", "/work/d/", "/work"] {
                if let Ok(files) = host.get_files(&id, path).await {
                    taken += 1;
                    assert!(!files.values().any(|content| content == "of the host"), "{files:?}");
                }
            }
        }
        let left: Vec<_> = std::fs::read_dir(&canary).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["secret"], "nothing came to the host");
        assert_eq!(std::fs::read_to_string(canary.join("secret")).unwrap(), "of the host");
        assert!(taken > 0 && given > 0, "some copies met a quiet moment: {taken} out, {given} in");
        host.remove(&id).await;
    });
}

/// An archive whose sender has stalled until it is told to end.
struct Stalled(crate::containers::files::Revoked);

impl Read for Stalled {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        tokio::runtime::Handle::current().block_on(self.0.wait());
        Err(io::ErrorKind::ConnectionAborted.into())
    }
}

#[test]
fn a_stalled_copy_does_not_hold_up_a_removal() {
    on_host(|host| async move {
        let data_root = host.paths.data_root().display().to_string();
        let mounted = || std::fs::read_to_string("/proc/self/mountinfo").unwrap().contains(&data_root);
        let id = host.create(&["sleep", "1000"], |_| ()).await;
        host.get_files(&id, "/etc").await.unwrap();
        let service = host.service.clone();
        let (key, begun) = (id.clone(), Arc::new(tokio::sync::Notify::new()));
        let told = begun.clone();
        let copy = tokio::spawn(async move {
            let options = ExtractOptions::default();
            let body = move |revoked| {
                told.notify_one();
                Stalled(revoked)
            };
            service.extract(&key, "/", options, body).await
        });
        begun.notified().await;
        // Whoever looks meanwhile shares the mount.
        assert!(host.get_files(&id, "/etc").await.is_ok());
        assert!(!mounted(), "nobody else sees it");
        host.remove(&id).await;
        assert!(copy.await.unwrap().is_err());
        host.settled().await;
        assert!(!mounted() && std::fs::read_dir(host.paths.trash()).unwrap().next().is_none());
    });
}

#[test]
fn changes_are_the_users_and_a_layer_has_all_of_them() {
    on_host(|host| async move {
        let quiet = host.create(&["true"], |_| ()).await;
        host.service.start(&quiet).await.unwrap();
        host.ended(&quiet).await;
        assert_eq!(host.service.changes(&quiet).await.unwrap(), None, "what the engine mounts upon is no change");
        let mut layer = Vec::new();
        assert_eq!(host.service.hold(&quiet).await.unwrap().write_layer(&mut layer).unwrap(), 0);

        let script = "touch /test; rm /bin/vi; mkdir -p /new/deep; echo x > /new/deep/f; ln /new/deep/f /new/same
            ln -s /nowhere /new/link; mknod /new/null c 1 3; mkfifo /new/pipe; rm -r /etc/init.d 2>/dev/null
            chmod 700 /tmp; rm -r /home; mkdir /home; echo h > /home/h; dd if=/dev/zero of=/new/holes bs=1 count=1 seek=100M";
        let (code, output) = host.finish(&["sh", "-c", script], |_| ()).await;
        assert_eq!(code, 0, "{output}");
        let id = host.service.all().iter().find(|c| c.id.as_str() != quiet).unwrap().id.to_string();
        let changed = host.changed(&id).await;
        for expected in
            ["A /test", "D /bin/vi", "C /bin", "A /new", "A /new/deep/f", "A /new/link", "C /tmp", "A /home/h"]
        {
            assert!(changed.contains(&expected.to_owned()), "{expected} is not in {changed:?}");
        }
        assert!(!changed.iter().any(|line| line.contains("/etc/hosts") || line.contains("/proc")), "{changed:?}");

        let mut layer = Vec::new();
        let entries = host.service.hold(&id).await.unwrap().write_layer(&mut layer).unwrap();
        assert!(entries > 0 && layer.len() < 1 << 20, "holes are not written: {}", layer.len());
        let mut kinds = BTreeMap::new();
        for entry in Archive::new(&layer[..]).entries().unwrap() {
            let entry = entry.unwrap();
            kinds.insert(String::from_utf8(entry.path_bytes().into_owned()).unwrap(), entry.header().entry_type());
        }
        let kind = |name: &str| kinds.get(name).copied();
        assert_eq!(kind("bin/.wh.vi"), Some(EntryType::Regular));
        assert_eq!(kind("new/same"), Some(EntryType::Link));
        assert_eq!(kind("new/link"), Some(EntryType::Symlink));
        assert_eq!(kind("new/null"), Some(EntryType::Char));
        assert_eq!(kind("new/pipe"), Some(EntryType::Fifo));
        assert_eq!(kind("etc/hosts"), None, "{kinds:?}");
        let mut sink = Failing(3);
        assert!(host.service.hold(&id).await.unwrap().write_layer(&mut sink).is_err(), "a full disk is told");
    });
}

/// Takes so many writes.
struct Failing(usize);

impl Write for Failing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(1).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_daemon_that_died_during_a_commit_left_nothing_frozen() {
    on_host(|host| async move {
        let id = host.run(&["sleep", "1000"]).await;
        let paused = host.run(&["sleep", "1000"]).await;
        host.service.pause(&paused).await.unwrap();
        assert!(host.service.freeze_for_commit(&id).await);
        assert!(!host.service.freeze_for_commit(&paused).await, "it is frozen already");
        assert_eq!(host.service.get(&id).unwrap().state.status(), "paused");
        let host = host.restart().await;
        assert_eq!(host.service.get(&id).unwrap().state.status(), "running");
        assert_eq!(host.service.get(&paused).unwrap().state.status(), "paused", "a user's pause stays");
        host.remove(&id).await;
        host.remove(&paused).await;
    });
}
