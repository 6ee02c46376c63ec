//! The eBPF program that stands for device rules on v2, generated from a [`DevicePolicy`] as pure data.
//!
//! It reads three words of `struct bpf_cgroup_dev_ctx` (access and kind, major, minor), compares them with each
//! exception in turn and returns 1 (allow) or 0. An exception to "deny" matches when *all* that is asked for is in it,
//! one to "allow" when *any* of it is: so decides the v1 kernel, too.

use super::device::{DeviceKind, DevicePolicy, DeviceRule};

/// One eBPF instruction, as `struct bpf_insn`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Insn {
    pub(crate) code: u8,
    /// Destination in the low four bits, source in the high ones.
    pub(crate) registers: u8,
    pub(crate) offset: i16,
    pub(crate) immediate: i32,
}

impl Insn {
    /// Little endian, as on every host that Hull runs on.
    pub(crate) fn to_bytes(self) -> [u8; 8] {
        let mut bytes = [self.code, self.registers, 0, 0, 0, 0, 0, 0];
        bytes[2..4].copy_from_slice(&self.offset.to_ne_bytes());
        bytes[4..8].copy_from_slice(&self.immediate.to_ne_bytes());
        bytes
    }
}

// Registers: r1 is the context; the rest is free.
const RESULT: u8 = 0;
const CONTEXT: u8 = 1;
const KIND: u8 = 2;
const ACCESS: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;
const ASKED: u8 = 6;

const LDX_W: u8 = 0x61;
const MOV_K: u8 = 0xb4;
const MOV_X: u8 = 0xbc;
const AND_K: u8 = 0x54;
const RSH_K: u8 = 0x74;
const JNE_K: u8 = 0x56;
const JEQ_K: u8 = 0x16;
const EXIT: u8 = 0x95;

/// The whole program.
pub(crate) fn generate(policy: &DevicePolicy) -> Vec<Insn> {
    let mut program = vec![
        load(KIND, 0),
        with_register(MOV_X, ACCESS, KIND),
        with_constant(AND_K, KIND, 0xffff),
        with_constant(RSH_K, ACCESS, 16),
        load(MAJOR, 4),
        load(MINOR, 8),
    ];
    for exception in &policy.exceptions {
        program.extend(exception_code(exception));
    }
    program.extend(answer(policy.allow_by_default));
    program
}

fn exception_code(rule: &DeviceRule) -> Vec<Insn> {
    // Every comparison that fails jumps behind the block, so the block is built first and the jumps are set then.
    let mut block = Vec::new();
    match rule.kind {
        DeviceKind::Block => block.push(with_constant(JNE_K, KIND, 1)),
        DeviceKind::Char => block.push(with_constant(JNE_K, KIND, 2)),
        DeviceKind::All => {}
    }
    for (register, number) in [(MAJOR, rule.major), (MINOR, rule.minor)] {
        // Device numbers have at most 20 bits, so the sign of the immediate does not matter.
        block.extend(number.map(|n| with_constant(JNE_K, register, n.cast_signed())));
    }
    block.push(with_register(MOV_X, ASKED, ACCESS));
    let mask = i32::from(rule.access.bits());
    if rule.allow {
        block.push(with_constant(AND_K, ASKED, !mask));
        block.push(with_constant(JNE_K, ASKED, 0));
    } else {
        block.push(with_constant(AND_K, ASKED, mask));
        block.push(with_constant(JEQ_K, ASKED, 0));
    }
    block.extend(answer(rule.allow));
    let end = block.len();
    for (at, insn) in block.iter_mut().enumerate() {
        if matches!(insn.code, JNE_K | JEQ_K) {
            insn.offset = i16::try_from(end - at - 1).unwrap_or(i16::MAX);
        }
    }
    block
}

fn answer(allow: bool) -> [Insn; 2] {
    [with_constant(MOV_K, RESULT, i32::from(allow)), with_constant(EXIT, 0, 0)]
}

