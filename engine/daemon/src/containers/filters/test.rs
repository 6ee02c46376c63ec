//! One filter, read once, asked of every container.

use crate::containers::error::ContainerError;
use crate::containers::model::{Container, NetworkMode};
use regex::{Regex, RegexBuilder};
use std::ops::RangeInclusive;

/// Compiled patterns may not take more memory than this: they come from clients.
const PATTERN_SIZE: usize = 1 << 20;

/// A filter that looks at nothing but the container. Its values are alternatives, but for labels, of which all must be there.
#[derive(Debug)]
pub(super) enum Test {
    Id(Vec<Pattern>),
    Name(Vec<Pattern>),
    Label(Vec<String>),
    NotLabel(Vec<String>),
    Network(Vec<String>),
    Volume(Vec<String>),
    Health(Vec<String>),
    Expose(Vec<Ports>),
    Publish(Vec<Ports>),
    IsTask(bool),
    Isolation(Vec<String>),
}

impl Test {
    /// `None`: the key is somebody else's, or there is nothing to test.
    ///
    /// # Errors
    /// When a value makes no sense for the key.
    pub(super) fn parse(key: &str, values: &[String]) -> Result<Option<Self>, ContainerError> {
        if values.is_empty() {
            return Ok(None);
        }
        let invalid = |value: &str| ContainerError::BadParameter(format!("invalid filter '{key}={value}'"));
        let patterns = || values.iter().map(|value| Pattern::new(value)).collect();
        let ports = || {
            let read = values.iter().map(|value| Ports::parse(value).ok_or_else(|| invalid(value)));
            read.collect::<Result<Vec<_>, _>>()
        };
        Ok(Some(match key {
            "id" => Self::Id(patterns()),
            "name" => Self::Name(patterns()),
            "label" => Self::Label(values.to_vec()),
            "label!" => Self::NotLabel(values.to_vec()),
            "network" => Self::Network(values.to_vec()),
            "volume" => Self::Volume(values.to_vec()),
            "health" => {
                const VERDICTS: [&str; 4] = ["starting", "healthy", "unhealthy", "none"];
                if let Some(bad) = values.iter().find(|value| !VERDICTS.contains(&value.as_str())) {
                    let message = format!("Unrecognised filter value for health: {bad}");
                    return Err(ContainerError::BadParameter(message));
                }
                Self::Health(values.to_vec())
            }
            "expose" => Self::Expose(ports()?),
            "publish" => Self::Publish(ports()?),
            "is-task" => match values {
                [one] if matches!(one.as_str(), "true" | "1") => Self::IsTask(true),
                [one] if matches!(one.as_str(), "false" | "0") => Self::IsTask(false),
                _ => return Err(invalid(&values.join(","))),
            },
            "isolation" => Self::Isolation(values.to_vec()),
            _ => return Ok(None),
        }))
    }

    /// Whether the container passes.
    pub(super) fn holds(&self, container: &Container) -> bool {
        match self {
            Self::Id(patterns) => patterns.iter().any(|pattern| pattern.matches(container.id.as_str())),
            // With its slash and without.
            Self::Name(patterns) => patterns
                .iter()
                .any(|pattern| pattern.matches(&container.name) || pattern.matches(&format!("/{}", container.name))),
            Self::Label(labels) => labels.iter().all(|label| has_label(container, label)),
            Self::NotLabel(labels) => !labels.iter().any(|label| has_label(container, label)),
            Self::Network(names) => names.iter().any(|name| in_network(container, name)),
            Self::Volume(names) => names.iter().any(|name| has_mount(container, name)),
            Self::Health(verdicts) => {
                let verdict = container.health.as_ref().map_or("none", |health| health.status.as_str());
                verdicts.iter().any(|wanted| wanted == verdict)
            }
            Self::Expose(ports) => {
                let exposed = container.config.exposed_ports.keys().chain(container.host_config.port_bindings.keys());
                exposed.filter_map(|port| Ports::parse(port)).any(|own| ports.iter().any(|wanted| wanted.meets(&own)))
            }
            Self::Publish(ports) => published(container).any(|own| ports.iter().any(|wanted| wanted.meets(&own))),
            // There is no swarm, so nothing is its task.
            Self::IsTask(wanted) => !wanted,
            Self::Isolation(wanted) => wanted.contains(&container.host_config.isolation),
        }
    }
}

/// Docker's: the text itself, or a regular expression for a part of it. What is no expression is only itself.
#[derive(Debug)]
pub(super) struct Pattern {
    text: String,
    expression: Option<Regex>,
}

impl Pattern {
    fn new(text: &str) -> Self {
        let expression = RegexBuilder::new(text).size_limit(PATTERN_SIZE).build().ok();
        Self { text: text.to_owned(), expression }
    }

    fn matches(&self, value: &str) -> bool {
        self.text == value || self.expression.as_ref().is_some_and(|expression| expression.is_match(value))
    }
}

