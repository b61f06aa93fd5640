//! The sentence to be judged: `p95 < 500ms`, `rate < 0.1%`, `throughput > 99/s`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use seaworthy_base::Span;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Error;

/// Which side of the bound is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `<` or `<=`: on a continuous quantity they say the same.
    Below,
    /// `>` or `>=`.
    Above,
}

impl Comparison {
    fn sign(self) -> char {
        match self {
            Self::Below => '<',
            Self::Above => '>',
        }
    }
}

/// A claim about what was measured, which the judge decides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Statement {
    /// At least `q` of the values are at most `bound_ns`.
    Quantile {
        /// The share, inside 0..1.
        q: f64,
        /// The bound, in nanoseconds.
        bound_ns: u64,
    },
    /// The share of hits is on the good side of `bound`.
    Ratio {
        /// Which side is good.
        comparison: Comparison,
        /// The bound, inside 0..1.
        bound: f64,
    },
    /// What is counted in a second is on the good side of `bound_per_second`.
    Throughput {
        /// Which side is good.
        comparison: Comparison,
        /// The bound, per second.
        bound_per_second: f64,
    },
}

impl Statement {
    /// The largest share of bad values the statement allows; `None` for a throughput.
    pub fn bad_bound(&self) -> Option<f64> {
        // The rest of a share, without the digits that subtraction makes up.
        let rest = |share: f64| ((1.0 - share) * 1e12).round() / 1e12;
        match *self {
            Self::Quantile { q, .. } => Some(rest(q)),
            Self::Ratio { comparison: Comparison::Below, bound } => Some(bound),
            Self::Ratio { comparison: Comparison::Above, bound } => Some(rest(bound)),
            Self::Throughput { .. } => None,
        }
    }
}

impl FromStr for Statement {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        parse(text.trim()).map_err(|Refusal(reason, hint)| Error::Statement {
            text: text.trim().to_owned(),
            reason: reason.into(),
            hint: hint.into(),
        })
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Quantile { q, bound_ns } => {
                let bound = Span(Duration::from_nanos(bound_ns));
                write!(formatter, "p{} < {bound}", plain(q * 100.0))
            }
            Self::Ratio { comparison, bound } => {
                write!(formatter, "rate {} {}%", comparison.sign(), plain(bound * 100.0))
            }
            Self::Throughput { comparison, bound_per_second } => {
                write!(formatter, "throughput {} {bound_per_second}/s", comparison.sign())
            }
        }
    }
}

impl Serialize for Statement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Statement {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error: Error| {
            // A reader of documents has no other way to the hint.
            let hint = error.hint().unwrap_or(FORMS);
            serde::de::Error::custom(format_args!("{error}; {hint}"))
        })
    }
}

impl schemars::JsonSchema for Statement {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Statement".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "What must hold: `p95 < 500ms`, `rate < 0.1%`, `rate > 99%` or `throughput > 99/s`.",
            "examples": ["p95 < 500ms", "rate < 0.1%", "throughput > 99/s"]
        })
    }
}

/// Why a text is not a statement, and how it could be written.
struct Refusal(&'static str, &'static str);

const FORMS: &str = "write `p95 < 500ms`, `rate < 0.1%`, `rate > 99%` or `throughput > 99/s`";

