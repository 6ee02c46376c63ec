//! Whether an image is of the platform that was asked for, or at least of this host's.

use super::error::ContainerError;
use super::resolve::ResolvedImage;

/// What this host is, in the words of images.
fn host() -> String {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "riscv64" => "riscv64",
        other => other,
    };
    format!("linux/{architecture}")
}

/// An error for another platform than the wanted one; a warning for one that is merely not this host's.
pub(super) fn check(
    reference: &str,
    image: &ResolvedImage,
    wanted: Option<&str>,
) -> Result<Vec<String>, ContainerError> {
    let actual = &image.platform;
    match wanted.filter(|wanted| !wanted.is_empty()) {
        Some(wanted) if matches(&normalized(wanted)?, actual) => Ok(Vec::new()),
        Some(wanted) => Err(ContainerError::Missing(format!(
            "image with reference {reference} was found but its platform ({actual}) does not match the specified platform ({})",
            normalized(wanted)?
        ))),
        None if matches(&host(), actual) => Ok(Vec::new()),
        None => Ok(vec![format!(
            "The requested image's platform ({actual}) does not match the detected host platform ({}) and no specific platform was requested",
            host()
        )]),
    }
}

/// `linux/arm64` means every variant of it.
fn matches(wanted: &str, actual: &str) -> bool {
    // An image that does not say what it is may be anything.
    actual.is_empty() || actual == wanted || actual.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('/'))
}

/// `arm64`, `linux` and `linux/x86_64` are platforms, too.
fn normalized(text: &str) -> Result<String, ContainerError> {
    let word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    let mut parts: Vec<String> = text.to_ascii_lowercase().split('/').map(str::to_owned).collect();
    if parts.len() > 3 || !parts.iter().all(|part| word(part)) {
        return Err(ContainerError::BadParameter(format!("invalid platform: {text:?}: invalid argument")));
    }
    if parts.len() == 1 {
        let host = host();
        let (system, architecture) = host.split_once('/').unwrap_or_default();
        let is_system = matches!(parts[0].as_str(), "linux" | "windows" | "darwin" | "freebsd");
        let (at, missing) = if is_system { (1, architecture) } else { (0, system) };
        parts.insert(at, missing.to_owned());
    }
    match parts[1].as_str() {
        "x86_64" | "x86-64" => "amd64".clone_into(&mut parts[1]),
        "aarch64" => "arm64".clone_into(&mut parts[1]),
        _ => {}
    }
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_of_a_platform() {
        let image = |platform: &str| ResolvedImage { platform: platform.to_owned(), ..ResolvedImage::default() };
        let own = host();
        for (wanted, actual) in [
            (None, own.as_str()),
            (None, ""),
            (Some(""), own.as_str()),
            (Some("linux"), own.as_str()),
            (Some("linux/arm64"), "linux/arm64/v8"),
            (Some("LINUX/aarch64"), "linux/arm64"),
            (Some("arm64"), "linux/arm64"),
        ] {
            assert_eq!(check("x", &image(actual), wanted).unwrap(), Vec::<String>::new(), "{wanted:?} {actual}");
        }
        assert_eq!(
            check("x", &image("linux/amd64"), Some("linux/s390x")).unwrap_err().to_string(),
            "image with reference x was found but its platform (linux/amd64) does not match the specified platform (linux/s390x)"
        );
        let warning = check("x", &image("linux/s390x"), None).unwrap().remove(0);
        assert!(warning.starts_with("The requested image's platform (linux/s390x) does not match"), "{warning}");
        for bad in ["a/b/c/d", "linux/", "linux/ä"] {
            let error = check("x", &image("linux/amd64"), Some(bad)).unwrap_err();
            assert_eq!(error.kind(), super::super::Kind::BadParameter, "{bad}");
        }
    }
}
