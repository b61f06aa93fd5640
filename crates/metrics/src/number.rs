//! Numbers as k6 shows them. Its summary is JavaScript, so a plain number reads as there.

use crate::Error;
use crate::registry::Contains;

/// The unit that all times of a summary are written in; without one, each has the unit that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// `s`
    Seconds,
    /// `ms`
    Milliseconds,
    /// `us`
    Microseconds,
}

impl TimeUnit {
    /// As the option is written: `s`, `ms`, `us`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
            Self::Microseconds => "us",
        }
    }
}

impl std::str::FromStr for TimeUnit {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "s" => Ok(Self::Seconds),
            "ms" => Ok(Self::Milliseconds),
            "us" => Ok(Self::Microseconds),
            _ => Err(Error::TimeUnit { unit: text.to_owned() }),
        }
    }
}

/// A value of a metric that holds these, with its unit.
pub fn value(value: f64, contains: Contains, unit: Option<TimeUnit>) -> String {
    match (contains, unit) {
        (Contains::Default, _) => decimals(value, 6),
        (Contains::Data, _) => bytes(value),
        (Contains::Time, None) => time(value),
        (Contains::Time, Some(TimeUnit::Seconds)) => format!("{}s", fixed(value * 1e-3, 2)),
        (Contains::Time, Some(TimeUnit::Milliseconds)) => format!("{}ms", fixed(value, 2)),
        (Contains::Time, Some(TimeUnit::Microseconds)) => format!("{}µs", fixed(value * 1e3, 2)),
    }
}

/// A share in percent, cut (not rounded) to two decimals: `99.99%` is never `100.00%`.
pub fn percent(share: f64) -> String {
    format!("{}%", fixed((share * 100.0 * 100.0).trunc() / 100.0, 2))
}

/// Milliseconds in the units that fit: `1m5s`, `1.23s`, `12.34ms`, `500µs`, `100ns`. Digits beyond
/// the second decimal are cut.
pub fn time(millis: f64) -> String {
    if !millis.is_finite() {
        return plain(millis);
    }
    if millis == 0.0 {
        return "0s".to_owned();
    }
    if millis < 0.001 {
        return format!("{}ns", plain((millis * 1e6).trunc()));
    }
    if millis < 1.0 {
        return format!("{}µs", cut(millis * 1e3, 2));
    }
    if millis < 1_000.0 {
        return format!("{}ms", cut(millis, 2));
    }
    let places = if millis > 60_000.0 { 0 } else { 2 };
    let mut text = format!("{}s", cut(millis % 60_000.0 / 1_000.0, places));
    let minutes = (millis / 60_000.0).trunc();
    if minutes >= 1.0 {
        text = format!("{}m{text}", plain(minutes % 60.0));
    }
    let hours = (minutes / 60.0).trunc();
    if hours >= 1.0 { format!("{}h{text}", plain(hours)) } else { text }
}

/// Bytes in units of a thousand: `967 B`, `1.5 kB`, `23 MB`.
pub fn bytes(bytes: f64) -> String {
    const UNITS: [&str; 8] = ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB"];
    if bytes < 10.0 || !bytes.is_finite() {
        return format!("{} B", plain(bytes));
    }
    let step = ((bytes.ln() / 1_000_f64.ln()).floor() as usize).min(UNITS.len() - 1);
    let scaled = (bytes / 1_000_f64.powi(step as i32) * 10.0 + 0.5).floor() / 10.0;
    format!("{} {}", fixed(scaled, usize::from(scaled < 10.0)), UNITS[step])
}

/// A number with at most that many decimals, and no trailing zeros.
pub fn decimals(number: f64, places: usize) -> String {
    if !number.is_finite() || number.abs() >= 1e21 {
        return plain(number);
    }
    // What is left after rounding is a number again, and shown with as few digits as tell it apart.
    fixed(number, places).parse().map_or_else(|_| plain(number), plain)
}

/// As JavaScript writes a number.
pub fn plain(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    if number == 0.0 {
        return "0".to_owned();
    }
    if (1e-6..1e21).contains(&number.abs()) {
        return number.to_string();
    }
    let text = format!("{number:e}");
    match text.split_once('e') {
        Some((digits, power)) if !power.starts_with('-') => format!("{digits}e+{power}"),
        _ => text,
    }
}

/// Cut to that many decimals, without trailing zeros.
fn cut(number: f64, places: usize) -> String {
    let scale = 10_f64.powi(places as i32);
    decimals((number * scale).trunc() / scale, places)
}

