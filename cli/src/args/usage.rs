//! Clap made to accept and say what Docker's clients do.
//!
//! - a switch takes a value: `--rm=false`, `-t=0`
//! - errors are Docker's texts with the command's usage, and end with 125; a wrong number of arguments with 1

use clap::builder::ValueParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgAction, Command, CommandFactory, FromArgMatches};

use super::Cli;
use crate::request::values;

/// What is printed when the command line was not understood, and the exit code.
#[derive(Debug)]
pub(crate) struct UsageError {
    pub(crate) text: String,
    pub(crate) code: i32,
    /// Help and version are no errors: they go to standard output.
    pub(crate) to_stdout: bool,
}

/// The tree of commands, with switches that take values.
pub(crate) fn command() -> Command {
    switches(Cli::command())
}

pub(crate) fn parse(args: &[String]) -> Result<Cli, UsageError> {
    let matches = command().try_get_matches_from(args).map_err(|error| translate(&error, args))?;
    Cli::from_arg_matches(&matches).map_err(|error| translate(&error, args))
}

fn switches(command: Command) -> Command {
    command
        .mut_args(|arg| match arg.get_action() {
            ArgAction::SetTrue => arg
                .action(ArgAction::Set)
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value("true")
                .default_value("false")
                .hide_default_value(true)
                .hide_possible_values(true)
                .value_name("bool")
                .value_parser(ValueParser::new(values::boolean)),
            _ => arg,
        })
        .mut_subcommands(switches)
}

fn translate(error: &clap::Error, args: &[String]) -> UsageError {
    let (path, command) = locate(args);
    let usage = usage_line(&command, &path);
    let more = |verb: &str| format!("\n\nUsage:  {usage}\n\n{verb} '{path} --help' for more information");
    let code = |text: String, code| UsageError { text, code, to_stdout: false };
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.first().cloned().unwrap_or_default(),
        _ => String::new(),
    };
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            UsageError { text: error.to_string(), code: 0, to_stdout: true }
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            let help = command.clone().render_long_help().to_string();
            UsageError { text: help, code: 0, to_stdout: true }
        }
        ErrorKind::UnknownArgument => {
            let argument = context(ContextKind::InvalidArg);
            let text = if let Some(name) = argument.strip_prefix("--") {
                format!("unknown flag: --{}", name.split('=').next().unwrap_or(name))
            } else if let Some(letter) = argument.strip_prefix('-').and_then(|a| a.chars().next()) {
                format!("unknown shorthand flag: '{letter}' in {}", typed(args, letter).unwrap_or(argument))
            } else {
                // A word too many, not a flag.
                return code(format!("hull: '{path}' accepts {}{}", arity(&command), more("Run")), 1);
            };
            code(format!("{text}{}", more("Run")), 125)
        }
        ErrorKind::InvalidSubcommand => {
            let word = context(ContextKind::InvalidSubcommand);
            let usage = if path == "hull" { String::new() } else { format!("Usage:  {usage}\n\n") };
            code(format!("hull: unknown command: {path} {word}\n\n{usage}Run '{path} --help' for more information"), 1)
        }
        ErrorKind::MissingRequiredArgument | ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => {
            code(format!("hull: '{path}' requires {}{}", arity(&command), more("See")), 1)
        }
        ErrorKind::ValueValidation | ErrorKind::InvalidValue => {
            let flag = flag_name(&command, &context(ContextKind::InvalidArg));
            let value = context(ContextKind::InvalidValue);
            let text = match std::error::Error::source(error) {
                Some(cause) => format!("invalid argument {value:?} for {flag:?} flag: {cause}"),
                None if value.is_empty() => format!("flag needs an argument: {flag}"),
                None => error.to_string(),
            };
            code(format!("{text}{}", more("Run")), 125)
        }
        _ => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            code(format!("{}{}", first.trim_start_matches("error: "), more("Run")), 125)
        }
    }
}

/// The command that was meant: its path and its definition.
fn locate(args: &[String]) -> (String, Command) {
    let mut command = command();
    let mut path = "hull".to_owned();
    let mut words = args.iter().skip(1);
    while let Some(word) = words.next() {
        if word.starts_with('-') {
            // The only flags with values before a command are those of the connection.
            let flag = command.get_arguments().find(|arg| {
                word.strip_prefix("--").is_some_and(|name| arg.get_long() == Some(name))
                    || (word.len() == 2 && arg.get_short() == word.chars().nth(1))
            });
            if flag.is_some_and(|arg| arg.get_num_args().is_none_or(|n| n.min_values() > 0)) {
                words.next();
            }
            continue;
        }
        let Some(next) = command.find_subcommand(word).cloned() else { break };
        path = format!("{path} {}", next.get_name());
        command = next;
    }
    (path, command)
}

fn usage_line(command: &Command, path: &str) -> String {
    let text = command.clone().render_usage().to_string();
    let line = text.trim_start_matches("Usage: ").lines().next().unwrap_or_default().trim().to_owned();
    // The usage is written for the short form: `hull ps` for what may be `hull container ls`.
    match line.split_once(" [").or_else(|| line.split_once(" CONTAINER")) {
        Some(_) if !line.starts_with(path) => {
            let rest = line.split_once(' ').map_or("", |(_, rest)| rest);
            let rest = rest.split_once(' ').map_or("", |(_, rest)| rest);
            format!("{path} {rest}")
        }
        _ => line,
    }
}

/// `-m, --memory`, from what clap calls the argument.
fn flag_name(command: &Command, name: &str) -> String {
    let long = name.trim_start_matches("--").split(['=', ' ', '[', '<']).next().unwrap_or(name);
    match command.get_arguments().find(|arg| arg.get_long() == Some(long)) {
        Some(arg) => match arg.get_short() {
            Some(short) => format!("-{short}, --{long}"),
            None => format!("--{long}"),
        },
        None => name.to_owned(),
    }
}

/// The word in which an unknown letter was typed, `-itZ`.
fn typed(args: &[String], letter: char) -> Option<String> {
    let word = args.iter().find(|word| word.starts_with('-') && !word.starts_with("--") && word.contains(letter))?;
    word.find(letter).map(|at| format!("-{}", &word[at..]))
}

/// `at least 1 argument`, `no arguments`.
fn arity(command: &Command) -> String {
    let positionals: Vec<_> = command.get_positionals().collect();
    let required = positionals.iter().filter(|arg| arg.is_required_set());
    let least: usize = required.map(|arg| arg.get_num_args().map_or(1, |n| n.min_values().max(1))).sum();
    let many = positionals.iter().any(|arg| arg.get_num_args().is_some_and(|n| n.max_values() > n.min_values()))
        || positionals.iter().any(|arg| !arg.is_required_set());
    let plural = |n: usize| if n == 1 { "argument" } else { "arguments" };
    match (positionals.is_empty(), many) {
        (true, _) => "no arguments".to_owned(),
        (_, true) => format!("at least {least} {}", plural(least)),
        (_, false) => format!("{least} {}", plural(least)),
    }
}
