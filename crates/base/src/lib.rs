//! The house's common coin: time and chance, ids, units, verdicts, measurements and events.
//!
//! Everything that reads a clock or rolls a die does so through [`time`] and [`chance`], so that
//! tests without sockets can run on paused time and a fixed seed. Nothing here does I/O.

pub mod chance;
pub mod event;
pub mod id;
pub mod time;
pub mod units;
pub mod verdict;

pub use event::Event;
pub use time::{Clock, Instant, Timestamp};
pub use units::Span;
pub use verdict::{Measurement, Verdict};
