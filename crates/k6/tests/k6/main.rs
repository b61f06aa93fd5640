//! Scripts as users write them, run against real servers.

#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
#![expect(unreachable_pub, reason = "one binary: what modules share is pub")]

mod batch;
mod core;
mod course;
mod debug;
mod harness;
mod html;
mod http;
mod network;
mod options;
mod server;
mod ws;
