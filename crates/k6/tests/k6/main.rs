//! Scripts as users write them, run against real servers.

mod batch;
mod core;
mod debug;
mod harness;
mod html;
mod http;
mod network;
mod options;
mod server;
mod ws;
