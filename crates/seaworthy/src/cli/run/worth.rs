//! What k6's numbers are worth: what dropping hid, and how sure each threshold's answer is.

use seaworthy_base::Verdict;
use seaworthy_k6::Report;
use seaworthy_metrics::threshold::{Operator, Outcome};
use seaworthy_metrics::{Kind, Thresholds};
use seaworthy_stats::{Assumptions, Histogram, Judgement};

use super::log::Log;

/// From which lag on, in milliseconds at the 99th percentile, a run says so.
const WORTH_A_LINE: f64 = 10.0;

/// Says it.
pub(crate) fn say(log: &Log, report: &Report, thresholds: &Thresholds, queue: bool) {
    if let Some(words) = dropped(report, queue) {
        log.warn(&words);
    }
    let assumptions = Assumptions::default();
    for outcome in thresholds.evaluate(&report.snapshot) {
        judge(log, &outcome, &assumptions);
    }
}

/// How late the loops were that virtual users share, where that is worth a line.
pub(crate) fn late(log: &Log, lag: &Histogram) {
    let at = |q: f64| lag.quantile(q).map(|it| it.middle() as f64 / 1e6);
    let (Some(median), Some(most)) = (at(0.5), at(0.99)) else { return };
    if most < WORTH_A_LINE {
        return;
    }
    log.warn(&format!(
        "loop lag: half of the time at most {median:.1} ms, 1 % of it {most:.0} ms and more: a script computed for \
         long, or the machine was busy, and times above include waiting for that. Second by second it is \
         `generator_lag` in the trial's timeline"
    ));
}

/// What dropping hid, where anything was dropped.
fn dropped(report: &Report, queue: bool) -> Option<String> {
    let loads = &report.phase.as_ref()?.loads;
    let of = |open: bool| {
        let loads = loads.iter().filter(|load| load.open_model == open);
        loads.fold((0, 0), |(dropped, all), load| (dropped + load.dropped, all + load.arrivals))
    };
    let (dropped, arrivals) = of(true);
    if dropped == 0 {
        return None;
    }
    let percent = 100.0 * dropped as f64 / arrivals.max(dropped) as f64;
    let beginning = format!(
        "{dropped} of {} iterations that were due ({percent:.1} %) never began, because no virtual user was free",
        arrivals.max(dropped)
    );
    Some(if queue {
        format!(
            "{beginning} and the queue was full: no number here knows how long they would have waited"
        )
    } else {
        format!(
            "{beginning}. A user would have waited, and the waiting is in no response time above: they look \
             better than they were. Run it with --queue: then arrivals wait, and response times count \
             from when each was due"
        )
    })
}

/// A threshold's interval and number of samples beside k6's plain answer, with why where the two
/// differ; a warning where they contradict each other.
fn judge(log: &Log, outcome: &Outcome<'_>, assumptions: &Assumptions) {
    let name = format!("{} '{}'", outcome.target.name, outcome.threshold.source);
    let answer = if outcome.passed { "passes" } else { "fails" };
    let n = outcome.n;
    match outcome.judge(assumptions) {
        Ok(judgement) => {
            let confidence = (assumptions.confidence * 100.0).round();
            let beside = match interval(outcome, &judgement) {
                Some(interval) => format!("{interval} at {confidence} % confidence, n={n}"),
                None => format!("n={n}"),
            };
            match outcome.contrast(&judgement) {
                Some(line) if judgement.verdict == Verdict::Inconclusive => {
                    log.say(&format!("{line} ({beside})"));
                }
                Some(line) => log.warn(&format!("{line} ({beside})")),
                None => log.say(&format!("{name}: {answer}, and with its interval too ({beside})")),
            }
        }
        Err(why) => log.say(&format!("{name}: {answer}; n={n}; no interval: {why}")),
    }
}

/// What was measured, from where to where it may lie.
fn interval(outcome: &Outcome<'_>, judgement: &Judgement) -> Option<String> {
    let expression = outcome.threshold.expression;
    let aggregation = expression.aggregation;
    if let Some(it) = judgement.observed {
        let open = if judgement.observed_open { "; an end is only what was seen" } else { "" };
        let (low, high) = (it.low / 1e6, it.high / 1e6);
        return Some(format!("{aggregation} is {} to {} ms{open}", plain(low), plain(high)));
    }
    let it = judgement.measurement?;
    let percent = |share: f64| plain(share * 100.0);
    let upper = matches!(expression.operator, Operator::Less | Operator::LessOrEqual);
    Some(match outcome.target.metric.kind() {
        Kind::Counter => format!("{} to {} a second", plain(it.low), plain(it.high)),
        Kind::Rate if upper => format!("the rate is {} to {} %", percent(it.low), percent(it.high)),
        Kind::Rate => {
            format!("the rate is {} to {} %", percent(1.0 - it.high), percent(1.0 - it.low))
        }
        _ => format!("{} to {} % lie beyond the bound", percent(it.low), percent(it.high)),
    })
}

/// Four digits that say something.
fn plain(number: f64) -> String {
    let digits = if number.abs() >= 100.0 { 1 } else { 3 };
    let text = format!("{number:.digits$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_say_something() {
        assert_eq!(
            (plain(0.0), plain(12.5), plain(123.456)),
            ("0".into(), "12.5".into(), "123.5".into())
        );
        assert_eq!(plain(100.0), "100");
    }
}
