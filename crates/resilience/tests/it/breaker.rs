//! The circuit breaker: its story, and its states against a model that remembers everything.

use proptest::prelude::*;
use seaworthy_base::{Clock, Timestamp};
use seaworthy_resilience::Error;
use seaworthy_resilience::breaker::{Breaker, HISTORY, Permit, Reason, Settings, State};
use seaworthy_resilience::outcome::{ByResult, Outcome};

use crate::world::{millis, pass, paused, seconds};

fn breaker() -> Breaker {
    Breaker::new("billing", Settings::default(), Clock::system())
}

fn fail(breaker: &Breaker, times: usize) {
    for _ in 0..times {
        breaker.admit().unwrap().failed();
    }
}

#[tokio::test(start_paused = true)]
async fn five_failures_open_it_and_two_successes_close_it() {
    let breaker = breaker();
    fail(&breaker, 4);
    breaker.admit().unwrap().succeeded();
    assert_eq!(breaker.state(), State::Closed);
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Open, "five of six calls failed");
    let Err(Error::CircuitOpen { dependency, retry_after }) = breaker.admit() else {
        panic!("an open circuit lets nothing through")
    };
    assert_eq!((&*dependency, retry_after), ("billing", seconds(60)));
    pass(millis(59_999)).await;
    assert_eq!(breaker.admit().unwrap_err().retry_after(), Some(millis(1)));
    pass(millis(1)).await;
    let (one, two) = (breaker.admit().unwrap(), breaker.admit().unwrap());
    assert_eq!(breaker.state(), State::HalfOpen);
    assert!(breaker.admit().is_err(), "two try, the third waits");
    one.succeeded();
    assert_eq!(breaker.state(), State::HalfOpen);
    two.succeeded();
    assert_eq!(breaker.state(), State::Closed);
    let snapshot = breaker.snapshot();
    let steps: Vec<_> = snapshot.history.iter().map(|step| (step.to, step.reason)).collect();
    let expect = [
        (State::Open, Reason::ShareOfFailures),
        (State::HalfOpen, Reason::CooldownOver),
        (State::Closed, Reason::ProbesSucceeded),
    ];
    assert_eq!(steps, expect);
    assert_eq!(
        (snapshot.window_calls, snapshot.failures_in_a_row),
        (0, 0),
        "what was is forgotten"
    );
    let totals = snapshot.totals;
    assert_eq!((totals.successes, totals.failures, totals.refused, totals.opened), (3, 5, 3, 1));
    assert_eq!(snapshot.success_rate, Some(3.0 / 8.0));
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_noticed_however_much_went_well_before() {
    let breaker = breaker();
    for _ in 0..100_000 {
        breaker.admit().unwrap().succeeded();
    }
    fail(&breaker, 4);
    assert_eq!(breaker.state(), State::Closed);
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
    assert_eq!(breaker.snapshot().history[0].reason, Reason::FailuresInARow);
}

#[tokio::test(start_paused = true)]
async fn failures_here_and_there_do_not_open_it_unless_it_is_told_so() {
    let strict = Settings { failure_share: 0.0, ..Settings::default() };
    for (settings, state) in [(Settings::default(), State::Closed), (strict, State::Open)] {
        let breaker = Breaker::new("billing", settings, Clock::system());
        for _ in 0..4 {
            fail(&breaker, 1);
            breaker.admit().unwrap().succeeded();
            breaker.admit().unwrap().succeeded();
        }
        fail(&breaker, 1);
        assert_eq!(breaker.state(), state);
    }
}

