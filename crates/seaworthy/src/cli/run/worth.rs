//! What k6's numbers are worth: what dropping hid, and how sure each threshold's answer is.

use seaworthy_base::Verdict;
use seaworthy_k6::Report;
use seaworthy_metrics::Thresholds;
use seaworthy_metrics::threshold::Outcome;
use seaworthy_stats::Assumptions;

use super::log::Log;

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
        format!("{beginning} and the queue was full: no number here knows how long they would have waited")
    } else {
        format!(
            "{beginning}. A user would have waited, and the waiting is in no response time above: they look \
             better than they were. Run it with --queue: then arrivals wait, and response times count \
             from when each was due"
        )
    })
}

/// A threshold's interval and number of samples beside k6's plain answer.
fn judge(log: &Log, outcome: &Outcome<'_>, assumptions: &Assumptions) {
    let name = format!("{} '{}'", outcome.target.name, outcome.threshold.source);
    let answer = if outcome.passed { "passes" } else { "fails" };
    match outcome.judge(assumptions) {
        Ok(judgement) => {
            let verdict = match judgement.verdict {
                Verdict::Pass => "pass",
                Verdict::Fail => "fail",
                Verdict::Inconclusive => "undecided",
            };
            let range = judgement.observed.map(|it| {
                format!("{:.2}..{:.2} ms", it.low / 1e6, it.high / 1e6)
            });
            let range = range.or_else(|| {
                let it = judgement.measurement?;
                Some(format!("{:.4}..{:.4}", it.low, it.high))
            });
            let range = range.unwrap_or_else(|| "no interval".to_owned());
            let confidence = assumptions.confidence * 100.0;
            log.say(&format!(
                "{name}: {answer} (k6's rule); interval {range} at {confidence} %, n={}: {verdict}",
                outcome.n
            ));
            if let Some(line) = outcome.contrast(&judgement) {
                log.warn(&line);
            }
        }
        Err(why) => log.say(&format!("{name}: {answer} (k6's rule), n={}; no interval: {why}", outcome.n)),
    }
}
