//! From "this step failed on this object" to Docker's sentences.
//!
//! Clients match on the sentences: Docker's command line makes 127 of "executable file not found" and "no such file
//! or directory", 126 of "permission denied" and "is a directory", and 125 of everything else.

use super::super::error::Kind;
use super::super::runtime::StartError;
use hull_plan::frame::StepKind;
use rustix::io::Errno;

const START: &str =
    "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: ";
const EXEC: &str = "OCI runtime exec failed: exec failed: ";

/// A failed start.
pub(in crate::containers) fn describe_start(step: StepKind, errno: i32, object: &str) -> StartError {
    describe(START, step, errno, object)
}

/// A failed exec.
pub(in crate::containers) fn describe_exec(step: StepKind, errno: i32, object: &str) -> StartError {
    describe(EXEC, step, errno, object)
}

fn describe(prefix: &str, step: StepKind, errno: i32, object: &str) -> StartError {
    let errno = Errno::from_raw_os_error(errno);
    let (what, code, users_fault) = sentence(step, errno, object);
    let kind = if users_fault { Kind::BadParameter } else { Kind::System };
    // Docker's daemon looks users up itself; everything else is its runtime's to say.
    let message = match step {
        StepKind::User | StepKind::Group => what,
        _ => format!("{prefix}unable to start container process: {what}: unknown"),
    };
    StartError { message, code, kind }
}

/// The text, the exit code that the container gets, and whether the user's request is to blame.
fn sentence(step: StepKind, errno: Errno, object: &str) -> (String, u8, bool) {
    let reason = reason(errno);
    match step {
        StepKind::Exec => exec(errno, object, &reason),
        StepKind::User if errno == Errno::NOENT => {
            (format!("unable to find user {object}: no matching entries in passwd file"), 128, true)
        }
        StepKind::Group if errno == Errno::NOENT => {
            (format!("unable to find group {object}: no matching entries in group file"), 128, true)
        }
        StepKind::User | StepKind::Group if errno == Errno::RANGE => {
            ("uids and gids must be in range 0-2147483647".to_owned(), 128, true)
        }
        StepKind::Cwd => {
            let code = if errno == Errno::ACCESS { 126 } else { 127 };
            (format!("chdir to cwd ({object:?}) set in config.json failed: {reason}"), code, true)
        }
        StepKind::BindSource => (format!("error mounting {object:?} to rootfs: stat {object}: {reason}"), 127, true),
        StepKind::Mount => mount(errno, object, &reason),
        StepKind::Sysctl => (format!("error setting sysctl {object}: {reason}"), 128, true),
        other => (format!("{} {object:?}: {reason}", operation(other)), 128, false),
    }
}

fn exec(errno: Errno, object: &str, reason: &str) -> (String, u8, bool) {
    match errno {
        Errno::NOENT if !object.contains('/') => {
            (format!("exec: {object:?}: executable file not found in $PATH"), 127, true)
        }
        Errno::NOENT => (format!("exec: {object:?}: stat {object}: {reason}"), 127, true),
        Errno::NOTDIR => (format!("exec: {object:?}: stat {object}: {reason}"), 127, true),
        _ => (format!("exec: {object:?}: {reason}"), 126, true),
    }
}

fn mount(errno: Errno, object: &str, reason: &str) -> (String, u8, bool) {
    let text = format!("error mounting to rootfs at {object:?}: {reason}");
    if errno == Errno::NOTDIR || errno == Errno::ISDIR {
        // Docker's own hint.
        let hint = "Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type";
        return (format!("{text}: {hint}"), 127, true);
    }
    (text, if errno == Errno::NOENT { 127 } else { 128 }, false)
}

const fn operation(step: StepKind) -> &'static str {
    match step {
        StepKind::Plan => "read the plan",
        StepKind::Prepare => "prepare the shim",
        StepKind::Clone => "clone",
        StepKind::Cgroup => "join cgroup",
        StepKind::Namespace => "set up namespace",
        StepKind::Limit => "error setting rlimits",
        StepKind::Hostname => "sethostname",
        StepKind::Rootfs => "error preparing rootfs",
        StepKind::Device => "error creating device node",
        StepKind::PivotRoot => "pivot_root",
        StepKind::Mask => "can't mask path",
        StepKind::Capabilities => "set capabilities",
        StepKind::Seccomp => "error loading seccomp filter",
        StepKind::Terminal => "set up the terminal",
        StepKind::User => "set user",
        StepKind::Group => "set group",
        StepKind::Sysctl | StepKind::Mount | StepKind::BindSource | StepKind::Cwd | StepKind::Exec => "run",
    }
}

/// Go's words for an errno: those of strerror, with a small letter first.
fn reason(errno: Errno) -> String {
    let text = std::io::Error::from_raw_os_error(errno.raw_os_error()).to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_those_that_dockers_command_line_understands() {
        for (step, errno, object, code, text) in [
            (StepKind::Exec, 2, "nosuch", 127, r#"exec: "nosuch": executable file not found in $PATH"#),
            (StepKind::Exec, 2, "/no/such", 127, r#"exec: "/no/such": stat /no/such: no such file or directory"#),
            (StepKind::Exec, 13, "/etc/passwd", 126, r#"exec: "/etc/passwd": permission denied"#),
            (StepKind::Exec, 21, "/etc", 126, r#"exec: "/etc": is a directory"#),
            (StepKind::Exec, 8, "/x", 126, r#"exec: "/x": exec format error"#),
        ] {
            let error = describe_start(step, errno, object);
            assert_eq!((error.code, error.kind), (code, Kind::BadParameter), "{text}");
            let wanted = format!("{START}unable to start container process: {text}: unknown");
            assert_eq!(error.message, wanted);
        }
        let error = describe_start(StepKind::User, 2, "nobody2");
        assert_eq!(error.message, "unable to find user nobody2: no matching entries in passwd file");
        assert_eq!((error.code, error.kind), (128, Kind::BadParameter));
        assert_eq!(describe_start(StepKind::Clone, 11, "").kind, Kind::System);
        assert!(describe_exec(StepKind::Exec, 2, "x").message.starts_with("OCI runtime exec failed: exec failed: "));
    }
}
