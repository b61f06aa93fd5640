//! The `seaworthy` command: flags in, exit code out. Each subcommand is a file under `cli`.

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

mod cli;
mod descriptors;
mod exit;

use exit::Exit;

/// Puts a service on trial: load it, judge it, sign what was seen.
#[derive(Parser)]
#[command(name = "seaworthy", version, propagate_version = true, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a trial and write its signed verdict and report.
    Trial(cli::trial::Arguments),
    /// Run a k6 script, as `k6 run` does.
    Run(Box<cli::run::Arguments>),
    /// Print the options of a k6 script, as `k6 inspect` does.
    Inspect(cli::inspect::Arguments),
    /// Write a k6 script to start from.
    New(cli::new::Arguments),
    /// Turn a Locust file into a plan, or a table of load profiles into k6 scripts.
    Import(cli::import::Arguments),
    /// Put load on one URL, as wrk, oha and hey do.
    Load(cli::load::Arguments),
    /// Check a plan, write a starter plan, print the plan's JSON Schema.
    Plan(cli::plan::Arguments),
    /// Verify, show and audit receipts; show and rotate the signing key.
    Receipts(cli::receipts::Arguments),
    /// Run the hub, the agent platform a trial runs against by default.
    Hub(cli::hub::Arguments),
    /// Undo what a killed trial left behind.
    Heal(cli::heal::Arguments),
    /// Plays back an undo journal when its controller is gone (started by a trial, not by hand).
    #[command(hide = true)]
    Watchdog(cli::watchdog::Arguments),
}

fn main() -> ExitCode {
    descriptors::raise();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    let result = match arguments.command {
        Command::Trial(arguments) => cli::trial::run(&arguments),
        Command::Run(arguments) => cli::run::run(&arguments),
        Command::Inspect(arguments) => cli::inspect::run(&arguments),
        Command::New(arguments) => cli::new::run(&arguments),
        Command::Import(arguments) => cli::import::run(&arguments),
        Command::Load(arguments) => cli::load::run(&arguments),
        Command::Plan(arguments) => cli::plan::run(&arguments),
        Command::Receipts(arguments) => cli::receipts::run(&arguments),
        Command::Hub(arguments) => cli::hub::run(&arguments),
        Command::Heal(arguments) => cli::heal::run(&arguments),
        Command::Watchdog(arguments) => cli::watchdog::run(&arguments),
    };
    match result {
        Ok(exit) => exit.into(),
        Err(error) => {
            cli::say_error(&error);
            Exit::CouldNotRun.into()
        }
    }
}

/// Help and version go to stdout and are a success; any other usage error is exit 3, because 2
/// means inconclusive here.
fn usage(error: &clap::Error) -> ExitCode {
    // Nothing is left to tell anyone when the terminal itself is gone.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Pass.into(),
        // Whoever scripts `k6 run` looks for k6's numbers.
        _ if std::env::args_os().nth(1).is_some_and(|command| command == "run") => {
            Exit::Unspecified.into()
        }
        _ => Exit::CouldNotRun.into(),
    }
}
