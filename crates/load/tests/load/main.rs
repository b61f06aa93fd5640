//! Tests of the load engine from its outside, against real HTTP servers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod executors;
mod flows;
mod hostile;
mod iterations;
mod real;
mod reference;
mod workers;
mod world;
