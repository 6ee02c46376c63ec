//! `-p [IP:][HOST:]CONTAINER[/PROTO]` and `--expose`, with ranges.

use std::collections::BTreeMap;
use std::net::IpAddr;

use hull_api::{Empty, PortBinding};

use super::error::RequestError;

type Bindings = BTreeMap<String, Option<Vec<PortBinding>>>;

/// The exposed ports and their bindings that a list of `-p` means.
pub(crate) fn publish(specs: &[String]) -> Result<(BTreeMap<String, Empty>, Bindings), RequestError> {
    let mut exposed = BTreeMap::new();
    let mut bindings = Bindings::new();
    for spec in specs {
        for (port, binding) in one(spec)? {
            exposed.insert(port.clone(), Empty {});
            bindings.entry(port).or_default().get_or_insert_default().push(binding);
        }
    }
    Ok((exposed, bindings))
}

/// The ports that a list of `--expose` means.
pub(crate) fn expose(specs: &[String]) -> Result<Vec<String>, RequestError> {
    let mut ports = Vec::new();
    for spec in specs {
        let bad = || RequestError::Expose(spec.clone());
        let (numbers, proto) = spec.split_once('/').unwrap_or((spec, "tcp"));
        let (start, end) = range(numbers).ok_or_else(bad)?;
        if spec.contains(':') || !is_proto(proto) {
            return Err(bad());
        }
        ports.extend((start..=end).map(|port| format!("{port}/{}", proto.to_lowercase())));
    }
    Ok(ports)
}

fn is_proto(text: &str) -> bool {
    matches!(text.to_lowercase().as_str(), "tcp" | "udp" | "sctp")
}

fn one(spec: &str) -> Result<Vec<(String, PortBinding)>, RequestError> {
    let (numbers, proto) = spec.split_once('/').unwrap_or((spec, "tcp"));
    let (ip, host, container) = parts(numbers)?;
    if container.is_empty() {
        return Err(RequestError::NoPort(spec.to_owned()));
    }
    if !is_proto(proto) {
        return Err(RequestError::Proto(proto.to_owned()));
    }
    if !ip.is_empty() && ip.parse::<IpAddr>().is_err() {
        return Err(RequestError::Ip(ip));
    }
    let (start, end) = range(&container).ok_or_else(|| RequestError::ContainerPort(container.clone()))?;
    let proto = proto.to_lowercase();
    let name = |port: u16| format!("{port}/{proto}");
    let binding = |host_port: String| PortBinding { host_ip: ip.clone(), host_port };
    if host.is_empty() {
        return Ok((start..=end).map(|port| (name(port), binding(String::new()))).collect());
    }
    let (first, last) = range(&host).ok_or_else(|| RequestError::HostPort(host.clone()))?;
    if last - first != end - start {
        // One port of the container may have a choice of the host's.
        if start == end {
            return Ok(vec![(name(start), binding(host))]);
        }
        return Err(RequestError::PortRanges(container, host));
    }
    Ok((start..=end).zip(first..=last).map(|(port, host)| (name(port), binding(host.to_string()))).collect())
}

/// Address, host's ports, container's ports. An IPv6 address is in brackets.
fn parts(text: &str) -> Result<(String, String, String), RequestError> {
    if let Some(rest) = text.strip_prefix('[') {
        let (ip, rest) = rest.split_once("]:").ok_or_else(|| RequestError::Ip(text.to_owned()))?;
        let (host, container) = rest.split_once(':').unwrap_or(("", rest));
        return Ok((ip.to_owned(), host.to_owned(), container.to_owned()));
    }
    Ok(match text.split(':').collect::<Vec<_>>().as_slice() {
        [container] => (String::new(), String::new(), (*container).to_owned()),
        [host, container] => (String::new(), (*host).to_owned(), (*container).to_owned()),
        [ip @ .., host, container] => (ip.join(":"), (*host).to_owned(), (*container).to_owned()),
        [] => (String::new(), String::new(), String::new()),
    })
}

fn range(text: &str) -> Option<(u16, u16)> {
    let (start, end) = text.split_once('-').unwrap_or((text, text));
    let (start, end) = (start.parse().ok()?, end.parse().ok()?);
    (start <= end).then_some((start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(spec: &str) -> Vec<(String, String, String)> {
        one(spec).unwrap().into_iter().map(|(port, b)| (port, b.host_ip, b.host_port)).collect()
    }

    fn triple(a: &str, b: &str, c: &str) -> (String, String, String) {
        (a.into(), b.into(), c.into())
    }

    #[test]
    fn publishing() {
        assert_eq!(published("80"), [triple("80/tcp", "", "")]);
        assert_eq!(published("8080:80/udp"), [triple("80/udp", "", "8080")]);
        assert_eq!(published("127.0.0.1::80"), [triple("80/tcp", "127.0.0.1", "")]);
        assert_eq!(published("[::1]:1:2"), [triple("2/tcp", "::1", "1")]);
        assert_eq!(published("1-2:11-12"), [triple("11/tcp", "", "1"), triple("12/tcp", "", "2")]);
        assert_eq!(published("100-200:80"), [triple("80/tcp", "", "100-200")]);
        for (spec, message) in [
            ("x", "invalid containerPort: x"),
            ("x:80", "invalid hostPort: x"),
            ("80:", "no port specified: 80:<empty>"),
            ("80/foo", "invalid proto: foo"),
            ("1.2.3:80:80", "invalid IP address: 1.2.3"),
            ("1-2:11-13", "invalid ranges specified for container and host Ports: 11-13 and 1-2"),
            ("99999", "invalid containerPort: 99999"),
            ("2-1", "invalid containerPort: 2-1"),
        ] {
            assert_eq!(one(spec).unwrap_err().to_string(), message, "{spec}");
        }
    }

    #[test]
    fn exposing() {
        assert_eq!(expose(&["80".into(), "1-2/UDP".into()]).unwrap(), ["80/tcp", "1/udp", "2/udp"]);
        assert!(expose(&["a".into()]).is_err());
    }
}
