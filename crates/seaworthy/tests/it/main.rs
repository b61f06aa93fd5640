//! End-to-end tests: the real binary, real processes, real sockets, real files.
#![expect(clippy::unwrap_used, reason = "what is not there in a test is the test's failure")]

mod capacity;
mod default_plan;
mod disk;
mod evidence;
mod gave_out;
mod house;
mod http;
mod hub;
mod hub_crash;
mod hub_fsync;
mod import;
mod lifecycle;
mod load;
mod plan;
mod platform;
mod receipts;
mod report_page;
mod resume;
mod run;
mod run_outputs;
mod run_summary;
mod script_trial;
mod secrets;
mod target;
mod tls_server;
mod trial;
