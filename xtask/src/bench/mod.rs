//! `cargo xtask bench`: Hull beside a floor program and its peers, interleaved in one run.
//!
//! ```text
//!  rootfs (busybox) -> imported into every engine
//!  rounds:  floor crun hulld dockerd podman | floor crun hulld dockerd podman | ...   one sample of each row
//!  report:  min, median, max, ratio to Hull's median -> docs/benchmarks.md
//! ```
//! The machine's speed drifts, so figures of one run are compared with each other, never with another run's.

mod api;
pub(crate) mod client;
mod engines;
mod fleet;
mod floor;
mod logs;
mod oci;
mod packages;
mod report;
mod samples;

use crate::{build, setup};
use anyhow::{Context, Result};
use engines::{Engine, Stage};
use samples::Samples;

/// Options of `bench`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How often each row is measured
    #[arg(long, default_value_t = 25)]
    rounds: usize,
    /// Few rounds and no peers: while working on Hull
    #[arg(long)]
    quick: bool,
    /// Peers to compare with: dockerd, podman, crun
    #[arg(long, value_delimiter = ',', default_values_t = ["dockerd", "podman", "crun"].map(str::to_owned))]
    peers: Vec<String>,
    /// Print the table only; leave docs/benchmarks.md as it is
    #[arg(long)]
    dry_run: bool,
}

/// Runs the task.
///
/// # Errors
/// When hulld cannot be built or measured; a peer that cannot be had is named in the table.
pub(crate) fn run(args: Args) -> Result<()> {
    setup::require_root("bench")?;
    build::everything()?;
    let peers: &[String] = if args.quick { &[] } else { &args.peers };
    let rounds = if args.quick { 10 } else { args.rounds };

    let stage = Stage::set_up().context("cannot prepare a place for the benchmark")?;
    let wants = |name: &str| peers.iter().any(|peer| peer == name);
    let mut samples = Samples::default();
    let mut absent = Vec::new();
    let mut engines = vec![Engine::hulld(&stage).context("hulld")?];
    for (name, start) in [("dockerd", Engine::dockerd as fn(&Stage) -> Result<Engine>), ("podman", Engine::podman)] {
        if wants(name) {
            match start(&stage) {
                Ok(engine) => engines.push(engine),
                Err(error) => absent.push(format!("{name}: {error:#}")),
            }
        }
    }
    let mut crun = None;
    if wants("crun") {
        match oci::Crun::prepare(&stage) {
            Ok(prepared) => crun = Some(prepared),
            Err(error) => absent.push(format!("crun: {error:#}")),
        }
    }
    let floor = floor::Floor::compile(&stage)?;

    absent.iter().for_each(|why| println!("not measured: {why}"));
    println!("measuring {rounds} rounds: {}", engines.iter().map(|e| e.name()).collect::<Vec<_>>().join(", "));
    for engine in &engines {
        samples.add(engine.name(), "idle RSS, MiB", engine.resident_mib()?);
    }
    let mut apis = engines.iter().map(api::Api::prepare).collect::<Result<Vec<_>>>()?;
    for round in 0..=rounds {
        // The first round warms up: caches, pools, page tables.
        let mut warm_up = Samples::default();
        let samples = if round == 0 { &mut warm_up } else { &mut samples };
        samples.add("floor", api::CYCLE, floor.cycle()?);
        if let Some(crun) = &mut crun {
            samples.add("crun run", api::CYCLE, crun.cycle()?);
        }
        for api in &mut apis {
            api.round(samples)?;
        }
    }
    for api in &mut apis {
        api.memory(&mut samples, if args.quick { 10 } else { 30 })?;
        api.clear()?;
    }
    drop(apis);
    // Few samples: each is hundreds of containers, and a peer takes a minute for one.
    for _ in 0..if args.quick { 1 } else { 3 } {
        for engine in &engines {
            fleet::round(engine, &mut samples).with_context(|| format!("{}: many containers", engine.name()))?;
            logs::round(engine, &mut samples).with_context(|| format!("{}: a long log", engine.name()))?;
        }
    }
    drop(engines);

    let table = report::table(&samples, &absent, rounds);
    println!("\n{table}");
    if !args.dry_run && !args.quick {
        report::write(&table)?;
    }
    Ok(())
}
