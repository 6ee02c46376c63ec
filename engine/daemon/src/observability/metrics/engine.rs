//! The engine's own series: states, and what observing costs and loses.

use super::catalogue::*;
use super::scrape::{Base, Scrape};
use crate::observability::ebpf::maps::Table;
use crate::observability::ebpf::{Hook, Loaded};
use crate::observability::{ContainerSample, State};
use aya::Pod;
use hull_ebpf_types::Loss;

/// States are there with 0 too.
pub(super) fn states(scrape: &mut Scrape, samples: &[ContainerSample]) {
    for state in State::ALL {
        let count = samples.iter().filter(|sample| sample.state == state).count();
        scrape.count(&CONTAINER_STATES, &Base::engine(), &[state.as_str()], count as u64);
    }
}

/// Which program runs, and what stands in for one that does not.
pub(super) fn hooks(scrape: &mut Scrape, hooks: &[Hook], switched_off: bool) {
    for hook in hooks {
        let backend = if switched_off { "off" } else { hook.backend };
        let value = if hook.attached { 1.0 } else { 0.0 };
        scrape.value(&EBPF_ATTACHED, &Base::engine(), &[hook.program.as_str(), backend], value);
    }
}

/// What the programs did, lost and cost, and how full their maps are.
pub(super) fn programs(scrape: &mut Scrape, kernel: &Loaded) {
    let base = Base::engine();
    for hook in kernel.hooks.iter().filter(|hook| hook.attached) {
        scrape.count(&EBPF_EVENTS, &base, &[hook.program.as_str()], kernel.maps.handled(hook.program));
    }
    for reason in Loss::ALL {
        scrape.count(&EBPF_LOST, &base, &[reason.as_str()], kernel.maps.lost(reason));
    }
    for (name, program) in kernel.object.programs() {
        let run = program.info().map(|info| info.run_time()).unwrap_or_default();
        if !run.is_zero() {
            scrape.value(&EBPF_RUN, &base, &[name], run.as_secs_f64());
        }
    }
    table(scrape, &base, &kernel.maps.containers);
    table(scrape, &base, &kernel.maps.cpu_groups);
    table(scrape, &base, &kernel.maps.processes);
    table(scrape, &base, &kernel.maps.queues);
    table(scrape, &base, &kernel.maps.stalled);
    table(scrape, &base, &kernel.maps.waiting);
    table(scrape, &base, &kernel.maps.comm_stalls);
}

fn table<K: Pod, V: Pod>(scrape: &mut Scrape, base: &Base, table: &Table<K, V>) {
    let name = table.name.to_lowercase();
    scrape.count(&EBPF_ENTRIES, base, &[&name], table.count() as u64);
    scrape.count(&EBPF_CAPACITY, base, &[&name], u64::from(table.capacity));
}
