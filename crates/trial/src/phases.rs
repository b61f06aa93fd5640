//! Phases one after another: the load of each, watched once a second, and what it came to.

use std::time::Duration;

use seaworthy_base::{Instant, Span};
use seaworthy_load::{Handle, LoadReport, PhaseReport};
use seaworthy_report::outcome::{Note, Severity};
use seaworthy_stats::timeline::{Timeline, Window};
use seaworthy_stats::warmup;
use tokio_util::sync::CancellationToken;

use crate::check::Phase;
use crate::diary::Diary;
use crate::driven::{self, CameTo, Driven};
use crate::host::{self, Work};
use crate::judge::RanPhase;
use crate::launch::World;
use crate::progress::{PhaseProgress, Progress};
use crate::resume::{self, Rest};
use crate::service::{Halt, Lived, Options};
use crate::tally::FlowRun;

/// The share of the processors' time that may go to others, or be stolen, without a word.
const BUSY: f64 = 0.15;
const STOLEN: f64 = 0.05;
/// What iterations fail with that got no row of a data file.
const OUT_OF_ROWS: &str = "out_of_rows";
/// How often a phase is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Runs every phase; what each came to is added to `lived` also when it was cut short.
pub(crate) async fn run(
    options: &Options,
    world: &mut World,
    diary: &Diary,
    lived: &mut Lived,
) -> Result<(), Halt> {
    let former = lived.phases.clone();
    let left: Vec<Rest> =
        options.plan.phases().iter().filter_map(|phase| resume::rest(phase, &former)).collect();
    for (position, rest) in left.iter().enumerate() {
        if options.stop.is_cancelled() {
            return Err(Halt::Interrupted);
        }
        options.speaker.say(Progress::Stage("under load"));
        let after = left[position + 1..].iter().map(|rest| rest.phase.duration).sum();
        one(options, rest, after, world, diary, lived).await?;
    }
    if options.stop.is_cancelled() { Err(Halt::Interrupted) } else { Ok(()) }
}

/// Runs one phase; what it came to is added to `lived`.
pub(crate) async fn one(
    options: &Options,
    rest: &Rest,
    after: Duration,
    world: &mut World,
    diary: &Diary,
    lived: &mut Lived,
) -> Result<(), Halt> {
    let phase = &rest.phase;
    let driven = Driven::new(options, rest, world, lived).await?;
    let (handle, script) = (driven.handle(), driven.stop());
    let before = (options.clock.now(), host::work(), world.sampler().cpu_seconds());
    if rest.again {
        let at = Span(rest.offset + phase.warmup.min(phase.duration));
        let text = format!("phase {} goes on at {at}, after its warm-up again", phase.name);
        diary.note("phase.resumed", &phase.name, text);
    } else {
        diary.note("phase.started", &phase.name, format!("phase {} begins", phase.name));
    }
    lived.spool.begin(beginning(rest, options.clock.now(), lived.started), handle.clone());
    let came_to = {
        let load = driven.run();
        tokio::pin!(load);
        let mut looks = tokio::time::interval(LOOK_EVERY);
        let began = options.clock.now();
        let mut before = 0;
        let mut stopping = script.is_none();
        loop {
            tokio::select! {
                came_to = &mut load => break came_to,
                () = options.stop.cancelled(), if !stopping => {
                    script.iter().for_each(CancellationToken::cancel);
                    stopping = true;
                }
                _ = looks.tick() => {
                    before = look(options, phase, after, world, diary, &handle, began, before);
                }
            }
        }
    };
    let CameTo { report, script } = came_to?;
    note_exits(world, diary);
    diary.note("phase.ended", &phase.name, format!("phase {} ends", phase.name));
    if let Some(report) = &report {
        remember(options, rest, report, &handle, world, lived);
    }
    if let (Some(then), Some(now)) = (before.1, host::work()) {
        let targets = world.sampler().cpu_seconds() - before.2;
        let elapsed = options.clock.now().duration_since(before.0);
        lived.notes.extend(busy_with_others(rest, elapsed, then, now, targets));
    }
    let ended = match script {
        Some(run) => driven::remember(options, &phase.name, run, world, diary, lived),
        None => Ok(()),
    };
    lived.spool.end(&lived.phases, &lived.notes);
    ended
}

