//! Numbers as people read them: three significant digits, a unit, and never a false zero.

/// Said where a number is not finite.
pub(crate) const UNKNOWN: &str = "not known";

const UNITS: [(&str, f64); 4] = [("ns", 1.0), ("µs", 1e3), ("ms", 1e6), ("s", 1e9)];

/// A duration in nanoseconds, as `12.3 ms` or `1.20 s`.
pub fn duration(nanos: f64) -> String {
    if !nanos.is_finite() {
        return UNKNOWN.to_owned();
    }
    let (unit, size) = unit_of(nanos);
    format!("{} {unit}", scaled(nanos, size))
}

/// A duration without needless zeros, for bounds and axes: `200 ms`, `1.5 s`.
pub fn short_duration(nanos: f64) -> String {
    if !nanos.is_finite() {
        return UNKNOWN.to_owned();
    }
    if nanos == 0.0 {
        return "0".to_owned();
    }
    let (unit, size) = unit_of(nanos);
    format!("{} {unit}", trimmed(&scaled(nanos, size)))
}

/// An interval in one unit, as `108–117 ms`; in two when one would not do.
pub(crate) fn duration_interval(value: f64, low: f64, high: f64) -> String {
    let (unit, size) = unit_of(value);
    let tame = |end: f64| end == 0.0 || (0.01..10_000.0).contains(&(end / size));
    if tame(low) && tame(high) {
        format!("{}–{} {unit}", scaled(low, size), scaled(high, size))
    } else {
        format!("{} – {}", duration(low), duration(high))
    }
}

fn unit_of(nanos: f64) -> (&'static str, f64) {
    // 999.5 of a unit would be written as 1000 of it.
    let fits = |(_, size): &(&str, f64)| nanos.abs() < 999.5 * size;
    UNITS.into_iter().find(fits).unwrap_or(UNITS[3])
}

fn scaled(nanos: f64, size: f64) -> String {
    // Below a nanosecond there is nothing to show: the clock has no such digits.
    if size == 1.0 { format!("{nanos:.0}") } else { three_digits(nanos / size) }
}

/// Three significant digits, and all digits before the point.
pub fn three_digits(value: f64) -> String {
    if !value.is_finite() {
        return UNKNOWN.to_owned();
    }
    let size = value.abs();
    if size >= 999.5 {
        grouped(value)
    } else if size >= 99.95 {
        format!("{value:.0}")
    } else if size >= 9.995 {
        format!("{value:.1}")
    } else if size >= 0.0995 || size == 0.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.4}")
    }
}

fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let sign = if value < 0.0 { "-" } else { "" };
    format!("{sign}{}", group(&digits))
}

fn group(digits: &str) -> String {
    let mut result = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            result.push(',');
        }
        result.push(digit);
    }
    result
}

/// The number without zeros at the end of its fraction.
pub fn trimmed(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

/// A count, as `24,000`.
pub fn count(count: u64) -> String {
    group(&count.to_string())
}

/// A share as a percentage, with the digits that tell it from 0 and from 1: `0.12%`, `99.987%`.
pub fn percent(ratio: f64) -> String {
    if ratio.is_finite() { format!("{}%", percent_digits(ratio)) } else { UNKNOWN.to_owned() }
}

/// An interval of shares, as `0.08–0.17%`.
pub(crate) fn percent_interval(low: f64, high: f64) -> String {
    format!("{}–{}%", percent_digits(low), percent_digits(high))
}

fn percent_digits(ratio: f64) -> String {
    if !ratio.is_finite() {
        return UNKNOWN.to_owned();
    }
    let value = ratio * 100.0;
    let distance = value.abs().min((100.0 - value).abs());
    if distance < 1e-12 {
        return format!("{value:.0}");
    }
    if distance < 5e-5 {
        return if value < 50.0 { "<0.0001".to_owned() } else { ">99.9999".to_owned() };
    }
    let decimals = (1.0 - distance.log10().floor()).clamp(0.0, 4.0);
    // Clamped to 0..=4 on the line above.
    format!("{value:.0$}", decimals as usize)
}

/// A share without needless zeros, for bounds and axes: `0.1%`, `99.9%`.
pub fn short_percent(ratio: f64) -> String {
    if !ratio.is_finite() {
        return UNKNOWN.to_owned();
    }
    let digits = percent_digits(ratio);
    format!("{}%", trimmed(&digits))
}

/// A rate, as `99.8/s`.
pub fn rate(per_second: f64) -> String {
    if per_second.is_finite() {
        format!("{}/s", rate_digits(per_second))
    } else {
        UNKNOWN.to_owned()
    }
}

/// A rate without needless zeros, for bounds and axes: `100/s`.
pub(crate) fn short_rate(per_second: f64) -> String {
    if per_second.is_finite() {
        format!("{}/s", trimmed(&rate_digits(per_second)))
    } else {
        UNKNOWN.to_owned()
    }
}

/// An interval of rates, as `99.2–100.4/s`.
pub(crate) fn rate_interval(low: f64, high: f64) -> String {
    format!("{}–{}/s", rate_digits(low), rate_digits(high))
}

// A rate near its bound is often told by its fourth digit: 499.6 against 500.
fn rate_digits(per_second: f64) -> String {
    if (99.95..999.95).contains(&per_second.abs()) {
        format!("{per_second:.1}")
    } else {
        three_digits(per_second)
    }
}

/// An amount of memory, as `412 MiB`.
pub fn bytes(amount: f64) -> String {
    if !amount.is_finite() {
        return UNKNOWN.to_owned();
    }
    let mut amount = amount;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if amount.abs() < 999.5 {
            let digits = if unit == "B" { format!("{amount:.0}") } else { three_digits(amount) };
            return format!("{digits} {unit}");
        }
        amount /= 1024.0;
    }
    format!("{} TiB", three_digits(amount))
}

