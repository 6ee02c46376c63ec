//! The compiled programs, run by a small machine in place of the kernel's.

use super::argument::{Comparison, Op};
use super::compile::{AND, Insn, JEQ, JGE, JGT, JUMP, LOAD, RETURN, program};
use super::numbers::{ABI_AARCH64, ABI_X86, ABI_X86_64, Abi};
use super::profile::{Action, Rule, Rules};
use super::{Filters, Profile, custom, default_profile};
use oci_spec::runtime::{Capabilities, Capability};
use proptest::prelude::*;

fn run(program: &[Insn], audit: u32, number: u32, arguments: [u64; 6]) -> u32 {
    let mut data = [0_u8; 64];
    data[0..4].copy_from_slice(&number.to_ne_bytes());
    data[4..8].copy_from_slice(&audit.to_ne_bytes());
    for (index, argument) in arguments.iter().enumerate() {
        data[16 + 8 * index..24 + 8 * index].copy_from_slice(&argument.to_ne_bytes());
    }
    let (mut at, mut a) = (0, 0_u32);
    loop {
        let insn = program[at];
        at += 1;
        let offset = usize::try_from(insn.k).unwrap_or(usize::MAX);
        let jump = |taken: bool| usize::from(if taken { insn.jt } else { insn.jf });
        match insn.code {
            LOAD => a = u32::from_ne_bytes(data[offset..offset + 4].try_into().unwrap()),
            AND => a &= insn.k,
            JUMP => at += offset,
            JEQ => at += jump(a == insn.k),
            JGT => at += jump(a > insn.k),
            JGE => at += jump(a >= insn.k),
            RETURN => return insn.k,
            other => panic!("instruction {other:#x}"),
        }
    }
}

fn default(extra: &[Capability]) -> Vec<Insn> {
    let capabilities: Capabilities = crate::capabilities::DEFAULT.iter().chain(extra).copied().collect();
    program(&default_profile::rules(&capabilities), &[ABI_X86_64, ABI_X86]).unwrap()
}

fn call(program: &[Insn], abi: &Abi, name: &str, arguments: [u64; 6]) -> u32 {
    run(program, abi.audit, abi.number(name).unwrap(), arguments)
}

const ALLOW: u32 = 0x7fff_0000;
const EPERM: u32 = 0x0005_0001;
const ENOSYS: u32 = 0x0005_0026;
const NONE: [u64; 6] = [0; 6];

#[test]
fn the_default_profile_decides_as_dockers() {
    let filter = default(&[]);
    let first = |value| [value, 0, 0, 0, 0, 0];
    for (name, arguments, wanted) in [
        ("read", NONE, ALLOW),
        ("execve", NONE, ALLOW),
        ("chroot", NONE, ALLOW),
        ("mount", NONE, EPERM),
        ("unshare", NONE, EPERM),
        ("keyctl", NONE, EPERM),
        ("io_uring_setup", NONE, EPERM),
        ("kexec_load", NONE, EPERM),
        ("open_by_handle_at", NONE, EPERM),
        ("clone3", NONE, ENOSYS),
        ("clone", first(0x11), ALLOW),
        ("clone", first(0x1000_0011), EPERM),
        ("clone", first(0x2_0000), EPERM),
        ("personality", first(0), ALLOW),
        ("personality", first(0xffff_ffff), ALLOW),
        ("personality", first(0x4_0000), EPERM),
        ("socket", first(2), ALLOW),
        ("socket", first(16), ALLOW),
        ("socket", first(38), EPERM),
        ("socket", first(40), EPERM),
        ("socket", first(44), ALLOW),
        ("socket", first(46), EPERM),
        ("socket", first(1 << 32 | 40), EPERM),
        ("ptrace", NONE, ALLOW),
        ("bpf", NONE, EPERM),
        ("mseal", NONE, ALLOW),
    ] {
        assert_eq!(call(&filter, &ABI_X86_64, name, arguments), wanted, "{name} {arguments:x?}");
    }
}

#[test]
fn capabilities_open_what_they_are_for() {
    let admin = default(&[Capability::SysAdmin]);
    for name in ["mount", "clone3", "setns", "bpf"] {
        assert_eq!(call(&admin, &ABI_X86_64, name, NONE), ALLOW, "{name}");
    }
    assert_eq!(call(&admin, &ABI_X86_64, "clone", [0x1000_0011, 0, 0, 0, 0, 0]), ALLOW);
    assert_eq!(call(&default(&[Capability::SysTime]), &ABI_X86_64, "clock_settime", NONE), ALLOW);
    assert_eq!(call(&default(&[Capability::Bpf]), &ABI_X86_64, "bpf", NONE), ALLOW);
}

#[test]
fn other_abis_are_not_a_way_around() {
    let filter = default(&[]);
    assert_eq!(call(&filter, &ABI_X86, "read", NONE), ALLOW);
    assert_eq!(call(&filter, &ABI_X86, "socketcall", NONE), ALLOW);
    assert_eq!(call(&filter, &ABI_X86, "mount", NONE), EPERM);
    // x32: the same audit value, a bit in the number
    assert_eq!(run(&filter, ABI_X86_64.audit, 0x4000_0000, NONE), ENOSYS);
    // an ABI that this machine has not
    assert_eq!(run(&filter, ABI_AARCH64.audit, 63, NONE), ENOSYS);
    // a call of tomorrow's kernel
    assert_eq!(run(&filter, ABI_X86_64.audit, 480, NONE), ENOSYS);
    assert_eq!(run(&filter, ABI_X86_64.audit, 400, NONE), EPERM, "a hole in the table");
}

