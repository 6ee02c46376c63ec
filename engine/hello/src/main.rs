//! The program of Hull's embedded default image: prints what a container sees of itself, or loads it.
//!
//! It is the only file that runs in its image, so it is static, and asks nothing of the image but `/proc`.
#![forbid(unsafe_code)]

mod identity;
mod limits;
mod load;
mod mounts;
mod report;

use std::process::ExitCode;

const USAGE: &str = "\
usage: hello                 what this container sees: processes, namespaces, user, limits, mounts
       hello spin [THREADS]  busy threads (2 if not said) until SIGTERM
       hello alloc MIB       fill that much memory, then wait for SIGTERM
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => print!("{}", report::report()),
        ["spin"] => return load::spin(2),
        ["spin", threads] => match threads.parse() {
            Ok(threads @ 1..=1024) => return load::spin(threads),
            _ => return usage(),
        },
        ["alloc", size] => match size.trim_end_matches(['m', 'M']).parse() {
            Ok(size) => return load::alloc(size),
            Err(_) => return usage(),
        },
        _ => return usage(),
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprint!("{USAGE}");
    ExitCode::from(2)
}
