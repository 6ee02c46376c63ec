//! What differs between two runs of the same thing: ids, times, measures, and the program's own name.

/// Replaces ids; with `numbers`, also every number, the words of ages, and the widths that depend on them.
pub(super) fn all(text: &str, numbers: bool) -> String {
    let mut text = ids(&program(text)).replace("own-d", "own").replace("own-h", "own");
    if numbers {
        text = ages(&text);
    }
    text
}

/// The client says its own name in usage and errors.
fn program(text: &str) -> String {
    text.replace("docker: ", "hull: ")
        .replace("'docker ", "'hull ")
        .replace("Usage:  docker ", "Usage:  hull ")
        .replace("unknown command: docker", "unknown command: hull")
}

/// Runs of twelve or more hexadecimal digits become their length: cutting them is the client's work.
fn ids(text: &str) -> String {
    let mut out = String::new();
    let mut run = String::new();
    for c in text.chars().chain(['\0']) {
        if c.is_ascii_hexdigit() && !c.is_ascii_uppercase() {
            run.push(c);
            continue;
        }
        match run.len() {
            0..12 => out.push_str(&run),
            length => out.push_str(&format!("<id{length}>")),
        }
        run.clear();
        if c != '\0' {
            out.push(c);
        }
    }
    out
}

/// `Up 2 seconds`, `About a minute ago`, `1.5MiB`: a number and its unit are one `#`.
fn ages(text: &str) -> String {
    let text = text.replace("Less than a second", "0 seconds").replace("About a minute", "1 minutes");
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        let words: Vec<String> = line.split_whitespace().map(number).collect();
        out.push_str(&words.join(" "));
        if line.ends_with('\n') {
            out.push('\n');
        }
    }
    for unit in ["seconds", "second", "minutes", "minute", "hours", "hour"] {
        out = out.replace(&format!("# {unit}"), "#");
    }
    out
}

fn number(word: &str) -> String {
    let mut out = String::new();
    for c in word.chars() {
        match c {
            '0'..='9' | '.' if out.ends_with('#') => {}
            '0'..='9' => out.push('#'),
            c => out.push(c),
        }
    }
    for unit in ["GiB", "MiB", "KiB", "GB", "MB", "kB", "B"] {
        out = out.replace(&format!("#{unit}"), "#");
    }
    out
}

#[test]
fn masks() {
    assert_eq!(all("docker: no 0123456789ab\n", false), "hull: no <id12>\n");
    assert_eq!(all("a   Up 2 seconds  1.5MiB / 3GiB", true), "a Up # # / #");
    assert_eq!(all("About a minute ago", true), "# ago");
}
