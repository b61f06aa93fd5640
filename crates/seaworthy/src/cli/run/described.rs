//! A scenario in a line, in k6's words: what it does, for how long, and with how many virtual users.

use std::time::Duration;

use seaworthy_k6::options::duration::format;
use seaworthy_k6::options::scenario::{Executor, Pool, Scenario};
use seaworthy_k6::options::values::Stage;

/// How long iterations go on when nobody says it.
const MAX_DURATION: Duration = Duration::from_secs(600);
/// How long one that is ramped down goes on.
const RAMP_DOWN: Duration = Duration::from_secs(30);
/// How long what is unfinished goes on.
const STOP: Duration = Duration::from_secs(30);

/// The line, without its name.
pub(crate) fn line(scenario: &Scenario) -> String {
    let (what, mut details) = match &scenario.executor {
        Executor::ConstantVus { vus, duration } => {
            (format!("{} looping VUs for {}", vus.unwrap_or(1), over(*duration)), Vec::new())
        }
        Executor::RampingVus { start_vus, stages, graceful_ramp_down } => {
            let down = format(graceful_ramp_down.unwrap_or(RAMP_DOWN));
            let most = highest(start_vus.unwrap_or(1), stages);
            let what = format!("Up to {most} looping VUs for {}", staged(stages));
            (what, vec![format!("gracefulRampDown: {down}")])
        }
        Executor::SharedIterations { vus, iterations, max_duration } => {
            let (vus, iterations) = (vus.unwrap_or(1), iterations.unwrap_or(1));
            let what = format!("{iterations} iterations shared among {vus} VUs");
            (what, vec![within(*max_duration)])
        }
        Executor::PerVuIterations { vus, iterations, max_duration } => {
            let (vus, iterations) = (vus.unwrap_or(1), iterations.unwrap_or(1));
            let what = format!("{iterations} iterations for each of {vus} VUs");
            (what, vec![within(*max_duration)])
        }
        Executor::ConstantArrivalRate { rate, time_unit, duration, pool } => {
            let rate = a_second(rate.unwrap_or(0), *time_unit);
            (format!("{rate:.2} iterations/s for {}", over(*duration)), vec![most(*pool)])
        }
        Executor::RampingArrivalRate { start_rate, time_unit, stages, pool } => {
            let rate = a_second(highest(start_rate.unwrap_or(0), stages), *time_unit);
            let what = format!("Up to {rate:.2} iterations/s for {}", staged(stages));
            (what, vec![most(*pool)])
        }
    };
    if scenario.exec() != "default" {
        details.push(format!("exec: {}", scenario.exec()));
    }
    if !scenario.start_time().is_zero() {
        details.push(format!("startTime: {}", format(scenario.start_time())));
    }
    let stop = scenario.graceful_stop.unwrap_or(STOP);
    if !stop.is_zero() {
        details.push(format!("gracefulStop: {}", format(stop)));
    }
    match details.is_empty() {
        true => what,
        false => format!("{what} ({})", details.join(", ")),
    }
}

fn over(duration: Option<Duration>) -> String {
    format(duration.unwrap_or_default())
}

fn within(duration: Option<Duration>) -> String {
    format!("maxDuration: {}", format(duration.unwrap_or(MAX_DURATION)))
}

fn staged(stages: &[Stage]) -> String {
    let whole: Duration = stages.iter().map(|stage| stage.duration).sum();
    format!("{} over {} stages", format(whole), stages.len())
}

fn highest(start: u32, stages: &[Stage]) -> u32 {
    stages.iter().map(|stage| stage.target).fold(start, u32::max)
}

fn a_second(rate: u32, unit: Option<Duration>) -> f64 {
    f64::from(rate) / unit.map_or(1.0, |unit| unit.as_secs_f64())
}

fn most(pool: Pool) -> String {
    match (pool.pre_allocated(), pool.max()) {
        (first, last) if first < last => format!("maxVUs: {first}-{last}"),
        (_, last) => format!("maxVUs: {last}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenarios_are_told_in_k6s_words() {
        let second = Some(Duration::from_secs(1));
        let stages = vec![Stage { duration: Duration::from_secs(2), target: 5 }];
        let pool = |first, last| Pool { pre_allocated_vus: Some(first), max_vus: last };
        let cases = [
            (
                Executor::ConstantVus { vus: Some(2), duration: second },
                "2 looping VUs for 1s (gracefulStop: 30s)",
            ),
            (
                Executor::RampingVus {
                    start_vus: None,
                    stages: stages.clone(),
                    graceful_ramp_down: None,
                },
                "Up to 5 looping VUs for 2s over 1 stages (gracefulRampDown: 30s, gracefulStop: 30s)",
            ),
            (
                Executor::SharedIterations {
                    vus: Some(2),
                    iterations: Some(4),
                    max_duration: second,
                },
                "4 iterations shared among 2 VUs (maxDuration: 1s, gracefulStop: 30s)",
            ),
            (
                Executor::PerVuIterations { vus: None, iterations: None, max_duration: None },
                "1 iterations for each of 1 VUs (maxDuration: 10m0s, gracefulStop: 30s)",
            ),
            (
                Executor::ConstantArrivalRate {
                    rate: Some(5),
                    time_unit: Some(Duration::from_secs(2)),
                    duration: second,
                    pool: pool(2, Some(4)),
                },
                "2.50 iterations/s for 1s (maxVUs: 2-4, gracefulStop: 30s)",
            ),
            (
                Executor::RampingArrivalRate {
                    start_rate: None,
                    time_unit: None,
                    stages,
                    pool: pool(2, None),
                },
                "Up to 5.00 iterations/s for 2s over 1 stages (maxVUs: 2, gracefulStop: 30s)",
            ),
        ];
        for (executor, told) in cases {
            assert_eq!(line(&Scenario::new("a", executor)), told);
        }
    }
}
