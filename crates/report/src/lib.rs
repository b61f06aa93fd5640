//! From an outcome to what people and machines read: terminal text, HTML with SVG, JSON, JUnit.
//!
//! The one input is [`Outcome`], plain data that knows no engine; the charts of [`html`] also read
//! the [`seaworthy_stats::timeline::Timeline`]. Nothing here judges: verdicts, numbers and reasons
//! are shown as they came. Nothing here does I/O either: every function returns a string.
//!
//! Text that came from a plan, a target or a server is never trusted: control and direction-changing
//! characters are removed ([`Outcome::printable`]) and the rest is escaped for where it goes.

pub mod capacity;
mod chart;
mod html;
mod json;
mod junit;
pub mod number;
pub mod outcome;
mod reading;
mod series;
mod terminal;
pub mod text;

pub use html::html;
pub use json::json;
pub use junit::junit;
pub use outcome::Outcome;
pub use terminal::{Style, terminal};
