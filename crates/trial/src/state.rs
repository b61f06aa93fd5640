//! How far a trial came, written down as it goes on: what `--resume` goes on from.

use seaworthy_base::Timestamp;
use seaworthy_report::outcome::{Ending, Note};
use seaworthy_stats::timeline::MAX_SECONDS;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::check::{Checked, Choice};
use crate::judge::RanPhase;
use crate::profile;

/// The file in a trial's folder.
pub(crate) const FILE: &str = "progress.json";

/// The most segments a trial can have had.
const MOST_SEGMENTS: usize = 4_096;
/// Counts at or above this are none: they could not be added up, or told in JSON.
const MOST: u64 = 1 << 53;

/// What the file says.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct State {
    pub(crate) api_version: String,
    pub(crate) trial: String,
    /// The trial this one goes on with.
    pub(crate) resumed_from: Option<String>,
    /// The plan's file, as an absolute path; none for the default plan.
    pub(crate) plan_file: Option<String>,
    pub(crate) plan_sha256: String,
    /// The scripts of its phases with the hashes of their files.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub(crate) scripts: Value,
    pub(crate) profile: Option<profile::Name>,
    pub(crate) time_scale: f64,
    /// A number of 64 bits, as text.
    pub(crate) seed: String,
    /// When second 0 of the timeline began.
    pub(crate) started: Timestamp,
    /// The phases that ran or run, in order. The last one is still running, or was stopped, when it
    /// is not complete: then `to` is the second up to which the timeline is on disk.
    pub(crate) segments: Vec<RanPhase>,
    /// How much of the timeline's file was written by then, in bytes.
    pub(crate) timeline_bytes: u64,
    /// What is to be said about them in the report.
    pub(crate) notes: Vec<Note>,
    /// How the trial ended; none while it runs, or when it was killed.
    pub(crate) ending: Option<Ending>,
}

impl State {
    /// What was chosen beside the plan.
    pub(crate) fn choice(&self) -> Choice {
        Choice { profile: self.profile, time_scale: self.time_scale }
    }

    /// What cannot be true of any trial, if anything.
    pub(crate) fn nonsense(&self) -> Option<String> {
        if self.segments.len() > MOST_SEGMENTS {
            return Some(format!("it has {} segments", self.segments.len()));
        }
        let mut before = 0.0;
        for (number, segment) in self.segments.iter().enumerate() {
            if let Some(what) = segment_nonsense(segment, before) {
                return Some(format!("segment {} (phase `{}`): {what}", number + 1, segment.name));
            }
            before = segment.drained;
        }
        None
    }

    /// What cannot be true of a trial of this plan, if anything.
    pub(crate) fn contradicts(&self, plan: &Checked) -> Option<String> {
        self.segments.iter().find_map(|segment| {
            let name = &segment.name;
            let Some(phase) = plan.phases().iter().find(|phase| phase.name == *name) else {
                return Some(format!("the plan has no phase `{name}`"));
            };
            if segment.offset > phase.duration.as_secs_f64() {
                return Some(format!("phase `{name}` is not {} s long", segment.offset));
            }
            let known = |flow: &str| {
                phase.loads.iter().flat_map(|load| &load.flows).any(|share| share.flow == flow)
            };
            let stranger = segment.flows.iter().find(|run| !known(&run.flow))?;
            Some(format!("phase `{name}` has no flow `{}`", stranger.flow))
        })
    }
}

/// What cannot be true of a segment that begins after the second `before`.
fn segment_nonsense(segment: &RanPhase, before: f64) -> Option<&'static str> {
    let RanPhase { name: _, offset, complete: _, from, warmup_until, to, drained, flows } = segment;
    // Negated, so that what is not a number is refused too.
    let ascending = |low: f64, high: f64| low <= high && high <= f64::from(MAX_SECONDS);
    if !ascending(before, *from) {
        return Some("it begins before the one before it has ended, or after 31 days");
    }
    if !(ascending(*from, *warmup_until) && ascending(*from, *to) && ascending(*to, *drained)) {
        return Some("its seconds are not in order");
    }
    if !ascending(0.0, *offset) {
        return Some("it goes on at no second of its phase");
    }
    for (position, run) in flows.iter().enumerate() {
        if flows[..position].iter().any(|other| other.flow == run.flow) {
            return Some("it names a flow twice");
        }
        let counts = [run.dropped, run.interrupted, run.unseen, run.next_index];
        if counts.iter().any(|count| *count >= MOST) {
            return Some("it counts more than can be counted");
        }
        if run.offered_per_second.is_some_and(|rate| !(rate.is_finite() && rate >= 0.0)) {
            return Some("a rate of it is none");
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use seaworthy_base::Timestamp;

    use super::*;
    use crate::tally::FlowRun;

    fn state() -> State {
        let run = FlowRun {
            flow: "f".to_owned(),
            open_model: true,
            offered_per_second: Some(5.0),
            dropped: 0,
            interrupted: 0,
            youngest_cut: None,
            unseen: 0,
            next_index: 100,
        };
        let segment = |from: f64| RanPhase {
            name: "p".to_owned(),
            offset: 0.0,
            complete: false,
            from,
            warmup_until: from + 1.0,
            to: from + 5.0,
            drained: from + 5.0,
            flows: vec![run.clone()],
        };
        State {
            api_version: crate::plan::API_VERSION.to_owned(),
            trial: "t".to_owned(),
            resumed_from: None,
            plan_file: None,
            plan_sha256: String::new(),
            scripts: Value::Null,
            profile: None,
            time_scale: 1.0,
            seed: "1".to_owned(),
            started: Timestamp::from_nanos(1),
            segments: vec![segment(1.0), segment(6.0)],
            timeline_bytes: 0,
            notes: Vec::new(),
            ending: None,
        }
    }

    #[test]
    fn what_cannot_have_been_is_named() {
        assert_eq!(state().nonsense(), None);
        type Spoil = fn(&mut RanPhase);
        let spoilt: [(Spoil, &str); 12] = [
            (|last| last.from = 5.9, "segment 2 (phase `p`): it begins before"),
            (|last| last.from = f64::NAN, "begins before"),
            (|last| last.warmup_until = 5.0, "not in order"),
            (|last| last.warmup_until = f64::INFINITY, "not in order"),
            (|last| last.to = 5.0, "not in order"),
            (|last| last.drained = 10.0, "not in order"),
            (|last| last.drained = 1e300, "not in order"),
            (|last| last.offset = -1.0, "no second of its phase"),
            (|last| last.offset = f64::NAN, "no second of its phase"),
            (|last| last.flows[0].unseen = u64::MAX, "counts more"),
            (|last| last.flows[0].next_index = 1 << 53, "counts more"),
            (|last| last.flows.push(last.flows[0].clone()), "names a flow twice"),
        ];
        for (spoil, said) in spoilt {
            let mut state = state();
            spoil(&mut state.segments[1]);
            let told = state.nonsense().unwrap_or_default();
            assert!(told.contains(said), "{told:?} instead of {said}");
        }
        let mut many = state();
        many.segments = vec![many.segments[0].clone(); 5_000];
        assert!(many.nonsense().unwrap().contains("5000 segments"));
    }
}
