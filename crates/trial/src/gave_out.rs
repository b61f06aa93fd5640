//! What gave out: resources against their bounds, the first to saturate, the knee, leaks, in words.

use seaworthy_report::number;
use seaworthy_report::outcome::{
    First, Knee, Leak, Note, Resource, Saturation, Severity, Status, Unit,
};
use seaworthy_stats::timeline::{Timeline, Window};

use crate::check::Checked;
use crate::gauge::{Bound, Kind};
use crate::judge::RanPhase;
use crate::leaks::{self, Applied, capital};
use crate::resources::Seen;
use crate::saturation::{self, Crossing, Stretch, hold};

mod load;
mod missing;

/// Everything that is found beside the objectives.
#[derive(Clone, Debug, Default)]
pub(crate) struct GaveOut {
    pub(crate) resources: Vec<Resource>,
    pub(crate) saturation: Option<Saturation>,
    pub(crate) leaks: Vec<Leak>,
    pub(crate) notes: Vec<Note>,
}

/// Finds it. `former` are phases of the trial that was gone on with: what its targets used was seen
/// by nobody here. `free` is how many bytes are left on the disk that holds the logs.
pub(crate) fn find(
    plan: &Checked,
    timeline: &Timeline,
    (former, phases): (&[RanPhase], &[RanPhase]),
    seen: &Seen,
    free: Option<u64>,
) -> GaveOut {
    let watched = stretches(phases);
    let stretches = [stretches(former), watched.clone()].concat();
    if stretches.is_empty() {
        return GaveOut::default();
    }
    let bounded = seen.tracks.iter().filter(|track| track.bound.is_some());
    let (mut resources, crossings): (Vec<_>, Vec<_>) =
        bounded.map(|track| hold(track, &watched)).unzip();
    let (absent, mut notes) = missing::rows(plan, seen, &resources);
    resources.extend(absent);
    resources.sort_by_key(|resource| match resource.status {
        Status::Over => 0,
        Status::Within => 1,
        Status::NotMeasured => 2,
    });
    let crossings = saturation::order(crossings.into_iter().flatten().collect());
    let ramp = load::ramp(timeline, &stretches);
    let all = Window::new(0, timeline.seconds());
    let requests = timeline.select("http_reqs", &[].into()).sums(all);
    let applied = Applied { stretches: &watched, requests: &requests };
    let mut saturation = saturation_of(plan, timeline, &stretches, &resources, &crossings, ramp);
    notes.extend(missing::notes(seen));
    if !former.is_empty() {
        const SINCE: &str = "of the time since the resume only";
        saturation.sentence.push_str(&format!(" Resources are {SINCE}."));
        for resource in resources.iter_mut().filter(|one| one.status != Status::NotMeasured) {
            resource.reason = format!("{SINCE}; {}", resource.reason);
        }
        notes.push(warning(format!(
            "Resources, and what is looked for in them (leaks, what gave out), are {SINCE}: what the targets used before is in the report of the trial that was gone on with."
        )));
    }
    GaveOut {
        saturation: Some(saturation),
        leaks: leaks::look(&seen.tracks, applied, free),
        notes,
        resources,
    }
}

/// The parts of phases that are looked at.
fn stretches(phases: &[RanPhase]) -> Vec<Stretch> {
    phases
        .iter()
        .map(|phase| (phase, phase.under_load()))
        .filter(|(_, window)| window.seconds() > 0)
        .map(|(phase, window)| Stretch {
            phase: phase.name.clone(),
            from: f64::from(window.from_second),
            to: f64::from(window.to_second),
        })
        .collect()
}