/// An amount of memory without needless zeros, for axes.
pub(crate) fn short_bytes(amount: f64) -> String {
    let text = bytes(amount);
    match text.split_once(' ') {
        _ if amount == 0.0 => "0".to_owned(),
        Some((digits, unit)) => format!("{} {unit}", trimmed(digits)),
        None => text,
    }
}

/// A length of time in seconds, as `8.4 s`, `54 s` or `2 min 34 s`.
pub fn length(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return UNKNOWN.to_owned();
    }
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let whole = whole(seconds);
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, seconds) => format!("{minutes} min {seconds:02} s"),
        (hours, minutes, _) => format!("{hours} h {minutes:02} min"),
    }
}

/// A place on the time axis, as `0:45`, `12:05` or `1:02:05`; a minus sign before the start.
pub fn clock(seconds: f64) -> String {
    if !seconds.is_finite() {
        return UNKNOWN.to_owned();
    }
    let whole = whole(seconds.abs());
    let sign = if seconds < 0.0 && whole > 0 { "-" } else { "" };
    match whole / 3600 {
        0 => format!("{sign}{}:{:02}", whole / 60, whole % 60),
        hours => format!("{sign}{hours}:{:02}:{:02}", whole / 60 % 60, whole % 60),
    }
}

fn whole(seconds: f64) -> u64 {
    // Saturates: a float past the range of u64 is not a length of time anyone waits for.
    seconds.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_carry_three_digits_and_the_right_unit() {
        for (nanos, text) in [
            (0.0, "0 ns"),
            (340.0, "340 ns"),
            (1_234.0, "1.23 µs"),
            (12_345_678.0, "12.3 ms"),
            (999_600_000.0, "1.00 s"),
            (999_400_000.0, "999 ms"),
            (1_200_000_000.0, "1.20 s"),
            (75e9, "75.0 s"),
            (f64::NAN, "not known"),
        ] {
            assert_eq!(duration(nanos), text);
        }
        assert_eq!(short_duration(200e6), "200 ms");
        assert_eq!(short_duration(1.5e9), "1.5 s");
        assert_eq!(short_duration(0.0), "0");
        assert_eq!(duration_interval(112e6, 108e6, 117.2e6), "108–117 ms");
        assert_eq!(duration_interval(1e3, 10.0, 2e9), "10 ns – 2.00 s");
    }

    #[test]
    fn a_share_is_never_rounded_to_nothing_or_to_everything() {
        for (ratio, text) in [
            (0.0, "0%"),
            (1.0, "100%"),
            (0.0012, "0.12%"),
            (0.05, "5.0%"),
            (0.123_456, "12%"),
            (0.999_87, "99.987%"),
            (0.999_999_999, ">99.9999%"),
            (1e-9, "<0.0001%"),
            (f64::NAN, "not known"),
        ] {
            assert_eq!(percent(ratio), text);
        }
        assert_eq!(short_percent(0.001), "0.1%");
        assert_eq!(short_percent(0.05), "5%");
        assert_eq!(short_percent(0.5), "50%");
    }

    #[test]
    fn rates_counts_and_sizes() {
        assert_eq!(rate(499.63), "499.6/s");
        assert_eq!(short_rate(100.0), "100/s");
        assert_eq!(rate(1234.5), "1,234/s");
        assert_eq!(rate(0.5), "0.50/s");
        assert_eq!(count(0), "0");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(bytes(432_013_312.0), "412 MiB");
        assert_eq!(bytes(512.0), "512 B");
        assert_eq!(short_bytes(64.0 * 1024.0 * 1024.0), "64 MiB");
        assert_eq!(short_bytes(0.0), "0");
    }

    #[test]
    fn lengths_and_places_in_time() {
        assert_eq!(length(8.44), "8.4 s");
        assert_eq!(length(154.0), "2 min 34 s");
        assert_eq!(length(3_720.0), "1 h 02 min");
        assert_eq!(clock(125.0), "2:05");
        assert_eq!(clock(-3.0), "-0:03");
        assert_eq!(clock(3_725.0), "1:02:05");
    }
}
