//! The first file system: busybox, the modules without which there is no disk, and a script that leads to the disk.

use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// What must be loaded before the root disk can be mounted. A kernel may have some of it built in.
const WANTED: [&str; 6] = ["virtio_pci", "virtio_blk", "virtio_console", "virtio_rng", "crc32c_generic", "ext4"];

/// Where the disk is the root, the same script cannot go on: its file system is gone.
pub(super) const INIT: &str = "#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
for module in /modules/*; do /bin/busybox insmod $module || echo \"insmod $module failed\"; done
until [ -b /dev/vda ] && [ -b /dev/vdb ]; do /bin/busybox usleep 10000; done
/bin/busybox mount -t ext4 /dev/vda /root || /bin/busybox poweroff -f
modules=/root/lib/modules/$(/bin/busybox uname -r)
/bin/busybox mkdir -p $modules && /bin/busybox mount -t ext4 -o ro /dev/vdb $modules
/bin/busybox umount /dev
exec /bin/busybox switch_root /root /sbin/init
";

/// A cpio archive for a kernel with these modules.
///
/// # Errors
/// When a module or busybox cannot be read.
pub(super) fn make(modules: &Path, busybox: &Path) -> Result<Vec<u8>> {
    let read = |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let mut cpio = Cpio::default();
    for folder in ["bin", "dev", "modules", "root"] {
        cpio.entry(folder, 0o040_755, b"");
    }
    cpio.entry("bin/busybox", 0o100_755, &read(busybox)?);
    cpio.entry("init", 0o100_755, INIT.as_bytes());
    let table = String::from_utf8(read(&modules.join("modules.dep"))?)?;
    for (number, file) in in_order(&table).iter().enumerate() {
        let name = file.rsplit('/').next().unwrap_or(file);
        cpio.entry(&format!("modules/{number:02}-{name}"), 0o100_644, &read(&modules.join(file))?);
    }
    Ok(cpio.end())
}

/// Files of the wanted modules, each after what it needs: `file: dependency dependency ...`, the nearest first.
fn in_order(table: &str) -> Vec<&str> {
    let mut seen = BTreeSet::new();
    let mut order = Vec::new();
    for wanted in WANTED {
        let named = |file: &str| file.rsplit('/').next().and_then(|name| name.strip_suffix(".ko")) == Some(wanted);
        let found = table.lines().filter_map(|line| line.split_once(':')).find(|(file, _)| named(file));
        let Some((file, needs)) = found else { continue };
        for file in needs.split_whitespace().rev().chain([file]) {
            if seen.insert(file) {
                order.push(file);
            }
        }
    }
    order
}

/// The "newc" format: <https://docs.kernel.org/driver-api/early-userspace/buffer-format.html>.
#[derive(Default)]
struct Cpio {
    bytes: Vec<u8>,
    inode: usize,
}

impl Cpio {
    fn entry(&mut self, name: &str, mode: u32, content: &[u8]) {
        self.inode += 1;
        let mut header = String::from("070701");
        let mode = usize::try_from(mode).unwrap_or_default();
        let fields = [self.inode, mode, 0, 0, 1, 0, content.len(), 0, 0, 0, 0, name.len() + 1, 0];
        for field in fields {
            write!(header, "{field:08X}").unwrap_or_default();
        }
        self.bytes.extend(header.as_bytes());
        self.bytes.extend(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend(content);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn end(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, b"");
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_come_after_what_they_need() {
        let table = "kernel/fs/ext4.ko: kernel/lib/mbcache.ko kernel/fs/jbd2.ko\n\
                     kernel/drivers/virtio_blk.ko: kernel/drivers/virtio_ring.ko kernel/drivers/virtio.ko\n\
                     kernel/drivers/virtio_pci.ko: kernel/drivers/virtio_ring.ko kernel/drivers/virtio.ko\n";
        let names: Vec<_> = in_order(table).iter().map(|file| file.rsplit('/').next().unwrap()).collect();
        assert_eq!(
            names,
            ["virtio.ko", "virtio_ring.ko", "virtio_pci.ko", "virtio_blk.ko", "jbd2.ko", "mbcache.ko", "ext4.ko"]
        );
    }

    #[test]
    fn entries_are_padded_to_four_bytes() {
        let mut cpio = Cpio::default();
        cpio.entry("a", 0o100_644, b"xyz");
        assert_eq!(cpio.bytes.len(), 112 + 4);
        assert!(cpio.end().len().is_multiple_of(4));
    }
}
