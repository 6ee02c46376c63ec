//! Rules to classic BPF: a binary search over ranges of numbers for each ABI, comparisons of arguments at the leaves.

use super::SeccompError;
use super::argument::{Comparison, Op};
use super::numbers::Abi;
use super::profile::{Action, Rules};
use std::collections::BTreeMap;

/// `struct sock_filter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Insn {
    pub(super) code: u16,
    pub(super) jt: u8,
    pub(super) jf: u8,
    pub(super) k: u32,
}

impl Insn {
    pub(super) fn to_bytes(self) -> [u8; 8] {
        let [c0, c1] = self.code.to_ne_bytes();
        let [k0, k1, k2, k3] = self.k.to_ne_bytes();
        [c0, c1, self.jt, self.jf, k0, k1, k2, k3]
    }
}

pub(super) const LOAD: u16 = 0x20;
pub(super) const AND: u16 = 0x54;
pub(super) const JUMP: u16 = 0x05;
pub(super) const JEQ: u16 = 0x15;
pub(super) const JGT: u16 = 0x25;
pub(super) const JGE: u16 = 0x35;
pub(super) const RETURN: u16 = 0x06;

/// The kernel's `BPF_MAXINSNS`.
const MAX: usize = 4096;
/// Offsets in `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const ARGUMENTS: u32 = 16;

/// What a range of numbers comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Decision {
    /// Tried in order.
    conditional: Vec<(Vec<Comparison>, Action)>,
    otherwise: Action,
}

/// One program for all these ABIs. A process of any other gets `ENOSYS` from everything.
pub(super) fn program(rules: &Rules, abis: &[Abi]) -> Result<Vec<Insn>, SeccompError> {
    let mut program = vec![plain(LOAD, ARCH)];
    for abi in abis {
        let mut body = vec![plain(LOAD, NUMBER)];
        body.extend(search(&ranges(rules, abi))?);
        program.push(Insn { code: JEQ, jt: 1, jf: 0, k: abi.audit });
        program.push(plain(JUMP, length(&body)));
        program.extend(body);
    }
    program.push(plain(RETURN, Action::Errno(ENOSYS).code()));
    if program.len() > MAX { Err(SeccompError::TooLong(program.len())) } else { Ok(program) }
}

const ENOSYS: u16 = 38;

/// Ranges of numbers with their first number, in order; the first starts at 0.
fn ranges(rules: &Rules, abi: &Abi) -> Vec<(u32, Decision)> {
    let fallback = Decision { conditional: Vec::new(), otherwise: rules.default };
    let mut by_number: BTreeMap<u32, Decision> = BTreeMap::new();
    for rule in &rules.list {
        for number in rule.names.iter().filter_map(|name| abi.number(name)) {
            let decision = by_number.entry(number).or_insert_with(|| fallback.clone());
            if rule.arguments.is_empty() {
                decision.otherwise = rule.action;
            } else {
                decision.conditional.push((rule.arguments.clone(), rule.action));
            }
        }
    }
    // Where every argument comes to the same, there is nothing to compare.
    for decision in by_number.values_mut() {
        let otherwise = decision.otherwise;
        if decision.conditional.iter().all(|(_, action)| *action == otherwise) {
            decision.conditional.clear();
        }
    }
    let mut ranges: Vec<(u32, Decision)> = Vec::new();
    let mut push = |start: u32, decision: Decision| {
        if ranges.last().is_none_or(|(_, last)| *last != decision) {
            ranges.push((start, decision));
        }
    };
    let mut next = 0;
    for (number, decision) in by_number {
        if number > next {
            push(next, fallback.clone());
        }
        push(number, decision);
        next = number + 1;
    }
    if next <= abi.last() {
        push(next, fallback);
    }
    // What the kernel has learnt since: programs try and fall back on ENOSYS, but take EPERM as final. Not so where the
    // profile allows by default: then new calls are allowed, too.
    if matches!(rules.default, Action::Errno(_)) {
        push(abi.last() + 1, Decision { conditional: Vec::new(), otherwise: Action::Errno(ENOSYS) });
    }
    if let Some(end) = abi.end {
        push(end, Decision { conditional: Vec::new(), otherwise: Action::Errno(ENOSYS) });
    }
    if ranges.first().is_none_or(|(start, _)| *start != 0) {
        ranges.insert(0, (0, Decision { conditional: Vec::new(), otherwise: rules.default }));
    }
    ranges
}

