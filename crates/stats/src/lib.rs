//! Histograms that merge, the timeline, and the judge: from counts to a verdict. Pure: no I/O, no clock.
//!
//! What was measured lives in a [`Timeline`]: one [`timeline::Slot`] per series and second. A
//! [`Statement`] is the sentence to be judged (`p95 < 500ms`), and [`judge::judge`] holds it
//! against a phase's seconds. Successive requests are correlated, so intervals rest on an effective
//! sample size ([`ratio`]), and a run too short to know is `inconclusive`, never `pass`.
//! [`plan`] tells before the run whether an objective can be decided at all, and [`simulate`]
//! measures how often the judge is wrong. [`trend`] tells a leak from noise, and [`knee`] where a ramp
//! bends.

mod dense;
mod error;
pub mod histogram;
pub mod judge;
pub mod knee;
mod long_run;
mod packed;
pub mod plan;
pub mod ratio;
pub mod simulate;
mod special;
pub mod statement;
pub mod timeline;
pub mod trend;
pub mod warmup;

pub use dense::Dense;
pub use error::Error;
pub use histogram::Histogram;
pub use judge::{Evidence, Judgement, judge};
pub use ratio::Assumptions;
pub use statement::{Comparison, Statement};
pub use timeline::{Key, Kind, Timeline, Window};
