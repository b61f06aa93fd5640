//! Lengths of time as k6 reads and writes them: `1h30m`, `2d12h`, `1500` (milliseconds).

use std::time::Duration;

const NANOSECOND: i128 = 1;
const MICROSECOND: i128 = 1_000;
const MILLISECOND: i128 = 1_000_000;
const SECOND: i128 = 1_000_000_000;
const MINUTE: i128 = 60 * SECOND;
const HOUR: i128 = 60 * MINUTE;
const DAY: i128 = 24 * HOUR;

/// Reads a length that names its units, as flags want it: signed decimal numbers, each with one of
/// `ns us µs ms s m h`, and in front whole days (`2d12h`). `0` needs no unit. In nanoseconds; what
/// is left over of one is dropped, as Go does. `None` if it is none, or longer than 292 years.
pub fn with_units(text: &str) -> Option<i64> {
    let (negative, rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let nanos = match rest.split_once('d') {
        Some((days, rest)) => {
            if days.is_empty() || !days.bytes().all(|letter| letter.is_ascii_digit()) {
                return None;
            }
            let days = days.parse::<i64>().ok()?;
            let rest = if rest.is_empty() { 0 } else { unsigned(rest)? };
            i128::from(days).checked_mul(DAY)?.checked_add(rest)?
        }
        None => unsigned(rest)?,
    };
    i64::try_from(if negative { -nanos } else { nanos }).ok()
}

/// The same, and a bare number is one of milliseconds: how options in a script, a configuration
/// file and the environment are read.
pub fn lenient(text: &str) -> Option<i64> {
    match text.parse::<f64>() {
        Ok(number) if text.bytes().all(|letter| letter.is_ascii_digit()) => text
            .parse::<i64>()
            .ok()
            .and_then(|whole| whole.checked_mul(1_000_000))
            .or_else(|| milliseconds(number)),
        Ok(number) => milliseconds(number),
        Err(_) => with_units(text),
    }
}

/// A number of milliseconds in nanoseconds.
pub fn milliseconds(number: f64) -> Option<i64> {
    let nanos = (number * 1e6).round();
    // Both ends are powers of two, so they are exact.
    let fits = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&nanos);
    fits.then_some(nanos as i64)
}

/// A length as k6 shows it: `1m30s`, `1h0m0s`, `1.5s`, `250ms`, `0s`.
pub fn format(length: Duration) -> String {
    let nanos = length.as_nanos();
    if nanos == 0 {
        return "0s".to_owned();
    }
    if nanos < 1_000_000_000 {
        let (unit, size, digits) = match nanos {
            0..1_000 => ("ns", 1, 0),
            1_000..1_000_000 => ("µs", 1_000, 3),
            _ => ("ms", 1_000_000, 6),
        };
        return format!("{}{unit}", decimal(nanos / size, nanos % size, digits));
    }
    let seconds = nanos / 1_000_000_000;
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    let seconds = decimal(seconds % 60, nanos % 1_000_000_000, 9);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds}s"),
        _ => format!("{hours}h{minutes}m{seconds}s"),
    }
}

/// A number with as many of its decimals as say something.
fn decimal(whole: u128, fraction: u128, digits: usize) -> String {
    if fraction == 0 {
        return whole.to_string();
    }
    let fraction = format!("{fraction:0digits$}");
    format!("{whole}.{}", fraction.trim_end_matches('0'))
}

fn unsigned(text: &str) -> Option<i128> {
    if text == "0" {
        return Some(0);
    }
    let mut rest = text;
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let (whole, tail) = digits(rest);
        let (fraction, tail) = match tail.strip_prefix('.') {
            Some(tail) => digits(tail),
            None => ("", tail),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let end = tail
            .find(|letter: char| letter == '.' || letter.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let size = match unit {
            "ns" => NANOSECOND,
            "us" | "µs" | "μs" => MICROSECOND,
            "ms" => MILLISECOND,
            "s" => SECOND,
            "m" => MINUTE,
            "h" => HOUR,
            _ => return None,
        };
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        total = total.checked_add(whole.checked_mul(size)?)?.checked_add(part(fraction, size))?;
        if total > i128::from(i64::MAX) {
            return None;
        }
        rest = tail;
    }
    (!text.is_empty()).then_some(total)
}

/// The digits a text begins with, and the rest.
fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len()))
}