/// Says how the phase is doing, and notes targets that ended by themselves. `after` is how long the
/// phases after it last.
#[expect(clippy::too_many_arguments, reason = "what a phase is looked at with, and nothing more")]
fn look(
    options: &Options,
    phase: &Phase,
    after: Duration,
    world: &mut World,
    diary: &Diary,
    handle: &Handle,
    began: Instant,
    before: u64,
) -> u64 {
    note_exits(world, diary);
    world.keep_guard();
    let live = handle.live();
    let elapsed = options.clock.now().duration_since(began);
    options.speaker.say(Progress::Phase(PhaseProgress {
        name: phase.name.clone(),
        elapsed,
        planned: phase.duration,
        ends: options.clock.wall().plus(phase.duration.saturating_sub(elapsed) + after),
        per_second: live.requests.saturating_sub(before) as f64 / LOOK_EVERY.as_secs_f64(),
        requests: live.requests,
        failed: live.failed,
        in_flight: live.in_flight,
        backlog: live.backlog,
        recent_p95: live.recent_p95.map(Duration::from_nanos),
    }));
    live.requests
}

/// A note when the machine's processors were busy with neither targets nor generator: a verdict that
/// is not reached on such a machine says little about the service.
fn busy_with_others(
    rest: &Rest,
    elapsed: Duration,
    then: Work,
    now: Work,
    targets: f64,
) -> Option<Note> {
    // Of all processors of the machine: strangers may run where we may not.
    let whole = elapsed.as_secs_f64().max(1e-3) * now.processors.max(1.0);
    let others = (now.busy - then.busy - (now.own - then.own) - targets) / whole;
    let stolen = ((now.stolen - then.stolen) / whole).clamp(0.0, 1.0);
    let others = others.clamp(0.0, 1.0);
    let part = match rest.again {
        true => format!(", gone on with at {}", Span(rest.offset)),
        false => String::new(),
    };
    (others > BUSY || stolen > STOLEN).then(|| Note {
        severity: Severity::Warning,
        text: format!(
            "The machine was busy with other things in phase `{}`{part}: {:.0} % of its processors' time went to neither the targets nor the load generator, and {:.0} % to other machines on the same hardware. An idle machine decides sooner.",
            rest.phase.name,
            others * 100.0,
            stolen * 100.0
        ),
    })
}

/// Notes for flows whose latency still settled after the declared warm-up. Within the first 30 s
/// the check cries wolf too often to be repeated.
pub(crate) fn slow_starts(plan: &[Phase], ran: &[RanPhase], timeline: &Timeline) -> Vec<Note> {
    let mut notes = Vec::new();
    // A phase that was resumed is warm, or not, from its first segment on.
    for phase in plan {
        let Some(ran) = ran.iter().find(|segment| segment.name == phase.name) else { continue };
        notes.extend(ran.flows.iter().filter_map(|run| slow_start(phase, ran, run, timeline)));
    }
    notes
}

fn slow_start(phase: &Phase, ran: &RanPhase, run: &FlowRun, timeline: &Timeline) -> Option<Note> {
    let window = Window::new(ran.from.ceil() as u32, ran.under_load().to_second);
    let tags = [("phase", &ran.name), ("flow", &run.flow)];
    let tags = tags.map(|(tag, value)| (tag.to_owned(), value.clone()));
    let means = timeline.select("response_time", &tags.into()).means(window);
    let means: Option<Vec<f64>> = means.into_iter().collect();
    let settled = u64::from(warmup::looks_like(&means?)?);
    (settled > phase.warmup.as_secs().max(30)).then(|| Note {
        severity: Severity::Warning,
        text: format!(
            "Flow `{}` in phase `{}`: the first {settled} s look like a warm-up (MSER-5), {} were declared. Nothing was cut; declare a longer warm-up and run again.",
            run.flow,
            phase.name,
            Span(phase.warmup)
        ),
    })
}

