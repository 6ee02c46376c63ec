//! The default profile, loaded into this machine's kernel. A filter belongs to a thread, so each test has one of its own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hull_runtime::capabilities;
use hull_runtime::seccomp::{Filters, Profile};
use nix::libc;
use oci_spec::runtime::Capabilities;
use std::sync::Arc;
use std::time::Instant;

/// Runs `check` on a thread under the profile.
fn under(profile: &Profile, capabilities: &Capabilities, check: impl FnOnce() + Send) {
    let program = Filters::new().get(profile, capabilities).unwrap().unwrap();
    let program: Vec<seccompiler::sock_filter> = program
        .chunks_exact(8)
        .map(|i| seccompiler::sock_filter {
            code: u16::from_ne_bytes([i[0], i[1]]),
            jt: i[2],
            jf: i[3],
            k: u32::from_ne_bytes([i[4], i[5], i[6], i[7]]),
        })
        .collect();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let start = Instant::now();
            seccompiler::apply_filter(&program).expect("the kernel takes the program");
            println!("{} instructions loaded in {:?}", program.len(), start.elapsed());
            check();
        });
    });
}

fn default_capabilities() -> Capabilities {
    capabilities::DEFAULT.into_iter().collect()
}

fn errno<T>(result: nix::Result<T>) -> Option<i32> {
    result.err().map(|e| e as i32)
}

#[test]
fn ordinary_calls_work_and_dangerous_ones_do_not() {
    under(&Profile::Default, &default_capabilities(), || {
        std::fs::read_to_string("/proc/self/status").expect("files are read");
        std::thread::spawn(|| ()).join().expect("a thread starts: clone3 says ENOSYS, and clone is tried");
        std::net::TcpListener::bind("127.0.0.1:0").expect("a socket is made");
        assert_eq!(errno(nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWUTS)), Some(libc::EPERM));
        let nothing: Option<&str> = None;
        let mount = nix::mount::mount(nothing, "/nonexistent", nothing, nix::mount::MsFlags::empty(), nothing);
        assert_eq!(errno(mount), Some(libc::EPERM), "before the kernel looks for the path");
    });
}

#[test]
fn a_capability_opens_its_calls() {
    let all = capabilities::all();
    under(&Profile::Default, &all, || {
        let nothing: Option<&str> = None;
        let mount = nix::mount::mount(nothing, "/nonexistent", nothing, nix::mount::MsFlags::empty(), nothing);
        assert_eq!(errno(mount), Some(libc::ENOENT), "the kernel has looked for the path");
    });
}

#[test]
fn a_custom_profile_is_obeyed() {
    let json = r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":95}]}"#;
    under(&Profile::Custom(json.to_owned()), &default_capabilities(), || {
        let error = std::fs::create_dir("/tmp/hull-never").unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EOPNOTSUPP), "{error}");
    });
}

#[test]
fn a_profile_is_compiled_once_for_a_set_of_capabilities() {
    let filters = Filters::new();
    let get = |capabilities: Capabilities| filters.get(&Profile::Default, &capabilities).unwrap().unwrap();
    let first = get(default_capabilities());
    assert!(Arc::ptr_eq(&first, &get(default_capabilities())), "the same program");
    assert!(!Arc::ptr_eq(&first, &get(Capabilities::default())), "other capabilities, another program");
}
