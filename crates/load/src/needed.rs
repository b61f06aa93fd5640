//! How many virtual users loads need at the same time: what can be made before they begin.

use std::collections::{BTreeSet, BinaryHeap};
use std::time::Duration;

use crate::executor::table;
use crate::load::{Executor, Load};

/// Virtual users that loads side by side need at the same time, at most. Those of an entry are free
/// for others when its graceful stop, or that of their ramp-down, is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needed {
    /// Those that are known to be needed: without what open models may hire while they run.
    pub planned: u64,
    /// With it.
    pub most: u64,
}

/// Virtual users that a load needs for a while.
struct Need {
    from: Duration,
    until: Duration,
    planned: u64,
    most: u64,
}

impl Needed {
    /// What these loads need.
    pub fn by(loads: &[Load]) -> Self {
        let needs: Vec<Vec<Need>> = loads.iter().map(needs).collect();
        let begins: BTreeSet<Duration> = needs.iter().flatten().map(|need| need.from).collect();
        let mut needed = Self::default();
        let mut sweeps: Vec<Sweep<'_>> = needs.iter().map(|needs| Sweep::of(needs)).collect();
        for at in begins {
            let now = sweeps.iter_mut().map(|sweep| sweep.at(at));
            let (planned, most) =
                now.fold((0, 0), |sum, (planned, most)| (sum.0 + planned, sum.1 + most));
            needed = Self { planned: needed.planned.max(planned), most: needed.most.max(most) };
        }
        needed
    }
}

/// One load's needs, in the order in which they begin.
fn needs(load: &Load) -> Vec<Need> {
    let end = load.duration().saturating_add(load.graceful_stop);
    let need = |from: Duration, until: Duration, planned: u32, most: u32| Need {
        from: load.start.saturating_add(from),
        until: load.start.saturating_add(until),
        planned: planned.into(),
        most: most.into(),
    };
    match &load.executor {
        Executor::ConstantVus { vus, .. }
        | Executor::PerVuIterations { vus, .. }
        | Executor::SharedIterations { vus, .. } => vec![need(Duration::ZERO, end, *vus, *vus)],
        Executor::Arrivals(arrivals) => {
            let (planned, most) = (arrivals.pre_allocated_vus, arrivals.max_vus);
            vec![need(Duration::ZERO, end, planned, most)]
        }
        Executor::RampingVus { start_vus, stages, graceful_ramp_down } => {
            let table = table(*start_vus, stages);
            let after = table.iter().skip(1).map(|(at, _)| Some(*at)).chain([None]);
            let steps = table.iter().zip(after);
            // A user that is ramped down is still needed for a while; one that is not, to the end.
            let steps = steps.map(|(&(at, vus), next)| {
                let until = next.map_or(end, |next| next.saturating_add(*graceful_ramp_down));
                need(at, until.min(end), vus, vus)
            });
            steps.collect()
        }
    }
}

/// What one load needs, looked at at moments that only go forward.
struct Sweep<'n> {
    coming: std::iter::Peekable<std::slice::Iter<'n, Need>>,
    /// Those that have begun, the largest first, with their ends.
    planned: BinaryHeap<(u64, Duration)>,
    most: BinaryHeap<(u64, Duration)>,
}

impl<'n> Sweep<'n> {
    fn of(needs: &'n [Need]) -> Self {
        let (planned, most) = (BinaryHeap::new(), BinaryHeap::new());
        Self { coming: needs.iter().peekable(), planned, most }
    }

    fn at(&mut self, now: Duration) -> (u64, u64) {
        // Over by now: what begins and ends at this moment still counts.
        let over = |(_, until): &(u64, Duration)| *until <= now;
        for heap in [&mut self.planned, &mut self.most] {
            while heap.peek().is_some_and(over) {
                heap.pop();
            }
        }
        while let Some(need) = self.coming.next_if(|need| need.from <= now) {
            self.planned.push((need.planned, need.until));
            self.most.push((need.most, need.until));
        }
        let largest = |heap: &BinaryHeap<(u64, Duration)>| heap.peek().map_or(0, |top| top.0);
        (largest(&self.planned), largest(&self.most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{Arrivals, Share};
    use crate::schedule::Schedule;

    const SECOND: Duration = Duration::from_secs(1);

    fn entry(start: u32, graceful_stop: u32, executor: Executor) -> Load {
        let flows = vec![Share { flow: "f".to_owned(), weight: 1.0 }];
        Load { flows, start: start * SECOND, graceful_stop: graceful_stop * SECOND, executor }
    }

    fn steady(vus: u32, seconds: u32) -> Executor {
        Executor::ConstantVus { vus, duration: seconds * SECOND }
    }

    fn ramping(start_vus: u32, down: u32, stages: &[(u32, u32)]) -> Executor {
        let stages = stages.iter().map(|(seconds, vus)| (*seconds * SECOND, *vus)).collect();
        Executor::RampingVus { start_vus, stages, graceful_ramp_down: down * SECOND }
    }

    fn by(loads: &[Load]) -> (u64, u64) {
        let Needed { planned, most } = Needed::by(loads);
        (planned, most)
    }

    #[test]
    fn entries_after_each_other_share_and_side_by_side_add_up() {
        assert_eq!(by(&[]), (0, 0));
        let after = |start| [entry(0, 3, steady(7, 10)), entry(start, 0, steady(5, 10))];
        assert_eq!(by(&after(12)), (12, 12));
        // Free when the graceful stop is over.
        assert_eq!(by(&after(13)), (7, 7));
        let schedule = Schedule::Constant { rate: 5.0, unit: SECOND, duration: 5 * SECOND };
        let arrivals = Arrivals { schedule, pre_allocated_vus: 9, max_vus: 30, max_backlog: 0 };
        let open = entry(0, 0, Executor::Arrivals(arrivals));
        assert_eq!(by(&[open.clone(), entry(4, 0, steady(2, 9))]), (11, 32));
        assert_eq!(by(&[open, entry(5, 0, steady(2, 9))]), (9, 30));
    }

    /// What `k6 inspect --execution-requirements` says of the same scenarios.
    #[test]
    fn ramped_down_users_are_needed_until_their_grace_is_over() {
        let ramp = ramping(0, 8, &[(10, 20), (5, 5), (5, 5), (10, 12)]);
        assert_eq!(by(&[entry(0, 3, ramp.clone())]), (20, 20));
        assert_eq!(by(&[entry(0, 3, ramp), entry(12, 0, steady(7, 5))]), (27, 27));
        // A moment is enough, of no length at the start or at the end.
        assert_eq!(by(&[entry(13, 0, ramping(6, 8, &[(5, 0), (7, 7)]))]), (7, 7));
        assert_eq!(by(&[entry(0, 1, ramping(9, 0, &[(0, 6), (0, 4), (7, 5)]))]), (9, 9));
        let up = entry(13, 1, ramping(1, 0, &[(2, 14), (0, 8), (0, 11), (1, 5)]));
        assert_eq!(by(&[up]), (14, 14));
        let four = [
            entry(5, 30, steady(18, 10)),
            entry(0, 3, ramping(6, 8, &[(1, 15), (1, 2), (2, 3), (0, 14), (1, 12)])),
            entry(5, 1, ramping(5, 0, &[(2, 13), (0, 4), (0, 8)])),
            entry(0, 1, steady(4, 8)),
        ];
        assert_eq!(by(&four), (50, 50));
    }
}
