//! Plans and frames: what goes in comes out, and nothing that comes in can do harm.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use hull_plan::frame::{HEADER, MAX_CHUNK, MAX_OBJECT, MAX_PAYLOAD, kind};
use hull_plan::{DecodeError, ExitRecord, Frame, FrameHeader, Plan, PlanBuilder, Step, StepKind, Steps, VERSION};
use proptest::collection::vec;
use proptest::prelude::*;
use std::ffi::CString;

fn text() -> impl Strategy<Value = CString> {
    vec(1u8.., 0..40).prop_map(|bytes| CString::new(bytes).unwrap())
}

/// Every variant, with these values in its fields. A new step that is not listed here shows in `every_tag_is_known`.
fn all_steps<'a>(a: &'a CString, b: &'a CString, bytes: &'a [u8], n: u64, small: u32, flag: bool) -> Vec<Step<'a>> {
    let (short, signed) = (small as u16, n.cast_signed());
    vec![
        Step::ShimCgroup { procs: a },
        Step::ControlSocket { path: a },
        Step::ExitRecord { path: a },
        Step::OomFile { path: a },
        Step::Log { path: a, max_size: n, max_files: small },
        Step::Stdin { once: flag },
        Step::Terminal { rows: short, cols: !short },
        Step::AttachOnStart,
        Step::LogAttributes { json: b },
        Step::Namespaces { flags: n },
        Step::JoinNamespace { kind: n, path: a },
        Step::JoinInit { kinds: n },
        Step::Cgroup2 { path: a },
        Step::CgroupProcs { procs: a },
        Step::TimeOffset { clock: small, secs: signed, nanos: !small },
        Step::UidMap { inside: small, outside: !small, count: 1 },
        Step::GidMap { inside: small, outside: !small, count: 1 },
        Step::UnshareCgroup,
        Step::Rlimit { resource: small, soft: n, hard: !n },
        Step::OomScoreAdj { value: small.cast_signed() },
        Step::Hostname { name: a },
        Step::Domainname { name: a },
        Step::RootPropagation { flags: n },
        Step::Overlay { cwd: a, options: b },
        Step::RootBind { path: a },
        Step::RootHost,
        Step::Mount { fstype: a, source: b, target: a, flags: n, data: b },
        Step::Bind { source: a, target: b, flags: n, propagation: !n },
        Step::BindOverlay { cwd: a, options: b, target: a, flags: n },
        Step::BindBeneath { source: a, subpath: b, target: a, flags: n, propagation: !n },
        Step::BindFrom { namespace: a, source: b, target: a, flags: n },
        Step::CopyUp { source: a, target: b },
        Step::Device { path: a, mode: small, major: 1, minor: 2, uid: 3, gid: !small },
        Step::Symlink { target: a, path: b },
        Step::Sysctl { key: a, value: b },
        Step::PivotRoot,
        Step::MaskPath { path: a },
        Step::ReadonlyPath { path: a },
        Step::ReadonlyRoot,
        Step::Umask { mask: small },
        Step::User { spec: a },
        Step::Group { spec: a },
        Step::Cwd { path: a },
        Step::NoNewPrivileges,
        Step::Capabilities { bounding: n, effective: !n, permitted: 1, inheritable: 2, ambient: n },
        Step::Seccomp { flags: small, program: bytes },
        Step::Init,
        Step::Env { entry: a },
        Step::Arg { value: a },
    ]
}

fn all_frames<'a>(text: &'a CString, bytes: &'a [u8], n: u64, small: u32, flag: bool) -> Vec<Frame<'a>> {
    let record =
        ExitRecord { pid: small, code: n as u8, signal: small as u8, oom_killed: flag, started_at: n, finished_at: !n };
    vec![
        Frame::Start { plan: bytes },
        Frame::Exec { id: text, plan: bytes },
        Frame::Attach { stdin: flag },
        Frame::AttachExec { id: text, stdin: flag },
        Frame::Subscribe { target: text },
        Frame::Signal { target: text, signal: small },
        Frame::Resize { target: text, rows: small as u16, cols: n as u16 },
        Frame::Stdin { bytes },
        Frame::CloseStdin,
        Frame::Started { pid: small },
        Frame::Failed { step: StepKind::Seccomp, errno: small.cast_signed(), object: bytes },
        Frame::State { pid: small },
        Frame::Attached { log_inode: n, log_offset: !n },
        Frame::Output { stream: if flag { 1 } else { 2 }, bytes },
        Frame::Exited { record },
        Frame::Done,
        Frame::Refused { errno: small.cast_signed() },
    ]
}

fn split(wire: &[u8]) -> (FrameHeader, &[u8]) {
    let (header, payload) = wire.split_first_chunk::<HEADER>().unwrap();
    (FrameHeader::from_bytes(*header).unwrap(), payload)
}

