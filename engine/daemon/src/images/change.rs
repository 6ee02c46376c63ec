//! `--change`: instructions of a Dockerfile that touch nothing but the configuration, for `import` and `commit`.

use hull_api::{ContainerConfig, Empty};

/// The instruction cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// It is none of those that only touch the configuration.
    #[error("{0} is not a valid change command")]
    Command(String),
    /// Nothing follows the instruction's name.
    #[error("{0} requires at least one argument")]
    NoArgument(String),
    /// `NAME=value` was expected.
    #[error("Syntax error - can't find = in {0:?}. Must be of the form: name=value")]
    NoEquals(String),
    /// A quote that does not end.
    #[error("unexpected end of statement while looking for matching quote in {0:?}")]
    Quote(String),
    /// Neither `80`, `80/tcp` nor `8000-8010`.
    #[error("invalid containerPort: {0}")]
    Port(String),
}

/// Applies the instructions in order.
pub(super) fn apply(config: &mut ContainerConfig, changes: &[String]) -> Result<(), ChangeError> {
    changes.iter().map(|change| change.trim()).filter(|change| !change.is_empty()).try_for_each(|c| one(config, c))
}

fn one(config: &mut ContainerConfig, change: &str) -> Result<(), ChangeError> {
    let (name, rest) = change.split_once(char::is_whitespace).unwrap_or((change, ""));
    let (command, rest) = (name.to_ascii_uppercase(), rest.trim());
    const KNOWN: [&str; 10] =
        ["CMD", "ENTRYPOINT", "ENV", "EXPOSE", "LABEL", "ONBUILD", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"];
    if !KNOWN.contains(&&command[..]) {
        return Err(ChangeError::Command(name.to_ascii_lowercase()));
    }
    if rest.is_empty() && command != "CMD" && command != "ENTRYPOINT" {
        return Err(ChangeError::NoArgument(command));
    }
    match &command[..] {
        "CMD" => config.cmd = Some(command_line(rest)),
        "ENTRYPOINT" => config.entrypoint = Some(command_line(rest)),
        "ENV" => {
            for (name, value) in pairs(rest)? {
                let prefix = format!("{name}=");
                config.env.retain(|old| !old.starts_with(&prefix));
                config.env.push(prefix + &value);
            }
        }
        "EXPOSE" => {
            for port in rest.split_whitespace() {
                config.exposed_ports.extend(ports(port)?.into_iter().map(|port| (port, Empty::default())));
            }
        }
        "LABEL" => config.labels.extend(pairs(rest)?),
        "ONBUILD" => config.on_build.push(rest.to_owned()),
        "STOPSIGNAL" => config.stop_signal = rest.to_owned(),
        "USER" => config.user = rest.to_owned(),
        "VOLUME" => {
            let paths = json_list(rest).unwrap_or_else(|| rest.split_whitespace().map(str::to_owned).collect());
            config.volumes.extend(paths.into_iter().map(|path| (path, Empty::default())));
        }
        // A relative one counts from where the last instruction led.
        _ if rest.starts_with('/') => config.working_dir = rest.to_owned(),
        _ => config.working_dir = format!("{}/{rest}", config.working_dir.trim_end_matches('/')),
    }
    Ok(())
}

fn json_list(text: &str) -> Option<Vec<String>> {
    text.starts_with('[').then(|| serde_json::from_str(text).ok()).flatten()
}

/// The JSON form as it is, anything else for a shell.
fn command_line(text: &str) -> Vec<String> {
    match json_list(text) {
        Some(list) => list,
        None if text.is_empty() => Vec::new(),
        None => vec!["/bin/sh".to_owned(), "-c".to_owned(), text.to_owned()],
    }
}

/// `name=value name="quoted value"`, or the old `name the rest`.
fn pairs(text: &str) -> Result<Vec<(String, String)>, ChangeError> {
    let words = words(text)?;
    if let Some((name, value)) = text.split_once(char::is_whitespace)
        && !words[0].contains('=')
    {
        return Ok(vec![(name.to_owned(), value.trim().to_owned())]);
    }
    let pair = |word: &String| match word.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(ChangeError::NoEquals(word.clone())),
    };
    words.iter().map(pair).collect()
}

