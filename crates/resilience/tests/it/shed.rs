//! Load shedding: the limit follows what can be answered in time, and the least important goes first.

use proptest::prelude::*;
use seaworthy_base::Clock;
use seaworthy_resilience::Error;
use seaworthy_resilience::shed::{Priority, Settings, Shedder, Ticket};

use crate::world::{millis, pass, paused, seconds};

fn settings() -> Settings {
    Settings { least: 2, most: 100, first: 20, ..Settings::default() }
}

fn fill(shedder: &Shedder, priority: Priority) -> Vec<Ticket> {
    std::iter::from_fn(|| shedder.admit(priority).ok()).collect()
}

#[tokio::test(start_paused = true)]
async fn the_least_important_goes_first() {
    let shedder = Shedder::new(settings(), Clock::system());
    let background = fill(&shedder, Priority::Background);
    assert_eq!(background.len(), 10);
    let normal = fill(&shedder, Priority::Normal);
    assert_eq!(background.len() + normal.len(), 18);
    let critical = fill(&shedder, Priority::Critical);
    assert_eq!(critical.len(), 2);
    let refused = shedder.admit(Priority::Critical).unwrap_err();
    assert_eq!(refused, Error::Overloaded { retry_after: seconds(1) });
    assert_eq!(shedder.snapshot().refused, [1, 1, 2]);
    drop((background, normal, critical));
    assert_eq!(shedder.snapshot().under_way, 0);
}

#[tokio::test(start_paused = true)]
async fn lateness_lowers_the_limit_and_punctuality_raises_it_where_it_is_used() {
    let shedder = Shedder::new(settings(), Clock::system());
    let late = fill(&shedder, Priority::Critical);
    pass(millis(300)).await;
    late.into_iter().for_each(Ticket::ended);
    assert_eq!(shedder.snapshot().limit, 18, "once for those that were late together");
    // A limit that nobody comes near proves nothing.
    for _ in 0..1_000 {
        shedder.admit(Priority::Normal).unwrap().ended();
    }
    assert_eq!(shedder.snapshot().limit, 18);
    // Each round at the limit raises it a little, up to one.
    for _ in 0..10 {
        fill(&shedder, Priority::Critical).into_iter().for_each(Ticket::ended);
    }
    let limit = shedder.snapshot().limit;
    assert!((21..=28).contains(&limit), "{limit}");
}

#[tokio::test(start_paused = true)]
async fn who_gave_up_late_was_not_answered_in_time_and_who_gave_up_early_says_nothing() {
    let shedder = Shedder::new(settings(), Clock::system());
    let early = fill(&shedder, Priority::Critical);
    drop(early);
    assert_eq!(shedder.snapshot().limit, 20);
    let late = fill(&shedder, Priority::Critical);
    pass(millis(300)).await;
    drop(late);
    assert_eq!(shedder.snapshot().limit, 18);
}

proptest! {
    #[test]
    fn it_stays_within_its_bounds_whatever_happens(
        steps in proptest::collection::vec((0_u8..4, 0_u64..600), 1..300),
        least in 0_u32..10, most in 0_u32..50, first in 0_u32..100,
    ) {
        paused(async {
            let settings = Settings { least, most, first, ..Settings::default() };
            let shedder = Shedder::new(settings, Clock::system());
            let (low, high) = (least.max(1), most.max(least).max(1));
            let mut under_way = Vec::new();
            for (step, number) in steps {
                match step {
                    0 | 1 => {
                        let priorities = [Priority::Background, Priority::Normal, Priority::Critical];
                        let before = shedder.snapshot();
                        match shedder.admit(priorities[number as usize % 3]) {
                            Ok(ticket) => {
                                assert!(before.under_way < before.limit);
                                under_way.push(ticket);
                            }
                            Err(_) => assert!(before.under_way >= before.limit / 2),
                        }
                    }
                    2 if !under_way.is_empty() => {
                        let ticket: Ticket = under_way.swap_remove(number as usize % under_way.len());
                        if number % 2 == 0 { ticket.ended() } else { drop(ticket) }
                    }
                    _ => pass(millis(number)).await,
                }
                let snapshot = shedder.snapshot();
                assert!((low..=high).contains(&snapshot.limit), "{}", snapshot.limit);
                assert_eq!(snapshot.under_way as usize, under_way.len());
            }
        });
    }
}
