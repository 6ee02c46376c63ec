//! What the API costs: `engine_api_request_duration_seconds`.

use crate::observability;
use http::StatusCode;
use prometheus::{HistogramOpts, HistogramVec};
use std::sync::OnceLock;
use std::time::Duration;

static DURATION: OnceLock<HistogramVec> = OnceLock::new();

/// Counts a request: until its answer's head, not until the end of a stream.
pub(super) fn observe(route: &str, status: StatusCode, duration: Duration) {
    let code = status.as_str();
    DURATION.get_or_init(register).with_label_values(&[route, code]).observe(duration.as_secs_f64());
}

fn register() -> HistogramVec {
    let options = HistogramOpts::new(
        "engine_api_request_duration_seconds",
        "Time from a request's head to its answer's head, by route and status code",
    )
    .buckets(vec![0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0]);
    #[expect(clippy::expect_used, reason = "the name and the labels are constants; a test registers them")]
    let histogram = HistogramVec::new(options, &["route", "code"]).expect("constant names are valid");
    if let Err(error) = observability::registry().register(Box::new(histogram.clone())) {
        tracing::warn!(%error, "the API's durations are not exported");
    }
    histogram
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_counted_under_its_route() {
        observe("/tests/{id}", StatusCode::IM_A_TEAPOT, Duration::from_millis(2));
        let families = observability::registry().gather();
        let family = families.iter().find(|family| family.name() == "engine_api_request_duration_seconds").unwrap();
        let labels: Vec<_> =
            family.get_metric().iter().flat_map(|metric| metric.get_label()).map(|l| l.value()).collect();
        assert!(labels.contains(&"/tests/{id}") && labels.contains(&"418"), "{labels:?}");
    }
}
