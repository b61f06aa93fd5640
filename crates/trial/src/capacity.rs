//! The capacity: the highest rate at which the plan's objectives hold, searched for.
//!
//! `search` decides what is probed next and knows nothing else; `probe` scales a phase's loads and
//! reads what a probe showed; this file runs the probes, each a phase of its own.

mod probe;
mod search;

use std::time::Duration;

use seaworthy_base::{Span, Verdict};
use seaworthy_document::nearest;
use seaworthy_report::capacity::{Capacity, Probe, Rate};
use seaworthy_report::outcome;

use crate::check::{self, Checked, Phase};
use crate::diary::Diary;
use crate::judge::{Circumstances, judge_all};
use crate::launch::World;
use crate::phases;
use crate::progress::Progress;
use crate::resume::Rest;
use crate::service::{Halt, Lived, Options};
use probe::{Coarse, Lengths};
use search::{Hope, Limits, Next, Search, Seen, Why};

/// The most full-length probes: each takes minutes.
const MOST_FULL: u32 = 10;

/// How the capacity is searched for.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    phase: String,
    probe: Duration,
    limits: Limits,
}

impl Settings {
    /// A search in a phase of the plan: the one that is named, else the first that an objective
    /// speaks of. `probe` is the length of a short probe, `precision` the share by which
    /// neighbouring rates differ, `max_factor` what the phase's rates are multiplied with at most.
    ///
    /// # Errors
    /// What cannot be searched, in words with a hint.
    pub fn new(
        plan: &Checked,
        phase: Option<&str>,
        probe: Duration,
        precision: f64,
        max_factor: f64,
    ) -> Result<Self, String> {
        let names: Vec<&str> = plan.phases().iter().map(|phase| phase.name.as_str()).collect();
        let spoken_of = plan.objectives().iter().find_map(|objective| objective.phase.clone());
        let name = match phase {
            Some(name) if names.contains(&name) => name.to_owned(),
            Some(name) => {
                let hint = match nearest(name, names.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are {}", names.join(", ")),
                };
                return Err(format!("no phase is named `{name}`\nhint: {hint}"));
            }
            None => spoken_of.or_else(|| names.first().map(|name| (*name).to_owned())).ok_or(
                "the plan has no phase\nhint: `seaworthy plan init` writes a plan to start from",
            )?,
        };
        for (what, sound, hint) in [
            ("--probe", probe >= Duration::from_secs(2), "2s or longer"),
            ("--precision", (0.005..=1.0).contains(&precision), "0.5% to 100%"),
            ("--max-factor", (1.0..=10_000.0).contains(&max_factor), "1 to 10000"),
        ] {
            if !sound {
                return Err(format!("{what} is out of range\nhint: it can be {hint}"));
            }
        }
        let limits = Limits { precision, max_factor, most_full: MOST_FULL };
        let settings = Self { phase: name, probe, limits };
        let template = settings.template(plan);
        if template.is_some_and(|phase| phase.script.is_some()) {
            return Err(format!(
                "phase `{}` runs a script, whose load is its own\nhint: name another phase, as `--find-capacity=PHASE`",
                settings.phase
            ));
        }
        for load in template.iter().flat_map(|phase| &phase.loads) {
            probe::scaled(load, 1.0, probe)?;
        }
        if probe::objectives_of(plan, &settings.phase, "", 1.0).is_empty() {
            return Err(format!(
                "no objective speaks of phase `{}`\nhint: name another, as `--find-capacity=PHASE`",
                settings.phase
            ));
        }
        Ok(settings)
    }

    fn template<'p>(&self, plan: &'p Checked) -> Option<&'p Phase> {
        plan.phases().iter().find(|phase| phase.name == self.phase)
    }
}

/// What a search has found so far.
#[derive(Debug)]
pub(crate) struct Found {
    /// What the reports show of it.
    pub(crate) capacity: Capacity,
    /// The objectives at the highest rate that passed; else at the lowest that failed; else at the
    /// last that was judged.
    pub(crate) objectives: Vec<outcome::Objective>,
}

/// Searches until enough is known; what was found is in `lived` also when it was cut short.
pub(crate) async fn run(
    settings: &Settings,
    options: &Options,
    world: &mut World,
    diary: &Diary,
    lived: &mut Lived,
) -> Result<(), Halt> {
    let Some(template) = settings.template(&options.plan) else {
        return Err(Halt::CouldNotRun(format!("no phase is named `{}`", settings.phase)));
    };
    // What the plan's own lengths could show says nothing about the probes'.
    lived.notes.clear();
    let mut hunt = Hunt {
        settings,
        search: Search::new(settings.limits),
        last: None,
        probes: Vec::new(),
        passed: None,
        failed: None,
        judged: Vec::new(),
    };
    loop {
        let next = hunt.search.next();
        if next == Next::Done {
            lived.capacity = Some(hunt.found(None));
            return Ok(());
        }
        if !hunt.probes.is_empty() {
            settle(settings.probe, options).await;
        }
        let ended = hunt.probe(next, template, options, world, diary, lived).await;
        lived.capacity = Some(hunt.found(Some("the search was stopped before its end")));
        ended?;
        if options.stop.is_cancelled() {
            return Err(Halt::Interrupted);
        }
        if let Some(gone) = world.gone().first() {
            let at = hunt.probes.last().map_or(0.0, |probe| probe.rate.per_second);
            let why = format!("target `{gone}` ended by itself at {at:.1} iterations a second");
            diary.tell("capacity.stopped", &settings.phase, why.clone());
            return Err(Halt::CouldNotRun(why));
        }
    }
}

