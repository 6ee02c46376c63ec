//! Comparing an argument of a system call with a constant.

/// `argument[index] op value`, 64 bits unsigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Comparison {
    /// 0 to 5.
    pub(super) index: u8,
    pub(super) op: Op,
    pub(super) value: u64,
}

/// libseccomp's operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Ne,
    Lt,
    Le,
    Eq,
    Ge,
    Gt,
    /// `argument & mask == value`.
    MaskedEq {
        mask: u64,
    },
}

impl Comparison {
    pub(super) fn new(index: u8, op: Op, value: u64) -> Self {
        Self { index, op, value }
    }

    /// The meaning, for tests of the compiled form.
    #[cfg(test)]
    pub(super) fn holds(&self, arguments: [u64; 6]) -> bool {
        let argument = arguments[usize::from(self.index)];
        match self.op {
            Op::Ne => argument != self.value,
            Op::Lt => argument < self.value,
            Op::Le => argument <= self.value,
            Op::Eq => argument == self.value,
            Op::Ge => argument >= self.value,
            Op::Gt => argument > self.value,
            Op::MaskedEq { mask } => argument & mask == self.value,
        }
    }
}
