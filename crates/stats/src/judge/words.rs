//! What the judge says, in words a service engineer uses.

use seaworthy_base::{Measurement, Verdict};

use crate::plan::{More, duration};
use crate::ratio::Estimate;
use crate::statement::plain;
use crate::{Assumptions, Comparison, Statement};

/// What must hold.
pub(super) fn claim(statement: &Statement) -> String {
    let percent = |share: f64| format!("{} %", plain(share * 100.0));
    match *statement {
        Statement::Quantile { q, bound_ns } => {
            format!("at least {} of requests must finish within {}", percent(q), time(bound_ns))
        }
        Statement::Ratio { comparison: Comparison::Below, bound } => {
            format!("no more than {} may go wrong", percent(bound))
        }
        Statement::Ratio { comparison: Comparison::Above, bound } => {
            format!("at least {} must go right", percent(bound))
        }
        Statement::Throughput { comparison: Comparison::Above, bound_per_second } => {
            format!("at least {bound_per_second} a second must be done")
        }
        Statement::Throughput { comparison: Comparison::Below, bound_per_second } => {
            format!("no more than {bound_per_second} a second may be done")
        }
    }
}

/// The claim, what was seen, and why that does not decide where it does not.
pub(super) fn share(
    statement: &Statement,
    estimate: &Estimate,
    verdict: Verdict,
    assumptions: &Assumptions,
) -> String {
    let did = match statement {
        Statement::Ratio { comparison: Comparison::Below, .. } => "did",
        _ => "did not",
    };
    let width = (estimate.high - estimate.low) * 100.0;
    let percent = |share: f64| figure(share * 100.0, width);
    let (value, low, high) =
        (percent(estimate.value), percent(estimate.low), percent(estimate.high));
    let found = if estimate.bad == 0 {
        let right = if did == "did" { "none did" } else { "all did" };
        format!("of {} {right}, but up to {high} % may have been missed", estimate.n)
    } else if estimate.bad == estimate.n {
        format!("all {} {did}", estimate.n)
    } else {
        format!("{value} % [{low} %, {high} %] {did}")
    };
    let decided = (estimate.high < estimate.bound, estimate.low > estimate.bound);
    let open = undecided(verdict, decided, estimate.seconds, assumptions);
    format!("{}; {found}{open}", claim(statement))
}

/// The claim, what was counted, and why that does not decide where it does not.
pub(super) fn throughput(
    statement: &Statement,
    measurement: &Measurement,
    seconds: u32,
    decided: (bool, bool),
    assumptions: &Assumptions,
) -> String {
    let Measurement { value, low, high, .. } = *measurement;
    let verdict = match decided {
        (true, _) if seconds >= assumptions.pass_after => Verdict::Pass,
        (_, true) if seconds >= assumptions.fail_after => Verdict::Fail,
        _ => Verdict::Inconclusive,
    };
    let open = undecided(verdict, decided, seconds, assumptions);
    let [value, low, high] = [value, low, high].map(|number| rate(number, high - low));
    format!("{}; {value} [{low}, {high}] were{open}", claim(statement))
}

/// What is missing.
pub(super) fn needs(more: More) -> String {
    match more {
        More::Seconds(seconds) => format!("about {} more at this rate", duration(seconds)),
        More::TooClose(Some(seconds)) => format!(
            "too close to the bound to decide (about {} more at this rate)",
            duration(seconds)
        ),
        More::TooClose(None) => "too close to the bound to decide".to_owned(),
    }
}

/// The seconds nobody knows about.
pub(super) fn lost(lost: usize) -> String {
    let seconds = if lost == 1 { "1 second was" } else { &format!("{lost} seconds were") };
    format!("{seconds} not reported by the generator, and what happened then is unknown")
}

/// A share that did not stay.
pub(super) fn drifting_share(first: f64, second: f64) -> String {
    let percent = |share: f64| figure(share * 100.0, 0.0);
    drifting(&format!("{} % bad", percent(first)), &format!("{} %", percent(second)))
}

