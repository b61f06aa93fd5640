//! How long work takes, as definitions say it: `2-4 hours`, `30 minutes`, `1-3 days`.

use std::fmt;

/// A length of work: at best and at worst, in minutes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Work {
    /// At best.
    pub shortest: u64,
    /// At worst.
    pub longest: u64,
}

/// No module takes longer than a year.
const MOST: u64 = 366 * 24 * 60;

impl Work {
    /// Reads `2-4 hours`, `1 hour` or `90 minutes`; a day has 24 hours.
    pub fn read(text: &str) -> Option<Self> {
        let (amounts, unit) = text.trim().split_once(' ')?;
        let minutes = match unit.trim() {
            "minute" | "minutes" => 1,
            "hour" | "hours" => 60,
            "day" | "days" => 24 * 60,
            "week" | "weeks" => 7 * 24 * 60,
            _ => return None,
        };
        let (shortest, longest) = amounts.split_once(['-', '–']).unwrap_or((amounts, amounts));
        let read = |amount: &str| {
            let digits = amount.bytes().all(|byte| byte.is_ascii_digit());
            let amount: u64 = amount.parse().ok().filter(|_| digits)?;
            amount.checked_mul(minutes).filter(|minutes| *minutes <= MOST)
        };
        let (shortest, longest) = (read(shortest)?, read(longest)?);
        (shortest <= longest).then_some(Self { shortest, longest })
    }

    /// One after the other.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        Self {
            shortest: self.shortest.saturating_add(next.shortest),
            longest: self.longest.saturating_add(next.longest),
        }
    }

    /// Side by side.
    #[must_use]
    pub fn beside(self, other: Self) -> Self {
        Self {
            shortest: self.shortest.max(other.shortest),
            longest: self.longest.max(other.longest),
        }
    }
}

impl fmt::Display for Work {
    /// In the unit that fits the worst case, rounded up to halves.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = match self.longest {
            0..120 => (1, "minutes"),
            120..2880 => (60, "hours"),
            _ => (24 * 60, "days"),
        };
        let amount = |minutes: u64| {
            if unit == 1 { minutes as f64 } else { (minutes * 2).div_ceil(unit) as f64 / 2.0 }
        };
        let (shortest, longest) = (amount(self.shortest), amount(self.longest));
        if shortest == longest {
            write!(formatter, "{longest} {name}")
        } else {
            write!(formatter, "{shortest}-{longest} {name}")
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn work_is_read_and_told() {
        for (text, told) in [
            ("2-4 hours", "2-4 hours"),
            ("1 hour", "60 minutes"),
            ("30 minutes", "30 minutes"),
            ("1-3 days", "1-3 days"),
            ("1 week", "7 days"),
        ] {
            assert_eq!(Work::read(text).unwrap().to_string(), told);
        }
        for wrong in [
            "",
            "soon",
            "4-2 hours",
            "2 fortnights",
            "-1 hours",
            "99999 days",
            "1.5 hours",
            "+1 hour",
        ] {
            assert_eq!(Work::read(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,20}", again in "[0-9]{1,20}-[0-9]{1,20} (days|weeks)") {
            for text in [text, again] {
                if let Some(work) = Work::read(&text) {
                    prop_assert!(work.shortest <= work.longest);
                    let _ = work.then(work).beside(work).to_string();
                }
            }
        }
    }
}
