//! What the containers run: programs that number their lines, so that a missing one shows.

use super::chance::Chance;

/// A program of a container.
#[derive(Debug, Clone, Copy)]
pub(super) enum Payload {
    /// Counts until SIGTERM, then says how far it came and ends with 42.
    Counter,
    /// Counts to `lines` as fast as it can and ends with `code`.
    Burst { lines: u32, code: i64 },
}

/// How a counter ends that was asked to.
pub(super) const ASKED: i64 = 42;

impl Payload {
    pub(super) fn choose(chance: &mut Chance) -> Self {
        if chance.one_in(3) {
            let lines = if chance.one_in(3) { 3000 } else { 10 };
            Self::Burst { lines, code: 1 + chance.below(100) as i64 }
        } else {
            Self::Counter
        }
    }

    /// The first line comes when a SIGTERM is heeded, the last tells the number of the one before it.
    pub(super) fn script(self) -> String {
        match self {
            Self::Counter => "i=0; trap 'end=1' TERM; echo begin; \
                while [ -z \"$end\" ]; do i=$((i+1)); echo $i; sleep 0.02; done; echo bye $i; exit 42"
                .to_owned(),
            Self::Burst { lines, code } => format!("echo begin; seq 1 {lines}; echo bye {lines}; exit {code}"),
        }
    }

    /// The exit code of one that nobody touches.
    pub(super) fn own_code(self) -> Option<i64> {
        match self {
            Self::Counter => None,
            Self::Burst { code, .. } => Some(code),
        }
    }
}