proptest! {
    #[test]
    fn steps_come_out_as_they_went_in(
        a in text(), b in text(), bytes in vec(any::<u8>(), 0..100), n in any::<u64>(), small in any::<u32>(), flag in any::<bool>(),
    ) {
        let steps = all_steps(&a, &b, &bytes, n, small, flag);
        let plan = steps.iter().copied().collect::<PlanBuilder>().finish().unwrap();
        prop_assert_eq!(plan.steps().collect::<Vec<_>>(), steps);
        let again = Plan::from_bytes(plan.as_bytes().to_vec()).unwrap();
        prop_assert_eq!(&again, &plan);
    }

    #[test]
    fn frames_come_out_as_they_went_in(
        text in text(), bytes in vec(any::<u8>(), 0..100), n in any::<u64>(), small in any::<u32>(), flag in any::<bool>(),
    ) {
        for frame in all_frames(&text, &bytes, n, small, flag) {
            let wire = frame.to_vec();
            let mut buffer = [0; 400];
            let length = frame.encode(&mut buffer).unwrap();
            prop_assert_eq!(&buffer[..length], &wire[..], "with and without an allocator");
            prop_assert_eq!(frame.encode(&mut buffer[..length - 1]), None);
            let (header, payload) = split(&wire);
            prop_assert_eq!(Frame::decode(&header, payload).unwrap(), frame);
        }
    }

    /// Random bytes rarely get far; bytes of a real plan with some of them changed do.
    #[test]
    fn a_damaged_plan_is_refused_or_another_plan(
        a in text(), b in text(), changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), cut in any::<prop::sample::Index>(),
    ) {
        let steps = all_steps(&a, &b, b"12345678", 7, 7, true);
        let plan = steps.into_iter().collect::<PlanBuilder>().finish().unwrap();
        let mut bytes = plan.as_bytes().to_vec();
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        if let Ok(steps) = Steps::new(&bytes) {
            // Whatever it is, it ends, and an error is the last item.
            let items: Vec<_> = steps.collect();
            let (last, before) = items.split_last().map_or((None, &[][..]), |(last, before)| (Some(last), before));
            prop_assert!(before.iter().all(Result::is_ok));
            if last.is_none_or(Result::is_ok) {
                let good: PlanBuilder = items.into_iter().map(Result::unwrap).collect();
                let good = good.finish().unwrap();
                // Except for the version: the damaged header may have one that its steps do not need.
                let version = 4..6;
                prop_assert_eq!(&good.as_bytes()[..version.start], &bytes[..version.start]);
                prop_assert_eq!(&good.as_bytes()[version.end..], &bytes[version.end..], "one plan has one form");
            }
        }
    }

    #[test]
    fn any_bytes_are_a_plan_or_an_error(bytes in vec(any::<u8>(), 0..200)) {
        let _ = Plan::from_bytes(bytes.clone());
        let mut with_header = PlanBuilder::new().finish().unwrap().as_bytes().to_vec();
        with_header.extend(bytes);
        let _ = Plan::from_bytes(with_header);
    }

    #[test]
    fn any_bytes_are_a_frame_or_an_error(header in any::<[u8; HEADER]>(), number in 0u8..80, payload in vec(any::<u8>(), 0..300)) {
        let _ = FrameHeader::from_bytes(header);
        let length = u32::try_from(payload.len()).unwrap();
        let header = FrameHeader { kind: number, stream: 0, version: VERSION, length };
        let _ = Frame::decode(&header, &payload);
        let _ = Frame::decode(&FrameHeader { length: length + 1, ..header }, &payload);
    }
}

#[test]
fn every_tag_is_known() {
    let (a, b) = (CString::default(), CString::default());
    let plan = |step: &Step<'_>| {
        let mut builder = PlanBuilder::new();
        builder.push(step);
        builder.finish().unwrap().as_bytes().to_vec()
    };
    let mut tags: Vec<u8> = all_steps(&a, &b, &[], 0, 0, false).iter().map(|step| plan(step)[8]).collect();
    let count = tags.len();
    tags.sort_unstable();
    tags.dedup();
    assert_eq!(tags.len(), count, "two steps share a tag");
    // A tag that decodes with no fields at all, or fails on its fields, exists; only the listed ones do.
    for tag in 0..=u8::MAX {
        let mut bytes = PlanBuilder::new().finish().unwrap().as_bytes().to_vec();
        bytes.extend([tag, 0, 0, 0, 0]);
        let unknown = Plan::from_bytes(bytes) == Err(DecodeError::UnknownStep(tag));
        assert_eq!(unknown, !tags.contains(&tag), "tag {tag}");
    }
}

