//! RFC 3339 with nanoseconds, in UTC.

/// A point in time as text, `2026-01-02T03:04:05.123456789Z`. Setting it again within the same second writes only the
/// fraction.
#[derive(Debug, Clone)]
pub(super) struct Stamp {
    text: [u8; 30],
    second: u64,
    nanosecond: u64,
}

const NANOS: u64 = 1_000_000_000;

impl Stamp {
    /// 1970.
    pub(super) fn new() -> Self {
        Self { text: *b"1970-01-01T00:00:00.000000000Z", second: 0, nanosecond: 0 }
    }

    /// Nanoseconds since 1970.
    pub(super) fn set(&mut self, now: u64) {
        let (second, nanosecond) = (now / NANOS, now % NANOS);
        if second != self.second {
            self.second = second;
            let (year, month, day) = date(second / 86_400);
            let of_day = second % 86_400;
            self.digits(0, 4, year);
            self.digits(5, 2, month);
            self.digits(8, 2, day);
            self.digits(11, 2, of_day / 3600);
            self.digits(14, 2, of_day / 60 % 60);
            self.digits(17, 2, of_day % 60);
        }
        if nanosecond != self.nanosecond {
            self.nanosecond = nanosecond;
            self.digits(20, 9, nanosecond);
        }
    }

    /// The text.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.text
    }

    fn digits(&mut self, at: usize, count: usize, mut number: u64) {
        for slot in self.text.iter_mut().skip(at).take(count).rev() {
            *slot = b'0' + (number % 10).to_le_bytes()[0];
            number /= 10;
        }
    }
}

/// Year, month and day of a day since 1970. Counted from 1 March of year 0, where leap days come last in their year, 4
/// centuries make an era of 146097 days, and the months' lengths follow one line.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(now: u64) -> String {
        let mut stamp = Stamp::new();
        stamp.set(now);
        String::from_utf8(stamp.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn known_times() {
        assert_eq!(stamp(0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(stamp(1_767_323_045_123_456_789), "2026-01-02T03:04:05.123456789Z");
        assert_eq!(stamp(951_782_399_000_000_001), "2000-02-28T23:59:59.000000001Z");
        assert_eq!(stamp(951_782_400 * NANOS), "2000-02-29T00:00:00.000000000Z");
        assert_eq!(stamp(4_107_542_399 * NANOS), "2100-02-28T23:59:59.000000000Z");
        assert_eq!(stamp(4_107_542_400 * NANOS), "2100-03-01T00:00:00.000000000Z");
    }

    #[test]
    fn days_follow_each_other_for_four_centuries() {
        let mut before = date(0);
        assert_eq!(before, (1970, 1, 1));
        for day in 1..146_097 + 10 {
            let (year, month, of_month) = date(day);
            let expected = match before {
                _ if of_month > 1 => (year, month, before.2 + 1),
                (y, 12, 31) => (y + 1, 1, 1),
                (y, m, last) => {
                    let leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
                    let length = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30];
                    assert_eq!(last, length[usize::try_from(m).unwrap() - 1], "{y}-{m}");
                    (y, m + 1, 1)
                }
            };
            assert_eq!((year, month, of_month), expected);
            before = (year, month, of_month);
        }
    }

    #[test]
    fn setting_it_again_changes_what_changed() {
        let mut stamp = Stamp::new();
        for now in [5, NANOS - 1, NANOS, 61 * NANOS + 7, 61 * NANOS, 3 * 86_400 * NANOS] {
            stamp.set(now);
            assert_eq!(stamp.as_bytes(), self::stamp(now).as_bytes());
        }
    }
}
