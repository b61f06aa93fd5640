//! Deadlines: until when an answer is of use, handed on from hop to hop.
//!
//! A caller that waits five seconds gains nothing from work that takes six. So it says how long it
//! waits, in the header [`X-Deadline-Ms`](HEADER): milliseconds that are *left*, not a time of day, so
//! that no two clocks have to agree. Who is called works until then and no longer, and tells those it
//! calls itself, a little less: the one furthest down gives up first, and its callers still have the
//! time to say so.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
//! use std::time::Duration;
//! use seaworthy_base::Clock;
//! use seaworthy_resilience::deadline::{Deadline, HEADER};
//!
//! let clock = Clock::system();
//! let mut headers = http::HeaderMap::new();
//! Deadline::after(&clock, Duration::from_secs(5)).hand_on(&clock, &mut headers).unwrap();
//! assert_eq!(headers[HEADER], "4950");
//! assert_eq!(Deadline::of(&headers, &clock).unwrap().remaining(&clock), Duration::from_millis(4950));
//! # });
//! ```

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use seaworthy_base::{Clock, Instant};

use crate::error::Error;

mod layer;

pub use layer::{Bounded, HandOn, HandsOn, Layer};

/// The header that says how many milliseconds are left.
pub const HEADER: HeaderName = HeaderName::from_static("x-deadline-ms");

/// How much less is told to the next hop than there is: at most this, and an eighth of what is left.
pub const ALLOWANCE: Duration = Duration::from_millis(50);

/// Farther off than this is no deadline: a day.
const FARTHEST: Duration = Duration::from_secs(86_400);

/// A time until which an answer is of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deadline(Instant);

impl Deadline {
    /// This long from now; a day at most.
    pub fn after(clock: &Clock, time: Duration) -> Self {
        Self(clock.now() + time.min(FARTHEST))
    }

    /// At this instant.
    pub const fn at(instant: Instant) -> Self {
        Self(instant)
    }

    /// When it is.
    pub const fn instant(self) -> Instant {
        self.0
    }

    /// What is left; nothing once it has passed.
    pub fn remaining(self, clock: &Clock) -> Duration {
        self.0.saturating_duration_since(clock.now())
    }

    /// Whether nothing is left.
    pub fn passed(self, clock: &Clock) -> bool {
        self.remaining(clock).is_zero()
    }

    /// The one of two that comes first.
    #[must_use]
    pub fn sooner(self, other: Self) -> Self {
        self.min(other)
    }

    /// What a caller said in [`HEADER`]. Anything but a single whole number is as good as nothing said.
    pub fn of(headers: &HeaderMap, clock: &Clock) -> Option<Self> {
        let mut values = headers.get_all(HEADER).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return None };
        let bytes = value.as_bytes();
        let digits = !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit);
        let text = value.to_str().ok().filter(|_| digits)?;
        Some(Self::after(clock, Duration::from_millis(text.parse().unwrap_or(u64::MAX))))
    }

    /// What the next hop is told: what is left, less the [`ALLOWANCE`].
    pub fn handed_on(self, clock: &Clock) -> Duration {
        let left = self.remaining(clock);
        left - ALLOWANCE.min(left / 8)
    }

    /// Tells the next hop, in [`HEADER`].
    ///
    /// # Errors
    /// [`Error::DeadlinePassed`] when less than a millisecond would be left to it.
    pub fn hand_on(self, clock: &Clock, headers: &mut HeaderMap) -> Result<(), Error> {
        let millis = self.handed_on(clock).as_millis();
        if millis == 0 {
            return Err(Error::DeadlinePassed);
        }
        // A day at most is in it, so this is what it is.
        let millis = u64::try_from(millis).unwrap_or(u64::MAX);
        headers.insert(HEADER, HeaderValue::from(millis));
        Ok(())
    }

    /// Waits for `work` until then.
    ///
    /// # Errors
    /// [`Error::DeadlinePassed`] when it had passed already: `work` was not begun. Else
    /// [`Error::TimedOut`].
    pub async fn bound<F: Future>(self, clock: &Clock, work: F) -> Result<F::Output, Error> {
        let after = self.remaining(clock);
        if after.is_zero() {
            return Err(Error::DeadlinePassed);
        }
        tokio::time::timeout_at(self.0, work).await.map_err(|_| Error::TimedOut { after })
    }
}
