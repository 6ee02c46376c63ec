//! Pressure stall information of the container's cgroup2 directory. It counts tasks in that directory wherever their
//! controllers are, so it is there on hybrid hosts too.

use super::catalogue::*;
use super::scrape::{Base, Scrape, seconds};
use hull_runtime::cgroup::Directory;
use std::path::Path;

/// Reads and emits what the kernel measures.
pub(super) fn collect(scrape: &mut Scrape, base: &Base, directory: &Path) {
    let files: [(&str, &'static Family, &'static Family); 3] = [
        ("cpu.pressure", &PRESSURE_CPU_WAITING, &PRESSURE_CPU_STALLED),
        ("memory.pressure", &PRESSURE_MEMORY_WAITING, &PRESSURE_MEMORY_STALLED),
        ("io.pressure", &PRESSURE_IO_WAITING, &PRESSURE_IO_STALLED),
    ];
    let directory = Directory::open(directory);
    for (file, waiting, stalled) in files {
        let text = directory.text(file).unwrap_or_default();
        if let Some(ns) = total_ns(&text, "some") {
            scrape.value(waiting, base, &[], seconds(ns));
        }
        if let Some(ns) = total_ns(&text, "full") {
            scrape.value(stalled, base, &[], seconds(ns));
        }
    }
}

/// `some avg10=0.00 avg60=0.00 avg300=0.00 total=12345`, the total in microseconds.
fn total_ns(text: &str, kind: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.split(' ').next() == Some(kind))?;
    let total: u64 = line.split(' ').find_map(|word| word.strip_prefix("total="))?.parse().ok()?;
    Some(total * 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_read_by_kind() {
        let text = "some avg10=0.04 avg60=0.16 avg300=2.30 total=119\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n";
        assert_eq!((total_ns(text, "some"), total_ns(text, "full")), (Some(119_000), Some(7_000)));
        assert_eq!(total_ns("", "some"), None);
    }
}
