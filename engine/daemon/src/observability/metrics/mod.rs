//! `/metrics`: everything is collected at the scrape, by one collector, from cgroup files and eBPF maps.
//!
//! ```text
//!  Registry::gather -> Collector::collect -> samples of the container service
//!                                         -> one walk over each eBPF map, grouped by container
//!                                         -> container (one after the other), then engine
//! ```
//! A metric lives beside what it measures: [`catalogue`] has the names, the other files the values.

pub mod catalogue;
mod container;
mod engine;
mod network;
mod pressure;
mod scrape;

use super::book::{Book, Totals, Usage};
use super::ebpf::maps::comm_text;
use super::{ContainerSample, Observability, proc, registry};
use crate::ids::ContainerId;
use container::Measured;
use hull_ebpf_types::Program;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Registry, TextEncoder};
use scrape::{Base, Scrape};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// What metrics need between scrapes.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    registry: Registry,
    dropped: AtomicU64,
}

impl Metrics {
    /// Registers the collector; it holds its owner weakly, because its owner holds it.
    pub(super) fn register(&self, observability: &Arc<Observability>) {
        let collector = AtScrape { descriptions: descriptions(), observability: Arc::downgrade(observability) };
        if let Err(error) = self.registry.register(Box::new(collector)) {
            tracing::error!(%error, "no metrics of containers");
        }
    }
}

fn descriptions() -> Vec<Desc> {
    let description = |family: &&catalogue::Family| {
        let scope: &[&str] = if family.scope == catalogue::Scope::Container { &["id", "name"] } else { &[] };
        let labels = scope.iter().chain(family.labels).map(|label| (*label).to_owned()).collect();
        Desc::new(family.name.to_owned(), family.help.to_owned(), labels, HashMap::new()).ok()
    };
    catalogue::ALL.iter().filter_map(description).collect()
}

struct AtScrape {
    descriptions: Vec<Desc>,
    observability: Weak<Observability>,
}

impl Collector for AtScrape {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.observability.upgrade().map(|observability| observability.collect()).unwrap_or_default()
    }
}

/// What eBPF's maps say of running containers, by cgroup id.
#[derive(Default)]
struct Seen {
    stalls: HashMap<u64, Vec<(String, u64)>>,
    /// PID namespaces with their levels.
    namespaces: HashMap<u64, BTreeSet<(u64, u32)>>,
}

impl Observability {
    /// All metrics in Prometheus' text format: these and what other parts of the daemon registered. Blocking.
    pub fn render(&self) -> String {
        let mut families = self.metrics.registry.gather();
        families.extend(registry().gather());
        TextEncoder::new().encode_to_string(&families).unwrap_or_else(|error| {
            tracing::error!(%error, "metrics cannot be written as text");
            String::new()
        })
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let begin = Instant::now();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        let source = self.source.get();
        let samples = source.map(|source| source.containers()).unwrap_or_default();
        self.forget_strangers(&samples);
        let seen = self.see();
        let mut scrape = Scrape::new(self.options.series_limit);
        let mut oom_kills = 0;
        for sample in &samples {
            oom_kills += self.container(&mut scrape, sample, &seen, now);
        }

        let base = Base::engine();
        engine::states(&mut scrape, &samples);
        if let Some(source) = source {
            scrape.count(&catalogue::REAPER_PENDING, &base, &[], source.reaper_pending() as u64);
        }
        scrape.count(&catalogue::ENGINE_OOM_KILLS, &base, &[], self.book().forgotten_oom_kills + oom_kills);
        engine::hooks(&mut scrape, &self.hooks(), !self.options.ebpf);
        if let Some(kernel) = self.kernel() {
            engine::programs(&mut scrape, kernel);
        }
        let dropped = scrape.dropped as u64;
        let dropped = self.metrics.dropped.fetch_add(dropped, Ordering::Relaxed) + dropped;
        scrape.count(&catalogue::SERIES_DROPPED, &base, &[], dropped);
        let series = scrape.series as u64;
        scrape.count(&catalogue::SERIES, &base, &[], series);
        scrape.value(&catalogue::SCRAPE_DURATION, &base, &[], begin.elapsed().as_secs_f64());
        scrape.finish()
    }

