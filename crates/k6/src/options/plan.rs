//! What a run needs: how many virtual users at which moment, and when it is over at the latest.

use std::collections::BTreeMap;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::scenario::{Executor, Scenario, or_grace, or_one};
use super::segment::Partition;
use super::values::Stage;

/// What a run needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requirements {
    /// How long it takes at most, every grace included.
    pub total_duration: Duration,
    /// The most virtual users at a time that are sure to be needed.
    pub planned_vus: u64,
    /// The most virtual users at a time that there may be, those an arrival executor makes when
    /// it falls short included.
    pub max_vus: u64,
}

/// How many virtual users are needed from a moment on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// From when on, counted from the scenario's start.
    pub at: Duration,
    /// Those that are sure to be needed.
    pub planned: u64,
    /// Those that there may be beside them.
    pub unplanned: u64,
}

/// What all scenarios together need.
pub(super) fn requirements(
    scenarios: &BTreeMap<String, Scenario>,
    partition: &Partition,
) -> Requirements {
    let mut order: Vec<&Scenario> = scenarios.values().collect();
    order.sort_by_key(|scenario| scenario.start_time());
    let mut needed = Requirements::default();
    // Every change of every scenario: when, whose, and to what. Those of one moment stay in the
    // order in which the scenarios begin: who ends makes room for who begins.
    let mut changes: Vec<(Duration, usize, Step)> = Vec::new();
    for (index, scenario) in order.iter().enumerate() {
        let start = scenario.start_time();
        if order.len() == 1 {
            // One that has no work in our part is still there at its moment, if it is alone.
            needed.total_duration = start;
        }
        let steps = steps(scenario, partition);
        changes.extend(steps.into_iter().map(|step| (start.saturating_add(step.at), index, step)));
    }
    changes.sort_by_key(|(at, ..)| *at);
    let mut now = vec![Step { at: Duration::ZERO, planned: 0, unplanned: 0 }; order.len()];
    let (mut planned, mut unplanned) = (0_u64, 0_u64);
    for (at, index, step) in changes {
        let before = std::mem::replace(&mut now[index], step);
        // Each is at most 32 bits wide, and what is taken away was added before.
        planned = planned - before.planned + step.planned;
        unplanned = unplanned - before.unplanned + step.unplanned;
        needed.total_duration = needed.total_duration.max(at);
        needed.planned_vus = needed.planned_vus.max(planned);
        needed.max_vus = needed.max_vus.max(planned + unplanned);
    }
    needed
}

/// What one scenario needs in our part of the run, from its start on; nothing if it has no work
/// there. The last step is to 0.
pub(super) fn steps(scenario: &Scenario, partition: &Partition) -> Vec<Step> {
    let grace = scenario.graceful_stop();
    let end = scenario.executor.duration().saturating_add(grace);
    let steady = |planned: u64, all: u64| match all {
        0 => Vec::new(),
        _ => vec![
            Step { at: Duration::ZERO, planned, unplanned: all.saturating_sub(planned) },
            Step { at: end, planned: 0, unplanned: 0 },
        ],
    };
    match &scenario.executor {
        Executor::ConstantVus { vus, .. } | Executor::PerVuIterations { vus, .. } => {
            let vus = partition.share(or_one(*vus).into());
            steady(vus, vus)
        }
        Executor::SharedIterations { vus, iterations, .. } => {
            let whole = u64::from(or_one(*vus));
            let iterations = partition.by(whole).map(|dealt| dealt.share(or_one(*iterations)));
            let vus = iterations.filter(|share| *share > 0).map_or(0, |_| partition.share(whole));
            steady(vus, vus)
        }
        Executor::ConstantArrivalRate { pool, .. } | Executor::RampingArrivalRate { pool, .. } => {
            let share = |vus: u32| partition.share(vus.into());
            steady(share(pool.pre_allocated()), share(pool.max()))
        }
        Executor::RampingVus { start_vus, stages, graceful_ramp_down } => {
            let ramp = ramp(or_one(*start_vus), stages, partition);
            held(&ramp, or_grace(*graceful_ramp_down), end)
        }
    }
}

