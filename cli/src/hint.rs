//! What to do next, said below an error to a person: on a terminal, and not where a program reads along, since the words of
//! an error are Docker's to the letter. `HULL_HINTS=0` switches them off.

use std::io::IsTerminal;

/// A part of an error's text, and what helps then.
const HINTS: &[(&str, &str)] = &[
    (
        "Cannot connect to the Hull daemon",
        "start it as root: hulld &\n      or say where another one is: hull -H HOST ..., $HULL_HOST, $DOCKER_HOST",
    ),
    (
        "permission denied while trying to connect",
        "use sudo, or become a member of the group that the socket belongs to (hull, or docker)",
    ),
    ("is already in use by container", "hull start NAME runs the one that has it, hull rm NAME removes it"),
    ("No such container", "hull ps -a lists all containers, stopped ones too"),
    ("No such image", "hull images lists what is here, hull load -i FILE brings an archive in"),
    ("pull access denied", "hull images lists what is here, hull load -i FILE brings an archive in"),
    ("executable file not found in $PATH", "to look inside: hull run -it --rm --entrypoint sh IMAGE"),
    ("is not running", "hull start NAME runs it, hull logs NAME may tell why it ended"),
    ("is paused", "hull unpause NAME lets it go on"),
    ("no such volume", "hull volume ls lists them"),
    ("volume is in use", "hull ps -a -f volume=NAME shows by whom"),
    ("port is already allocated", "hull ps shows who has which port"),
    ("template", "hull inspect shows the fields; hull ps --format json those of a list"),
    ("bad format of filter", "filters are NAME=VALUE: hull ps -f status=exited -f label=tier=front"),
];

/// What helps against this error.
fn against(error: &str) -> Option<&'static str> {
    HINTS.iter().find(|(part, _)| error.contains(part)).map(|(_, hint)| *hint)
}

/// Says below an error what helps against it, to whom it is of use.
pub(crate) fn say(error: &str) {
    if wanted()
        && let Some(hint) = against(error)
    {
        eprintln!("hint: {hint}");
    }
}

/// Says what was probably meant.
pub(crate) fn did_you_mean(word: Option<&str>) {
    if wanted()
        && let Some(word) = word
    {
        eprintln!("hint: did you mean {word}?");
    }
}

fn wanted() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("HULL_HINTS").is_none_or(|value| value != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_telling_part_counts() {
        for (error, hint) in [
            ("Error response from daemon: No such container: web", Some("hull ps -a")),
            ("Conflict. The container name \"/web\" is already in use by container 12", Some("hull start NAME")),
            ("Cannot connect to the Hull daemon at unix:///x. Is hulld running?", Some("hulld")),
            ("something else", None),
        ] {
            let got = against(error);
            assert_eq!(got.is_some(), hint.is_some(), "{error}");
            assert!(got.unwrap_or_default().contains(hint.unwrap_or_default()), "{error}: {got:?}");
        }
    }
}
