//! End-to-end tests: the real binary, real processes, real sockets, real files.
#![expect(clippy::unwrap_used, reason = "what is not there in a test is the test's failure")]

mod default_plan;
mod disk;
mod evidence;
mod house;
mod http;
mod hub;
mod hub_crash;
mod hub_fsync;
mod lifecycle;
mod plan;
mod receipts;
mod report_page;
mod resume;
mod secrets;
mod target;
mod trial;