/// When the number of virtual users of a ramp changes in our part of the run, and to what: one at
/// a time, evenly over a stage; a stage of no length jumps. The first is the number at the start.
pub(super) fn ramp(start: u32, stages: &[Stage], partition: &Partition) -> Vec<(Duration, u64)> {
    let mut ramp = vec![(Duration::ZERO, partition.share(start.into()))];
    let mut push = |at: Duration, global: u32| {
        let share = partition.share(global.into());
        if ramp.last().is_none_or(|(_, last)| *last != share) {
            ramp.push((at, share));
        }
    };
    let (mut offset, mut from) = (Duration::ZERO, start);
    for stage in stages {
        let to = stage.target;
        let steps = from.abs_diff(to);
        if stage.duration.is_zero() {
            push(offset, to);
        } else {
            for step in 1..=steps {
                // Counted back from the stage's end, in whole nanoseconds: no step inherits
                // another's rounding.
                let left = stage.duration.as_nanos() * u128::from(steps - step) / u128::from(steps);
                let left = Duration::from_nanos(u64::try_from(left).unwrap_or(u64::MAX));
                let at = offset.saturating_add(stage.duration.saturating_sub(left));
                push(at, if to > from { from + step } else { from - step });
            }
        }
        offset = offset.saturating_add(stage.duration);
        from = to;
    }
    ramp
}

/// What a ramp holds on to: whoever is ramped down may finish its iteration within a grace of its
/// own, whoever is there at the regular end within the scenario's, and nobody beyond `end`.
fn held(ramp: &[(Duration, u64)], grace: Duration, end: Duration) -> Vec<Step> {
    // Numbers that are still held, the highest first, and until when.
    let mut holding: BinaryHeap<(u64, Duration)> = BinaryHeap::new();
    let mut steps: Vec<Step> = Vec::new();
    for (position, (at, vus)) in ramp.iter().enumerate() {
        let_go(&mut holding, &mut steps, *at);
        let until = match ramp.get(position + 1) {
            Some((next, _)) => next.saturating_add(grace).min(end),
            None => end,
        };
        if *vus > 0 {
            holding.push((*vus, until));
        }
        note(&mut steps, *at, &holding);
    }
    let_go(&mut holding, &mut steps, Duration::MAX);
    steps
}

/// Lets go of what is held until `until` at the latest, and notes each fall before then.
fn let_go(holding: &mut BinaryHeap<(u64, Duration)>, steps: &mut Vec<Step>, until: Duration) {
    while let Some((_, over)) = holding.peek().copied().filter(|(_, over)| *over <= until) {
        while holding.peek().is_some_and(|(_, other)| *other <= over) {
            holding.pop();
        }
        if over < until {
            note(steps, over, holding);
        }
    }
}