fn load(register: u8, offset: i16) -> Insn {
    Insn { code: LDX_W, registers: register | CONTEXT << 4, offset, immediate: 0 }
}

fn with_register(code: u8, destination: u8, source: u8) -> Insn {
    Insn { code, registers: destination | source << 4, offset: 0, immediate: 0 }
}

fn with_constant(code: u8, destination: u8, immediate: i32) -> Insn {
    Insn { code, registers: destination, offset: 0, immediate }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::device::Access;

    /// What the kernel would run: enough of an eBPF machine for the instructions above.
    fn run(program: &[Insn], kind: u32, asked: Access, major: u32, minor: u32) -> bool {
        let context = [kind | u32::from(asked.bits()) << 16, major, minor];
        let mut registers = [0_u32; 8];
        let mut at = 0;
        loop {
            let insn = program[at];
            let (to, from) = (usize::from(insn.registers & 15), usize::from(insn.registers >> 4));
            let constant = insn.immediate.cast_unsigned();
            at += 1;
            let taken = match insn.code {
                LDX_W => {
                    registers[to] = context[usize::try_from(insn.offset).unwrap() / 4];
                    false
                }
                MOV_K => {
                    registers[to] = constant;
                    false
                }
                MOV_X => {
                    registers[to] = registers[from];
                    false
                }
                AND_K => {
                    registers[to] &= constant;
                    false
                }
                RSH_K => {
                    registers[to] >>= constant;
                    false
                }
                JNE_K => registers[to] != constant,
                JEQ_K => registers[to] == constant,
                EXIT => return registers[0] == 1,
                other => panic!("instruction {other:#x}"),
            };
            if taken {
                at += usize::try_from(insn.offset).unwrap();
            }
        }
    }

    fn rule(allow: bool, kind: DeviceKind, major: Option<u32>, minor: Option<u32>, access: &str) -> DeviceRule {
        DeviceRule { allow, kind, major, minor, access: Access::parse(access).unwrap() }
    }

    const BLOCK: u32 = 1;
    const CHAR: u32 = 2;

    #[test]
    fn deny_by_default_with_exceptions() {
        let policy = DevicePolicy::of(&[
            rule(false, DeviceKind::All, None, None, "rwm"),
            rule(true, DeviceKind::Char, Some(1), Some(3), "rw"),
            rule(true, DeviceKind::Char, Some(136), None, "rwm"),
            rule(true, DeviceKind::Block, None, None, "m"),
        ]);
        let program = generate(&policy);
        let asked = |text| Access::parse(text).unwrap();
        for (kind, access, major, minor, allowed) in [
            (CHAR, "r", 1, 3, true),
            (CHAR, "rw", 1, 3, true),
            (CHAR, "rwm", 1, 3, false),
            (CHAR, "r", 1, 5, false),
            (BLOCK, "r", 1, 3, false),
            (CHAR, "rw", 136, 77, true),
            (BLOCK, "m", 8, 0, true),
            (BLOCK, "r", 8, 0, false),
        ] {
            assert_eq!(run(&program, kind, asked(access), major, minor), allowed, "{kind} {access} {major}:{minor}");
        }
    }

    #[test]
    fn allow_by_default_denies_what_overlaps() {
        let program = generate(&DevicePolicy::of(&[rule(false, DeviceKind::Block, Some(8), None, "w")]));
        assert!(run(&program, BLOCK, Access::READ, 8, 1));
        assert!(!run(&program, BLOCK, Access::parse("rw").unwrap(), 8, 1));
        assert!(run(&program, CHAR, Access::WRITE, 8, 1));
    }

    #[test]
    fn instructions_have_the_kernels_layout() {
        let insn = Insn { code: JNE_K, registers: MAJOR, offset: 6, immediate: -8 };
        assert_eq!(insn.to_bytes(), [0x56, 4, 6, 0, 0xf8, 0xff, 0xff, 0xff]);
    }
}
