//! Scenarios as the load engine runs them.

use std::collections::BTreeMap;
use std::time::Duration;

use seaworthy_load::{Arrivals, Executor as Engine, Load, Ramp, Schedule, Share, Stripe};

use super::plan::ramp;
use super::scenario::{Executor, Pool, Scenario, or_grace, or_one, or_second};
use super::segment::{Partition, Stripes};
use super::values::Stage;

/// A scenario and what the load engine is to do for it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The scenario's name, which is also the name of the load's only flow.
    pub scenario: String,
    /// What drives it, in our part of the run.
    pub load: Load,
    /// Which of the scenario's iterations, in the whole run, are ours.
    pub stripes: Stripes,
}

/// An entry for each scenario that has work in our part.
pub(super) fn entries(
    scenarios: &BTreeMap<String, Scenario>,
    partition: &Partition,
    backlog: u32,
) -> Vec<Entry> {
    let entry = |scenario: &Scenario| {
        let executor = engine(&scenario.executor, partition, backlog)?;
        let dealt = dealt(&scenario.executor, partition)?;
        Some(Entry {
            scenario: scenario.name.clone(),
            load: Load {
                flows: vec![Share { flow: scenario.name.clone(), weight: 1.0 }],
                start: scenario.start_time(),
                graceful_stop: scenario.graceful_stop(),
                executor,
            },
            stripes: dealt.stripes().clone(),
        })
    };
    scenarios.values().filter_map(entry).collect()
}

/// How a scenario's iterations are dealt out; `None` if none are ours. Where virtual users share
/// them, each part gets as many as it has hands.
fn dealt(executor: &Executor, partition: &Partition) -> Option<Partition> {
    match executor {
        Executor::SharedIterations { vus, .. } => partition.by(or_one(*vus).into()),
        Executor::ConstantArrivalRate { pool, .. } | Executor::RampingArrivalRate { pool, .. } => {
            partition.by(pool.max().into())
        }
        _ => Some(partition.clone()),
    }
}

/// The engine's executor; `None` if there is no work in our part.
fn engine(executor: &Executor, partition: &Partition, backlog: u32) -> Option<Engine> {
    let share = |vus: Option<u32>| narrow(partition.share(or_one(vus).into()));
    let has_work = |vus: u32, engine: Engine| (vus > 0).then_some(engine);
    match executor {
        Executor::ConstantVus { vus, .. } => {
            let vus = share(*vus);
            has_work(vus, Engine::ConstantVus { vus, duration: executor.duration() })
        }
        Executor::RampingVus { start_vus, stages, graceful_ramp_down } => {
            let (start_vus, stages) = ramped(or_one(*start_vus), stages, partition);
            let most = stages.iter().map(|(_, target)| *target).max().unwrap_or_default();
            let graceful_ramp_down = or_grace(*graceful_ramp_down);
            let most = most.max(start_vus);
            has_work(most, Engine::RampingVus { start_vus, stages, graceful_ramp_down })
        }
        Executor::PerVuIterations { vus, iterations, .. } => {
            let vus = share(*vus);
            let (iterations, max_duration) = (or_one(*iterations), executor.duration());
            has_work(vus, Engine::PerVuIterations { vus, iterations, max_duration })
        }
        Executor::SharedIterations { vus, iterations, .. } => {
            let iterations = dealt(executor, partition)?.share(or_one(*iterations));
            let (vus, max_duration) = (share(*vus), executor.duration());
            let engine = Engine::SharedIterations { vus, iterations, max_duration };
            has_work(vus, engine).filter(|_| iterations > 0)
        }
        Executor::ConstantArrivalRate { rate, time_unit, pool, .. } => {
            let schedule = Schedule::Constant {
                rate: rate.unwrap_or_default().into(),
                unit: or_second(*time_unit),
                duration: executor.duration(),
            };
            arrivals(schedule, *pool, dealt(executor, partition)?, partition, backlog)
        }
        Executor::RampingArrivalRate { start_rate, time_unit, stages, pool } => {
            let rates: Vec<(Duration, f64)> =
                stages.iter().map(|stage| (stage.duration, stage.target.into())).collect();
            let start = start_rate.unwrap_or_default().into();
            let schedule = Schedule::Ramping(Ramp::new(start, or_second(*time_unit), &rates));
            arrivals(schedule, *pool, dealt(executor, partition)?, partition, backlog)
        }
    }
}

/// Our arrivals are those that are dealt to us, each at its own moment of the whole.
fn arrivals(
    schedule: Schedule,
    pool: Pool,
    dealt: Partition,
    partition: &Partition,
    backlog: u32,
) -> Option<Engine> {
    let schedule = match dealt.is_whole() {
        true => schedule,
        false => {
            let stripes = dealt.stripes();
            schedule.striped(Stripe::new(stripes.period(), stripes.places().iter().copied())?)
        }
    };
    let share = |vus: u32| narrow(partition.share(vus.into()));
    let (pre_allocated_vus, max_vus) = (share(pool.pre_allocated()), share(pool.max()));
    let engine = Arrivals { schedule, pre_allocated_vus, max_vus, max_backlog: backlog };
    (max_vus > 0).then_some(Engine::Arrivals(engine))
}

/// The ramp in our part: as it was typed if it is undivided, otherwise as jumps between the
/// moments at which our number changes, which is the same number at every moment.
fn ramped(start: u32, stages: &[Stage], partition: &Partition) -> (u32, Vec<(Duration, u32)>) {
    if partition.is_whole() {
        return (start, stages.iter().map(|stage| (stage.duration, stage.target)).collect());
    }
    let ramp = ramp(start, stages, partition);
    let first = ramp.first().map_or(0, |(_, vus)| narrow(*vus));
    let (mut offset, mut now) = (Duration::ZERO, first);
    let mut jumps = Vec::new();
    for (at, vus) in ramp.iter().skip(1) {
        if *at > offset {
            jumps.push((*at - offset, now));
            offset = *at;
        }
        now = narrow(*vus);
        jumps.push((Duration::ZERO, now));
    }
    let whole = stages.iter().fold(Duration::ZERO, |all, stage| all.saturating_add(stage.duration));
    if whole > offset {
        jumps.push((whole - offset, now));
    }
    (first, jumps)
}

/// A share of a number that fits is one that fits.
fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