/// Words at white space, with single and double quotes and backslashes.
fn words(text: &str) -> Result<Vec<String>, ChangeError> {
    let (mut words, mut word, mut quote, mut any) = (Vec::new(), String::new(), None, false);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, c) if c.is_whitespace() => {
                if std::mem::take(&mut any) {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None | Some('"'), '\\') => word.extend(chars.next()),
            (_, c) => word.push(c),
        }
        any = true;
    }
    if quote.is_some() {
        return Err(ChangeError::Quote(text.to_owned()));
    }
    if any {
        words.push(word);
    }
    Ok(words)
}

/// `8000-8002/udp` as three ports.
fn ports(text: &str) -> Result<Vec<String>, ChangeError> {
    let bad = || ChangeError::Port(text.to_owned());
    let (range, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let (first, last): (u16, u16) = (first.parse().map_err(|_| bad())?, last.parse().map_err(|_| bad())?);
    if first > last || !matches!(protocol, "tcp" | "udp" | "sctp") {
        return Err(bad());
    }
    Ok((first..=last).map(|port| format!("{port}/{protocol}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(changes: &[&str]) -> Result<ContainerConfig, ChangeError> {
        let mut config = ContainerConfig { env: vec!["A=old".to_owned()], ..ContainerConfig::default() };
        let changes: Vec<String> = changes.iter().map(|&change| change.to_owned()).collect();
        apply(&mut config, &changes).map(|()| config)
    }

    #[test]
    fn every_instruction_reaches_its_field() {
        let config = changed(&[
            r#"CMD ["echo", "a b"]"#,
            "entrypoint exec /bin/x",
            r#"ENV A=new B="two words" C=esc\ aped"#,
            "ENV D the rest of it",
            "EXPOSE 80 53/udp 9000-9001",
            r#"LABEL a=1 "b c"='d'"#,
            "USER nobody:nogroup",
            "WORKDIR /srv",
            "WORKDIR www",
            r#"VOLUME ["/data", "/log"]"#,
            "VOLUME /x /y",
            "STOPSIGNAL SIGQUIT",
            "ONBUILD RUN true",
            "",
        ])
        .unwrap();
        assert_eq!(config.cmd.unwrap(), ["echo", "a b"]);
        assert_eq!(config.entrypoint.unwrap(), ["/bin/sh", "-c", "exec /bin/x"]);
        assert_eq!(config.env, ["A=new", "B=two words", "C=esc aped", "D=the rest of it"]);
        assert_eq!(config.exposed_ports.keys().collect::<Vec<_>>(), ["53/udp", "80/tcp", "9000/tcp", "9001/tcp"]);
        assert_eq!(config.labels.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>(), ["a=1", "b c=d"]);
        assert_eq!((&config.user[..], &config.working_dir[..]), ("nobody:nogroup", "/srv/www"));
        assert_eq!(config.volumes.keys().collect::<Vec<_>>(), ["/data", "/log", "/x", "/y"]);
        assert_eq!((&config.stop_signal[..], &config.on_build[..]), ("SIGQUIT", &["RUN true".to_owned()][..]));
    }

    #[test]
    fn what_cannot_be_applied_is_said_in_dockers_words() {
        let cases = [
            ("RUN true", "run is not a valid change command"),
            ("USER", "USER requires at least one argument"),
            ("LABEL a", "Syntax error - can't find = in \"a\". Must be of the form: name=value"),
            ("ENV a='b", "unexpected end of statement while looking for matching quote in \"a='b\""),
            ("EXPOSE http", "invalid containerPort: http"),
            ("EXPOSE 90-80", "invalid containerPort: 90-80"),
        ];
        for (change, message) in cases {
            assert_eq!(changed(&[change]).unwrap_err().to_string(), message);
        }
    }
}
