//! Days and the distances between them: `today`, `+6 months`, `2026-12-01`.

use std::fmt;

use jiff::Span;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use seaworthy_base::Timestamp;

/// The day it is at `now`, in UTC. Wizards know no other time zone.
pub fn of(now: Timestamp) -> Date {
    jiff::Timestamp::from_nanosecond(i128::from(now.as_nanos()))
        .map_or(Date::MAX, |now| now.to_zoned(TimeZone::UTC).date())
}

/// Reads `YYYY-MM-DD`, and nothing else.
pub fn read(text: &str) -> Option<Date> {
    let bytes = text.as_bytes();
    let shape = bytes.len() == 10
        && bytes.iter().enumerate().all(|(index, byte)| match index {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    shape.then(|| text.parse().ok()).flatten()
}

/// The largest number of days, weeks, months or years in a [`Period`].
pub const MOST: u32 = 10_000;

/// A number of days, weeks, months or years.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// How many; at most [`MOST`].
    pub amount: u32,
    /// Of what.
    pub unit: Unit,
}

/// What a [`Period`] counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Days.
    Days,
    /// Seven days each.
    Weeks,
    /// Calendar months; a day the month does not have becomes its last.
    Months,
    /// Calendar years.
    Years,
}

impl Unit {
    /// The unit with this name, singular or plural.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "day" | "days" => Some(Self::Days),
            "week" | "weeks" => Some(Self::Weeks),
            "month" | "months" => Some(Self::Months),
            "year" | "years" => Some(Self::Years),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Days => "day",
            Self::Weeks => "week",
            Self::Months => "month",
            Self::Years => "year",
        }
    }
}

impl Period {
    /// The day this long after `day`; the last day there is when that is out of range.
    pub fn after(self, day: Date) -> Date {
        day.saturating_add(self.span())
    }

    /// The day this long before `day`; the first day there is when that is out of range.
    pub fn before(self, day: Date) -> Date {
        day.saturating_add(-self.span())
    }

    fn span(self) -> Span {
        // In range: jiff takes 19,998 years, and `MOST` is less than that in every unit.
        let amount = i64::from(self.amount.min(MOST));
        match self.unit {
            Unit::Days => Span::new().days(amount),
            Unit::Weeks => Span::new().weeks(amount),
            Unit::Months => Span::new().months(amount),
            Unit::Years => Span::new().years(amount),
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.amount == 1 { "" } else { "s" };
        write!(formatter, "{} {}{plural}", self.amount, self.unit.name())
    }
}

/// A day as a definition writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Day {
    /// A day of the calendar.
    On(Date),
    /// `today`, or so long after it.
    After(Period),
    /// So long before today.
    Before(Period),
}

impl Day {
    /// Reads `today`, `+2 weeks`, `-1 month` or `2026-12-01`.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if text == "today" {
            return Some(Self::After(Period { amount: 0, unit: Unit::Days }));
        }
        if let Some(rest) = text.strip_prefix('+') {
            return period(rest).map(Self::After);
        }
        if let Some(rest) = text.strip_prefix('-') {
            return period(rest).map(Self::Before);
        }
        read(text).map(Self::On)
    }

    /// Which day of the calendar it is when it is `today`.
    pub fn on(self, today: Date) -> Date {
        match self {
            Self::On(day) => day,
            Self::After(period) => period.after(today),
            Self::Before(period) => period.before(today),
        }
    }

    /// Whether it moves with today.
    pub fn moves(self) -> bool {
        !matches!(self, Self::On(_))
    }
}

fn period(text: &str) -> Option<Period> {
    let (amount, unit) = text.trim().split_once(' ')?;
    let digits = amount.bytes().all(|byte| byte.is_ascii_digit());
    let amount = amount.parse().ok().filter(|amount| digits && *amount <= MOST)?;
    Some(Period { amount, unit: Unit::named(unit.trim())? })
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn days_are_read_as_definitions_write_them() {
        let today = date(2026, 8, 31);
        let on = |text| Day::read(text).map(|day| day.on(today));
        assert_eq!(on("today"), Some(today));
        assert_eq!(on("+2 weeks"), Some(date(2026, 9, 14)));
        assert_eq!(on("+6 months"), Some(date(2027, 2, 28)));
        assert_eq!(on("-1 day"), Some(date(2026, 8, 30)));
        assert_eq!(on("2026-12-01"), Some(date(2026, 12, 1)));
        for wrong in ["", "tomorrow", "+2", "+2 fortnights", "+99999 days", "2026-13-01", "++1 day"]
        {
            assert_eq!(on(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_the_plain_form_is_a_day() {
        assert_eq!(read("2028-02-29"), Some(date(2028, 2, 29)));
        for wrong in
            ["2026-02-29", "2026-12-01T10:00", "20261201", "2026-1-1", "+026-01-01", "٢٠٢٦-٠١"]
        {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_day_is_utc() {
        let at = |text: &str| of(text.parse().unwrap());
        assert_eq!(at("2026-11-29T23:59:59Z"), date(2026, 11, 29));
        assert_eq!(at("2026-11-29T23:59:59-01:00"), date(2026, 11, 30));
    }

    proptest! {
        #[test]
        fn no_text_panics_and_no_period_overflows(text in "\\PC{0,20}", amount in 0..=MOST, unit in 0..4) {
            let unit = [Unit::Days, Unit::Weeks, Unit::Months, Unit::Years][unit as usize];
            let period = Period { amount, unit };
            for day in [Date::MIN, Date::MAX, date(2024, 2, 29)] {
                prop_assert!(period.after(day) >= day);
                prop_assert!(period.before(day) <= day);
                if let Some(read) = Day::read(&text) {
                    let _ = read.on(day);
                }
            }
            prop_assert_eq!(Day::read(&format!("+{period}")), Some(Day::After(period)));
        }
    }
}