#[test]
fn decoders_say_what_is_wrong() {
    let header = |bytes: &[u8]| Steps::new(bytes).map(|_| ()).unwrap_err();
    assert_eq!(header(b"HUL"), DecodeError::Truncated);
    assert_eq!(header(b"HOLE\x01\0\0\0"), DecodeError::BadMagic);
    let newer = [b"HULL".as_slice(), &(VERSION + 1).to_le_bytes(), b"\0\0"].concat();
    assert_eq!(header(&newer), DecodeError::BadVersion(VERSION + 1), "a newer daemon's plan");
    assert_eq!(header(b"HULL\0\0\0\0"), DecodeError::BadVersion(0));
    let step = |bytes: &[u8]| Plan::from_bytes([b"HULL\x01\0\0\0", bytes].concat()).unwrap_err();
    assert_eq!(step(&[66, 9, 0, 0, 0, 5, 0, 0, 0, b'a', b'=', b'b', 0, 0]), DecodeError::BadString, "a NUL inside");
    assert_eq!(step(&[66, 5, 0, 0, 0, 1, 0, 0, 0, b'a']), DecodeError::BadString, "no NUL");
    assert_eq!(step(&[66, 4, 0, 0, 0, 0, 0, 0, 0]), DecodeError::BadString, "not even a NUL");
    assert_eq!(step(&[66, 4, 0, 0, 0, 255, 255, 255, 255]), DecodeError::Truncated);
    assert_eq!(step(&[66, 255, 255, 255, 255]), DecodeError::Truncated);
    assert_eq!(step(&[58, 1, 0, 0, 0, 9]), DecodeError::TrailingBytes);
    assert_eq!(step(&[6, 1, 0, 0, 0, 2]), DecodeError::BadValue, "neither true nor false");
}

#[test]
fn headers_bound_what_a_receiver_makes_room_for() {
    let header = |kind, length| FrameHeader { kind, stream: 0, version: VERSION, length }.to_bytes();
    assert!(FrameHeader::from_bytes(header(kind::EXEC, MAX_PAYLOAD)).is_ok());
    for (kind, length) in [(kind::EXEC, MAX_PAYLOAD + 1), (kind::STDIN, MAX_CHUNK as u32 + 1), (kind::SIGNAL, 300)] {
        assert_eq!(FrameHeader::from_bytes(header(kind, length)), Err(DecodeError::TooLong(length)));
    }
    assert_eq!(FrameHeader::from_bytes(header(0, 0)), Err(DecodeError::UnknownFrame(0)));
    let newer = FrameHeader { kind: kind::DONE, stream: 0, version: VERSION + 1, length: 0 };
    assert_eq!(FrameHeader::from_bytes(newer.to_bytes()), Err(DecodeError::BadVersion(VERSION + 1)));
    let odd = FrameHeader { kind: kind::OUTPUT, stream: 3, version: VERSION, length: 0 };
    assert_eq!(FrameHeader::from_bytes(odd.to_bytes()), Err(DecodeError::BadValue));
}

#[test]
fn a_long_object_is_cut_and_a_long_plan_refused() {
    let object = [b'x'; MAX_OBJECT * 2];
    let wire = Frame::Failed { step: StepKind::Mount, errno: 2, object: &object }.to_vec();
    let (header, payload) = split(&wire);
    let Ok(Frame::Failed { object, .. }) = Frame::decode(&header, payload) else { panic!() };
    assert_eq!(object.len(), MAX_OBJECT);

    let long = CString::new(vec![b'x'; MAX_PAYLOAD as usize]).unwrap();
    let mut builder = PlanBuilder::new();
    builder.push(&Step::Env { entry: &long });
    assert!(builder.finish().unwrap_err().0 > MAX_PAYLOAD as usize);
}

#[test]
fn step_kinds_keep_their_numbers() {
    assert_eq!(StepKind::from_u16(0), Some(StepKind::Plan));
    assert_eq!(StepKind::from_u16(StepKind::Exec as u16), Some(StepKind::Exec));
    for number in 0..=StepKind::Exec as u16 {
        assert_eq!(StepKind::from_u16(number).map(|kind| kind as u16), Some(number));
    }
    assert_eq!(StepKind::from_u16(StepKind::Exec as u16 + 1), None);
}

#[test]
fn a_record_prints_as_json_of_its_own_names() {
    let record = ExitRecord { pid: 7, code: 137, signal: 9, oom_killed: true, started_at: 1, finished_at: 2 };
    let json = record.to_string();
    assert_eq!(json, "{\"pid\":7,\"code\":137,\"signal\":9,\"oom_killed\":true,\"started_at\":1,\"finished_at\":2}\n");
    let longest = ExitRecord {
        pid: u32::MAX,
        code: u8::MAX,
        signal: u8::MAX,
        oom_killed: false,
        started_at: u64::MAX,
        finished_at: u64::MAX,
    };
    assert!(longest.to_string().len() <= ExitRecord::MAX_JSON);
}

#[test]
fn a_plan_prints_as_its_steps() {
    let mut builder = PlanBuilder::default();
    builder.push(&Step::Arg { value: c"sh" }).push(&Step::PivotRoot);
    let plan = builder.finish().unwrap();
    assert_eq!(format!("{plan:?}"), "[Arg { value: \"sh\" }, PivotRoot]");
    assert_eq!(format!("{:?}", Steps::new(plan.as_bytes()).unwrap()), "[Ok(Arg { value: \"sh\" }), Ok(PivotRoot)]");
}
