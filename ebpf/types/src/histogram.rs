//! Histograms with fixed bounds: the kernel side counts, the user side names the bounds to Prometheus.

/// Buckets of every histogram, the last one without an upper bound.
pub const BUCKETS: usize = 14;

/// Counts that are not cumulative, and the sum of what was counted.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// How many values fell between the previous bound and this one.
    pub counts: [u64; BUCKETS],
    /// Their sum in nanoseconds.
    pub sum_ns: u64,
}
const _: () = assert!(size_of::<Histogram>() == 8 * (BUCKETS + 1));

const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;

/// Upper bounds for stalls of a CPU queue, in nanoseconds. Dense around the CFS period's usual 100 ms.
pub const STALL_BOUNDS: [u64; BUCKETS - 1] = [
    500 * MICROSECOND,
    MILLISECOND,
    2_500 * MICROSECOND,
    5 * MILLISECOND,
    10 * MILLISECOND,
    25 * MILLISECOND,
    50 * MILLISECOND,
    75 * MILLISECOND,
    100 * MILLISECOND,
    150 * MILLISECOND,
    250 * MILLISECOND,
    500 * MILLISECOND,
    SECOND,
];

/// Upper bounds for the wait for a CPU, in nanoseconds.
pub const RUNQUEUE_BOUNDS: [u64; BUCKETS - 1] = [
    5 * MICROSECOND,
    10 * MICROSECOND,
    25 * MICROSECOND,
    50 * MICROSECOND,
    100 * MICROSECOND,
    250 * MICROSECOND,
    500 * MICROSECOND,
    MILLISECOND,
    2_500 * MICROSECOND,
    5 * MILLISECOND,
    10 * MILLISECOND,
    50 * MILLISECOND,
    250 * MILLISECOND,
];

/// Upper bounds for a process's life, in nanoseconds.
pub const LIFETIME_BOUNDS: [u64; BUCKETS - 1] = [
    MILLISECOND,
    2_500 * MICROSECOND,
    5 * MILLISECOND,
    10 * MILLISECOND,
    50 * MILLISECOND,
    100 * MILLISECOND,
    500 * MILLISECOND,
    SECOND,
    5 * SECOND,
    30 * SECOND,
    60 * SECOND,
    600 * SECOND,
    3_600 * SECOND,
];

/// The bucket of a value: how many bounds it is above.
///
/// By the sign of the difference, without a branch. The verifier follows both ways of every comparison, and a program that
/// looks at each of some hundred CPUs would be too long for it. What the compiler does not see through, it does not turn
/// into comparisons either.
#[inline(always)]
pub fn bucket(bounds: &[u64; BUCKETS - 1], value: u64) -> usize {
    let value = core::hint::black_box(value.min(i64::MAX as u64));
    let mut index = 0;
    for bound in bounds {
        index += (bound.wrapping_sub(value) >> 63) as usize;
    }
    index
}

impl Histogram {
    /// How many values were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Adds another one's counts: the same container's earlier run.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.sum_ns += other.sum_ns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_own_bucket_as_prometheus_has_it() {
        for bounds in [&STALL_BOUNDS, &RUNQUEUE_BOUNDS, &LIFETIME_BOUNDS] {
            assert!(bounds.is_sorted());
            assert_eq!(bucket(bounds, 0), 0);
            for (index, bound) in bounds.iter().enumerate() {
                assert_eq!(bucket(bounds, *bound), index);
                assert_eq!(bucket(bounds, *bound + 1), index + 1);
            }
            assert_eq!(bucket(bounds, u64::MAX), BUCKETS - 1);
        }
    }

    #[test]
    fn sums_of_two_runs_are_one_histogram() {
        let mut first = Histogram { sum_ns: 5, ..Histogram::default() };
        first.counts[2] = 3;
        let mut second = first;
        second.add(&first);
        assert_eq!((second.count(), second.sum_ns), (6, 10));
    }
}
