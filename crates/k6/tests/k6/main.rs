//! Scripts as users write them, run against real servers.

mod core;
mod harness;
mod http;
mod ws;
