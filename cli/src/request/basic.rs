//! What every container has: name, command, environment, user, streams, restart policy, log.

use clap::Args;
use hull_api::{CreateRequest, LogConfig, RestartPolicy};

use super::error::RequestError;
use super::{env, values};

#[derive(Debug, Default, Args)]
pub(crate) struct BasicFlags {
    /// Assign a name to the container
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    pub(crate) name: String,
    /// Keep STDIN open even if not attached
    #[arg(short, long)]
    pub(crate) interactive: bool,
    /// Allocate a pseudo-TTY
    #[arg(short, long)]
    pub(crate) tty: bool,
    /// Attach to STDIN, STDOUT or STDERR
    #[arg(short, long, value_name = "list", value_parser = values::stream_name)]
    pub(crate) attach: Vec<String>,
    /// Automatically remove the container and its associated anonymous volumes when it exits
    #[arg(long = "rm")]
    pub(crate) remove: bool,
    /// Set environment variables
    #[arg(short, long, value_name = "list", value_parser = values::env)]
    env: Vec<String>,
    /// Read in a file of environment variables
    #[arg(long, value_name = "list")]
    env_file: Vec<String>,
    /// Working directory inside the container
    #[arg(short, long, value_name = "string", default_value = "", hide_default_value = true)]
    workdir: String,
    /// Username or UID (format: <name|uid>[:<group|gid>])
    #[arg(short, long, value_name = "string", default_value = "", hide_default_value = true)]
    user: String,
    /// Overwrite the default ENTRYPOINT of the image
    #[arg(long, value_name = "string")]
    entrypoint: Option<String>,
    /// Container host name
    #[arg(short = 'h', long, value_name = "string", default_value = "", hide_default_value = true)]
    hostname: String,
    /// Container NIS domain name
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    domainname: String,
    /// Set meta data on a container
    #[arg(short, long, value_name = "list", value_parser = values::label)]
    label: Vec<String>,
    /// Read in a line delimited file of labels
    #[arg(long, value_name = "list")]
    label_file: Vec<String>,
    /// Add an annotation to the container (passed through to the OCI runtime)
    #[arg(long, value_name = "map", value_parser = values::key_value)]
    annotation: Vec<(String, String)>,
    /// Write the container ID to the file
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    pub(crate) cidfile: String,
    /// Run an init inside the container that forwards signals and reaps processes
    #[arg(long)]
    init: bool,
    /// Restart policy to apply when a container exits: no, on-failure[:N], always, unless-stopped
    #[arg(long, value_name = "string", default_value = "no")]
    restart: String,
    /// Signal to stop the container
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    stop_signal: String,
    /// Timeout (in seconds) to stop a container
    #[arg(long, value_name = "int", value_parser = values::int, allow_hyphen_values = true)]
    stop_timeout: Option<i64>,
    /// Logging driver for the container
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    log_driver: String,
    /// Log driver options
    #[arg(long, value_name = "list", value_parser = values::key_value)]
    log_opt: Vec<(String, String)>,
    /// Runtime to use for this container
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    runtime: String,
}

impl BasicFlags {
    pub(crate) fn apply(
        self,
        image: &str,
        command: &[String],
        request: &mut CreateRequest,
    ) -> Result<(), RequestError> {
        let restart = restart_policy(&self.restart)?;
        if self.remove && !matches!(restart.name.as_str(), "" | "no") {
            return Err(RequestError::Conflict("--restart", "--rm"));
        }
        if self.log_driver == "none" && !self.log_opt.is_empty() {
            return Err(RequestError::LogOptsForNone);
        }
        let config = &mut request.config;
        let attached = |name: &str| self.attach.iter().any(|stream| stream == name);
        config.attach_stdin = attached("stdin") || self.interactive;
        config.attach_stdout = attached("stdout") || self.attach.is_empty();
        config.attach_stderr = attached("stderr") || self.attach.is_empty();
        config.tty = self.tty;
        config.open_stdin = self.interactive;
        config.stdin_once = config.open_stdin && config.attach_stdin;
        config.env = env::environment(&self.env_file, &self.env)?;
        config.labels = env::labels(&self.label_file, &self.label)?;
        config.cmd = (!command.is_empty()).then(|| command.to_vec());
        // An empty text resets the image's entrypoint, which is not the same as naming none.
        config.entrypoint = self.entrypoint.map(|text| vec![text]);
        config.image = image.to_owned();
        config.hostname = self.hostname;
        config.domainname = self.domainname;
        config.user = self.user;
        config.working_dir = self.workdir;
        config.stop_signal = self.stop_signal;
        config.stop_timeout = self.stop_timeout;
        let host = &mut request.host_config;
        host.auto_remove = self.remove;
        host.container_id_file = self.cidfile;
        host.restart_policy = restart;
        host.log_config = LogConfig { kind: self.log_driver, config: self.log_opt.into_iter().collect() };
        host.annotations = self.annotation.into_iter().collect();
        host.init = self.init.then_some(true);
        host.runtime = self.runtime;
        Ok(())
    }
}

/// `no`, `always`, `on-failure:3`: which names there are is the daemon's to say.
pub(crate) fn restart_policy(text: &str) -> Result<RestartPolicy, RequestError> {
    let Some((name, count)) = text.split_once(':') else {
        return Ok(RestartPolicy { name: text.to_owned(), maximum_retry_count: 0 });
    };
    if name.is_empty() {
        return Err(RequestError::Restart("no policy provided before colon"));
    }
    let count = count.parse().map_err(|_| RequestError::Restart("maximum retry count must be an integer"))?;
    Ok(RestartPolicy { name: name.to_owned(), maximum_retry_count: count })
}