/// The decimals behind a point, of a unit. No unit has more than 13 digits of nanoseconds: what
/// stands behind the 18th decimal is none.
fn part(fraction: &str, size: i128) -> i128 {
    let mut scale: i128 = 1;
    let mut value: i128 = 0;
    for digit in fraction.bytes().take(18) {
        value = value * 10 + i128::from(digit - b'0');
        scale *= 10;
    }
    value * size / scale
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOURS: i64 = 3_600_000_000_000;

    #[test]
    fn lengths_are_read_as_k6_reads_them() {
        let cases = [
            ("1.12s", 1_120_000_000),
            ("0d1.12s", 1_120_000_000),
            ("10d1.12s", 240 * HOURS + 1_120_000_000),
            ("1d", 24 * HOURS),
            ("1d23h", 47 * HOURS),
            ("1d24h15m", 48 * HOURS + HOURS / 4),
            ("0d25h120m80s", 27 * HOURS + 80_000_000_000),
            ("-1d2h", -26 * HOURS),
            ("2d1ns", 48 * HOURS + 1),
            ("1h30m", HOURS + HOURS / 2),
            ("300ms", 300_000_000),
            ("1.5s", 1_500_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("1µs", 1_000),
            ("1μs", 1_000),
            ("+3s", 3_000_000_000),
            ("0", 0),
            ("1.0000000009s", 1_000_000_000),
            ("2562047h47m16.854775807s", i64::MAX),
            ("106751d23h47m16.854775807s", i64::MAX),
            ("-106751d23h47m16.854775807s", -i64::MAX),
        ];
        for (text, nanos) in cases {
            assert_eq!(with_units(text), Some(nanos), "{text}");
            assert_eq!(lenient(text), Some(nanos), "{text}");
        }
        for wrong in [
            "", "d", "d2h", "2.1d", "2d-2h", "-2d-2h", "2+d", "2da", "2-d", "1 s", "s", ".s", "-",
            "5x", "abc", "106752d", "2562048h", "1d2d",
        ] {
            assert_eq!(with_units(wrong), None, "{wrong}");
            assert_eq!(lenient(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn bare_numbers_are_milliseconds_where_k6_takes_them() {
        assert_eq!(with_units("1000"), None);
        assert_eq!(lenient("1000"), Some(1_000_000_000));
        assert_eq!(lenient("1000.001"), Some(1_000_001_000));
        assert_eq!(milliseconds(1000.5), Some(1_000_500_000));
        assert_eq!(milliseconds(1e300), None);
        assert_eq!(milliseconds(f64::NAN), None);
        assert_eq!(lenient("99999999999999999999"), None);
    }

    #[test]
    fn lengths_are_shown_as_k6_shows_them() {
        let cases = [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5µs"),
            (1_500_000, "1.5ms"),
            (10_000_500_000, "10.0005s"),
            (60_000_000_000, "1m0s"),
            (90_000_000_000, "1m30s"),
            (86_400_000_000_000, "24h0m0s"),
            (3_600_000_000_001, "1h0m0.000000001s"),
        ];
        for (nanos, shown) in cases {
            assert_eq!(format(Duration::from_nanos(nanos)), shown);
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(nanos in 0..i64::MAX) {
            let shown = format(Duration::from_nanos(nanos.unsigned_abs()));
            prop_assert_eq!(with_units(&shown), Some(nanos), "{}", shown);
            prop_assert_eq!(with_units(&format!("-{shown}")), Some(-nanos));
        }

        #[test]
        fn parts_add_up(days in 0..1000_i64, hours in 0..100_i64, ms in 0..100_000_i64) {
            let text = format!("{days}d{hours}h{ms}ms");
            prop_assert_eq!(with_units(&text), Some((days * 24 + hours) * HOURS + ms * 1_000_000));
        }

        #[test]
        fn no_text_panics(text in "[-+0-9.dhmsnuµ]{0,24}|\\PC*") {
            let _ = (with_units(&text), lenient(&text));
        }
    }
}