    /// One container's series; gives back its OOM kills.
    fn container(&self, scrape: &mut Scrape, sample: &ContainerSample, seen: &Seen, now: f64) -> u64 {
        let base = Base::container(sample.id.as_str(), &sample.name);
        let stats = sample.cgroup.as_ref().and_then(|cgroup| cgroup.stats().ok());
        let running = sample.cgroup.as_ref().map(|cgroup| cgroup.id());
        let totals = self.totals(&sample.id, running, stats.as_ref().map(Usage::of), seen);
        container::identity(scrape, &base, sample, now);
        container::limits(scrape, &base, sample);
        container::usage(scrape, &base, &totals.usage);
        container::observed(scrape, &base, self.measured(), &totals);
        if let Some(stats) = &stats {
            container::running(scrape, &base, sample, stats);
        }
        for (pidns, level) in self.namespaces(sample, running, seen) {
            scrape.value(&catalogue::PID_NAMESPACE, &base, &[&pidns.to_string(), &level.to_string()], 1.0);
        }
        totals.usage.oom_kills
    }

    /// Earlier runs and the current one. A run that ends meanwhile has moved from the one to the other: then the sums are
    /// asked again, or a counter would go back for one scrape.
    fn totals(&self, id: &ContainerId, running: Option<u64>, usage: Option<Usage>, seen: &Seen) -> Totals {
        let is_live = |book: &Book| running.filter(|id| book.live.contains_key(id));
        let (mut totals, live) = {
            let book = self.book();
            (book.totals(id), is_live(&book))
        };
        let Some(cgroup_id) = live else { return totals };
        totals.usage = totals.usage.plus(usage.unwrap_or_default());
        if let Some(counters) = self.counters(cgroup_id) {
            totals.add_counters(&counters);
        }
        for (comm, ns) in seen.stalls.get(&cgroup_id).into_iter().flatten() {
            totals.add_stall(comm.clone(), *ns);
        }
        let book = self.book();
        if is_live(&book).is_some() { totals } else { book.totals(id) }
    }

    fn namespaces(&self, sample: &ContainerSample, running: Option<u64>, seen: &Seen) -> BTreeSet<(u64, u32)> {
        match (running, self.maps_processes()) {
            (Some(id), true) => seen.namespaces.get(&id).cloned().unwrap_or_default(),
            _ => sample.pid.and_then(|pid| Some((proc::pidns(pid)?, level(pid)?))).into_iter().collect(),
        }
    }

    fn measured(&self) -> Measured {
        Measured {
            processes: self.maps_processes(),
            queue_stalls: self.attached(Program::QueueStalls),
            runqueue: self.attached(Program::RunqueueLatency),
            task_stalls: self.attached(Program::TaskStalls),
            victims: self.attached(Program::OomVictims),
        }
    }

    /// Walks each map once, not once for each container.
    fn see(&self) -> Seen {
        let mut seen = Seen::default();
        let Some(kernel) = self.kernel() else { return seen };
        for (key, ns) in kernel.maps.comm_stalls.entries() {
            seen.stalls.entry(key.container).or_default().push((comm_text(&key.comm), ns));
        }
        for (_, process) in kernel.maps.processes.entries() {
            let namespaces = seen.namespaces.entry(process.container).or_default();
            namespaces.insert((u64::from(process.pidns), process.level));
        }
        seen
    }

    /// Drops sums of containers that were removed without a word.
    fn forget_strangers(&self, samples: &[ContainerSample]) {
        if self.source.get().is_none() {
            return;
        }
        let listed: HashSet<_> = samples.iter().map(|sample| &sample.id).collect();
        let mut book = self.book();
        for id in book.strangers(&listed) {
            book.forget(&id);
        }
    }
}

fn level(pid: u32) -> Option<u32> {
    u32::try_from(proc::ns_pids(pid)?.len()).ok()?.checked_sub(1)
}

#[cfg(test)]
mod tests;
