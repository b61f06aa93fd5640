//! Tests of the load engine from its outside, against real HTTP servers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bodies;
mod data;
mod executors;
mod flows;
mod foreign;
mod hostile;
mod iterations;
mod real;
mod reference;
mod service;
mod sockets;
mod start;
mod streams;
mod workers;
mod world;
