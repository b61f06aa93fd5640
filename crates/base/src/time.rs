//! The clock seam: monotonic instants, wall-clock timestamps, and the one place that reads either.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point on the monotonic clock. Runs on tokio's clock, so paused-time tests control it.
pub type Instant = tokio::time::Instant;

/// Wall-clock time in nanoseconds since the Unix epoch (UTC); good until the year 2554.
///
/// Written as RFC 3339 text with nine fractional digits, so that no reader can round it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// From nanoseconds since the Unix epoch.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Whole milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// This time plus a duration, saturating at the end of the range.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// Time since `earlier`; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A u64 of nanoseconds ends in 2554, well inside jiff's range; i128 cannot overflow here.
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(time) => write!(formatter, "{time:.9}"),
            Err(_) => write!(formatter, "{}ns", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Text that is not an RFC 3339 time between 1970 and 2554.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not an RFC 3339 time between 1970 and 2554")]
pub struct InvalidTimestamp(String);

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidTimestamp(text.to_owned());
        let time: jiff::Timestamp = text.parse().map_err(|_| invalid())?;
        u64::try_from(time.as_nanosecond()).map(Self).map_err(|_| invalid())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Where the time comes from. Cheap to clone; clones of a manual clock move together.
#[derive(Clone, Debug, Default)]
pub struct Clock(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// The machine's clocks (tokio's paused clock in tests that pause it).
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock whose wall time stands still until [`Clock::set_wall`] moves it, also backwards.
    pub fn manual(start: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(AtomicU64::new(start.0))))
    }

    /// Now, on the monotonic clock.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the seam every other caller goes through"
    )]
    pub fn now(&self) -> Instant {
        Instant::now()
    }

    /// Now, on the wall clock.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the seam every other caller goes through"
    )]
    pub fn wall(&self) -> Timestamp {
        match &self.0 {
            Source::System => {
                let since = std::time::SystemTime::now()
                    .duration_since(std::time::UNIX_EPOCH)
                    .unwrap_or_default();
                Timestamp(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
            }
            Source::Manual(nanos) => Timestamp(nanos.load(Ordering::SeqCst)),
        }
    }

    /// Moves a manual clock; on the system clock it does nothing.
    pub fn set_wall(&self, time: Timestamp) {
        if let Source::Manual(nanos) = &self.0 {
            nanos.store(time.0, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_survive_text_to_the_nanosecond() {
        let time = Timestamp::from_nanos(1_795_199_906_123_456_789);
        assert_eq!(time.to_string(), "2026-11-20T18:38:26.123456789Z");
        assert_eq!(time.to_string().parse::<Timestamp>().unwrap(), time);
        assert!("yesterday".parse::<Timestamp>().is_err());
        assert!("1960-01-01T00:00:00Z".parse::<Timestamp>().is_err());
    }

    #[test]
    fn a_manual_clock_can_step_back() {
        let clock = Clock::manual(Timestamp::from_nanos(10));
        clock.clone().set_wall(Timestamp::from_nanos(4));
        assert_eq!(clock.wall().as_nanos(), 4);
    }
}
