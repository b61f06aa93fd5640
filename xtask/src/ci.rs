//! `cargo xtask ci`: what every change must pass, step by step, stopping at the first failure.

use anyhow::Result;

use crate::{command, test, tidy};

/// What a step is called and what it does.
type Step = (&'static str, fn() -> Result<()>);

const STEPS: &[Step] = &[
    ("format", || command::run(&mut command::cargo(&["fmt", "--all", "--check"]))),
    ("clippy", clippy),
    ("tidy", tidy::run),
    // The README's own command. It comes last so that the runner's summary is the last line.
    ("test", || test::run(&[])),
];

/// Runs the steps; a heading with the time so far goes to stderr before each.
pub(crate) fn run() -> Result<()> {
    let start = command::now();
    for (number, (name, step)) in (1..).zip(STEPS) {
        let seconds = start.elapsed().as_secs();
        eprintln!("== {number}/{} {name} ({}m{:02}s)", STEPS.len(), seconds / 60, seconds % 60);
        step()?;
    }
    Ok(())
}

fn clippy() -> Result<()> {
    let arguments =
        ["clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"];
    command::run(&mut command::cargo(&arguments))
}
