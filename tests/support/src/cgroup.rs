//! Where a container's limits are, as this host has it.

use crate::Engine;
use std::fs;
use std::path::PathBuf;

impl Engine {
    /// The container's cgroup for a v1 controller, or its only one on a host with pure v2.
    ///
    /// # Panics
    /// When it does not run.
    #[track_caller]
    pub fn cgroup(&self, container: &str, controller: &str) -> PathBuf {
        let pid = self.inspect(container)["State"]["Pid"].to_string();
        let membership = fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("cgroup");
        let v1 = membership.lines().find_map(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            let (controllers, path) = (fields.next()?, fields.next()?);
            controllers.split(',').any(|name| name == controller).then(|| format!("/sys/fs/cgroup/{controller}{path}"))
        });
        let v2 = membership.lines().find_map(|line| line.strip_prefix("0::"));
        let v2 = v2.map(|path| format!("/sys/fs/cgroup{path}"));
        PathBuf::from(v1.or(v2).expect("a cgroup"))
    }
}
