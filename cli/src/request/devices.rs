//! Devices.

use clap::Args;
use hull_api::{DeviceMapping, DeviceRequest, HostConfig};

use super::error::RequestError;

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Devices")]
pub(crate) struct DeviceFlags {
    /// Add a host device to the container (HOST[:CONTAINER][:rwm])
    #[arg(long, value_name = "list")]
    device: Vec<String>,
    /// Add a rule to the cgroup allowed devices list
    #[arg(long, value_name = "list", value_parser = rule)]
    device_cgroup_rule: Vec<String>,
    /// GPU devices to add to the container ('all' to pass all GPUs)
    #[arg(long, value_name = "gpu-request", value_parser = gpus)]
    gpus: Vec<DeviceRequest>,
}

impl DeviceFlags {
    pub(crate) fn apply(self, host: &mut HostConfig) -> Result<(), RequestError> {
        for text in self.device {
            // A CDI name (vendor.com/class=name) is a request to a driver, not a path.
            if !text.starts_with('/') && text.contains('/') && text.contains('=') {
                host.device_requests.push(DeviceRequest {
                    driver: "cdi".to_owned(),
                    device_ids: vec![text],
                    ..DeviceRequest::default()
                });
            } else {
                host.devices.push(mapping(&text)?);
            }
        }
        host.device_cgroup_rules = self.device_cgroup_rule;
        host.device_requests.extend(self.gpus);
        Ok(())
    }
}

fn is_permissions(text: &str) -> bool {
    !text.is_empty() && text.len() <= 3 && text.chars().all(|c| "rwm".contains(c))
}

fn mapping(text: &str) -> Result<DeviceMapping, RequestError> {
    let bad_path = |path: &str| RequestError::DevicePath(path.to_owned());
    let parts: Vec<&str> = text.split(':').collect();
    let (host, container, permissions) = match parts.as_slice() {
        [host] => (*host, *host, "rwm"),
        [host, permissions] if is_permissions(permissions) => (*host, *host, *permissions),
        [host, container] => (*host, *container, "rwm"),
        [host, container, permissions] if is_permissions(permissions) => (*host, *container, *permissions),
        [_, _, _] => return Err(RequestError::Device(text.to_owned())),
        _ => return Err(bad_path(text)),
    };
    if host.is_empty() {
        return Err(bad_path(text));
    }
    if !container.starts_with('/') {
        return Err(RequestError::Device(text.to_owned()));
    }
    Ok(DeviceMapping {
        path_on_host: host.to_owned(),
        path_in_container: container.to_owned(),
        cgroup_permissions: permissions.to_owned(),
    })
}

/// `c 1:3 rwm`.
fn rule(text: &str) -> Result<String, String> {
    let number = |n: &str| n == "*" || (!n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    let valid = match text.split(' ').collect::<Vec<_>>().as_slice() {
        ["a" | "b" | "c", numbers, permissions] => {
            is_permissions(permissions) && numbers.split_once(':').is_some_and(|(a, b)| number(a) && number(b))
        }
        _ => false,
    };
    if valid { Ok(text.to_owned()) } else { Err(format!("invalid device cgroup format '{text}'")) }
}

/// `all`, a count, or `"device=0,1",capabilities=utility`.
fn gpus(text: &str) -> Result<DeviceRequest, String> {
    let mut request = DeviceRequest { capabilities: vec![vec!["gpu".to_owned()]], ..DeviceRequest::default() };
    let count = |value: &str| match value {
        "all" => Ok(-1),
        n => n
            .parse()
            .map_err(|_| format!("invalid count ({n}): value must be either \"all\" or an integer: invalid syntax")),
    };
    for field in fields(text) {
        match field.split_once('=') {
            None => request.count = count(&field)?,
            Some(("count", value)) => request.count = count(value)?,
            Some(("driver", value)) => request.driver = value.to_owned(),
            Some(("device", value)) => request.device_ids = value.split(',').map(str::to_owned).collect(),
            Some(("capabilities", value)) => {
                request.capabilities[0].extend(value.split(',').map(str::to_owned));
            }
            Some((key, _)) => return Err(format!("unexpected key '{key}' in '{field}'")),
        }
    }
    if request.count == 0 && request.device_ids.is_empty() {
        request.count = 1;
    }
    Ok(request)
}

/// The fields of one line of CSV: a field with a comma is in double quotes.
pub(super) fn fields(text: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            _ => {
                if let Some(field) = fields.last_mut() {
                    field.push(c);
                }
            }
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices() {
        for (text, expected) in [
            ("/dev/a", ("/dev/a", "/dev/a", "rwm")),
            ("/dev/a:/dev/b", ("/dev/a", "/dev/b", "rwm")),
            ("/dev/a:r", ("/dev/a", "/dev/a", "r")),
            ("/dev/a:/dev/b:rw", ("/dev/a", "/dev/b", "rw")),
        ] {
            let got = mapping(text).unwrap();
            assert_eq!(
                (got.path_on_host.as_str(), got.path_in_container.as_str(), got.cgroup_permissions.as_str()),
                expected
            );
        }
        assert_eq!(mapping("/a:/b:x").unwrap_err().to_string(), "invalid device specification: /a:/b:x");
        assert!(mapping("").is_err() && mapping("/a:b:r:w").is_err());
        assert!(rule("c 1:* rwm").is_ok());
        assert_eq!(rule("x").unwrap_err(), "invalid device cgroup format 'x'");
    }

    #[test]
    fn gpu_requests() {
        assert_eq!(gpus("all").unwrap().count, -1);
        assert_eq!(gpus("\"device=0,1\",capabilities=utility").unwrap().device_ids, ["0", "1"]);
        assert_eq!(
            gpus("all,foo").unwrap_err(),
            "invalid count (foo): value must be either \"all\" or an integer: invalid syntax"
        );
    }
}