#[tokio::test(start_paused = true)]
async fn what_lies_longer_back_than_the_window_does_not_count() {
    let breaker = breaker();
    for _ in 0..50 {
        fail(&breaker, 1);
        pass(seconds(16)).await;
    }
    assert_eq!(breaker.state(), State::Closed, "never more than four in a minute");
    assert_eq!(breaker.snapshot().failures_in_a_row, 50);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_fails_opens_it_again_and_one_that_vanishes_gives_its_place_back() {
    let breaker = breaker();
    fail(&breaker, 5);
    pass(seconds(60)).await;
    drop((breaker.admit().unwrap(), breaker.admit().unwrap()));
    assert_eq!(breaker.state(), State::HalfOpen);
    breaker.admit().unwrap().ended(Outcome::Unjudged);
    breaker.admit().unwrap().failed();
    assert_eq!(breaker.state(), State::Open);
    assert_eq!(breaker.admit().unwrap_err().retry_after(), Some(seconds(60)));
    pass(seconds(60)).await;
    // Probes that are lost for good do not keep it half open for ever.
    let lost = (breaker.admit().unwrap(), breaker.admit().unwrap());
    assert!(breaker.admit().is_err());
    pass(seconds(60)).await;
    breaker.admit().unwrap().succeeded();
    lost.0.failed();
    lost.1.failed();
    assert_eq!(breaker.state(), State::HalfOpen, "what lost probes say late is not heard");
    breaker.admit().unwrap().succeeded();
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_call_from_before_says_nothing_of_now() {
    let breaker = breaker();
    let slow: Vec<Permit> = (0..8).map(|_| breaker.admit().unwrap()).collect();
    fail(&breaker, 5);
    pass(seconds(60)).await;
    let probe = breaker.admit().unwrap();
    for permit in slow {
        permit.succeeded();
    }
    assert_eq!(breaker.state(), State::HalfOpen);
    probe.succeeded();
    breaker.admit().unwrap().succeeded();
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn people_may_open_and_close_it() {
    let breaker = breaker();
    breaker.trip();
    assert!(breaker.admit().is_err());
    breaker.reset();
    assert!(breaker.admit().is_ok());
    for _ in 0..20 {
        breaker.trip();
        breaker.reset();
    }
    let snapshot = breaker.snapshot();
    assert_eq!((snapshot.history.len(), snapshot.totals.opened), (HISTORY, 21));
    assert!(snapshot.history.iter().all(|step| step.reason == Reason::Asked));
}

#[tokio::test(start_paused = true)]
async fn a_call_through_it_says_how_it_ended() {
    let breaker = breaker();
    for _ in 0..5 {
        let ended = breaker.call(ByResult, async || Err::<(), _>(Error::DeadlinePassed)).await;
        assert_eq!(ended, Err(Error::DeadlinePassed));
    }
    let ended = breaker.call(ByResult, async || Ok(())).await;
    assert!(matches!(ended, Err(Error::CircuitOpen { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_is_a_document() {
    let clock = Clock::manual(Timestamp::from_nanos(1_795_199_906_000_000_000));
    let breaker = Breaker::new("billing", Settings::default(), clock);
    let document = serde_json::to_value(breaker.snapshot()).unwrap();
    assert_eq!(document["success_rate"], serde_json::Value::Null, "no call is not 100 %");
    fail(&breaker, 5);
    pass(millis(1_500)).await;
    let document = serde_json::to_value(breaker.snapshot()).unwrap();
    for (pointer, expect) in [
        ("/name", "billing".into()),
        ("/state", "open".into()),
        ("/since", "2026-11-20T18:38:26.000000000Z".into()),
        ("/retry_after", "58s500ms".into()),
        ("/success_rate", 0.0.into()),
        ("/totals/failures", 5.into()),
        ("/history/0/from", "closed".into()),
        ("/history/0/to", "open".into()),
        ("/history/0/reason", "failures_in_a_row".into()),
        ("/settings/failure_threshold", 5.into()),
        ("/settings/window", "1m".into()),
    ] {
        assert_eq!(document.pointer(pointer), Some::<&serde_json::Value>(&expect), "{pointer}");
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Admit,
    /// One of the calls under way ends so.
    End(usize, Outcome),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let outcome = prop_oneof![
        3 => Just(Outcome::Success),
        4 => Just(Outcome::Failed),
        1 => Just(Outcome::Unjudged),
    ];
    prop_oneof![
        6 => Just(Step::Admit),
        6 => (any::<usize>(), outcome).prop_map(|(which, outcome)| Step::End(which, outcome)),
        2 => (0_u64..400).prop_map(Step::Pass),
    ]
}

/// What the breaker should be, remembering every call. Time is in ticks of a tenth of the window.
struct Model {
    settings: Settings,
    state: State,
    generation: usize,
    now: u64,
    opened: u64,
    probing: Vec<u64>,
    probes_succeeded: u32,
    ended: Vec<(u64, bool)>,
    row: u32,
}

const TICK: u64 = 100;

impl Model {
    fn turn(&mut self, state: State) {
        self.generation += 1;
        self.state = state;
        self.opened = self.now;
        self.probing.clear();
        self.probes_succeeded = 0;
        if state == State::Closed {
            self.ended.clear();
            self.row = 0;
        }
    }

    fn cooldown(&self) -> u64 {
        self.settings.cooldown.as_millis() as u64
    }

    fn admit(&mut self) -> bool {
        if self.state == State::Open {
            if self.now < self.opened + self.cooldown() {
                return false;
            }
            self.turn(State::HalfOpen);
        }
        if self.state == State::HalfOpen {
            if self.probing.len() >= self.settings.probes as usize {
                let last = *self.probing.iter().max().unwrap();
                if self.now < last + self.cooldown() {
                    return false;
                }
                self.generation += 1;
                self.probing.clear();
            }
            self.probing.push(self.now);
        }
        true
    }

    fn end(&mut self, generation: usize, outcome: Outcome) {
        if generation != self.generation {
            return;
        }
        if self.state == State::HalfOpen {
            // The earliest: only the latest matters, and it was made last.
            let latest = self.probing.iter().copied().max();
            self.probing.pop();
            if let (Some(last), Some(latest)) = (self.probing.last_mut(), latest) {
                *last = latest;
            }
        }
        let failed = match outcome {
            Outcome::Unjudged => return,
            outcome => outcome == Outcome::Failed,
        };
        self.ended.push((self.now / TICK, failed));
        self.row = if failed { self.row + 1 } else { 0 };
        match self.state {
            State::Closed if failed => {
                let tick = self.now / TICK;
                let live: Vec<bool> = self
                    .ended
                    .iter()
                    .filter(|(then, _)| tick - then < 10)
                    .map(|(_, failed)| *failed)
                    .collect();
                let failures = live.iter().filter(|failed| **failed).count();
                let share = failures as f64 / live.len() as f64;
                let many = failures >= self.settings.failure_threshold as usize;
                let bad = self.row >= self.settings.failure_threshold
                    || share >= self.settings.failure_share;
                if many && bad {
                    self.turn(State::Open);
                }
            }
            State::Closed | State::Open => {}
            State::HalfOpen if failed => self.turn(State::Open),
            State::HalfOpen => {
                self.probes_succeeded += 1;
                if self.probes_succeeded >= self.settings.success_threshold {
                    self.turn(State::Closed);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn it_does_what_a_model_that_remembers_everything_does(
        steps in proptest::collection::vec(step(), 1..300),
        failure_threshold in 1_u32..6,
        failure_share in prop_oneof![Just(0.0), Just(0.5), Just(1.0)],
        success_threshold in 1_u32..4,
        probes in 1_u32..4,
    ) {
        let settings = Settings {
            failure_threshold, failure_share, success_threshold, probes,
            window: millis(10 * TICK), cooldown: millis(500),
        };
        paused(async {
            let breaker = Breaker::new("x", settings, Clock::system());
            let mut model = Model {
                settings, state: State::Closed, generation: 0, now: 0, opened: 0, probing: Vec::new(),
                probes_succeeded: 0, ended: Vec::new(), row: 0,
            };
            let mut under_way: Vec<(Permit, usize)> = Vec::new();
            for step in steps {
                match step {
                    Step::Admit => {
                        let let_through = model.admit();
                        match breaker.admit() {
                            Ok(permit) => {
                                assert!(let_through, "let through, but should not have been");
                                under_way.push((permit, model.generation));
                            }
                            Err(_) => assert!(!let_through, "refused, but should not have been"),
                        }
                    }
                    Step::End(which, outcome) if !under_way.is_empty() => {
                        let (permit, generation) = under_way.swap_remove(which % under_way.len());
                        model.end(generation, outcome);
                        permit.ended(outcome);
                    }
                    Step::End(..) => {}
                    Step::Pass(time) => {
                        model.now += time;
                        pass(millis(time)).await;
                    }
                }
                assert_eq!(breaker.state(), model.state);
            }
            // Whatever happened: once the dependency is well again, the circuit closes by itself.
            drop(under_way);
            for _ in 0..success_threshold {
                pass(millis(500)).await;
                breaker.admit().unwrap().succeeded();
            }
            assert_eq!(breaker.state(), State::Closed);
            let history = breaker.snapshot().history;
            assert!(history.windows(2).all(|pair| pair[0].to == pair[1].from), "{history:?}");
        });
    }
}