fn note(steps: &mut Vec<Step>, at: Duration, holding: &BinaryHeap<(u64, Duration)>) {
    let planned = holding.peek().map_or(0, |(most, _)| *most);
    if steps.last().map_or(0, |last| last.planned) != planned {
        steps.push(Step { at, planned, unplanned: 0 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::segment::{Segment, Sequence};

    const SECOND: Duration = Duration::from_secs(1);

    fn part(segment: &str, sequence: &str) -> Partition {
        let sequence = Sequence::parse(sequence).unwrap();
        Partition::new(Some(Segment::parse(segment).unwrap()), Some(&sequence)).unwrap()
    }

    fn stages(stages: &[(u32, u32)]) -> Vec<Stage> {
        let stage =
            |(seconds, target): &(u32, u32)| Stage { duration: *seconds * SECOND, target: *target };
        stages.iter().map(stage).collect()
    }

    fn seconds(ramp: &[(Duration, u64)]) -> Vec<(u64, u64)> {
        ramp.iter().map(|(at, vus)| (at.as_secs(), *vus)).collect()
    }

    /// The ramp of k6's documentation of its execution plans.
    const HILLS: &[(u32, u32)] = &[(2, 6), (5, 1), (4, 5), (4, 1), (3, 4), (2, 4), (0, 1), (3, 1)];

    #[test]
    fn a_ramp_changes_when_k6_changes_it() {
        let whole = part("0:1", "");
        let hills = seconds(&ramp(4, &stages(HILLS), &whole));
        let mut expected: Vec<(u64, u64)> =
            [4, 5, 6, 5, 4, 3, 2, 1, 2, 3, 4, 5, 4, 3, 2, 1, 2, 3, 4]
                .into_iter()
                .enumerate()
                .map(|(at, vus)| (at as u64, vus))
                .collect();
        expected.push((20, 1));
        assert_eq!(hills, expected);
        let third = seconds(&ramp(4, &stages(HILLS), &part("0:1/3", "")));
        let expected =
            [(0, 1), (1, 2), (4, 1), (7, 0), (8, 1), (11, 2), (12, 1), (15, 0), (16, 1), (20, 0)];
        assert_eq!(third, expected);
        // Up and down straight away, in halves, in a part that gets nothing, in uneven parts.
        let twice = &[(2, 2), (2, 0), (2, 2), (2, 0)][..];
        type Case = (u32, &'static [(u32, u32)], &'static str, &'static str, &'static [(u64, u64)]);
        let cases: &[Case] = &[
            (2, &[(0, 5), (2, 3)], "", "", &[(0, 2), (0, 5), (1, 4), (2, 3)]),
            (3, &[(2, 5)], "", "", &[(0, 3), (1, 4), (2, 5)]),
            (
                0,
                &[(2, 2), (2, 0), (2, 2), (2, 0)],
                "0:1/2",
                "",
                &[(0, 0), (1, 1), (4, 0), (5, 1), (8, 0)],
            ),
            (
                0,
                &[(2, 2), (2, 0), (2, 2), (2, 0)],
                "1/2:1",
                "",
                &[(0, 0), (2, 1), (3, 0), (6, 1), (7, 0)],
            ),
            (0, &[(2, 2), (2, 0)], "2/3:1", "0,1/3,2/3,1", &[(0, 0)]),
            (
                0,
                &[(20, 20), (30, 30)],
                "0:0.3",
                "0,0.3,0.6,0.9,1",
                &[
                    (0, 0),
                    (1, 1),
                    (5, 2),
                    (8, 3),
                    (11, 4),
                    (15, 5),
                    (18, 6),
                    (23, 7),
                    (35, 8),
                    (44, 9),
                ],
            ),
        ];
        for (start, list, segment, sequence, expected) in cases {
            let found = ramp(*start, &stages(list), &part(segment, sequence));
            assert_eq!(seconds(&found), *expected, "{list:?} {segment}");
        }
        let halves = ["0:1/2", "1/2:1"].map(|half| ramp(0, &stages(twice), &part(half, "")));
        assert!(halves[0] != halves[1]);
    }

    #[test]
    fn whoever_is_ramped_down_is_held_as_k6_holds() {
        let needs = |segment: &str, stop: u32, down: u32| -> Vec<(u64, u64)> {
            let executor = Executor::RampingVus {
                start_vus: Some(4),
                stages: stages(HILLS),
                graceful_ramp_down: Some(down * SECOND),
            };
            let mut scenario = Scenario::implicit(executor);
            scenario.graceful_stop = Some(stop * SECOND);
            let steps = steps(&scenario, &part(segment, ""));
            steps.iter().map(|step| (step.at.as_secs(), step.planned)).collect()
        };
        let rise = [(0, 4), (1, 5), (2, 6)];
        let with = |rest: &[(u64, u64)]| [&rise, rest].concat();
        assert_eq!(needs("", 30, 30), with(&[(33, 5), (42, 4), (50, 1), (53, 0)]));
        assert_eq!(needs("", 80, 30), with(&[(33, 5), (42, 4), (50, 1), (103, 0)]));
        assert_eq!(needs("", 3, 30), with(&[(26, 0)]));
        assert_eq!(needs("", 0, 30), with(&[(23, 0)]));
        let none = needs("", 0, 0);
        assert_eq!((none.len(), none[3], none[20]), (21, (3, 5), (23, 0)));
        let third = |rest: &[(u64, u64)]| [&[(0, 1), (1, 2)], rest].concat();
        assert_eq!(needs("0:1/3", 30, 30), third(&[(42, 1), (50, 0)]));
        assert_eq!(needs("0:1/3", 80, 30), third(&[(42, 1), (50, 0)]));
        assert_eq!(needs("0:1/3", 3, 30), third(&[(26, 0)]));
        assert_eq!(needs("0:1/3", 0, 30), third(&[(23, 0)]));
    }
}
