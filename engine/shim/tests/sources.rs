//! Binds whose source is not simply a path on the host: another container's, and what lies below a directory.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use hull_plan::{Frame, Step, StepKind};
use support::{BIND, Came, Channel, REC, Recipe, Scratch, Shim, c_string, log, mount};

/// A container up to its pivot, with these steps before it.
fn container(scratch: &Scratch, steps: impl FnOnce(Recipe) -> Recipe) -> Recipe {
    let recipe = Recipe::shim_side(scratch)
        .step(Step::Log { path: &scratch.c_path("log"), max_size: 0, max_files: 1 })
        .step(Step::Namespaces { flags: support::NAMESPACES })
        .root(scratch);
    steps(recipe).step(Step::PivotRoot)
}

#[test]
fn two_containers_share_a_file_system_that_the_host_has_not() {
    let (donors, scratch) = (Scratch::new("donor"), Scratch::new("borrower"));
    let plan = container(&donors, |recipe| recipe.step(mount(c"tmpfs", c"/dev/shm")));
    let mut donor = Shim::start(&plan.command(&["sleep", "1000"]).bytes());
    let pid = donor.channel.started();
    std::fs::write(format!("/proc/{pid}/root/dev/shm/word"), "hello\n").unwrap();
    let namespace = c_string(&format!("/proc/{pid}/ns/mnt"));
    let bind = Step::BindFrom {
        namespace: &namespace,
        source: c"/dev/shm",
        target: c"/dev/shm",
        flags: BIND | REC | 2, // MS_NOSUID
    };
    let plan = container(&scratch, |recipe| recipe.step(bind));
    let script =
        "cat /dev/shm/word; echo back > /dev/shm/answer; grep -c ' /dev/shm .*nosuid' /proc/self/mountinfo; pwd";
    assert_eq!(Shim::run(&plan.sh(script).bytes()).code, 0);
    assert_eq!(log(&scratch, "stdout"), "hello\n1\n/\n");
    assert_eq!(std::fs::read_to_string(format!("/proc/{pid}/root/dev/shm/answer")).unwrap(), "back\n");

    // What it is pointed at there must be there as such.
    std::os::unix::fs::symlink("/", format!("/proc/{pid}/root/tmp/out")).unwrap();
    for (source, errno) in [(c"/tmp/out", 40), (c"/no/such", 2)] {
        let bind = Step::BindFrom { namespace: &namespace, source, target: c"/mnt", flags: BIND };
        let plan = container(&scratch, |recipe| recipe.step(bind)).command(&["true"]).bytes();
        let object = source.to_str().unwrap().to_owned();
        assert_eq!(Shim::failed(&plan), (StepKind::BindSource, errno, object));
    }
    let mut control = Channel::connect(&donors);
    assert_eq!(control.send(&Frame::Signal { target: c"", signal: 9 }).receive(), Came::Done);
    donor.channel.exited();
    donor.ended();
}

#[test]
fn a_part_of_a_directory_stays_in_it() {
    let scratch = Scratch::new("beneath");
    let volume = scratch.path("volume");
    std::fs::create_dir_all(volume.join("a/etc")).unwrap();
    std::fs::create_dir_all(volume.join("etc")).unwrap();
    std::fs::write(volume.join("a/file"), "part\n").unwrap();
    // Whoever writes to the volume could lead the way out: to the host's own /etc.
    std::os::unix::fs::symlink("/etc", volume.join("link")).unwrap();
    std::fs::write(volume.join("etc/own"), "").unwrap();
    let source = scratch.c_path("volume");
    let bind =
        |subpath, target| Step::BindBeneath { source: &source, subpath, target, flags: BIND | REC, propagation: 0 };
    let run = |subpath, target, script: &str| {
        std::fs::remove_file(scratch.path("log")).ok();
        let plan = container(&scratch, |recipe| recipe.step(bind(subpath, target)));
        assert_eq!(Shim::run(&plan.sh(script).bytes()).code, 0);
        log(&scratch, "stdout")
    };
    assert_eq!(run(c"a", c"/data", "cat /data/file; ls -d /data/etc"), "part\n/data/etc\n");
    assert_eq!(run(c"a/file", c"/part", "cat /part"), "part\n");
    assert_eq!(run(c"link", c"/data", "ls /data"), "own\n", "the volume's own /etc");
    let plan = container(&scratch, |recipe| recipe.step(bind(c"nosuch", c"/data"))).command(&["true"]).bytes();
    assert_eq!(Shim::failed(&plan), (StepKind::BindSource, 2, "nosuch".into()));
}
