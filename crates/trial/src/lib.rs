//! A trial's life: plan, launch, phases, judge, stop, report, seal.
//!
//! [`check`] turns a plan's text into a [`Checked`] plan, or findings. [`Service`] runs it and
//! leaves a folder behind: what was measured, what happened, what follows from it, and receipts
//! over all of it. `service.rs` tells the whole life in one page; each stage has a file.
//!
//! What is absent: no engine is implemented here, no verdict is computed here (`stats` does), and
//! nothing here knows the hub: it is a target like any other.

pub mod capacity;
mod check;
mod diary;
mod driven;
mod error;
pub mod exposition;
mod folder;
mod gauge;
mod gave_out;
mod host;
mod judge;
mod launch;
mod leaks;
mod logtail;
mod meter;
mod metric;
mod phases;
pub mod plan;
pub mod profile;
mod progress;
mod resources;
mod resume;
mod routines;
mod saturation;
mod scope;
mod scrape;
mod script;
mod secrets;
mod service;
mod spool;
mod starter;
mod state;
mod tally;
mod thresholds;
mod undo;
mod watch;
mod writing;

pub use check::{Checked, Choice, OneScript, check, check_as};
pub use error::Error;
pub use folder::House;
pub use progress::{PhaseProgress, Progress, Speaker};
pub use resume::Former;
pub use script::ScriptRun;
pub use service::{Finished, Options, Service};
pub use starter::{STARTER, schema};
pub use undo::heal;
