//! Targets, journals and watchdogs against real processes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in what it calls too")]

mod launching;
mod room;
mod sampling;
mod stopping;
mod undoing;
mod watching;