/// A search with everything it has seen.
struct Hunt<'a> {
    settings: &'a Settings,
    search: Search,
    /// The coarse probe nearest to the edge from below, which lengths are worked out from.
    last: Option<Coarse>,
    probes: Vec<Probe>,
    passed: Option<(Rate, Vec<outcome::Objective>)>,
    failed: Option<(Rate, Vec<outcome::Objective>)>,
    judged: Vec<outcome::Objective>,
}

impl Hunt<'_> {
    async fn probe(
        &mut self,
        next: Next,
        template: &Phase,
        options: &Options,
        world: &mut World,
        diary: &Diary,
        lived: &mut Lived,
    ) -> Result<(), Halt> {
        let plan = &options.plan;
        let name = format!("capacity-{}", self.probes.len() + 1);
        let (factor, hope) = match next {
            Next::Coarse(factor) => (factor, None),
            Next::Full(factor, hope) => (factor, Some(hope)),
            Next::Done => return Ok(()),
        };
        let objectives = probe::objectives_of(plan, &template.name, &name, factor);
        let length = match (hope, &self.last) {
            (None, _) => self.settings.probe,
            (Some(hope), last) => {
                let lengths = Lengths::of(&objectives, last.as_ref(), factor, plan.assumptions());
                let judged = if hope == Hope::Pass { lengths.pass } else { lengths.fail };
                judged.max(self.settings.probe)
            }
        };
        let phase = probe::phase(template, &name, factor, length, hope.is_some())
            .map_err(Halt::CouldNotRun)?;
        let kind = if hope.is_some() { "full-length" } else { "short" };
        let said =
            format!("{name}: {kind} probe of {} at {factor:.3} times the rates", Span(length));
        diary.tell("capacity.probe", &name, said);
        options.speaker.say(Progress::Stage("searching for the capacity"));
        let before = lived.notes.len();
        let rest = Rest::whole(&phase);
        phases::one(options, &rest, Duration::ZERO, world, diary, lived).await?;
        if options.stop.is_cancelled() {
            return Ok(());
        }
        let timeline =
            lived.spool.so_far().map_err(|error| Halt::CouldNotRun(error.to_string()))?;
        let Some(ran) = lived.phases.last() else { return Ok(()) };
        let ran = std::slice::from_ref(ran);
        let mut row = probe::row(&timeline, &ran[0], factor);
        if hope.is_none() {
            // What is expected to break fills no page of notes.
            lived.notes.truncate(before);
            let coarse = Coarse::read(&objectives, &timeline, &ran[0], factor);
            (row.showed, row.because) = (word(coarse.seen), coarse.because.clone());
            self.search.saw(next, coarse.seen);
            if coarse.seen == Seen::Holds || self.last.is_none() {
                self.last = Some(coarse);
            }
        } else {
            let circumstances = Circumstances { interrupted: None, gone: &world.gone() };
            let judged = judge_all(&objectives, plan.assumptions(), &timeline, ran, circumstances);
            let verdict = Verdict::all(judged.iter().map(|objective| objective.verdict));
            let late = probe::generator_was_late(&objectives, &timeline, &ran[0]);
            let seen = match verdict {
                Verdict::Pass => Seen::Holds,
                Verdict::Fail => Seen::Breaks,
                Verdict::Inconclusive if late.is_some() => Seen::GeneratorLimit,
                Verdict::Inconclusive => Seen::Undecided,
            };
            (row.verdict, row.full_length, row.showed) = (Some(verdict), true, word(seen));
            row.because = because(&judged, verdict);
            match verdict {
                Verdict::Pass => self.passed = Some((row.rate.clone(), judged.clone())),
                Verdict::Fail => self.failed = Some((row.rate.clone(), judged.clone())),
                Verdict::Inconclusive => {}
            }
            self.judged = judged;
            self.search.saw(next, seen);
        }
        let rate = row.rate.per_second;
        let said = format!("{name}: {rate:.1}/s {}; {}", row.showed, row.because);
        diary.tell("capacity.decided", &name, said);
        self.probes.push(row);
        Ok(())
    }

    /// What is known; `stopped` says why the search did not come to its own end.
    fn found(&self, stopped: Option<&str>) -> Found {
        let why = self.search.why();
        let rate = |found: &Option<(Rate, _)>| found.as_ref().map(|(rate, _)| rate.clone());
        let (holds, breaks) = (rate(&self.passed), rate(&self.failed));
        let sentence = sentence(why, holds.as_ref(), breaks.as_ref(), self.settings);
        let sentence = match stopped {
            Some(stopped) => format!("{sentence} But {stopped}."),
            None => sentence,
        };
        let gave_way = (self.probes.iter())
            .filter(|probe| probe.showed == word(Seen::Breaks))
            .min_by(|one, other| {
                // A verdict says more than a point estimate.
                let key = |probe: &Probe| (!probe.full_length, probe.rate.factor);
                key(one).partial_cmp(&key(other)).unwrap_or(std::cmp::Ordering::Equal)
            })
            .map(|probe| probe.because.clone());
        let objectives = match (&self.passed, &self.failed) {
            (Some((_, judged)), _) | (None, Some((_, judged))) => judged.clone(),
            (None, None) => self.judged.clone(),
        };
        let capacity = Capacity {
            phase: self.settings.phase.clone(),
            sentence,
            holds,
            breaks,
            ended: if stopped.is_some() { "stopped" } else { reason(why) }.to_owned(),
            gave_way,
            precision: self.settings.limits.precision,
            probes: self.probes.clone(),
        };
        Found { capacity, objectives }
    }
}