fn saturation_of(
    plan: &Checked,
    timeline: &Timeline,
    stretches: &[Stretch],
    resources: &[Resource],
    crossings: &[Crossing<'_>],
    (knee, ramp): (Option<Knee>, String),
) -> Saturation {
    let missed = load::first_missed(plan.objectives(), timeline, stretches);
    // What the machine was short of for a moment may have been others' doing: it is no headline.
    let (burst, crossings): (Vec<_>, Vec<_>) =
        crossings.iter().partition(|crossing| crossing.is_burst_of_the_machine());
    let burst: String = burst
        .iter()
        .map(|burst| {
            format!(
                " {} was over its bound at {} for {} only, which says nothing of the service.",
                capital(&burst.track.title()),
                number::clock(burst.from),
                number::length(burst.over_seconds)
            )
        })
        .collect();
    let Some(first) = crossings.first() else {
        let measured = resources.iter().any(|resource| resource.status != Status::NotMeasured);
        let longest = stretches.iter().map(|stretch| stretch.to - stretch.from).fold(0.0, f64::max);
        let short = longest <= saturation::LEAST as f64;
        let slowest = load::slowest(plan, timeline, stretches);
        let sentence = if measured {
            let mut sentence = match burst.is_empty() {
                true => "No resource that was measured reached its bound.".to_owned(),
                false => format!("No resource of the service reached its bound.{burst}"),
            };
            if let Some(slowest) = &slowest {
                sentence.push_str(&format!(" {slowest}"));
            }
            if let Some((name, second)) = &missed {
                sentence.push_str(&format!(
                    " Objective `{name}` was first missed at {} all the same.",
                    number::clock(*second)
                ));
            }
            sentence
        } else {
            "No resource could be measured, so nothing can be said of what gave out.".to_owned()
        };
        let advice = match (&missed, measured) {
            (_, false) if short => {
                "Let a phase last longer than its warm-up by ten seconds and more: resources are sampled once a second."
            }
            (_, false) => {
                "Let the trial start the target, or say under `metrics` where it tells its own numbers."
            }
            (Some(_), true) => {
                "What the objective waits for is not among the resources that were measured: declare pools, queues and queries under the target's `watch`."
            }
            (None, true) => "More load would be needed to see what gives out first.",
        };
        return Saturation { sentence, advice: advice.to_owned(), first: None, knee, ramp };
    };
    let (track, from) = (first.track, first.from);
    let mut sentence = match track.kind {
        Kind::Machine | Kind::Generator => format!(
            "{} itself gave out first, and what was measured says little of the service:",
            capital(&track.title())
        ),
        kind if kind.limits() => format!("{} gave out first:", capital(&track.title())),
        _ => format!(
            "No resource that limits the service reached its bound; the first sign was {}:",
            track.title()
        ),
    };
    sentence.push_str(&match track.bound {
        Some(Bound::NotGrowing) => format!(" it went on growing from {} on,", number::clock(from)),
        _ => format!(
            " from {} on it did not stay {},",
            number::clock(from),
            saturation::bound_words(track)
        ),
    });
    sentence.push_str(&format!(" at worst {}.", saturation::level_words(track, first.worst)));
    if let Some((before, after)) = load::p95_around(timeline, stretches, from) {
        let moved = if after > 1.2 * before { "rose" } else { "went" };
        sentence.push_str(&format!(
            " The p95 response time {moved} from {} before to {} after.",
            number::short_duration(before),
            number::short_duration(after)
        ));
    }
    if let Some(knee) = &knee {
        sentence.push_str(&format!(
            " The ramp's knee is at {} {}, {} at {}.",
            number::trimmed(&number::three_digits(knee.load)),
            knee.load_unit,
            relation(knee.second, from),
            number::clock(knee.second)
        ));
    }
    if let Some((name, second)) = &missed {
        sentence.push_str(&format!(
            " Objective `{name}` was first missed {} at {}.",
            relation(*second, from),
            number::clock(*second)
        ));
    }
    let others: Vec<String> = crossings[1..]
        .iter()
        .take(3)
        .map(|crossing| format!("{} at {}", crossing.track.title(), number::clock(crossing.from)))
        .collect();
    if !others.is_empty() {
        sentence.push_str(&format!(" Also over: {}.", others.join(", ")));
    }
    sentence.push_str(&burst);
    Saturation {
        sentence,
        advice: saturation::advice(first),
        first: Some(First {
            target: track.target.clone(),
            what: track.name.clone(),
            kind: track.kind.word().to_owned(),
            from_second: from,
        }),
        knee,
        ramp,
    }
}

/// When something happened, seen from the saturation.
fn relation(second: f64, saturated: f64) -> String {
    let apart = second - saturated;
    if apart.abs() < 3.0 {
        return "at the same time,".to_owned();
    }
    let word = if apart < 0.0 { "before" } else { "after" };
    format!("{} {word} that,", number::length(apart.abs()))
}

/// A note for the report.
fn warning(text: String) -> Note {
    Note { severity: Severity::Warning, text }
}

/// A resource that was not measured.
fn not_measured(target: &str, what: &str, kind: &str, unit: Unit, reason: String) -> Resource {
    Resource {
        target: target.to_owned(),
        what: what.to_owned(),
        kind: kind.to_owned(),
        unit,
        bound: None,
        direction: Bound::NotGrowing.direction(),
        status: Status::NotMeasured,
        peak: None,
        peak_second: None,
        over_from_second: None,
        over_seconds: 0.0,
        measured_seconds: 0.0,
        reason,
        levels: Vec::new(),
    }
}
