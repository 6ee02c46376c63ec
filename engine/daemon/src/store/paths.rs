//! The one type that owns every path of an engine.
//!
//! Two roots: what must survive a reboot (`--data-root`) and what must not (`--exec-root`). Nothing else in the
//! daemon joins path components.

use crate::ids::ContainerId;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// The file of [`Paths::cgroup_note`] in a run directory.
pub const CGROUP_NOTE: &str = "cgroup.json";

/// Where everything of this engine lives.
#[derive(Debug, Clone)]
pub struct Paths {
    data: PathBuf,
    exec: PathBuf,
    engine_id: String,
}

impl Paths {
    /// Paths below these two roots, which must be absolute. The engine id is a hash of the data root: several engines
    /// on one host tell their kernel objects apart by it.
    pub fn new(data_root: &Path, exec_root: &Path) -> Self {
        let digest = Sha256::digest(data_root.as_os_str().as_encoded_bytes());
        let engine_id = digest[..4].iter().map(|b| format!("{b:02x}")).collect();
        Self { data: data_root.to_owned(), exec: exec_root.to_owned(), engine_id }
    }

    /// Eight hexadecimal digits that mark what this engine makes outside its roots: cgroups `/hull-<id>`, links,
    /// the nftables table, names of namespaces.
    pub fn engine_id(&self) -> &str {
        &self.engine_id
    }

    /// `--data-root`.
    pub fn data_root(&self) -> &Path {
        &self.data
    }

    /// `--exec-root`.
    pub fn exec_root(&self) -> &Path {
        &self.exec
    }

    /// Locked for as long as a daemon owns the data root.
    pub fn lock(&self) -> PathBuf {
        self.data.join("engine.lock")
    }

    /// All containers, one directory each.
    pub fn containers(&self) -> PathBuf {
        self.data.join("containers")
    }

    /// A container's directory: `container.json`, its log, its generated files, its writable layer.
    pub fn container(&self, id: &ContainerId) -> PathBuf {
        self.containers().join(id.as_str())
    }

    /// The container's description: what was asked for and what state it is in.
    pub fn container_json(&self, id: &ContainerId) -> PathBuf {
        self.container(id).join("container.json")
    }

    /// The json-file log, named as Docker names it.
    pub fn container_log(&self, id: &ContainerId) -> PathBuf {
        self.container(id).join(format!("{}-json.log", id.as_str()))
    }

    /// The overlay's `upperdir`.
    pub fn container_upper(&self, id: &ContainerId) -> PathBuf {
        self.container(id).join("upper")
    }

    /// The overlay's `workdir`.
    pub fn container_work(&self, id: &ContainerId) -> PathBuf {
        self.container(id).join("work")
    }

    /// `upper` and `work` of an image that is mounted into the container are in here.
    pub fn image_mount(&self, id: &ContainerId, number: usize) -> PathBuf {
        self.container(id).join("images").join(number.to_string())
    }

    /// A generated file that is bound into the container: `hosts`, `hostname`, `resolv.conf`.
    pub fn container_file(&self, id: &ContainerId, name: &str) -> PathBuf {
        self.container(id).join(name)
    }

    /// What a running container needs until it stops: control socket, exit records. Short, since a unix
    /// socket's path has at most 107 bytes.
    pub fn run(&self, id: &ContainerId) -> PathBuf {
        self.exec.join("c").join(id.short())
    }

    /// All of [`Paths::run`].
    pub fn runs(&self) -> PathBuf {
        self.exec.join("c")
    }

    /// Exit codes of containers that have removed themselves, for as long as they can be asked for.
    pub fn departed(&self) -> PathBuf {
        self.exec.join("departed.jsonl")
    }

    /// The shim's control socket.
    pub fn control_socket(&self, id: &ContainerId) -> PathBuf {
        self.run(id).join("ctl")
    }

    /// The init's exit record.
    pub fn exit_record(&self, id: &ContainerId) -> PathBuf {
        self.run(id).join("exit.json")
    }

    /// Which directories a container's cgroup has, where they do not tell by themselves whose they are.
    pub fn cgroup_note(&self, id: &ContainerId) -> PathBuf {
        self.run(id).join(CGROUP_NOTE)
    }

    /// There while a commit has the container frozen: a daemon that finds it thaws the container.
    pub fn frozen_mark(&self, id: &ContainerId) -> PathBuf {
        self.run(id).join("frozen-for-commit")
    }

    /// An exec's exit record.
    pub fn exec_record(&self, id: &ContainerId, exec_id: &str) -> PathBuf {
        self.run(id).join(format!("exec-{exec_id}.json"))
    }

    /// An exec's description, as long as its container runs.
    pub fn exec_json(&self, id: &ContainerId, exec_id: &str) -> PathBuf {
        self.run(id).join(format!("about-{exec_id}.json"))
    }

    /// The exec whose description has this name.
    pub fn exec_of(file: &str) -> Option<&str> {
        file.strip_prefix("about-")?.strip_suffix(".json")
    }

    /// Descriptions of networks.
    pub fn networks(&self) -> PathBuf {
        self.data.join("networks")
    }

    /// A network's description.
    pub fn network_json(&self, name: &str) -> PathBuf {
        self.networks().join(format!("{name}.json"))
    }

    /// Named volumes: `<name>/volume.json` and `<name>/_data`.
    pub fn volumes(&self) -> PathBuf {
        self.data.join("volumes")
    }

    /// A volume's directory.
    pub fn volume(&self, name: &str) -> PathBuf {
        self.volumes().join(name)
    }

    /// What is mounted into containers.
    pub fn volume_data(&self, name: &str) -> PathBuf {
        self.volume(name).join("_data")
    }

    /// Blobs by digest: image configurations, manifests, and layers as they were delivered.
    pub fn blobs(&self) -> PathBuf {
        self.data.join("blobs").join("sha256")
    }

    /// A blob, by its digest's hexadecimal digits.
    pub fn blob(&self, hex: &str) -> PathBuf {
        self.blobs().join(hex)
    }

    /// Unpacked layers, one directory for each chain id.
    pub fn layers(&self) -> PathBuf {
        self.data.join("layers")
    }

    /// A layer's directory, by its chain id's hexadecimal digits.
    pub fn layer(&self, hex: &str) -> PathBuf {
        self.layers().join(hex)
    }

    /// Short names of layers, for mount(2)'s one page of options.
    pub fn layer_links(&self) -> PathBuf {
        self.layers().join("l")
    }

    /// One file per image id, and one with all names.
    pub fn images(&self) -> PathBuf {
        self.data.join("images")
    }

    /// An image's description, by its id's hexadecimal digits.
    pub fn image_json(&self, hex: &str) -> PathBuf {
        self.images().join(format!("{hex}.json"))
    }

    /// Which name means which image: one file, since moving a name from one image to another is one change.
    pub fn image_names(&self) -> PathBuf {
        self.images().join("names.json")
    }

    /// Half-made things; emptied at start. On the same file system as what they become by rename.
    pub fn staging(&self) -> PathBuf {
        self.data.join("staging")
    }

    /// What was renamed away to be deleted in the background.
    pub fn trash(&self) -> PathBuf {
        self.data.join("trash")
    }
}
