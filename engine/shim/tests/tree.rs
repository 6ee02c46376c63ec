//! The container's file tree: binds, masks, nodes, hostile images.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use hull_plan::{Step, StepKind};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use support::{BIND, NAMESPACES, RDONLY, REC, Recipe, SLAVE, Scratch, Shim, device, log, mount};

/// A container with some steps between its root and the pivot.
fn container(scratch: &Scratch, steps: &[Step<'_>]) -> Recipe {
    let recipe = Recipe::shim_side(scratch)
        .step(Step::Log { path: &scratch.c_path("log"), max_size: 0, max_files: 1 })
        .step(Step::Namespaces { flags: NAMESPACES })
        .root(scratch);
    steps.iter().fold(recipe, |recipe, step| recipe.step(*step)).step(Step::PivotRoot)
}

fn output(scratch: &Scratch, steps: &[Step<'_>], script: &str) -> String {
    let record = Shim::run(&container(scratch, steps).sh(script).bytes());
    let (out, err) = (log(scratch, "stdout"), log(scratch, "stderr"));
    assert_eq!(record.code, 0, "{script}: {out}{err}");
    out
}

#[test]
fn the_hosts_tree_is_gone_and_its_mount_table_is_as_before() {
    let scratch = Scratch::new("pivot");
    let before = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let out = output(
        &scratch,
        &[],
        "cd /; echo *; ls -di /..; ls -di /; ls -l /proc/self/fd; cut -d' ' -f5 /proc/self/mountinfo",
    );
    assert!(out.starts_with("bin dev etc lib lib64 proc tmp usr\n"), "{out}");
    let mut mounts: Vec<&str> = out.lines().rev().take_while(|line| line.starts_with('/')).collect();
    mounts.sort_unstable();
    assert_eq!(mounts, ["/", "/dev", "/dev/pts", "/proc", "/usr"], "{out}");
    assert_eq!(std::fs::read_to_string("/proc/self/mountinfo").unwrap(), before);
}

#[test]
fn no_descriptor_of_the_hosts_comes_along() {
    let scratch = Scratch::new("fds");
    let out = output(
        &scratch,
        &[Step::Cwd { path: c"/tmp" }],
        "for fd in /proc/self/fd/*; do readlink $fd; done; stat -L -c %d /proc/self/fd/0; stat -c %d /dev",
    );
    let mut links: Vec<&str> = out.lines().collect();
    assert_eq!(links.pop(), links.pop(), "stdin is the container's own /dev/null: {out}");
    assert_eq!(links.remove(0), "/dev/null");
    assert!(links.iter().take(2).all(|link| link.starts_with("pipe:")), "{out}");
    assert!(links.iter().skip(2).all(|link| link.starts_with("/proc/") || link.is_empty()), "{out}");
    let environment = output(&scratch, &[], "env; cat /proc/self/status");
    assert!(environment.contains("HOME=/\n"), "{environment}");
    assert!(environment.contains("SigBlk:\t0000000000000000") && environment.contains("SigIgn:\t0000000000000000"));
}

#[test]
fn binds_appear_with_their_flags_and_their_places_are_made() {
    let scratch = Scratch::new("binds");
    std::fs::create_dir_all(scratch.path("data/sub")).unwrap();
    std::fs::write(scratch.path("data/file"), "bound\n").unwrap();
    let (data, file) = (scratch.c_path("data"), scratch.c_path("data/file"));
    let bind = |source, target, flags| Step::Bind { source, target, flags: BIND | flags, propagation: 1 << 18 };
    let steps = [
        bind(&data, c"/made/on/the/way", REC),
        bind(&data, c"/ro", REC | RDONLY | 2 | 8),
        bind(&file, c"/etc/one-file", 0),
    ];
    let script =
        "cat /etc/one-file; echo new > /made/on/the/way/new; ! echo no > /ro/new; grep ' /ro ' /proc/self/mountinfo";
    let out = output(&scratch, &steps, script);
    assert!(out.starts_with("bound\n"));
    assert!(out.contains("ro,nosuid,noexec"), "{out}");
    assert_eq!(std::fs::read_to_string(scratch.path("data/new")).unwrap(), "new\n");

    let missing = scratch.c_path("nowhere");
    let plan = container(&scratch, &[bind(&missing, c"/x", 0)]).sh("true").bytes();
    assert_eq!(Shim::failed(&plan), (StepKind::BindSource, 2, missing.to_str().unwrap().to_owned()));
}

#[test]
fn an_image_cannot_lead_a_mount_out_of_its_root() {
    let scratch = Scratch::new("escape");
    let outside = scratch.path("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(scratch.path("source"), "secret\n").unwrap();
    let lower = scratch.path("lower");
    // Absolute, relative and dangling links, and one in the middle of a path.
    symlink(&outside, lower.join("absolute")).unwrap();
    symlink(format!("../../../../../../../..{}", outside.display()), lower.join("relative")).unwrap();
    symlink("/does/not/exist/file", lower.join("dangling")).unwrap();
    symlink("loop", lower.join("loop")).unwrap();
    let source = scratch.c_path("source");
    let bind = |target| Step::Bind { source: &source, target, flags: BIND, propagation: 0 };
    let steps = [
        bind(c"/absolute/a"),
        bind(c"/relative/../relative/b"),
        bind(c"/dangling"),
        bind(c"/../../c"),
        mount(c"tmpfs", c"/absolute/t/../u"),
    ];
    let out = output(&scratch, &steps, "cat /c /does/not/exist/file; cut -d' ' -f5 /proc/self/mountinfo");
    assert!(out.starts_with("secret\nsecret\n"), "{out}");
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0, "nothing was made outside");
    let path = outside.display();
    assert!(out.contains(&format!("{path}/a\n")) && out.contains(&format!("{path}/u\n")), "all of it is inside: {out}");
    let plan = container(&scratch, &[bind(c"/loop/x")]).sh("true").bytes();
    assert_eq!(Shim::failed(&plan), (StepKind::Mount, 40, "/loop/x".into()));
    let plan = container(&scratch, &[bind(c"/proc/self/root/x")]).sh("true").bytes();
    assert_eq!(Shim::failed(&plan).0, StepKind::Mount, "a magic link is not followed");
}

#[test]
fn masked_paths_are_empty_and_read_only_ones_cannot_be_written() {
    let scratch = Scratch::new("masks");
    scratch.file("hidden/secret", "secret");
    scratch.file("hidden-file", "secret");
    scratch.file("fixed/file", "x");
    let steps = [
        Step::MaskPath { path: c"/hidden" },
        Step::MaskPath { path: c"/hidden-file" },
        Step::MaskPath { path: c"/proc/kcore" },
        Step::MaskPath { path: c"/not/there" },
        Step::ReadonlyPath { path: c"/fixed" },
        Step::ReadonlyPath { path: c"/proc/sys" },
        mount(c"tmpfs", c"/outer"),
        mount(c"tmpfs", c"/outer/inner"),
        Step::ReadonlyPath { path: c"/outer" },
        Step::ReadonlyPath { path: c"/not/there" },
    ];
    let script = "ls -A /hidden; cat /hidden-file /proc/kcore; ! touch /hidden/x /fixed/y; ! touch /outer/x; ! touch /outer/inner/x; ! echo 1 > /proc/sys/kernel/domainname;
        ! echo x > /hidden-file 2>/dev/null || echo a device; touch /elsewhere && echo ok";
    assert_eq!(output(&scratch, &steps, script), "a device\nok\n");
    let out = output(
        &scratch,
        &[Step::ReadonlyRoot, mount(c"tmpfs", c"/tmp")],
        "! touch /x; touch /tmp/x && echo only there",
    );
    assert_eq!(out, "a device\nok\nonly there\n");
}

#[test]
fn without_mount_setattr_mounts_are_restricted_all_the_same() {
    const MOUNT_SETATTR: u32 = 442;
    let scratch = Scratch::new("old-kernel");
    std::fs::create_dir(scratch.path("data")).unwrap();
    scratch.file("fixed/file", "x");
    let data = scratch.c_path("data");
    let steps = [
        Step::Bind { source: &data, target: c"/ro", flags: BIND | REC | RDONLY | 8, propagation: 1 << 18 },
        Step::ReadonlyPath { path: c"/fixed" },
        // Its flags are kept when it becomes read-only.
        Step::Mount { fstype: c"tmpfs", source: c"tmpfs", target: c"/kept", flags: 2 | 4 | 8, data: c"" },
        Step::ReadonlyPath { path: c"/kept" },
        Step::ReadonlyRoot,
    ];
    let script = "! touch /ro/x 2>&1; ! touch /fixed/x 2>&1; ! touch /kept/x 2>&1; ! touch /x 2>&1
        while read a b c d place flags rest; do case $place in /|/ro|/fixed|/kept) echo $place $flags;; esac; done < /proc/self/mountinfo";
    let mut shim = Shim::start_without(MOUNT_SETATTR, &container(&scratch, &steps).sh(script).bytes());
    shim.channel.started();
    assert_eq!(shim.channel.exited().code, 0);
    shim.ended();
    let out = log(&scratch, "stdout");
    assert_eq!(out.matches("Read-only file system").count(), 4, "{out}");
    for line in ["/ ro,", "/ro ro,noexec,", "/fixed ro,", "/kept ro,nosuid,nodev,noexec,"] {
        assert!(out.contains(&format!("\n{line}")), "{line}: {out}");
    }
}

#[test]
fn nodes_links_and_sysctls_are_made() {
    let scratch = Scratch::new("nodes");
    let steps = [
        device(c"/dev/random", 1, 8),
        Step::Device { path: c"/dev/deep/fifo", mode: 0o010640, major: 0, minor: 0, uid: 7, gid: 8 },
        device(c"/dev/null", 1, 3),
        Step::Symlink { target: c"anything", path: c"/some/where/link" },
        Step::Symlink { target: c"anything", path: c"/some/where/link" },
        Step::Sysctl { key: c"net/ipv4/ip_forward", value: c"1" },
        Step::Sysctl { key: c"kernel/shm_rmid_forced", value: c"1" },
    ];
    let script = "stat -c '%A %t:%T' /dev/random; stat -c '%A %u:%g' /dev/deep/fifo; readlink /some/where/link; cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shm_rmid_forced; ls -ld /some";
    let out = output(&scratch, &steps, script);
    assert!(out.starts_with("crw-rw-rw- 1:8\nprw-r----- 7:8\nanything\n1\n1\ndrwxr-xr-x"), "{out}");
    let clash = container(&scratch, &[device(c"/dev/null", 1, 5)]).sh("true").bytes();
    assert_eq!(Shim::failed(&clash), (StepKind::Device, 17, "/dev/null".into()));
    let sysctl = container(&scratch, &[Step::Sysctl { key: c"../../etc/passwd", value: c"1" }]).sh("true").bytes();
    assert_eq!(Shim::failed(&sysctl).0, StepKind::Sysctl);
}

#[test]
fn a_fresh_volume_gets_what_the_image_has() {
    let scratch = Scratch::new("copy-up");
    let inner = scratch.file("data/sub/file", "from the image\n");
    std::os::unix::fs::chown(&inner, Some(12), Some(34)).unwrap();
    std::fs::set_permissions(&inner, std::fs::Permissions::from_mode(0o4751)).unwrap();
    symlink("sub/file", scratch.path("lower/data/link")).unwrap();
    std::os::unix::fs::chown(scratch.path("lower/data"), Some(56), None).unwrap();
    let volume = scratch.path("volume");
    std::fs::create_dir(&volume).unwrap();
    let source = scratch.c_path("volume");
    let steps = [
        Step::CopyUp { source: &source, target: c"/data" },
        Step::Bind { source: &source, target: c"/data", flags: BIND | REC, propagation: 0 },
    ];
    assert_eq!(output(&scratch, &steps, "cat /data/link; rm /data/link"), "from the image\n");
    let copy = std::fs::metadata(volume.join("sub/file")).unwrap();
    assert_eq!((copy.mode() & 0o7777, copy.uid(), copy.gid()), (0o4751, 12, 34));
    assert_eq!(std::fs::metadata(&volume).unwrap().uid(), 56);
    assert_eq!(copy.mtime(), std::fs::metadata(&inner).unwrap().mtime());
    // It is not empty any more: nothing is copied again.
    output(&scratch, &steps, "test ! -e /data/link");
}

#[test]
fn nothing_is_mounted_in_a_tree_that_is_not_ours() {
    let scratch = Scratch::new("host");
    let base = || {
        Recipe::shim_side(&scratch)
            .step(Step::Log { path: &scratch.c_path("log"), max_size: 0, max_files: 1 })
            .step(Step::Namespaces { flags: NAMESPACES & !0x0002_0000 })
            .step(Step::RootHost)
    };
    let before = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let here = scratch.c_path("");
    let record =
        Shim::run(&base().step(Step::Cwd { path: &here }).sh("pwd; ls -d upper; readlink /proc/self/ns/mnt").bytes());
    assert_eq!(record.code, 0);
    let namespace = std::fs::read_link("/proc/self/ns/mnt").unwrap();
    assert_eq!(
        log(&scratch, "stdout"),
        format!("{}\nupper\n{}\n", scratch.0.display(), namespace.display()).replace("-host/\n", "-host\n")
    );
    for step in [
        mount(c"tmpfs", c"/tmp"),
        Step::MaskPath { path: c"/tmp" },
        device(c"/tmp/x", 1, 3),
        Step::ReadonlyRoot,
        Step::RootBind { path: c"/tmp" },
    ] {
        let (_, errno, _) = Shim::failed(&base().step(step).sh("true").bytes());
        assert_eq!(errno, 22, "{step:?}");
    }
    let missing = scratch.c_path("not-made");
    let plan = base().step(Step::Cwd { path: &missing }).sh("true").bytes();
    assert_eq!(Shim::failed(&plan).0, StepKind::Cwd);
    assert!(!scratch.path("not-made").exists());
    assert_eq!(std::fs::read_to_string("/proc/self/mountinfo").unwrap(), before);
}

#[test]
fn a_directory_can_be_the_root_and_shared_propagation_leaves_the_host_alone() {
    let scratch = Scratch::new("root-bind");
    let before = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    for propagation in [REC | SLAVE, REC | 1 << 20] {
        let lower = scratch.c_path("lower");
        let plan = Recipe::shim_side(&scratch)
            .step(Step::Log { path: &scratch.c_path("log"), max_size: 0, max_files: 1 })
            .step(Step::Namespaces { flags: NAMESPACES })
            .step(Step::RootPropagation { flags: propagation })
            .step(Step::RootBind { path: &lower })
            .step(Step::Bind { source: c"/usr", target: c"/usr", flags: BIND | REC, propagation: 0 })
            .step(mount(c"proc", c"/proc"))
            .step(Step::PivotRoot)
            .sh("echo here")
            .bytes();
        assert_eq!(Shim::run(&plan).code, 0);
    }
    assert_eq!(log(&scratch, "stdout"), "here\nhere\n");
    assert_eq!(std::fs::read_to_string("/proc/self/mountinfo").unwrap(), before);
}

#[test]
fn the_working_directory_is_made() {
    let scratch = Scratch::new("cwd");
    let plan = container(&scratch, &[]).step(Step::Cwd { path: c"/a/b" }).sh("pwd; stat -c %u:%a .").bytes();
    assert_eq!(Shim::run(&plan).code, 0);
    assert_eq!(log(&scratch, "stdout"), "/a/b\n0:755\n");
    let plan = container(&scratch, &[]).step(Step::Cwd { path: c"/etc/passwd" }).sh("true").bytes();
    scratch.file("etc/passwd", "");
    assert_eq!(Shim::failed(&plan), (StepKind::Cwd, 20, "/etc/passwd".into()));
}
