//! JavaScript on a coroutine: sources compiled once, a runtime for each virtual user, waits that
//! block the script and not the thread.
//!
//! A [`Fiber`] is a computation on a stack of its own. A [`Realm`] is a JavaScript engine that lives
//! on one, with the modules of a [`Bundle`] loaded into it. A native function that the script calls
//! may [`wait`] for any future: the script blocks, the thread goes on with others. What is begun in
//! the [`background`] goes on whenever the script waits for something.
//!
//! A script that computes for long gives way to others every few milliseconds, and can be ended at
//! any moment by dropping its fiber.

pub mod source;

mod error;
mod loader;
mod realm;
mod sys;

pub use error::{Error, IN_PROMISE, Thrown, frames};
pub use loader::{Builtins, Bundle, Declare, Kind, Unit};
pub use realm::{Limits, Realm, STACK, from_json, run_jobs, to_json};
pub use sys::{Completion, Cut, Entries, Fiber, Port, Text, background, end_script, lent, wait};
pub use sys::{byte_length, copy_bytes, overwrite_bytes};
