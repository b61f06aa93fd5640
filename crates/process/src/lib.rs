//! Start, watch, signal and reap processes; the undo journal and the watchdog that plays it back.
//!
//! Three nouns carry the crate. A [`Target`] is a process we started, with everything it started
//! in turn. A [`Journal`] says, on disk and before it happens, what must be undone. The
//! [`watchdog`] is a second process that undoes it when the first one can no longer.
//!
//! What is absent: nothing here signals a bare process id. A process is ours when its id *and*
//! start time are known, when it carries our token in its environment, or when it belongs to the
//! group or the descendants of such a process; and it is signalled through a pidfd, which can
//! never come to mean another process. Process 1, this process and its ancestors are never
//! signalled at all. Linux only: all of this rests on `/proc` and pidfds.

pub mod error;
mod family;
pub mod journal;
pub mod logs;
pub mod ports;
pub mod resources;
pub mod scratch;
mod sys;
mod table;
pub mod target;
pub mod undo;
pub mod watchdog;

pub use error::Error;
pub use journal::Journal;
pub use logs::last_lines;
pub use ports::{free_port, free_ports};
pub use resources::{Established, Limits, Resources};
pub use scratch::Scratch;
pub use table::Identity;
pub use target::{Exit, Launch, Stopped, Target, Watch};
