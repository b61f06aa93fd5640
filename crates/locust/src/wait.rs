//! How long a Locust user waits between tasks, and what that is as a pause of a plan.

use std::time::Duration;

use seaworthy_base::Span;

/// Think time of a plan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Pause {
    /// Drawn evenly between two lengths.
    Between(Span, Span),
    Exponential(Span),
    Normal(Span, Span),
    /// The median and the 95th percentile.
    Lognormal(Span, Span),
}

/// What a class says under `wait_time`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Wait {
    /// No wait: Locust's default.
    None,
    Pause(Pause),
    /// A task begins this many seconds after the one before began.
    Pace(f64),
}

impl Pause {
    pub(crate) fn fixed(length: Span) -> Self {
        Self::Between(length, length)
    }

    /// Both pauses, one after the other. `None` when no distribution of a plan is their sum.
    pub(crate) fn and(self, other: Self) -> Option<Self> {
        let add = |a: Span, b: Span| Span(a.get().saturating_add(b.get()));
        match (self, other) {
            (Self::Between(a, b), Self::Between(c, d)) if a == b || c == d => {
                Some(Self::Between(add(a, c), add(b, d)))
            }
            (Self::Between(a, b), drawn) | (drawn, Self::Between(a, b)) if b == Span::default() => {
                debug_assert_eq!(a, b);
                Some(drawn)
            }
            _ => None,
        }
    }

    /// As a plan writes it.
    pub(crate) fn written(self) -> String {
        match self {
            Self::Between(a, b) if a == b => a.to_string(),
            Self::Between(a, b) => format!("[{a}, {b}]"),
            Self::Exponential(mean) => format!("{{exponential: {mean}}}"),
            Self::Normal(mean, deviation) => {
                format!("{{normal: {{mean: {mean}, deviation: {deviation}}}}}")
            }
            Self::Lognormal(median, p95) => {
                format!("{{lognormal: {{median: {median}, p95: {p95}}}}}")
            }
        }
    }
}

/// Seconds as a length of time, to the microsecond; `None` when they are none.
pub(crate) fn seconds(seconds: f64) -> Option<Span> {
    let length = Duration::try_from_secs_f64(seconds).ok()?;
    let micros = u64::try_from(length.as_micros()).ok()?;
    Some(Span(Duration::from_micros(micros)))
}

/// A length as Locust writes run times: `90` (seconds), `10m`, `1h30m`.
pub(crate) fn run_time(text: &str) -> Option<Span> {
    let text = text.trim();
    if let Ok(number) = text.parse::<f64>() {
        return seconds(number);
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_add_up_where_they_can() {
        let one = Pause::fixed(Span::seconds(1));
        let range = Pause::Between(Span::seconds(1), Span::seconds(5));
        assert_eq!(one.and(range), Some(Pause::Between(Span::seconds(2), Span::seconds(6))));
        assert_eq!(range.and(range), None);
        assert_eq!(Pause::Exponential(Span::seconds(1)).and(one), None);
        let none = Pause::fixed(Span::default());
        let drawn = Pause::Exponential(Span::seconds(1));
        assert_eq!(drawn.and(none), Some(drawn));
    }

    #[test]
    fn run_times_are_read_as_locust_reads_them() {
        assert_eq!(run_time("90"), Some(Span::seconds(90)));
        assert_eq!(run_time("1h30m"), Some(Span::seconds(5400)));
        assert_eq!(run_time("soon"), None);
        assert_eq!(seconds(f64::NAN), None);
        assert_eq!(seconds(0.5).map(|span| span.to_string()).as_deref(), Some("500ms"));
    }
}
