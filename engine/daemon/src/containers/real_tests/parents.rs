//! `--cgroup-parent` on the real kernel: where containers are then, and who finds them again.

use super::*;
use hull_runtime::cgroup::Hierarchies;
use std::fs;
use std::path::PathBuf;

/// A parent of this test's own. It stays when its containers are gone, so the test takes it away.
struct Parent {
    name: String,
    roots: Vec<PathBuf>,
}

impl Parent {
    fn new(host: &Host) -> Self {
        let hierarchies = Hierarchies::detect().unwrap();
        let v1 = hierarchies.v1().iter().map(|mount| mount.root.clone());
        let roots = v1.chain([hierarchies.unified().to_owned()]).collect();
        Self { name: format!("hulltest-{}", host.paths.engine_id()), roots }
    }

    fn below(&self, path: &str) -> Vec<PathBuf> {
        self.roots.iter().map(|root| root.join(&self.name).join(path)).collect()
    }
}

impl Drop for Parent {
    fn drop(&mut self) {
        for directory in self.below("a.slice").into_iter().chain(self.below("")) {
            let _ = fs::remove_dir(directory);
        }
    }
}

fn parent(path: String) -> impl FnOnce(&mut CreateRequest) {
    move |request| {
        request.host_config.cgroup_parent = path;
        request.host_config.memory = 32 << 20;
    }
}

#[test]
fn a_container_is_below_its_parent_with_its_limits_and_leaves_it_empty() {
    on_host(|host| async move {
        let place = Parent::new(&host);
        let id = host.create(&["sleep", "1000"], parent(format!("/{}/a.slice", place.name))).await;
        host.service.start(&id).await.unwrap();
        let pid = host.service.get(&id).unwrap().state.run().unwrap().pid;
        let end = format!("/{}/a.slice/{id}", place.name);
        let lines = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
        assert!(lines.lines().filter(|line| line.ends_with(&end)).count() >= place.roots.len(), "{lines}");
        let limits = place.below(&format!("a.slice/{id}")).into_iter().flat_map(|directory| {
            ["memory.limit_in_bytes", "memory.max"].map(|file| fs::read_to_string(directory.join(file)).ok())
        });
        assert_eq!(limits.flatten().map(|text| text.trim().to_owned()).collect::<Vec<_>>(), ["33554432"]);
        assert!(host.service.stats_once(&id).await.unwrap().pids_stats.current == 1);

        let host = host.restart().await;
        assert_eq!(host.service.get(&id).unwrap().state.run().map(|run| run.pid), Some(pid));
        assert!(host.service.stats_once(&id).await.unwrap().memory_stats.limit == 32 << 20);
        host.remove(&id).await;
        host.settled().await;
        for directory in place.below("a.slice") {
            let left = fs::read_dir(&directory).unwrap().filter(|e| e.as_ref().unwrap().path().is_dir()).count();
            assert_eq!(left, 0, "{}", directory.display());
        }
    });
}

#[test]
fn a_relative_parent_begins_at_the_engines_own_cgroup() {
    on_host(|host| async move {
        let place = Parent::new(&host);
        let own = fs::read_to_string("/proc/self/cgroup").unwrap();
        let pids = |text: &str| text.lines().find(|line| line.contains(":pids:")).map(str::to_owned);
        let (code, output) = host.finish(&["cat", "/proc/self/cgroup"], parent(place.name.clone())).await;
        assert_eq!(code, 0);
        if let (Some(own), Some(its)) = (pids(&own), pids(&output)) {
            let own = own.trim_end_matches('/');
            assert!(its.starts_with(&format!("{own}/{}/", place.name)), "{its}, the engine: {own}");
        }
        host.settled().await;
    });
}

#[test]
fn hostile_parents_are_refused() {
    on_host(|host| async move {
        for bad in ["/a/../../b", "..", "/a\nb", "/hull-0/shims"] {
            let config = ContainerConfig { image: "busybox".to_owned(), ..ContainerConfig::default() };
            let host_config = HostConfig { cgroup_parent: bad.to_owned(), ..HostConfig::default() };
            let request = CreateRequest { config, host_config, ..CreateRequest::default() };
            let error = host.service.create(None, request).await.unwrap_err();
            assert_eq!(error.kind(), Kind::BadParameter);
            assert!(error.to_string().starts_with("invalid cgroup parent"), "{error}");
        }
        let id = host.create(&["true"], parent("/cgroup.procs".to_owned())).await;
        let error = host.service.start(&id).await.unwrap_err();
        assert_eq!(error.kind(), Kind::BadParameter, "{error}");
        assert_eq!(host.service.get(&id).unwrap().state.status(), "created");
        host.settled().await;
    });
}

#[test]
fn the_next_daemon_finds_what_nobody_claims() {
    on_host(|host| async move {
        let place = Parent::new(&host);
        let id = host.create(&["sleep", "1000"], parent(format!("/{}", place.name))).await;
        host.service.start(&id).await.unwrap();
        let pid = host.service.get(&id).unwrap().state.run().unwrap().pid;
        let Host { service, networks, events, root, paths, .. } = host;
        drop((service, networks, events));
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        fs::remove_dir_all(paths.container(&id.clone().try_into().unwrap())).unwrap();
        let host = Host::start(root).await;
        host.settled().await;
        assert!(place.below(&id).iter().all(|directory| !directory.exists()));
        assert!(!PathBuf::from(format!("/proc/{pid}/exe")).exists());
        assert_eq!(fs::read_dir(host.paths.runs()).unwrap().count(), 0);
    });
}
