//! Executors, flows and steps; what they measured, written into a timeline.
//!
//! Three stages, one direction: [`spec`] is what a plan types; [`check`] turns it into a [`Flow`],
//! [`Routine`] and [`Load`] that are known to be sound; [`Service`] (or [`run_once`], outside of
//! measurement) compiles these and runs them. A *program* is a compiled flow, a *user* runs
//! iterations of it, an *executor* decides when each begins, and a *recorder* writes what happened
//! into the [`SharedTimeline`].
//!
//! Executors do not know what a virtual user is made of: a [`Cast`] makes the users of an entry, and
//! [`Drive`] runs entries of any one kind of cast. [`Service`] drives compiled flows; another crate
//! can bring users of its own.
//!
//! A load runs on a *crew*: one thread per core, each with a runtime of its own. A user stays on its
//! thread for life, and so do its connections; each thread has its own recorders, its own shard of
//! the timeline and its own part of an open model's schedule. So a request takes no lock that
//! another thread holds, and allocates nothing that it could keep.
//!
//! What is absent: nothing here computes a verdict, starts a target or reads a file, and no
//! iteration waits for another one's lock.

pub mod check;
pub mod data;
pub mod path;
pub mod spec;
pub mod template;

mod cast;
mod counters;
mod crew;
mod descriptors;
mod drive;
mod error;
mod exchange;
mod executor;
mod flow;
mod length;
mod links;
mod load;
mod needed;
mod pacer;
mod passed;
mod program;
mod recorder;
mod recruit;
mod report;
mod routine;
mod schedule;
mod scope;
mod series;
mod service;
mod step;
mod stream;
mod stripe;
mod tags;
mod think;
mod timeline;
mod user;
mod watch;

pub use cast::{Cast, Turn, VirtualUser};
pub use counters::{Counters, Failures};
pub use crew::Crew;
pub use drive::{Drive, Scene};
pub use error::Error;
pub use flow::{Flow, Routine};
pub use length::times;
pub use load::{Arrivals, Executor, Load, Share};
pub use needed::Needed;
pub use pacer::Timer;
pub use report::{Handle, Live, LiveFlow, LoadReport, Observed, PhaseReport};
pub use routine::{Setting, run_once};
pub use schedule::{Ramp, Schedule};
pub use service::{Options, Service};
pub use stripe::Stripe;
pub use tags::Exploded;
pub use timeline::{Shard, SharedTimeline};
pub use watch::Lag;
