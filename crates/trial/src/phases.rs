//! Phases one after another: the load of each, watched once a second, and what it came to.

use std::time::Duration;

use seaworthy_base::{Instant, Span};
use seaworthy_load::{Handle, PhaseReport, Service};
use seaworthy_report::outcome::{Note, Severity};

use crate::check::Phase;
use crate::diary::Diary;
use crate::judge::RanPhase;
use crate::launch::World;
use crate::progress::{PhaseProgress, Progress};
use crate::service::{Halt, Lived, Options};
use crate::tally::FlowRun;

/// How often a phase is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Runs every phase; what each came to is added to `lived` also when it was cut short.
pub(crate) async fn run(
    options: &Options,
    world: &mut World,
    diary: &Diary,
    lived: &mut Lived,
) -> Result<(), Halt> {
    for phase in options.plan.phases() {
        if options.stop.is_cancelled() {
            return Err(Halt::Interrupted);
        }
        options.speaker.say(Progress::Stage("under load"));
        one(options, phase, world, diary, lived).await?;
    }
    if options.stop.is_cancelled() { Err(Halt::Interrupted) } else { Ok(()) }
}

async fn one(
    options: &Options,
    phase: &Phase,
    world: &mut World,
    diary: &Diary,
    lived: &mut Lived,
) -> Result<(), Halt> {
    let service = Service::new(seaworthy_load::Options {
        phase: phase.name.clone(),
        loads: phase.loads.clone(),
        flows: options.plan.flows().to_vec(),
        targets: world.addresses(),
        variables: world.scope().values().clone(),
        client: world.client(options),
        seed: options.seed,
        clock: options.clock.clone(),
        timeline: lived.timeline.clone(),
        stop: options.stop.clone(),
    })
    .map_err(|error| Halt::CouldNotRun(world.scope().told(&error.to_string())))?;
    let handle = service.handle();
    diary.note("phase.started", &phase.name, format!("phase {} begins", phase.name));
    let report = {
        let load = service.run();
        tokio::pin!(load);
        let mut looks = tokio::time::interval(LOOK_EVERY);
        let began = options.clock.now();
        let mut before = 0;
        loop {
            tokio::select! {
                report = &mut load => break report,
                _ = looks.tick() => before = look(options, phase, world, diary, &handle, began, before),
            }
        }
    };
    let report = report.map_err(|error| Halt::CouldNotRun(error.to_string()))?;
    note_exits(world, diary);
    diary.note("phase.ended", &phase.name, format!("phase {} ends", phase.name));
    remember(phase, &report, world, lived);
    Ok(())
}

/// Says how the phase is doing, and notes targets that ended by themselves.
fn look(
    options: &Options,
    phase: &Phase,
    world: &mut World,
    diary: &Diary,
    handle: &Handle,
    began: Instant,
    before: u64,
) -> u64 {
    note_exits(world, diary);
    world.keep_guard();
    let live = handle.live();
    options.speaker.say(Progress::Phase(PhaseProgress {
        name: phase.name.clone(),
        elapsed: options.clock.now().duration_since(began),
        planned: phase.duration,
        per_second: live.requests.saturating_sub(before) as f64 / LOOK_EVERY.as_secs_f64(),
        requests: live.requests,
        failed: live.failed,
        in_flight: live.in_flight,
        backlog: live.backlog,
        recent_p95: live.recent_p95.map(Duration::from_nanos),
    }));
    live.requests
}

fn note_exits(world: &World, diary: &Diary) {
    for (name, exit) in world.sampler().newly_exited() {
        diary.tell("target.exited", &name, format!("target `{name}` ended by itself: {exit}"));
    }
}

fn remember(phase: &Phase, report: &PhaseReport, world: &World, lived: &mut Lived) {
    let second = |moment: Instant| moment.saturating_duration_since(lived.started).as_secs_f64();
    let from = second(report.started);
    // The load's own end, not that of the last straggler; earlier when the trial was cut short.
    let to = (from + phase.duration.as_secs_f64()).min(second(report.ended));
    let mut notes = Vec::new();
    let mut warn = |text: String| {
        notes.push(Note { severity: Severity::Warning, text });
    };
    let mut ran = RanPhase {
        name: phase.name.clone(),
        from,
        warmup_until: from + phase.warmup.as_secs_f64(),
        to,
        drained: second(report.ended),
        flows: Vec::new(),
    };
    for load in &report.loads {
        if load.interrupted > 0 {
            warn(format!(
                "Flow `{}` in phase `{}`: {} iteration(s) were cut off at the end{}.",
                load.flow,
                phase.name,
                load.interrupted,
                match load.youngest_cut {
                    Some(age) =>
                        format!(", the youngest request after {}", Span(Duration::from_nanos(age))),
                    None => String::new(),
                }
            ));
        }
        if load.dropped > 0 {
            warn(format!(
                "Flow `{}` in phase `{}`: {} arrival(s) were dropped, the backlog was full.",
                load.flow, phase.name, load.dropped
            ));
        }
        for failure in load.failures.iter().take(3) {
            let first = world.scope().told(&failure.example);
            warn(format!(
                "Flow `{}` in phase `{}`: {} time(s) {} in step `{}`, first: {first}",
                load.flow, phase.name, failure.count, failure.code, failure.step
            ));
        }
        ran.add(FlowRun {
            flow: load.flow.clone(),
            open_model: load.open_model,
            offered_per_second: load.offered_per_second,
            dropped: load.dropped,
            interrupted: load.interrupted,
            youngest_cut: load.youngest_cut,
        });
    }
    lived.notes.extend(notes);
    lived.phases.push(ran);
}
