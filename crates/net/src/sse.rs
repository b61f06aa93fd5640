//! Server-Sent Events: a stream that is opened once and read event by event.

mod parser;

pub use parser::{Event, Parser};