/// `80`, `80/udp`, `8000-8010/tcp`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ports {
    range: RangeInclusive<u16>,
    protocol: String,
}

impl Ports {
    fn parse(text: &str) -> Option<Self> {
        let (range, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let range = first.parse().ok()?..=last.parse().ok()?;
        (!range.is_empty()).then(|| Self { range, protocol: protocol.to_ascii_lowercase() })
    }

    fn meets(&self, other: &Self) -> bool {
        let overlap = self.range.start() <= other.range.end() && other.range.start() <= self.range.end();
        overlap && self.protocol == other.protocol
    }
}

/// The host's ports that were asked for.
fn published(container: &Container) -> impl Iterator<Item = Ports> {
    container.host_config.port_bindings.iter().flat_map(|(inside, bindings)| {
        let protocol = inside.split_once('/').map_or("tcp", |(_, protocol)| protocol);
        let on_host = bindings.iter().flatten().map(move |binding| format!("{}/{protocol}", binding.host_port));
        on_host.filter_map(|port| Ports::parse(&port))
    })
}

fn has_mount(container: &Container, wanted: &str) -> bool {
    container
        .mounts
        .iter()
        .any(|m| m.name.as_deref() == Some(wanted) || m.target == wanted || m.source.as_os_str() == wanted)
}

fn has_label(container: &Container, wanted: &str) -> bool {
    match wanted.split_once('=') {
        Some((name, value)) => container.config.labels.get(name).is_some_and(|v| v == value),
        None => container.config.labels.contains_key(wanted),
    }
}

fn in_network(container: &Container, wanted: &str) -> bool {
    let by_mode = match container.network_mode() {
        NetworkMode::Bridge => wanted == "bridge",
        NetworkMode::Host => wanted == "host",
        NetworkMode::None => wanted == "none",
        NetworkMode::Container(_) => false,
        NetworkMode::Named(name) => wanted == name,
    };
    by_mode || container.endpoint.as_ref().is_some_and(|e| !wanted.is_empty() && e.network_id.starts_with(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hull_api::{Empty, PortBinding};

    fn example() -> Container {
        let mut container = Container::example();
        "web_1".clone_into(&mut container.name);
        container.config.labels = [("tier", "file"), ("app", "")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        container.config.exposed_ports = ["80/tcp", "53/udp"].map(|port| (port.to_owned(), Empty {})).into();
        let binding = PortBinding { host_port: "8080".to_owned(), ..PortBinding::default() };
        container.host_config.port_bindings = [("80/tcp".to_owned(), Some(vec![binding]))].into();
        "bridge".clone_into(&mut container.host_config.network_mode);
        container
    }

    #[test]
    fn each_filter_against_one_container() {
        let container = example();
        for (key, values, holds) in [
            ("name", &["web"][..], true),
            ("name", &["^/web_1$"], true),
            ("name", &["^web_1$"], true),
            ("name", &["w.b_[0-9]"], true),
            ("name", &["^/(db|web_1)$"], true),
            ("name", &["^/web$"], false),
            ("name", &["(web"], false),
            ("name", &["db", "web"], true),
            ("id", &["0123"], true),
            ("id", &["^89"], false),
            ("label", &["tier"], true),
            ("label", &["tier=file", "app="], true),
            ("label", &["tier=file", "app=x"], false),
            ("label!", &["tier=other"], true),
            ("label!", &["nosuch", "app"], false),
            ("expose", &["80"], true),
            ("expose", &["50-60/udp"], true),
            ("expose", &["50-60/tcp"], false),
            ("publish", &["8000-8100"], true),
            ("publish", &["80"], false),
            ("health", &["none"], true),
            ("health", &["healthy", "starting"], false),
            ("is-task", &["false"], true),
            ("is-task", &["true"], false),
            ("isolation", &[""], true),
            ("isolation", &["hyperv"], false),
            ("network", &["bridge"], true),
            ("network", &["host"], false),
        ] {
            let values: Vec<String> = values.iter().map(|v| (*v).to_owned()).collect();
            let test = Test::parse(key, &values).unwrap().unwrap();
            assert_eq!(test.holds(&container), holds, "{key}={values:?}");
        }
        assert!(Test::parse("name", &[]).unwrap().is_none());
    }

    #[test]
    fn values_that_make_no_sense() {
        for (key, value, message) in [
            ("expose", "x", "invalid filter 'expose=x'"),
            ("publish", "9-8", "invalid filter 'publish=9-8'"),
            ("is-task", "maybe", "invalid filter 'is-task=maybe'"),
            ("health", "fine", "Unrecognised filter value for health: fine"),
        ] {
            assert_eq!(Test::parse(key, &[value.to_owned()]).unwrap_err().to_string(), message);
        }
        let bomb = "(((a{100}){100}){100}){100}";
        assert!(Test::parse("name", &[bomb.to_owned()]).unwrap().is_some_and(|test| !test.holds(&example())));
    }
}