/// Lets the service empty its queues between two probes; ends early when the trial is stopped.
async fn settle(probe: Duration, options: &Options) {
    let gap = (probe / 5).clamp(Duration::from_secs(1), Duration::from_secs(10));
    tokio::select! {
        () = options.stop.cancelled() => {}
        () = tokio::time::sleep_until(options.clock.now() + gap) => {}
    }
}

fn sentence(why: Why, holds: Option<&Rate>, breaks: Option<&Rate>, settings: &Settings) -> String {
    let said = |rate: &Rate| {
        let flows: Vec<String> = (rate.flows.iter())
            .map(|flow| format!("{} {:.1}/s", flow.flow, flow.per_second))
            .collect();
        match flows.len() {
            0 | 1 => format!("{:.1}/s", rate.per_second),
            _ => format!("{:.1}/s ({})", rate.per_second, flows.join(", ")),
        }
    };
    match (holds, breaks) {
        (Some(holds), Some(breaks)) => {
            let open = if why == Why::Wide { "; what lies between could not be decided" } else { "" };
            format!(
                "Holds at {} (pass), does not at {} (fail): the capacity lies between {:.1} and {:.1} iterations a \
                 second{open}.",
                said(holds),
                said(breaks),
                holds.per_second,
                breaks.per_second
            )
        }
        (Some(holds), None) => {
            let limit = match why {
                Why::GeneratorLimit => {
                    "the load generator could not offer more: it, not the service, was the limit".to_owned()
                }
                Why::MaxFactor => format!(
                    "that is {} times the plan's rates, the most that was asked for (--max-factor)",
                    settings.limits.max_factor
                ),
                _ => "no higher rate was decided".to_owned(),
            };
            format!("Holds at {} (pass); {limit}. The capacity is at least that.", said(holds))
        }
        (None, Some(breaks)) => format!(
            "Does not hold at {} (fail), and no lower rate down to 1/{} of the plan's passed.",
            said(breaks),
            settings.limits.max_factor
        ),
        (None, None) if why == Why::GeneratorLimit => {
            "Nothing was decided: the load generator could not offer the rates; it, not the service, was the limit."
                .to_owned()
        }
        (None, None) => "Nothing was decided: no full-length probe passed, and none failed.".to_owned(),
    }
}

fn reason(why: Why) -> &'static str {
    match why {
        Why::Found => "found",
        Why::Wide => "wide",
        Why::MaxFactor => "maxFactor",
        Why::GeneratorLimit => "generatorLimit",
        Why::NothingHolds => "nothingHolds",
        Why::NothingBreaks => "nothingBreaks",
    }
}

fn word(seen: Seen) -> String {
    match seen {
        Seen::Holds => "holds",
        Seen::Breaks => "breaks",
        Seen::Undecided => "undecided",
        Seen::GeneratorLimit => "generatorLimit",
    }
    .to_owned()
}

/// The objective that decided the verdict, with its reason.
fn because(judged: &[outcome::Objective], verdict: Verdict) -> String {
    let decisive = judged.iter().find(|objective| objective.verdict == verdict);
    match (decisive, verdict) {
        (_, Verdict::Pass) => format!("{} objective(s) pass", judged.len()),
        (Some(objective), _) => format!("`{}`: {}", objective.name, objective.reason),
        (None, _) => "nothing was judged".to_owned(),
    }
}

/// The plan's objectives, as the driver's other files need them.
type Objectives = [check::Objective];
