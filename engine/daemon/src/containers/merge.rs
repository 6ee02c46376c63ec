//! A request's configuration, completed by its image's.

use hull_api::ContainerConfig;

/// What the request leaves open is the image's, by Docker's rules.
pub fn merge(config: &mut ContainerConfig, image: &ContainerConfig) {
    if config.user.is_empty() {
        config.user.clone_from(&image.user);
    }
    for (port, empty) in &image.exposed_ports {
        config.exposed_ports.entry(port.clone()).or_insert(*empty);
    }
    // The user's come first, then what else the image has. A bare name hides the image's variable too.
    let own = config.env.len();
    let names_same = |a: &str, b: &str| a.split('=').next() == b.split('=').next();
    for entry in &image.env {
        if !config.env[..own].iter().any(|own| names_same(own, entry)) {
            config.env.push(entry.clone());
        }
    }
    for (label, value) in &image.labels {
        config.labels.entry(label.clone()).or_insert_with(|| value.clone());
    }
    // An entrypoint of the user's hides the image's command too.
    let no_entrypoint = config.entrypoint.as_ref().is_none_or(Vec::is_empty);
    if no_entrypoint {
        if config.cmd.as_ref().is_none_or(Vec::is_empty) {
            config.cmd.clone_from(&image.cmd);
        }
        if config.entrypoint.is_none() {
            config.entrypoint.clone_from(&image.entrypoint);
        }
    }
    // `--entrypoint ""` resets the image's.
    if config.entrypoint.as_ref().is_some_and(|e| e.len() == 1 && e[0].is_empty()) {
        config.entrypoint = None;
    }
    if config.working_dir.is_empty() {
        config.working_dir.clone_from(&image.working_dir);
    }
    for (volume, empty) in &image.volumes {
        config.volumes.entry(volume.clone()).or_insert(*empty);
    }
    if config.stop_signal.is_empty() {
        config.stop_signal.clone_from(&image.stop_signal);
    }
    if config.shell.is_none() {
        config.shell.clone_from(&image.shell);
    }
    merge_healthcheck(config, image);
}

fn merge_healthcheck(config: &mut ContainerConfig, image: &ContainerConfig) {
    let Some(of_image) = &image.healthcheck else { return };
    let own = config.healthcheck.get_or_insert_with(Default::default);
    if own.test.as_ref().is_none_or(Vec::is_empty) {
        own.test.clone_from(&of_image.test);
    }
    for (field, default) in [
        (&mut own.interval, of_image.interval),
        (&mut own.timeout, of_image.timeout),
        (&mut own.start_period, of_image.start_period),
        (&mut own.start_interval, of_image.start_interval),
        (&mut own.retries, of_image.retries),
    ] {
        if *field == 0 {
            *field = default;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Option<Vec<String>> {
        Some(words.iter().map(|w| (*w).to_owned()).collect())
    }

    fn image() -> ContainerConfig {
        ContainerConfig {
            entrypoint: words(&["/entry"]),
            cmd: words(&["default"]),
            env: vec!["PATH=/bin".to_owned(), "A=image".to_owned()],
            ..ContainerConfig::default()
        }
    }

    #[test]
    fn entrypoint_and_command_follow_dockers_table() {
        for (entrypoint, cmd, entrypoint_after, cmd_after) in [
            (None, None, words(&["/entry"]), words(&["default"])),
            (None, words(&["x"]), words(&["/entry"]), words(&["x"])),
            (words(&["/own"]), None, words(&["/own"]), None),
            (words(&["/own"]), words(&["x"]), words(&["/own"]), words(&["x"])),
            (words(&[""]), words(&["x"]), None, words(&["x"])),
            (words(&[]), None, words(&[]), words(&["default"])),
        ] {
            let mut config = ContainerConfig { entrypoint: entrypoint.clone(), cmd, ..ContainerConfig::default() };
            merge(&mut config, &image());
            assert_eq!((config.entrypoint, config.cmd), (entrypoint_after, cmd_after), "{entrypoint:?}");
        }
    }

    #[test]
    fn the_users_environment_replaces_the_images_by_name() {
        let mut config =
            ContainerConfig { env: vec!["A=own".to_owned(), "B=1".to_owned()], ..ContainerConfig::default() };
        merge(&mut config, &image());
        assert_eq!(config.env, ["A=own", "B=1", "PATH=/bin"]);
    }
}
