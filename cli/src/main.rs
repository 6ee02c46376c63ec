//! hull: Hull's command line, over REST only.
//!
//! ```text
//! args (what was typed) -> commands (one verb a file) -> client (REST) -> output (tables, templates, progress)
//!                             \-> request (flags of run and create -> the request that they mean)
//!                             \-> tty (raw mode, size, detach keys)
//! ```
#![forbid(unsafe_code)]

mod args;
mod client;
mod commands;
mod hint;
mod output;
mod request;
mod tty;

use std::io::Write;

use args::usage::UsageError;

fn main() {
    commands::completion::answer();
    let code = match args::usage::parse(&std::env::args().collect::<Vec<_>>()) {
        Ok(cli) => execute(cli),
        Err(error) => usage(&error),
    };
    // Not a return: a thread that still waits for the keyboard would hold the program until a key is pressed.
    std::process::exit(code);
}

fn usage(error: &UsageError) -> i32 {
    let text = error.text.trim_end();
    // With nobody left to read it, there is nothing more to do than to leave with the code.
    let _ = if error.to_stdout { writeln!(std::io::stdout(), "{text}") } else { writeln!(std::io::stderr(), "{text}") };
    hint::did_you_mean(error.meant.as_deref());
    error.code
}

fn execute(cli: args::Cli) -> i32 {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("hull: could not start: {error}");
            return 1;
        }
    };
    let outcome = runtime.block_on(async {
        let context = commands::Context { client: cli.connection.client()? };
        cli.command.run(&context).await
    });
    runtime.shutdown_background();
    match outcome {
        Ok(code) => code,
        // Whoever read the output has read enough: as quiet as death by SIGPIPE, and the same code.
        Err(error) if error.is_broken_pipe() => 128 + 13,
        Err(error) => {
            error.print();
            hint::say(&error.to_string());
            error.exit_code()
        }
    }
}