fn search(ranges: &[(u32, Decision)]) -> Result<Vec<Insn>, SeccompError> {
    let [(number, decision)] = ranges else {
        let (low, high) = ranges.split_at(ranges.len() / 2);
        let middle = high.first().map_or(0, |(start, _)| *start);
        let (low, high) = (search(low)?, search(high)?);
        let mut code = match u8::try_from(low.len()) {
            Ok(jt) => vec![Insn { code: JGE, jt, jf: 0, k: middle }],
            // A conditional jump spans 255 instructions, a plain one any number.
            Err(_) => vec![Insn { code: JGE, jt: 0, jf: 1, k: middle }, plain(JUMP, length(&low))],
        };
        code.extend(low);
        code.extend(high);
        return Ok(code);
    };
    let mut code = Vec::new();
    for (comparisons, action) in &decision.conditional {
        let rule = conditional(comparisons, *action).ok_or(SeccompError::TooComplex { syscall: *number })?;
        code.extend(rule);
    }
    code.push(plain(RETURN, decision.otherwise.code()));
    Ok(code)
}

/// Where a comparison goes next.
#[derive(Clone, Copy)]
enum To {
    Next,
    /// It holds: on to the next one.
    Holds,
    /// It does not: behind the rule.
    Fails,
}

/// All comparisons, then the action; falls through behind it when one fails.
fn conditional(comparisons: &[Comparison], action: Action) -> Option<Vec<Insn>> {
    let mut code: Vec<(u16, To, To, u32)> = Vec::new();
    let mut ends = Vec::new();
    for comparison in comparisons {
        code.extend(compare(comparison));
        ends.resize(code.len(), code.len());
    }
    let behind = code.len() + 1;
    let mut out = Vec::with_capacity(behind);
    for (at, (code, jt, jf, k)) in code.into_iter().enumerate() {
        let offset = |to| {
            let target = match to {
                To::Next => at + 1,
                To::Holds => ends[at],
                To::Fails => behind,
            };
            u8::try_from(target - at - 1).ok()
        };
        let (jt, jf) = if matches!(code, JEQ | JGT | JGE) { (offset(jt)?, offset(jf)?) } else { (0, 0) };
        out.push(Insn { code, jt, jf, k });
    }
    out.push(plain(RETURN, action.code()));
    Some(out)
}

/// 64 bits, compared as two halves, the high one first.
fn compare(comparison: &Comparison) -> Vec<(u16, To, To, u32)> {
    use To::{Fails, Holds, Next};
    let at = ARGUMENTS + 8 * u32::from(comparison.index);
    let (low_at, high_at) = if cfg!(target_endian = "little") { (at, at + 4) } else { (at + 4, at) };
    let (low, high) = halves(comparison.value);
    let load = |from| (LOAD, Next, Next, from);
    match comparison.op {
        Op::Eq => vec![load(high_at), (JEQ, Next, Fails, high), load(low_at), (JEQ, Next, Fails, low)],
        Op::Ne => vec![load(high_at), (JEQ, Next, Holds, high), load(low_at), (JEQ, Fails, Next, low)],
        Op::Gt | Op::Ge => {
            let code = if comparison.op == Op::Gt { JGT } else { JGE };
            let tail = (code, Next, Fails, low);
            vec![load(high_at), (JGT, Holds, Next, high), (JEQ, Next, Fails, high), load(low_at), tail]
        }
        Op::Lt | Op::Le => {
            let code = if comparison.op == Op::Lt { JGE } else { JGT };
            let tail = (code, Fails, Next, low);
            vec![load(high_at), (JGT, Fails, Next, high), (JEQ, Next, Holds, high), load(low_at), tail]
        }
        Op::MaskedEq { mask } => {
            let (mask_low, mask_high) = halves(mask);
            let and = |mask| (AND, Next, Next, mask);
            vec![
                load(high_at),
                and(mask_high),
                (JEQ, Next, Fails, high),
                load(low_at),
                and(mask_low),
                (JEQ, Next, Fails, low),
            ]
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "that is the point")]
fn halves(value: u64) -> (u32, u32) {
    (value as u32, (value >> 32) as u32)
}

fn plain(code: u16, k: u32) -> Insn {
    Insn { code, jt: 0, jf: 0, k }
}

fn length(code: &[Insn]) -> u32 {
    u32::try_from(code.len()).unwrap_or(u32::MAX)
}
