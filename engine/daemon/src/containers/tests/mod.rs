//! The life of containers over a fake runtime: no root, no processes.

mod fake;
mod health;
mod histories;
mod lifecycle;
mod listing;
mod policy;
mod removal;
mod restart;

use super::*;
use crate::events::{EventBus, EventFilter};
use crate::time::Time;
use fake::Fake;
use futures_util::{FutureExt, StreamExt};
use hull_api::{ContainerConfig, CreateRequest, HostConfig};
use std::path::Path;
use tempfile::TempDir;

/// An engine's containers in a directory of their own.
struct Bench {
    service: ContainerService,
    runtime: Arc<Fake>,
    events: EventBus,
    began: Time,
    root: TempDir,
}

impl Bench {
    fn new() -> Self {
        Self::over(tempfile::tempdir().unwrap(), Arc::new(Fake::new()))
    }

    /// Over what an earlier one has left.
    fn over(root: TempDir, runtime: Arc<Fake>) -> Self {
        let paths = Paths::new(&root.path().join("data"), &root.path().join("run"));
        for directory in [paths.containers(), paths.volumes(), paths.staging(), paths.trash(), paths.runs()] {
            std::fs::create_dir_all(directory).unwrap();
        }
        runtime.set_paths(paths.clone());
        let (paths, events) = (Arc::new(paths), EventBus::new());
        let volumes = Arc::new(VolumeService::open(paths.clone()).unwrap());
        let images: ImageResolver = Box::new(|name| match name {
            "busybox" => Ok(ResolvedImage {
                id: "sha256:0123".to_owned(),
                config: ContainerConfig { cmd: Some(vec!["sh".to_owned()]), ..ContainerConfig::default() },
                ..ResolvedImage::default()
            }),
            other => Err(ContainerError::Missing(format!("No such image: {other}:latest"))),
        });
        let service =
            ContainerService::new(paths, events.clone(), volumes, images, runtime.clone(), LogDefaults::default())
                .unwrap();
        Self { service, runtime, events, began: Time::now(), root }
    }

    async fn create(&self, name: &str, host_config: HostConfig) -> String {
        let config = ContainerConfig { image: "busybox".to_owned(), ..ContainerConfig::default() };
        let request = CreateRequest { config, host_config, ..CreateRequest::default() };
        self.service.create(Some(name.to_owned()), request).await.unwrap().id
    }

    async fn run(&self, name: &str) -> String {
        let id = self.create(name, HostConfig::default()).await;
        self.service.start(&id).await.unwrap();
        id
    }

    /// As `kill -9` of the daemon and a new one.
    async fn restarted(self) -> Self {
        let Self { service, runtime, root, .. } = self;
        drop(service);
        let again = Self::over(root, runtime);
        again.service.restore_all(async |_| Ok(())).await.unwrap();
        again
    }

    /// Waits until its state is this one.
    async fn until(&self, id: &str, status: &str) {
        let mut watch = self.service.find(id).unwrap().watch();
        watch.wait_for(|published| published.container.state.status() == status).await.unwrap();
    }

    /// What has been told of containers so far.
    fn told(&self) -> Vec<String> {
        let filter = EventFilter::new([("type".to_owned(), vec!["container".to_owned()])]).unwrap();
        let events = Box::pin(self.events.subscribe(Some(self.began), Some(Time::now()), filter));
        events.map(|event| event.action.to_string()).collect::<Vec<_>>().now_or_never().unwrap_or_default()
    }

    fn status(&self, key: &str) -> &'static str {
        self.service.get(key).unwrap().state.status()
    }

    fn on_disk(&self, id: &str) -> serde_json::Value {
        let path = self.root.path().join("data/containers").join(id).join("container.json");
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    fn container_directory(&self, id: &str) -> std::path::PathBuf {
        Path::new(self.root.path()).join("data/containers").join(id)
    }
}
