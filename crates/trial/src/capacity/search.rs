//! The search itself: which rate is probed next, and when enough is known. Pure: no clock, no I/O.
//!
//! A rate is told by its factor: what the phase's own rates are multiplied with. Short, coarse probes
//! double and then bisect until two neighbours are known, of which one seemed to hold. They only say
//! where to look: what the search claims rests on full-length probes, which the judge decides.

/// How far the search goes, and how fine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Limits {
    /// Two rates closer than this are neighbours: 0.1 is a tenth.
    pub(crate) precision: f64,
    /// No rate above this factor is probed, and none below one in it.
    pub(crate) max_factor: f64,
    /// The most full-length probes.
    pub(crate) most_full: u32,
}

/// A generator that was too late for so many full-length probes will be for others.
const MOST_LATE: u32 = 2;

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Next {
    /// A short probe.
    Coarse(f64),
    /// A full-length probe, and the verdict it is planned for.
    Full(f64, Hope),
    /// Nothing more: the search is over.
    Done,
}

/// What a full-length probe is planned to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hope {
    Pass,
    Fail,
}

/// What a probe showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The objectives hold: as point estimates, or by the judge's verdict.
    Holds,
    /// One of them does not.
    Breaks,
    /// A full-length probe that did not decide.
    Undecided,
    /// The generator could not offer the rate.
    GeneratorLimit,
}

/// Why the search went no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// A rate that passed and one that failed are neighbours.
    Found,
    /// What lies between them was probed and could not be decided, or the probes ran out.
    Wide,
    /// The highest rate the search may probe passed.
    MaxFactor,
    /// The generator could not offer more.
    GeneratorLimit,
    /// No rate passed.
    NothingHolds,
    /// A rate passed; none that failed was found before the limits.
    NothingBreaks,
}

/// A search under way.
#[derive(Clone, Debug)]
pub(crate) struct Search {
    limits: Limits,
    /// The highest factor a coarse probe held at, and the lowest it broke at.
    held: Option<f64>,
    broke: Option<f64>,
    /// The lowest factor the generator could not offer.
    generator: Option<f64>,
    /// The highest factor with a pass, the lowest with a fail, and those between that stayed open.
    passed: Option<f64>,
    failed: Option<f64>,
    undecided: Vec<f64>,
    full: u32,
    /// Full-length probes that the generator was too late for.
    late: u32,
    /// Where to look for a pass and for a fail next, and how far to step if it is not there.
    below: Option<f64>,
    above: Option<f64>,
    step_down: f64,
    step_up: f64,
}