/// With exactly that many decimals; what lies halfway goes away from zero.
fn fixed(number: f64, places: usize) -> String {
    if !number.is_finite() || number.abs() >= 1e21 {
        return plain(number);
    }
    // So many digits more that what comes after them decides nothing.
    let long = format!("{:.*}", places + 40, number.abs());
    let (kept, rest) = long.split_at(long.len() - 40);
    let mut digits: Vec<u8> = kept.trim_end_matches('.').bytes().collect();
    if rest.starts_with(['5', '6', '7', '8', '9']) {
        let carried = digits.iter_mut().rev().filter(|digit| **digit != b'.').all(|digit| {
            let nine = *digit == b'9';
            *digit = if nine { b'0' } else { *digit + 1 };
            nine
        });
        if carried {
            digits.insert(0, b'1');
        }
    }
    let text: String = digits.into_iter().map(char::from).collect();
    let zero = text.bytes().all(|byte| byte == b'0' || byte == b'.');
    if number < 0.0 && !zero { format!("-{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times() {
        for (millis, text) in [
            (0.0, "0s"),
            (0.000_000_4, "0ns"),
            (0.000_1, "100ns"),
            (0.000_999_9, "999ns"),
            (0.001, "1µs"),
            (0.5, "500µs"),
            (0.999_9, "999.9µs"),
            (1.005, "1ms"),
            (1.999, "1.99ms"),
            (12.345_678_912, "12.34ms"),
            (999.999, "999.99ms"),
            (1_000.0, "1s"),
            (1_234.5, "1.23s"),
            (59_999.9, "59.99s"),
            (60_000.0, "1m0s"),
            (61_234.0, "1m1s"),
            (119_999.0, "1m59s"),
            (3_599_999.0, "59m59s"),
            (3_600_000.0, "1h0m0s"),
            (123_456_789.0, "34h17m36s"),
            (-5.0, "-5000000ns"),
            (-0.5, "-500000ns"),
        ] {
            assert_eq!(time(millis), text);
        }
        let unit = |unit: &str, millis| value(millis, Contains::Time, Some(unit.parse().unwrap()));
        assert_eq!(unit("s", 123_456_789.0), "123456.79s");
        assert_eq!(unit("s", -5.0), "-0.01s");
        assert_eq!(unit("ms", 12.345_678_912), "12.35ms");
        assert_eq!(unit("us", 12.345_678_912), "12345.68µs");
        assert_eq!("h".parse::<TimeUnit>().unwrap_err().code(), "metrics-time-unit");
    }

    #[test]
    fn plain_numbers() {
        for (number, text) in [
            (0.0, "0"),
            (1.5, "1.5"),
            (0.123_456_7, "0.123457"),
            (1e6, "1000000"),
            (1e21, "1e+21"),
            (123_456_789.123_456_8, "123456789.123457"),
            (1.0 / 3.0, "0.333333"),
            (-2.5, "-2.5"),
            (1e-7, "0"),
            (-1e-7, "0"),
            (1e-6, "0.000001"),
            (2.5e20, "250000000000000000000"),
            (7.000_000_000_000_001e20, "700000000000000100000"),
            // Halfway, and exactly so in binary.
            (0.007_812_5, "0.007813"),
            (0.999_999_9, "1"),
            (f64::INFINITY, "Infinity"),
        ] {
            assert_eq!(value(number, Contains::Default, None), text);
        }
        assert_eq!(plain(1e-7), "1e-7");
    }

    #[test]
    fn bytes_and_shares() {
        for (number, text) in [
            (0.0, "0 B"),
            (9.0, "9 B"),
            (7.5, "7.5 B"),
            (967.0, "967 B"),
            (1_513.0, "1.5 kB"),
            (9_988.0, "10 kB"),
            (23_400_000.0, "23 MB"),
            (1.5e9, "1.5 GB"),
        ] {
            assert_eq!(bytes(number), text);
        }
        for (share, text) in [
            (1.0 / 3.0, "33.33%"),
            (2.0 / 3.0, "66.66%"),
            (1.0 / 7.0, "14.28%"),
            (0.999_99, "99.99%"),
            (0.000_01, "0.00%"),
            (0.29, "28.99%"),
            (0.115, "11.50%"),
            (1.0, "100.00%"),
        ] {
            assert_eq!(percent(share), text);
        }
    }

    proptest! {
        #[test]
        fn no_number_panics(number in any::<f64>()) {
            for contains in [Contains::Default, Contains::Time, Contains::Data] {
                prop_assert!(!value(number, contains, None).is_empty());
                prop_assert!(!value(number, contains, Some(TimeUnit::Seconds)).is_empty());
            }
            percent(number);
        }

        #[test]
        fn fixed_is_near(number in -1e9..1e9_f64) {
            let text = fixed(number, 2);
            let near: f64 = text.parse().unwrap();
            prop_assert!((near - number).abs() <= 0.005 + 1e-6, "{text}");
            prop_assert_eq!(text.split('.').nth(1).map(str::len), Some(2));
        }
    }
}