fn note_exits(world: &World, diary: &Diary) {
    for (name, exit) in world.sampler().newly_exited() {
        diary.tell("target.exited", &name, format!("target `{name}` ended by itself: {exit}"));
    }
}

/// What is known of a phase before it runs, should the trial be killed in it.
fn beginning(rest: &Rest, now: Instant, started: Instant) -> RanPhase {
    let from = now.saturating_duration_since(started).as_secs_f64();
    let mut ran = RanPhase {
        name: rest.phase.name.clone(),
        offset: rest.offset.as_secs_f64(),
        complete: false,
        from,
        warmup_until: from + rest.phase.warmup.as_secs_f64(),
        to: from,
        drained: from,
        flows: Vec::new(),
    };
    for load in &rest.phase.loads {
        for share in &load.flows {
            let part = load.part(&share.flow);
            ran.add(FlowRun {
                flow: share.flow.clone(),
                open_model: load.is_open_model(),
                offered_per_second: load.offered_per_second().map(|all| all * part),
                dropped: 0,
                interrupted: 0,
                youngest_cut: None,
                unseen: 0,
                next_index: 0,
            });
        }
    }
    ran
}

fn remember(
    options: &Options,
    rest: &Rest,
    report: &PhaseReport,
    handle: &Handle,
    world: &World,
    lived: &mut Lived,
) {
    let phase = &rest.phase;
    let second = |moment: Instant| moment.saturating_duration_since(lived.started).as_secs_f64();
    let from = second(report.started);
    // The load's own end, not that of the last straggler; earlier when the trial was cut short.
    let to = (from + phase.load_ends().as_secs_f64()).min(second(report.ended));
    let live = handle.flows();
    let mut notes = Vec::new();
    let mut warn = |text: String| {
        notes.push(Note { severity: Severity::Warning, text });
    };
    let mut ran = RanPhase {
        name: phase.name.clone(),
        offset: rest.offset.as_secs_f64(),
        complete: !options.stop.is_cancelled(),
        from,
        warmup_until: from + phase.warmup.as_secs_f64(),
        to,
        drained: second(report.ended),
        flows: Vec::new(),
    };
    for note in &report.notes {
        warn(format!("Phase `{}`: {note}.", phase.name));
    }
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
        let out_of_rows = |load: &LoadReport| {
            let first = load.failures.iter().find(|failure| failure.code == OUT_OF_ROWS);
            first.map(|failure| failure.example.clone())
        };
        if load.dropped > 0 {
            let closed = report.loads.iter().filter(|load| !load.open_model);
            // What of a fixed number never began stands with an entry's first flow, whichever of
            // its flows ran out of rows.
            let reason = match (load.open_model, closed.filter_map(out_of_rows).next()) {
                (true, _) => "arrival(s) were dropped, the backlog was full".to_owned(),
                (false, Some(why)) => {
                    format!("iteration(s) never began: {why}, or their time was over")
                }
                (false, None) => "iteration(s) never began, their time was over".to_owned(),
            };
            let reason = world.scope().told(&reason);
            warn(format!(
                "Flow `{}` in phase `{}`: {} {reason}.",
                load.flow, phase.name, load.dropped
            ));
        }
        for exploded in &load.exploded {
            warn(format!(
                "Flow `{}` in phase `{}`: tag `{}` of step `{}` took too many values, {} request(s) \
                 are counted under `…`. Tag with what repeats.",
                load.flow, phase.name, exploded.tag, exploded.step, exploded.requests
            ));
        }
        // Iterations of a fixed number that got no row are among those that never began.
        let told = !load.open_model && load.dropped > 0;
        let failures = load.failures.iter().filter(|one| !(told && one.code == OUT_OF_ROWS));
        for failure in failures.take(3) {
            // An exception's stack is one line here.
            let first = world.scope().told(&failure.example.replace("\n\t", " "));
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
            unseen: 0,
            next_index: live.get(&load.flow).map_or(0, |flow| flow.next_index),
        });
    }
    lived.notes.extend(notes);
    lived.phases.push(ran);
}
