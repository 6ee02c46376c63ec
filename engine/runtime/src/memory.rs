//! The daemon's own memory: what it needed once goes back to the host.

use crate::sys::{malloc, text};

/// Sets the allocator up for a daemon that is idle most of the time. To be called before threads are made.
pub fn tune_allocator() {
    malloc::give_memory_back();
}

/// Returns free memory and the code that has run so far to the host: after the start, whose work is not repeated. Takes about a
/// millisecond.
pub fn trim() {
    malloc::trim();
    text::unmap();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resident_kib() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// KiB of code that is mapped right now.
    fn resident_code() -> u64 {
        let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut is_code = false;
        let mut sum = 0;
        for line in smaps.lines() {
            match line.strip_prefix("Rss:") {
                Some(size) if is_code => sum += size.trim().trim_end_matches(" kB").parse::<u64>().unwrap(),
                Some(_) => {}
                // The head of a mapping has its permissions, a detail its name first.
                None if !line.split_ascii_whitespace().next().is_some_and(|word| word.ends_with(':')) => {
                    is_code = line.contains(" r-xp ");
                }
                None => {}
            }
        }
        sum
    }

    #[test]
    fn code_leaves_memory_and_runs_again() {
        let before = resident_code();
        trim();
        assert!(resident_code() < before, "{before} KiB of code before, {} after", resident_code());
    }

    #[test]
    fn what_was_freed_is_gone() {
        tune_allocator();
        // Twice: without the fixed threshold the second round would stay in the heap.
        for _ in 0..2 {
            drop(vec![1_u8; 16 << 20]);
        }
        let small: Vec<Box<[u8; 4096]>> = (0..4096).map(|_| Box::new([1; 4096])).collect();
        let held = resident_kib();
        drop(small);
        trim();
        assert!(resident_kib() + 12 * 1024 < held, "{held} KiB held before, {} after", resident_kib());
    }
}
