//! Health probes.

use clap::Args;
use hull_api::{ContainerConfig, Healthcheck};

use super::error::RequestError;
use super::{duration, values};

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Health")]
pub(crate) struct HealthFlags {
    /// Command to run to check health
    #[arg(long, value_name = "string")]
    health_cmd: Option<String>,
    /// Time between running the check (ms|s|m|h)
    #[arg(long, value_name = "duration", value_parser = duration::parse, allow_hyphen_values = true)]
    health_interval: Option<i64>,
    /// Consecutive failures needed to report unhealthy
    #[arg(long, value_name = "int", value_parser = values::int, allow_hyphen_values = true)]
    health_retries: Option<i64>,
    /// Time between running the check during the start period (ms|s|m|h)
    #[arg(long, value_name = "duration", value_parser = duration::parse, allow_hyphen_values = true)]
    health_start_interval: Option<i64>,
    /// Start period for the container to initialize before starting health-retries countdown (ms|s|m|h)
    #[arg(long, value_name = "duration", value_parser = duration::parse, allow_hyphen_values = true)]
    health_start_period: Option<i64>,
    /// Maximum time to allow one check to run (ms|s|m|h)
    #[arg(long, value_name = "duration", value_parser = duration::parse, allow_hyphen_values = true)]
    health_timeout: Option<i64>,
    /// Disable any container-specified HEALTHCHECK
    #[arg(long)]
    no_healthcheck: bool,
}

impl HealthFlags {
    pub(crate) fn apply(self, config: &mut ContainerConfig) -> Result<(), RequestError> {
        let numbers = [
            ("health-interval", self.health_interval),
            ("health-timeout", self.health_timeout),
            ("health-retries", self.health_retries),
            ("health-start-period", self.health_start_period),
            ("health-start-interval", self.health_start_interval),
        ];
        let wanted = self.health_cmd.is_some() || numbers.iter().any(|(_, n)| n.is_some_and(|n| n != 0));
        if self.no_healthcheck {
            if wanted {
                return Err(RequestError::NoHealthcheck);
            }
            config.healthcheck = Some(Healthcheck { test: Some(vec!["NONE".to_owned()]), ..Healthcheck::default() });
            return Ok(());
        }
        if !wanted {
            return Ok(());
        }
        if let Some((flag, _)) = numbers.iter().find(|(_, n)| n.is_some_and(|n| n < 0)) {
            return Err(RequestError::Negative(flag));
        }
        config.healthcheck = Some(Healthcheck {
            test: self.health_cmd.filter(|c| !c.is_empty()).map(|c| vec!["CMD-SHELL".to_owned(), c]),
            interval: self.health_interval.unwrap_or(0),
            timeout: self.health_timeout.unwrap_or(0),
            retries: self.health_retries.unwrap_or(0),
            start_period: self.health_start_period.unwrap_or(0),
            start_interval: self.health_start_interval.unwrap_or(0),
        });
        Ok(())
    }
}