fn parse(text: &str) -> Result<Statement, Refusal> {
    let sign = text.find(['<', '>']).ok_or(Refusal("it compares nothing", FORMS))?;
    let (subject, rest) = text.split_at(sign);
    let comparison = if rest.starts_with('<') { Comparison::Below } else { Comparison::Above };
    // Both signs are one byte long.
    let bound = rest[1..].strip_prefix('=').unwrap_or(&rest[1..]).trim();
    let subject = subject.trim();
    match subject {
        "rate" => ratio(comparison, bound),
        "throughput" => throughput(comparison, bound),
        "med" => quantile(0.5, comparison, bound, true),
        "avg" | "mean" | "min" | "max" => Err(Refusal(
            "a mean or an extreme hides slow requests or rests on one of them",
            "say which share must be fast enough, as `p50 < 100ms` or `p99.9 < 2s`",
        )),
        "count" => Err(Refusal(
            "a count depends on how long the run is",
            "say how many a second, as `throughput > 99/s`",
        )),
        _ => {
            let unknown =
                Refusal("it starts with neither a percentile, `rate` nor `throughput`", FORMS);
            let percent = subject.strip_prefix('p').ok_or(unknown)?.trim();
            let inner = percent.strip_prefix('(').and_then(|inner| inner.strip_suffix(')'));
            let refusal = Refusal(
                "its percentile is not a number above 0 and below 100",
                "write `p95 < 500ms` or `p99.9 < 2s`",
            );
            let q = share(inner.unwrap_or(percent).trim(), 100.0).ok_or(refusal)?;
            quantile(q, comparison, bound, inner.is_some())
        }
    }
}

fn quantile(q: f64, comparison: Comparison, bound: &str, k6: bool) -> Result<Statement, Refusal> {
    if comparison == Comparison::Above {
        return Err(Refusal(
            "a percentile must stay below its bound",
            "turn the sign around: `p95 < 500ms` says that 95 % finish within 500 ms",
        ));
    }
    let refusal = Refusal(
        "its bound is not a time above zero",
        "write a unit, as `p95 < 500ms` or `p99.9 < 2s`",
    );
    let span = match decimal(bound) {
        // k6 counts in milliseconds.
        Some(millis) if k6 => Duration::try_from_secs_f64(millis / 1000.0).ok(),
        _ => bound.parse::<Span>().ok().map(Span::get),
    };
    let nanos =
        span.and_then(|span| u64::try_from(span.as_nanos()).ok()).filter(|&nanos| nanos > 0);
    Ok(Statement::Quantile { q, bound_ns: nanos.ok_or(refusal)? })
}

fn ratio(comparison: Comparison, bound: &str) -> Result<Statement, Refusal> {
    let share = match bound.strip_suffix('%') {
        Some(percent) => share(percent.trim(), 100.0),
        None => share(bound, 1.0),
    };
    let refusal = Refusal(
        "its bound is not above 0 % and below 100 %",
        "no finite run can show that nothing ever goes wrong: write the share that may, as `rate < 0.1%`",
    );
    Ok(Statement::Ratio { comparison, bound: share.ok_or(refusal)? })
}

fn throughput(comparison: Comparison, bound: &str) -> Result<Statement, Refusal> {
    let number = bound.strip_suffix("/s").map(str::trim_end).and_then(decimal);
    let refusal =
        Refusal("its bound is not a number a second above zero", "write `throughput > 99/s`");
    let bound_per_second = number.filter(|&number| number > 0.0).ok_or(refusal)?;
    Ok(Statement::Throughput { comparison, bound_per_second })
}

/// A share of `whole`, strictly between none and all of it. Kept to a billionth of a percent, so
/// that what is printed is what is judged.
fn share(text: &str, whole: f64) -> Option<f64> {
    let percent = decimal(text)? / whole * 100.0;
    let percent = (percent * 1e9).round() / 1e9;
    (percent > 0.0 && percent < 100.0).then_some(percent / 100.0)
}

/// Digits and at most one point: no sign, no exponent, no words.
fn decimal(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number: f64 = if plain { text.parse().ok()? } else { return None };
    number.is_finite().then_some(number)
}