impl Search {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            held: None,
            broke: None,
            generator: None,
            passed: None,
            failed: None,
            undecided: Vec::new(),
            full: 0,
            late: 0,
            below: None,
            above: None,
            step_down: limits.precision,
            step_up: limits.precision,
        }
    }

    /// What to do next.
    pub(crate) fn next(&self) -> Next {
        if let Some(factor) = self.coarse() {
            return Next::Coarse(factor);
        }
        if self.full >= self.limits.most_full || self.late >= MOST_LATE {
            return Next::Done;
        }
        let Some(passed) = self.passed else {
            let first = self.held.unwrap_or_else(|| self.lowest());
            let factor = self.below.unwrap_or(first);
            return if self.is_low(factor) { Next::Done } else { Next::Full(factor, Hope::Pass) };
        };
        let Some(failed) = self.failed else {
            if self.generator.is_some_and(|limit| self.broke.is_none_or(|broke| limit <= broke)) {
                return Next::Done;
            }
            let nearest = passed * (1.0 + self.limits.precision);
            let factor = self.above.or(self.broke).map_or(nearest, |factor| factor.max(nearest));
            let factor = factor.min(self.limits.max_factor);
            let tried = factor <= passed || self.undecided.iter().any(|open| *open >= factor);
            return if tried { Next::Done } else { Next::Full(factor, Hope::Fail) };
        };
        let open = |factor: &f64| (passed..failed).contains(factor);
        if self.are_neighbours(passed, failed) || self.undecided.iter().any(open) {
            return Next::Done;
        }
        Next::Full((passed * failed).sqrt(), Hope::Pass)
    }

    /// Takes in what a probe of [`Search::next`] showed.
    pub(crate) fn saw(&mut self, probe: Next, seen: Seen) {
        match probe {
            Next::Done => {}
            Next::Coarse(factor) => match seen {
                Seen::Holds => self.held = Some(factor),
                Seen::GeneratorLimit => self.generator = Some(factor),
                Seen::Breaks | Seen::Undecided => self.broke = Some(factor),
            },
            Next::Full(factor, _) => {
                self.full += 1;
                match seen {
                    Seen::Holds => self.passed = Some(factor),
                    Seen::Breaks => self.failed = Some(factor),
                    Seen::Undecided => self.undecided.push(factor),
                    Seen::GeneratorLimit => {
                        let limit = self.generator.map_or(factor, |limit| limit.min(factor));
                        self.generator = Some(limit);
                        self.late += 1;
                        self.undecided.push(factor);
                    }
                }
                match self.passed {
                    None => {
                        self.below = Some(factor / (1.0 + self.step_down));
                        self.step_down *= 2.0;
                    }
                    Some(passed) if self.failed.is_none() && factor > passed => {
                        self.above = Some(factor * (1.0 + self.step_up));
                        self.step_up *= 2.0;
                    }
                    Some(_) => {}
                }
            }
        }
    }

    /// Why the search ended.
    pub(crate) fn why(&self) -> Why {
        match (self.passed, self.failed) {
            (None, _) if self.generator.is_some() => Why::GeneratorLimit,
            (None, _) => Why::NothingHolds,
            (Some(passed), Some(failed)) if self.are_neighbours(passed, failed) => Why::Found,
            (Some(_), Some(_)) => Why::Wide,
            (Some(_), None) if self.generator.is_some() => Why::GeneratorLimit,
            (Some(passed), None) if passed >= self.limits.max_factor => Why::MaxFactor,
            (Some(_), None) => Why::NothingBreaks,
        }
    }

    /// The next coarse probe; `None` when the neighbours are known or the limits reached.
    fn coarse(&self) -> Option<f64> {
        if self.full > 0 {
            return None;
        }
        let top = match (self.broke, self.generator) {
            (Some(broke), Some(limit)) => Some(broke.min(limit)),
            (one, other) => one.or(other),
        };
        match (self.held, top) {
            (None, None) => Some(1.0),
            (Some(held), None) => {
                let next = (held * 2.0).min(self.limits.max_factor);
                (next > held).then_some(next)
            }
            (None, Some(top)) => Some(top / 2.0).filter(|factor| !self.is_low(*factor)),
            (Some(held), Some(top)) => {
                (!self.are_neighbours(held, top)).then(|| (held * top).sqrt())
            }
        }
    }

    fn are_neighbours(&self, low: f64, high: f64) -> bool {
        high <= low * (1.0 + self.limits.precision) * (1.0 + 1e-9)
    }

    fn lowest(&self) -> f64 {
        1.0 / self.limits.max_factor
    }

    fn is_low(&self, factor: f64) -> bool {
        factor < self.lowest() * (1.0 - 1e-9)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits { precision: 0.1, max_factor: 64.0, most_full: 12 };

    /// A service whose capacity is known. Near it, probes err: coarse ones say anything, full-length
    /// ones stay undecided. `coin` decides what errs.
    struct Service {
        capacity: f64,
        coarse_blur: f64,
        full_blur: f64,
        generator: f64,
    }

    impl Service {
        fn probe(&self, next: Next, coin: bool) -> Seen {
            let near = |factor: f64, blur: f64| {
                factor < self.capacity * (1.0 + blur) && factor > self.capacity / (1.0 + blur)
            };
            let right = |factor: f64| {
                if factor < self.capacity { Seen::Holds } else { Seen::Breaks }
            };
            match next {
                Next::Coarse(factor) | Next::Full(factor, _) if factor >= self.generator => {
                    Seen::GeneratorLimit
                }
                Next::Coarse(factor) if near(factor, self.coarse_blur) && coin => {
                    if right(factor) == Seen::Holds { Seen::Breaks } else { Seen::Holds }
                }
                Next::Full(factor, _) if near(factor, self.full_blur) && coin => Seen::Undecided,
                Next::Coarse(factor) | Next::Full(factor, _) => right(factor),
                Next::Done => Seen::Undecided,
            }
        }
    }

    /// Runs a search to its end; gives it with every probe it made.
    fn search(limits: Limits, service: &Service, coins: &[bool]) -> (Search, Vec<(Next, Seen)>) {
        let mut search = Search::new(limits);
        let mut probes = Vec::new();
        loop {
            let next = search.next();
            if next == Next::Done {
                return (search, probes);
            }
            assert!(probes.len() < 200, "it does not end: {probes:?}");
            let seen = service.probe(next, coins[probes.len() % coins.len()]);
            search.saw(next, seen);
            probes.push((next, seen));
        }
    }

    #[test]
    fn a_clear_edge_is_found_with_two_full_length_probes() {
        let service =
            Service { capacity: 5.3, coarse_blur: 0.0, full_blur: 0.0, generator: f64::INFINITY };
        let (search, probes) = search(LIMITS, &service, &[false]);
        let (passed, failed) = (search.passed.unwrap(), search.failed.unwrap());
        assert!(passed < 5.3 && 5.3 <= failed && failed <= passed * 1.1 * 1.0001);
        assert_eq!(search.why(), Why::Found);
        let full = probes.iter().filter(|(next, _)| matches!(next, Next::Full(..))).count();
        assert_eq!(full, 2, "{probes:?}");
        assert_eq!(probes[0].0, Next::Coarse(1.0));
        assert_eq!(probes[1].0, Next::Coarse(2.0));
    }

    #[test]
    fn what_ends_a_search_is_named() {
        let service =
            |capacity, generator| Service { capacity, coarse_blur: 0.0, full_blur: 0.0, generator };
        let why = |service: &Service| search(LIMITS, service, &[false]).0.why();
        assert_eq!(why(&service(1e9, f64::INFINITY)), Why::MaxFactor);
        assert_eq!(why(&service(1e-9, f64::INFINITY)), Why::NothingHolds);
        assert_eq!(why(&service(1e9, 7.0)), Why::GeneratorLimit);
        assert_eq!(why(&service(3.0, 7.0)), Why::Found);
        let (found, _) = search(LIMITS, &service(1e9, 7.0), &[false]);
        assert!(found.passed.unwrap() < 7.0 && found.failed.is_none());
    }

    proptest! {
        #[test]
        fn every_search_ends_and_claims_only_what_was_judged(
            capacity in 0.001..500.0_f64,
            coarse_blur in 0.0..0.6_f64,
            full_blur in 0.0..0.3_f64,
            generator in prop_oneof![Just(f64::INFINITY), 0.01..200.0_f64],
            precision in 0.01..0.5_f64,
            max_factor in 1.0..256.0_f64,
            coins in prop::collection::vec(any::<bool>(), 1..40),
        ) {
            let limits = Limits { precision, max_factor, most_full: 12 };
            let service = Service { capacity, coarse_blur, full_blur, generator };
            let (search, probes) = search(limits, &service, &coins);
            let judged = |factor: f64, wanted: Seen| probes.iter().any(|(next, seen)| {
                matches!(next, Next::Full(probed, _) if *probed == factor) && *seen == wanted
            });
            if let Some(passed) = search.passed {
                prop_assert!(judged(passed, Seen::Holds));
                prop_assert!(passed < capacity);
                prop_assert!(passed <= max_factor && passed >= 1.0 / max_factor - 1e-12);
            }
            if let Some(failed) = search.failed {
                prop_assert!(judged(failed, Seen::Breaks));
                prop_assert!(failed >= capacity);
            }
            if let (Some(passed), Some(failed)) = (search.passed, search.failed) {
                prop_assert!(passed < failed);
            }
            let full = probes.iter().filter(|(next, _)| matches!(next, Next::Full(..))).count();
            prop_assert!(full <= 12);
            if search.why() == Why::Found {
                let ratio = search.failed.unwrap() / search.passed.unwrap();
                prop_assert!(ratio <= 1.0 + precision + 1e-6);
            }
        }

        #[test]
        fn a_service_without_noise_is_always_bracketed(
            capacity in 0.05..50.0_f64, precision in 0.02..0.5_f64,
        ) {
            let service = Service {
                capacity, coarse_blur: 0.0, full_blur: 0.0, generator: f64::INFINITY,
            };
            let (search, _) = search(Limits { precision, ..LIMITS }, &service, &[false]);
            prop_assert_eq!(search.why(), Why::Found);
        }
    }
}
