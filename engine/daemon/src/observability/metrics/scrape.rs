//! One scrape under construction: families fill up with series until the limit.

use super::catalogue::{Family, Kind, Scope};
use hull_ebpf_types::{BUCKETS, Histogram};
use prometheus::proto::{self, LabelPair, Metric, MetricFamily, MetricType};
use std::collections::BTreeMap;

/// Collects series. Containers' series beyond the limit are counted and left out; the engine's own always fit.
pub(super) struct Scrape {
    families: BTreeMap<&'static str, MetricFamily>,
    limit: usize,
    pub(super) series: usize,
    pub(super) dropped: usize,
}

/// The labels that all series of one container begin with.
pub(super) struct Base(Vec<LabelPair>);

impl Base {
    pub(super) fn container(id: &str, name: &str) -> Self {
        Self(vec![pair("id", id), pair("name", name)])
    }

    pub(super) fn engine() -> Self {
        Self(Vec::new())
    }
}

const NANOSECONDS: f64 = 1e9;

/// Nanoseconds as Prometheus wants them.
pub(super) fn seconds(ns: u64) -> f64 {
    ns as f64 / NANOSECONDS
}

impl Scrape {
    pub(super) fn new(limit: usize) -> Self {
        Self { families: BTreeMap::new(), limit, series: 0, dropped: 0 }
    }

    pub(super) fn value(&mut self, family: &'static Family, base: &Base, values: &[&str], value: f64) {
        let mut metric = metric(family, base, values);
        match family.kind {
            Kind::Counter => {
                let mut counter = proto::Counter::default();
                counter.set_value(value);
                metric.set_counter(counter);
            }
            Kind::Gauge | Kind::Histogram => {
                let mut gauge = proto::Gauge::default();
                gauge.set_value(value);
                metric.set_gauge(gauge);
            }
        }
        self.push(family, metric, 1);
    }

    pub(super) fn count(&mut self, family: &'static Family, base: &Base, values: &[&str], value: u64) {
        self.value(family, base, values, value as f64);
    }

    pub(super) fn histogram(
        &mut self,
        family: &'static Family,
        base: &Base,
        bounds: &[u64; BUCKETS - 1],
        histogram: &Histogram,
    ) {
        let mut cumulative = 0;
        let buckets = bounds.iter().zip(&histogram.counts).map(|(bound, count)| {
            cumulative += count;
            let mut bucket = proto::Bucket::default();
            bucket.set_upper_bound(seconds(*bound));
            bucket.set_cumulative_count(cumulative);
            bucket
        });
        let mut value = proto::Histogram::default();
        value.set_bucket(buckets.collect());
        value.set_sample_count(histogram.count());
        value.set_sample_sum(seconds(histogram.sum_ns));
        let mut metric = metric(family, base, &[]);
        metric.set_histogram(value);
        // Its buckets, the one without a bound, the sum and the count.
        self.push(family, metric, BUCKETS + 2);
    }

    fn push(&mut self, family: &'static Family, metric: Metric, series: usize) {
        if family.scope == Scope::Container {
            if self.series + series > self.limit {
                self.dropped += series;
                return;
            }
            self.series += series;
        }
        let entry = self.families.entry(family.name).or_insert_with(|| {
            let mut entry = MetricFamily::default();
            entry.set_name(family.name.to_owned());
            entry.set_help(family.help.to_owned());
            entry.set_field_type(match family.kind {
                Kind::Counter => MetricType::COUNTER,
                Kind::Gauge => MetricType::GAUGE,
                Kind::Histogram => MetricType::HISTOGRAM,
            });
            entry
        });
        entry.mut_metric().push(metric);
    }

    pub(super) fn finish(self) -> Vec<MetricFamily> {
        self.families.into_values().collect()
    }
}

fn metric(family: &Family, base: &Base, values: &[&str]) -> Metric {
    debug_assert_eq!(family.labels.len(), values.len(), "{}", family.name);
    let own = family.labels.iter().zip(values).map(|(name, value)| pair(name, value));
    Metric::from_label(base.0.iter().cloned().chain(own).collect())
}

fn pair(name: &str, value: &str) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(name.to_owned());
    pair.set_value(value.to_owned());
    pair
}

#[cfg(test)]
mod tests {
    use super::super::catalogue;
    use super::*;

    #[test]
    fn beyond_the_limit_containers_series_are_dropped_and_counted_and_the_engines_stay() {
        let mut scrape = Scrape::new(3);
        let base = Base::container("1", "a");
        for _ in 0..5 {
            scrape.count(&catalogue::FORKS, &base, &[], 1);
        }
        scrape.value(&catalogue::SERIES, &Base::engine(), &[], 3.0);
        assert_eq!((scrape.series, scrape.dropped), (3, 2));
        let families = scrape.finish();
        assert_eq!(families.iter().map(|family| family.get_metric().len()).collect::<Vec<_>>(), [3, 1]);
    }

    #[test]
    fn buckets_are_cumulative_in_seconds() {
        let mut histogram = Histogram { sum_ns: 3_000_000_000, ..Histogram::default() };
        histogram.counts[0] = 2;
        histogram.counts[BUCKETS - 1] = 1;
        let mut scrape = Scrape::new(100);
        let base = Base::container("1", "a");
        scrape.histogram(&catalogue::THROTTLE_DURATION, &base, &hull_ebpf_types::STALL_BOUNDS, &histogram);
        let families = scrape.finish();
        let value = families[0].get_metric()[0].get_histogram();
        assert_eq!((value.get_sample_count(), value.get_sample_sum()), (3, 3.0));
        assert!(value.get_bucket().iter().all(|bucket| bucket.cumulative_count() == 2));
        assert_eq!(value.get_bucket()[0].upper_bound(), 0.0005);
    }
}