/// A number with at most nine decimals and no trailing zeros.
pub(crate) fn plain(number: f64) -> String {
    let text = format!("{number:.9}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn statements_read_as_people_write_them() {
        for (text, canonical) in [
            ("p95 < 500ms", "p95 < 500ms"),
            ("p95<=500ms", "p95 < 500ms"),
            (" p99.9 < 2s ", "p99.9 < 2s"),
            ("p(95) < 500ms", "p95 < 500ms"),
            ("p(95)<500", "p95 < 500ms"),
            ("p(99.99)<0.5", "p99.99 < 500us"),
            ("med < 20", "p50 < 20ms"),
            ("p50 < 1m30s", "p50 < 1m30s"),
            ("rate < 0.1%", "rate < 0.1%"),
            ("rate<0.001", "rate < 0.1%"),
            ("rate >= 99.99%", "rate > 99.99%"),
            ("rate>0.95", "rate > 95%"),
            ("throughput > 99/s", "throughput > 99/s"),
            ("throughput>=0.25 /s", "throughput > 0.25/s"),
        ] {
            let statement: Statement = text.parse().unwrap();
            assert_eq!(statement.to_string(), canonical, "{text}");
        }
        let statement: Statement = "p95 < 500ms".parse().unwrap();
        assert_eq!(statement, Statement::Quantile { q: 0.95, bound_ns: 500_000_000 });
        let statement: Statement = "rate < 0.1%".parse().unwrap();
        assert_eq!(statement, Statement::Ratio { comparison: Comparison::Below, bound: 0.001 });
    }

    #[test]
    fn what_cannot_be_judged_is_refused_with_a_hint() {
        for text in [
            "",
            "p95",
            "p95 = 500ms",
            "p95 < 500",
            "p95 > 500ms",
            "p95 < 0ms",
            "p95 < -1s",
            "p100 < 1s",
            "p0 < 1s",
            "p < 1s",
            "p(95 < 1s",
            "p1e1 < 1s",
            "p95 < 1e3ms",
            "p(95)<NaN",
            "p(95)<inf",
            "p99.99999999999 < 1s",
            "avg < 200",
            "max<2s",
            "rate < 0%",
            "rate > 100%",
            "rate < 1",
            "rate < 0",
            "rate < 1e-3",
            "rate == 0",
            "count > 100",
            "throughput > 99",
            "throughput > 0/s",
            "throughput > /s",
            "latency < 5ms",
            "p95 < 9999999d",
        ] {
            let error = text.parse::<Statement>().unwrap_err();
            assert_eq!(error.code(), "stats-statement");
            assert!(error.hint().is_some_and(|hint| hint.contains('`')), "{text}: {error}");
        }
    }

    #[test]
    fn statements_travel_as_text() {
        let statement: Statement = serde_json::from_str(r#""p99 < 1s""#).unwrap();
        assert_eq!(serde_json::to_string(&statement).unwrap(), r#""p99 < 1s""#);
        let error = serde_json::from_str::<Statement>(r#""soon""#).unwrap_err();
        assert!(error.to_string().contains("compares nothing; write `p95"), "{error}");
        assert_eq!(statement.bad_bound(), Some(0.01));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = text.parse::<Statement>();
        }

        #[test]
        fn nearly_statements_do_not_panic_and_round_trip(
            text in "(p|p\\(|rate|throughput|med)? ?[0-9.]{0,6}\\)? ?[<>=]{1,2} ?[0-9.]{0,12}(ms|s|us|%|/s|)",
        ) {
            if let Ok(statement) = text.parse::<Statement>() {
                let again: Statement = statement.to_string().parse().unwrap();
                prop_assert_eq!(again, statement);
            }
        }

        #[test]
        fn what_is_written_is_read_back(
            percent in 1_u64..99_999, nanos in 1_u64..1_000_000_000_000_000, rate in 1e-3..1e9_f64,
        ) {
            let text = format!("p{} < {nanos}ns", percent as f64 / 1000.0);
            let statement: Statement = text.parse().unwrap();
            prop_assert_eq!(statement.to_string().parse::<Statement>().unwrap(), statement);
            let statement = Statement::Throughput {
                comparison: Comparison::Below, bound_per_second: rate,
            };
            prop_assert_eq!(statement.to_string().parse::<Statement>().unwrap(), statement);
        }
    }
}
