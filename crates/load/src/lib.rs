//! Executors, flows and steps; what they measured, written into a timeline.
//!
//! Three stages, one direction: [`spec`] is what a plan types; [`check`] turns it into a [`Flow`],
//! [`Routine`] and [`Load`] that are known to be sound; [`Service`] (or [`run_once`], outside of
//! measurement) compiles these and runs them. A *program* is a compiled flow, a *user* runs its
//! iterations, an *executor* decides when each begins, and a *recorder* writes what happened into
//! the user's shard of the [`SharedTimeline`].
//!
//! What is absent: nothing here computes a verdict, starts a target or reads a file, and no
//! iteration waits for another one's lock.

pub mod check;
pub mod path;
pub mod spec;
pub mod template;

mod error;
mod executor;
mod flow;
mod length;
mod load;
mod pacer;
mod program;
mod recorder;
mod routine;
mod scope;
mod series;
mod service;
mod step;
mod timeline;
mod user;
mod watch;

pub use error::Error;
pub use flow::{Flow, Routine};
pub use length::times;
pub use load::{Arrivals, Executor, Load};
pub use pacer::Timer;
pub use recorder::Failures;
pub use routine::{Setting, run_once};
pub use service::{Handle, Live, LiveFlow, LoadReport, Options, PhaseReport, Service};
pub use timeline::SharedTimeline;