#[test]
fn the_program_is_short() {
    let length = default(&[]).len();
    assert!(length < 600, "{length} instructions");
}

#[test]
fn a_custom_profile_is_resolved_for_capabilities_and_machine() {
    let json = r#"{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,"syscalls":[
        {"names":["read","write"],"action":"SCMP_ACT_ALLOW"},
        {"name":"reboot","action":"SCMP_ACT_ALLOW","includes":{"caps":["CAP_SYS_BOOT"]}},
        {"names":["mkdir"],"action":"SCMP_ACT_KILL_PROCESS","excludes":{"arches":["amd64","arm64"]}},
        {"names":["socket"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":2,"op":"SCMP_CMP_EQ"},{"index":0,"value":10,"op":"SCMP_CMP_EQ"}]},
        {"names":["clone"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":4096,"valueTwo":0,"op":"SCMP_CMP_MASKED_EQ"}]}]}"#;
    let resolve = |caps: Capabilities| program(&custom::rules(json, &caps).unwrap(), &[ABI_X86_64]).unwrap();
    let (plain, boot) = (resolve(Capabilities::new()), resolve([Capability::SysBoot].into()));
    assert_eq!(call(&plain, &ABI_X86_64, "read", NONE), ALLOW);
    assert_eq!(call(&plain, &ABI_X86_64, "open", NONE), ENOSYS);
    assert_eq!(call(&plain, &ABI_X86_64, "mkdir", NONE), ENOSYS);
    assert_eq!(call(&plain, &ABI_X86_64, "reboot", NONE), ENOSYS);
    assert_eq!(call(&boot, &ABI_X86_64, "reboot", NONE), ALLOW);
    assert_eq!(call(&plain, &ABI_X86_64, "socket", [10, 0, 0, 0, 0, 0]), ALLOW);
    assert_eq!(call(&plain, &ABI_X86_64, "socket", [3, 0, 0, 0, 0, 0]), ENOSYS);
    assert_eq!(call(&plain, &ABI_X86_64, "clone", [4096, 0, 0, 0, 0, 0]), ENOSYS);
}

#[test]
fn a_profile_that_allows_by_default_allows_new_calls() {
    let json = r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["chmod"],"action":"SCMP_ACT_ERRNO"}]}"#;
    let filter = program(&custom::rules(json, &Capabilities::new()).unwrap(), &[ABI_X86_64]).unwrap();
    assert_eq!(run(&filter, ABI_X86_64.audit, 480, NONE), ALLOW);
    assert_eq!(call(&filter, &ABI_X86_64, "chmod", NONE), EPERM);
}

#[test]
fn what_is_no_profile_is_refused() {
    for (json, message) in [
        ("{", "EOF while parsing"),
        (r#"{"defaultAction":"SCMP_ACT_DANCE"}"#, "invalid seccomp action: SCMP_ACT_DANCE"),
        (r#"{}"#, "invalid seccomp action: "),
        (
            r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"name":"read","action":"SCMP_ACT_LOG","args":[{"index":6,"op":"SCMP_CMP_EQ"}]}]}"#,
            "seccomp argument index 6 is out of range",
        ),
    ] {
        let error = custom::rules(json, &Capabilities::new()).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
}

#[test]
fn each_pair_of_profile_and_capabilities_is_compiled_once() {
    let filters = Filters::new();
    let caps: Capabilities = crate::capabilities::DEFAULT.into_iter().collect();
    let first = filters.get(&Profile::Default, &caps).unwrap().unwrap();
    let second = filters.get(&Profile::Default, &caps).unwrap().unwrap();
    assert!(std::sync::Arc::ptr_eq(&first, &second));
    assert_ne!(first, filters.get(&Profile::Default, &Capabilities::new()).unwrap().unwrap());
    assert_eq!(filters.get(&Profile::Unconfined, &caps).unwrap(), None);
}

fn comparisons() -> impl Strategy<Value = Comparison> {
    let edge = prop_oneof![Just(0), Just(1), Just(0xffff_ffff), Just(1 << 32), Just(u64::MAX), any::<u64>()];
    let op = prop_oneof![
        Just(Op::Ne),
        Just(Op::Lt),
        Just(Op::Le),
        Just(Op::Eq),
        Just(Op::Ge),
        Just(Op::Gt),
        any::<u64>().prop_map(|mask| Op::MaskedEq { mask }),
    ];
    (0_u8..6, op, edge).prop_map(|(index, op, value)| Comparison { index, op, value })
}

proptest! {
    #[test]
    fn comparisons_mean_what_they_say(list in prop::collection::vec(comparisons(), 1..4), near in any::<bool>(), random in any::<[u64; 6]>()) {
        let mut arguments = random;
        if near {
            for comparison in &list {
                arguments[usize::from(comparison.index)] = comparison.value;
            }
        }
        let holds = list.iter().all(|c| c.holds(arguments));
        let rule = Rule { names: vec!["read".to_owned()], action: Action::Allow, arguments: list };
        let filter = program(&Rules { default: Action::Errno(1), list: vec![rule] }, &[ABI_X86_64]).unwrap();
        prop_assert_eq!(run(&filter, ABI_X86_64.audit, 0, arguments), if holds { ALLOW } else { EPERM });
    }
}
