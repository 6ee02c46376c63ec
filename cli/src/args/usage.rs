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
    /// What was probably meant by a word that is not known.
    pub(crate) meant: Option<String>,
    /// Help and version are no errors: they go to standard output.
    pub(crate) to_stdout: bool,
}

/// The tree of commands as help and completion show it.
pub(crate) fn plain() -> Command {
    let mut command = Cli::command();
    command.build();
    command
}

/// The tree of commands as the shell completes it.
pub(crate) fn completing() -> Command {
    super::candidates::offering(Cli::command())
}

/// The tree of commands as it is parsed: with switches that take values.
fn command() -> Command {
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
            // What follows a flag that needs a value is its value, however it looks.
            ArgAction::Set | ArgAction::Append if !arg.is_positional() && !arg.is_require_equals_set() => {
                arg.allow_hyphen_values(true)
            }
            _ => arg,
        })
        .disable_help_subcommand(true)
        .mut_subcommands(switches)
}

fn translate(error: &clap::Error, args: &[String]) -> UsageError {
    let (path, command) = locate(args, command());
    let usage = usage_line(&command, &path);
    let more = |verb: &str| format!("\n\nUsage:  {usage}\n\n{verb} '{path} --help' for more information");
    let suggested =
        [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg].into_iter().find_map(|k| error.get(k));
    let meant = match suggested {
        Some(ContextValue::String(word)) => Some(word.clone()),
        Some(ContextValue::Strings(words)) => words.first().cloned(),
        _ => None,
    };
    let code = |text: String, code| UsageError { text, code, meant: meant.clone(), to_stdout: false };
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.first().cloned().unwrap_or_default(),
        _ => String::new(),
    };
    match error.kind() {
        ErrorKind::DisplayVersion => UsageError { text: error.to_string(), code: 0, meant: None, to_stdout: true },
        ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            // Of the plain tree: that `--rm` may be written `--rm=true` would clutter every line.
            let (_, mut command) = locate(args, plain());
            UsageError { text: command.render_help().to_string(), code: 0, meant: None, to_stdout: true }
        }
        ErrorKind::UnknownArgument => {
            let argument = context(ContextKind::InvalidArg);
            let text = if let Some(name) = argument.strip_prefix("--") {
                format!("unknown flag: --{}", name.split('=').next().unwrap_or(name))
            } else if let Some(letter) = argument.strip_prefix('-').and_then(|a| a.chars().next()) {
                format!("unknown shorthand flag: '{letter}' in {}", typed(args, letter).unwrap_or(argument))
            } else {
                // A word too many, not a flag.
                return code(arity(&command).text(&path, more), 1);
            };
            code(format!("{text}{}", more("Run")), 125)
        }
        ErrorKind::InvalidSubcommand => {
            let word = context(ContextKind::InvalidSubcommand);
            let usage = usage.trim_end_matches(" COMMAND");
            let usage = if path == "hull" { String::new() } else { format!("Usage:  {usage}\n\n") };
            code(format!("hull: unknown command: {path} {word}\n\n{usage}Run '{path} --help' for more information"), 1)
        }
        ErrorKind::MissingRequiredArgument | ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => {
            code(arity(&command).text(&path, more), 1)
        }
        ErrorKind::ValueValidation | ErrorKind::InvalidValue => {
            let flag = flag_name(&command, &context(ContextKind::InvalidArg));
            let value = context(ContextKind::InvalidValue);
            let text = match std::error::Error::source(error) {
                Some(cause) => format!("invalid argument {value:?} for {flag:?} flag: {cause}"),
                None if value.is_empty() => format!("flag needs an argument: {}", lonely(args, &flag)),
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
fn locate(args: &[String], root: Command) -> (String, Command) {
    let mut command = root;
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

/// The flag at the end that lacks its value, as it was typed: `--memory`, or `'m' in -m`.
fn lonely(args: &[String], flag: &str) -> String {
    match args.last() {
        Some(word) if word.starts_with("--") => word.clone(),
        Some(word) if word.starts_with('-') => {
            let letter = word.chars().next_back().unwrap_or('-');
            format!("'{letter}' in -{letter}")
        }
        _ => flag.to_owned(),
    }
}

/// How many arguments a command takes.
struct Arity {
    least: usize,
    most: usize,
}

fn arity(command: &Command) -> Arity {
    let positionals = || command.get_positionals();
    let least = positionals()
        .filter(|arg| arg.is_required_set())
        .map(|arg| arg.get_num_args().map_or(1, |n| n.min_values().max(1)));
    let most = positionals().map(|arg| arg.get_num_args().map_or(1, |n| n.max_values()));
    Arity { least: least.sum(), most: most.fold(0, usize::saturating_add) }
}

impl Arity {
    /// Docker has two spellings of the last line; scripts that look at it exist.
    fn text(&self, path: &str, more: impl Fn(&str) -> String) -> String {
        let count = |n: usize| format!("{n} argument{}", if n == 1 { "" } else { "s" });
        let (what, verb) = match (self.least, self.most) {
            (0, 0) => ("accepts no arguments".to_owned(), "Run"),
            (least, most) if least == most => (format!("requires {}", count(least)), "Run"),
            (least, usize::MAX) => (format!("requires at least {}", count(least)), "See"),
            (0, most) => (format!("requires at most {}", count(most)), "Run"),
            (least, most) => (format!("requires at least {least} and at most {}", count(most)), "Run"),
        };
        format!("hull: '{path}' {what}{}", more(verb))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(line: &str) -> (String, i32) {
        let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
        match parse(&args) {
            Ok(_) => (String::new(), 0),
            Err(error) => (error.text, error.code),
        }
    }

    #[test]
    fn the_tree_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn texts_and_codes_are_dockers() {
        for (line, text, code) in [
            (
                "hull run",
                "hull: 'hull run' requires at least 1 argument\n\nUsage:  hull run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\nSee 'hull run --help' for more information",
                1,
            ),
            (
                "hull run --bogus x",
                "unknown flag: --bogus\n\nUsage:  hull run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\nRun 'hull run --help' for more information",
                125,
            ),
            ("hull run -itZ x", "unknown shorthand flag: 'Z' in -Z\n\nUsage:", 125),
            ("hull run -m x i", "invalid argument \"x\" for \"-m, --memory\" flag: invalid size: 'x'\n", 125),
            (
                "hull -H /x run -t=x i",
                "invalid argument \"x\" for \"-t, --tty\" flag: strconv.ParseBool: parsing \"x\": invalid syntax\n",
                125,
            ),
            ("hull run -m", "flag needs an argument: 'm' in -m\n", 125),
            ("hull run --memory", "flag needs an argument: --memory\n", 125),
            ("hull bogus", "hull: unknown command: hull bogus\n\nRun 'hull --help' for more information", 1),
            ("hull ps x", "hull: 'hull ps' accepts no arguments\n", 1),
            ("hull rename a", "hull: 'hull rename' requires 2 arguments\n", 1),
            ("hull port", "hull: 'hull port' requires at least 1 and at most 2 arguments\n", 1),
            ("hull volume create a b", "hull: 'hull volume create' requires at most 1 argument\n", 1),
            ("hull exec x", "hull: 'hull exec' requires at least 2 arguments\n", 1),
            (
                "hull container ls x",
                "hull: 'hull container ls' accepts no arguments\n\nUsage:  hull container ls [OPTIONS]\n",
                1,
            ),
        ] {
            let (got, got_code) = error(line);
            assert!(got.starts_with(text), "{line}:\n{got}");
            assert_eq!(got_code, code, "{line}");
        }
    }

    #[test]
    fn a_slip_of_the_finger_is_understood() {
        for (line, meant) in [("hull attahc x", "attach"), ("hull run --interactiv x", "--interactive")] {
            let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
            assert_eq!(parse(&args).unwrap_err().meant.as_deref(), Some(meant), "{line}");
        }
    }

    #[test]
    fn help_is_for_people() {
        for line in ["hull --help", "hull run --help", "hull volume", "hull container ls --help", "hull pids -h"] {
            let (text, code) = error(line);
            assert_eq!(code, 0, "{line}");
            assert!(text.contains("Usage: hull "), "{line}: {text}");
            assert!(!text.contains("bool"), "{line}: {text}");
        }
    }

    #[test]
    fn examples_fit_their_lines() {
        fn check(command: &Command) {
            let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            for line in text.lines() {
                assert!(line.chars().count() <= 98, "{}: {line}", command.get_name());
            }
            command.get_subcommands().for_each(check);
        }
        check(&plain());
    }

    #[test]
    fn switches_take_values_and_flags_end_at_the_image() {
        for line in [
            "hull run --rm=false -t=0 -i=true img",
            "hull run -itd --net=host img sh -c -x --bogus",
            "hull run -m=5m --memory-swap -1 img",
            "hull exec -it c ls -l --color",
            "hull top c -o pid,comm",
            "hull ps -aqf name=x",
            "hull container ls -a",
            "hull -H 10.0.0.1:2375 --tlsverify=false version",
        ] {
            assert_eq!(error(line), (String::new(), 0), "{line}");
        }
    }
}
