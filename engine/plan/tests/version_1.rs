//! Version 1 of the protocol, byte by byte. Shims that speak it run under every newer daemon for as long as their containers run, so these
//! bytes never change: a test that fails here says that old containers would be lost.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use hull_plan::frame::HEADER;
use hull_plan::{ExitRecord, Frame, FrameHeader, Plan, PlanBuilder, Step, StepKind};

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a daemon says, and what a shim answers: kind, stream, version, length, payload.
fn frames() -> Vec<(Frame<'static>, &'static str)> {
    let record = ExitRecord { pid: 0x0102, code: 137, signal: 9, oom_killed: true, started_at: 3, finished_at: 4 };
    vec![
        (Frame::Start { plan: b"plan" }, "01 00 0100 04000000 706c616e"),
        (Frame::Exec { id: c"e1", plan: b"plan" }, "02 00 0100 0b000000 03000000 653100 706c616e"),
        (Frame::Attach { stdin: true }, "03 00 0100 01000000 01"),
        (Frame::AttachExec { id: c"e1", stdin: false }, "04 00 0100 08000000 03000000 653100 00"),
        (Frame::Subscribe { target: c"" }, "05 00 0100 05000000 01000000 00"),
        (Frame::Signal { target: c"e1", signal: 15 }, "06 00 0100 0b000000 03000000 653100 0f000000"),
        (Frame::Resize { target: c"", rows: 24, cols: 80 }, "07 00 0100 09000000 01000000 00 1800 5000"),
        (Frame::Stdin { bytes: b"in" }, "08 00 0100 02000000 696e"),
        (Frame::CloseStdin, "09 00 0100 00000000"),
        (Frame::Started { pid: 0x0102 }, "41 00 0100 04000000 02010000"),
        (Frame::Failed { step: StepKind::Exec, errno: 2, object: b"sh" }, "42 00 0100 08000000 1400 02000000 7368"),
        (Frame::State { pid: 0x0102 }, "43 00 0100 04000000 02010000"),
        (Frame::Attached { log_inode: 5, log_offset: 6 }, "44 00 0100 10000000 0500000000000000 0600000000000000"),
        (Frame::Output { stream: 2, bytes: b"out" }, "45 02 0100 03000000 6f7574"),
        (Frame::Exited { record }, "46 00 0100 17000000 02010000 89 09 01 0300000000000000 0400000000000000"),
        (Frame::Done, "47 00 0100 00000000"),
        (Frame::Refused { errno: 3 }, "48 00 0100 04000000 03000000"),
    ]
}

#[test]
fn frames_are_those_bytes_in_both_directions() {
    for (frame, wire) in frames() {
        let wire = bytes(wire);
        assert_eq!(hex(&frame.to_vec()), hex(&wire), "{frame:?} as it is sent");
        let (header, payload) = wire.split_first_chunk::<HEADER>().unwrap();
        let header = FrameHeader::from_bytes(*header).unwrap();
        assert_eq!(Frame::decode(&header, payload).unwrap(), frame, "as it is received");
    }
}

/// The steps of an exec: the only plan that a shim gets from a newer daemon than the one that started it.
#[test]
fn an_execs_plan_is_those_bytes() {
    let steps = [
        Step::ExitRecord { path: c"/r" },
        Step::Stdin { once: true },
        Step::Terminal { rows: 24, cols: 80 },
        Step::JoinInit { kinds: 0x2000_0000 },
        Step::Cgroup2 { path: c"/c" },
        Step::CgroupProcs { procs: c"/p" },
        Step::UnshareCgroup,
        Step::Rlimit { resource: 7, soft: 1, hard: 2 },
        Step::OomScoreAdj { value: -1 },
        Step::Umask { mask: 0o22 },
        Step::User { spec: c"u" },
        Step::Group { spec: c"g" },
        Step::Cwd { path: c"/" },
        Step::NoNewPrivileges,
        Step::Capabilities { bounding: 1, effective: 2, permitted: 3, inheritable: 4, ambient: 5 },
        Step::Seccomp { flags: 1, program: b"12345678" },
        Step::Env { entry: c"A=b" },
        Step::Arg { value: c"sh" },
    ];
    let wire = "48554c4c 0100 0000
        03 07000000 03000000 2f7200
        06 01000000 01
        07 04000000 1800 5000
        16 08000000 0000002000000000
        17 07000000 03000000 2f6300
        18 07000000 03000000 2f7000
        28 00000000
        29 14000000 07000000 0100000000000000 0200000000000000
        2a 04000000 ffffffff
        3b 04000000 12000000
        3c 06000000 02000000 7500
        3d 06000000 02000000 6700
        3e 06000000 02000000 2f00
        3f 00000000
        40 28000000 0100000000000000 0200000000000000 0300000000000000 0400000000000000 0500000000000000
        41 10000000 01000000 08000000 3132333435363738
        42 08000000 04000000 413d6200
        43 07000000 03000000 736800";
    let wire = bytes(wire);
    let plan = steps.into_iter().collect::<PlanBuilder>().finish().unwrap();
    assert_eq!(hex(plan.as_bytes()), hex(&wire));
    assert_eq!(Plan::from_bytes(wire).unwrap().steps().collect::<Vec<_>>(), steps);
}

/// So that an old shim does not refuse what it knows because its daemon knows more.
#[test]
fn frames_and_plans_say_the_version_that_they_need() {
    for (frame, _) in frames() {
        assert_eq!(frame.header().version, 1, "{frame:?}");
    }
    assert_eq!(FrameHeader::output(1, 5).version, 1);
    let version = |steps: &[Step<'_>]| {
        let plan = steps.iter().copied().collect::<PlanBuilder>().finish().unwrap();
        u16::from_le_bytes([plan.as_bytes()[4], plan.as_bytes()[5]])
    };
    assert_eq!(version(&[]), 1);
    assert_eq!(version(&[Step::LogAttributes { json: c"{}" }, Step::PivotRoot]), 2, "a step of version 2");
}
