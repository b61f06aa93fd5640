//! Durations as people write them: `250ms`, `1m30s`, `2h`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A length of time, read from and written as text such as `1m30s`. Units: `ns us µs ms s m h d`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(pub Duration);

impl Span {
    /// The length as a standard duration.
    pub const fn get(self) -> Duration {
        self.0
    }

    /// A span of whole seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

/// Text that is not a duration.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration: write a number and a unit, as `500ms`, `30s` or `1m30s`")]
pub struct InvalidSpan(pub String);

impl FromStr for Span {
    type Err = InvalidSpan;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidSpan(text.to_owned());
        let mut rest = text.trim();
        if rest == "0" {
            return Ok(Self::default());
        }
        if rest.is_empty() {
            return Err(invalid());
        }
        let mut total = Duration::ZERO;
        while !rest.is_empty() {
            let digits = rest
                .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
                .ok_or_else(invalid)?;
            let (number, tail) = rest.split_at(digits);
            let unit = tail
                .find(|letter: char| letter.is_ascii_digit() || letter == '.')
                .unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(unit);
            let seconds = match unit.trim() {
                "ns" => 1e-9,
                "us" | "µs" => 1e-6,
                "ms" => 1e-3,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3_600.0,
                "d" => 86_400.0,
                _ => return Err(invalid()),
            };
            let number: f64 = number.parse().map_err(|_| invalid())?;
            let part = Duration::try_from_secs_f64(number * seconds).map_err(|_| invalid())?;
            total = total.checked_add(part).ok_or_else(invalid)?;
            rest = tail;
        }
        Ok(Self(total))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        if nanos == 0 {
            return formatter.write_str("0s");
        }
        let mut rest = nanos;
        for (unit, size) in [
            ("h", 3_600_000_000_000_u128),
            ("m", 60_000_000_000),
            ("s", 1_000_000_000),
            ("ms", 1_000_000),
            ("us", 1_000),
            ("ns", 1),
        ] {
            if rest >= size {
                write!(formatter, "{}{unit}", rest / size)?;
                rest %= size;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Read)
    }
}

struct Read;

impl Visitor<'_> for Read {
    type Value = Span;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a duration such as 500ms, 30s or 1m30s")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Span, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Span, E> {
        match number {
            0 => Ok(Span::default()),
            _ => Err(E::custom(format!("`{number}` has no unit: write `{number}s` for seconds"))),
        }
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Span, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => Err(E::custom(format!("`{number}` is no length of time"))),
        }
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Span, E> {
        Err(E::custom(format!("`{number}` has no unit: write `{number}s` for seconds")))
    }
}

impl schemars::JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A length of time: a number and a unit (ns, us, ms, s, m, h, d), also joined, as 1m30s.",
            "pattern": "^(0|([0-9.]+ *(ns|us|µs|ms|s|m|h|d))+)$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spans_read_as_people_write_them() {
        let check = |text: &str, millis: u64| {
            assert_eq!(
                text.parse::<Span>().unwrap().get(),
                Duration::from_millis(millis),
                "{text}"
            );
        };
        check("250ms", 250);
        check("1m30s", 90_000);
        check("0.5s", 500);
        check("0", 0);
        check("2h", 7_200_000);
        for wrong in ["", "10", "ten s", "5 parsecs", "-1s", "1e400s", "99999999999999999999d"] {
            assert!(wrong.parse::<Span>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_bare_number_is_told_its_unit() {
        let said = serde_json::from_str::<Span>("150").unwrap_err().to_string();
        assert!(said.contains("write `150s`"), "{said}");
        assert_eq!(serde_json::from_str::<Span>("0").unwrap(), Span::default());
        assert_eq!(serde_json::from_str::<Span>("\"2m\"").unwrap(), Span::seconds(120));
        assert!(serde_json::from_str::<Span>("-3").is_err());
        assert!(serde_json::from_str::<Span>("1.5").is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(nanos in 0_u64..1_000_000_000_000_000) {
            let span = Span(Duration::from_nanos(nanos));
            // Each part is parsed through a float: exact below 2^53 nanoseconds.
            prop_assert_eq!(span.to_string().parse::<Span>().unwrap(), span);
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = text.parse::<Span>();
        }
    }
}