/// A rate that did not stay.
pub(super) fn drifting_rate(first: f64, second: f64) -> String {
    drifting(&format!("{} a second", rate(first, 0.0)), &rate(second, 0.0))
}

fn drifting(first: &str, second: &str) -> String {
    format!(
        "the first half had {first} and the second {second}, which is more than chance: \
         the service was changing, and one number does not describe it"
    )
}

fn undecided(
    verdict: Verdict,
    (good, wrong): (bool, bool),
    seconds: u32,
    assumptions: &Assumptions,
) -> String {
    match verdict {
        Verdict::Pass | Verdict::Fail => String::new(),
        Verdict::Inconclusive if good => {
            format!(
                "; nothing passes before {} s of data, and there are {seconds} s",
                assumptions.pass_after
            )
        }
        Verdict::Inconclusive if wrong => {
            format!(
                "; nothing fails before {} s of data, and there are {seconds} s",
                assumptions.fail_after
            )
        }
        Verdict::Inconclusive => "; the interval reaches over the bound".to_owned(),
    }
}

/// A percentage with two digits that matter, counted from the nearer of 0 and 100, and more where
/// an interval of this width needs them to be seen.
fn figure(percent: f64, width: f64) -> String {
    let distance = percent.min(100.0 - percent);
    if distance <= 0.0 {
        return if percent <= 0.0 { "0".to_owned() } else { "100".to_owned() };
    }
    rounded(percent, places(distance, 2).max(places(width, 2)))
}

/// A rate with four digits that matter, and more where an interval of this width needs them.
fn rate(rate: f64, width: f64) -> String {
    if rate <= 0.0 { "0".to_owned() } else { rounded(rate, places(rate, 4).max(places(width, 2))) }
}

/// Decimal places that show this many digits of a number.
fn places(number: f64, digits: u8) -> usize {
    if number <= 0.0 {
        return 0;
    }
    // No count of requests or seconds is so large that it takes more.
    (f64::from(digits) - 1.0 - number.log10().floor()).clamp(0.0, 12.0) as usize
}

fn rounded(number: f64, places: usize) -> String {
    let text = format!("{number:.places$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// A time in its largest unit that leaves a whole number of it or more.
fn time(nanos: u64) -> String {
    let units = [("s", 1e9), ("ms", 1e6), ("µs", 1e3)];
    let unit = units.iter().find(|(_, size)| nanos as f64 >= *size);
    unit.map_or_else(
        || format!("{nanos} ns"),
        |(name, size)| format!("{} {name}", plain(nanos as f64 / size)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        for (percent, text) in [
            (0.0, "0"),
            (100.0, "100"),
            (0.8, "0.8"),
            (1.26, "1.3"),
            (12.6, "13"),
            (99.953, "99.953"),
            (97.24, "97.2"),
            (0.000_123_4, "0.00012"),
            (50.0, "50"),
            (10.0, "10"),
            (1e-20, "0"),
        ] {
            assert_eq!(figure(percent, 0.0), text);
        }
        assert_eq!(figure(12.612, 0.12), "12.61");
        let rated = |number| rate(number, 0.0);
        assert_eq!((rated(101.234).as_str(), rated(0.012_342).as_str()), ("101.2", "0.01234"));
        assert_eq!((rated(12_345.6).as_str(), rated(0.0).as_str()), ("12346", "0"));
        assert_eq!((time(100_000_000), time(1_500_000_000)), ("100 ms".into(), "1.5 s".into()));
        assert_eq!((time(999), time(1_250)), ("999 ns".into(), "1.25 µs".into()));
    }

    #[test]
    fn needs_are_said_in_the_unit_that_fits() {
        assert_eq!(needs(More::Seconds(89.2)), "about 90 s more at this rate");
        assert_eq!(needs(More::Seconds(800.0)), "about 14 min more at this rate");
        assert_eq!(
            needs(More::TooClose(Some(50_000.0))),
            "too close to the bound to decide (about 13.9 h more at this rate)"
        );
        assert_eq!(needs(More::TooClose(None)), "too close to the bound to decide");
    }
}
