//! k6 scripts, unchanged, on the load engine: options, modules, virtual users and a run's life.
//!
//! A [`Script`] is read, compiled and run once for its options; a [`Service`] runs it. Each virtual
//! user is a JavaScript engine on a fiber of its own, which stays on one of the run's threads; the
//! load engine's executors tell it when to begin an iteration. What it measures goes to the metrics
//! k6's users know, and second by second into the timeline that a trial is judged by.
//!
//! What is absent: nothing here computes a verdict, and nothing prints.

pub mod console;
pub mod generate;
pub mod html;
pub mod options;
pub mod output;

mod address;
mod cast;
mod client;
mod collation;
mod globals;
mod handed;
mod machine;
mod modules;
mod rounds;
mod script;
mod service;
mod shared;
mod vu;
mod watching;
mod worker;

pub use script::{Error, Reading, Script};
pub use seaworthy_script::source::Literal;
pub use service::{BACKLOG, Fault, Options, Report, Service, handle_summary};
pub use shared::{Ended, Shared};
pub use watching::{Progress, Watching};
