//! Reads Locust files and writes an equivalent plan, with a list of what it could not carry over.
//!
//! A file is *parsed*, never run: nothing of it is executed, and no file but its text is read. Each
//! user class's tasks are followed statement by statement; a value is what a plan can say (a
//! literal, something drawn, something extracted from an earlier answer, a row of a data file) or it
//! is *opaque*, with the reason. What is opaque and reaches a request keeps that request out of the
//! plan, and a [`Finding`] says so: nothing is lost silently.
//!
//! Tasks become flows, `on_start` becomes their `start`, a user class an entry of each phase's load,
//! tables of scenarios and load shapes become phases. The plan is checked with `load`'s own checks
//! before it is handed out.

mod body;
mod calls;
mod compose;
mod evaluate;
mod expect;
mod findings;
mod interpreter;
mod known;
mod module;
mod operators;
mod outside;
mod plan;
mod request;
mod shape;
mod source;
mod statements;
mod tasks;
mod users;
mod value;
mod verify;
mod wait;
mod write;

use seaworthy_base::Span;
use seaworthy_document::Finding;

/// What a Locust file became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The plan, as YAML with comments.
    pub plan: String,
    /// Files that the plan reads, as paths that count from its folder.
    pub files: Vec<String>,
    /// Environment variables that the plan reads.
    pub environment: Vec<String>,
    /// How many flows it has.
    pub flows: usize,
    /// How many requests they make in all.
    pub requests: usize,
    /// How many phases it has.
    pub phases: usize,
}

/// What Locust takes from its command line, and the file does not say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// `--host`: where the requests go.
    pub host: Option<String>,
    /// `--users`: how many there are; takes the place of what the file says, as the next two do.
    pub users: Option<u32>,
    /// `--spawn-rate`: how many more there are each second.
    pub spawn_rate: Option<f64>,
    /// `--run-time`: for how long.
    pub run_time: Option<Span>,
}

/// Reads a Locust file. `file` is how findings and the plan name it. The plan is there when at least
/// one request could be carried over; the findings list everything that could not.
pub fn read(file: &str, text: &str) -> (Option<Import>, Vec<Finding>) {
    read_as(file, text, &Options::default())
}

/// The same with what Locust would be told on its command line.
pub fn read_as(file: &str, text: &str, options: &Options) -> (Option<Import>, Vec<Finding>) {
    let source = source::Source::new(file, text);
    match source.parse() {
        Ok(body) => compose::compose(&source, &body, options),
        Err(finding) => (None, vec![finding]),
    }
}
