//! `seaworthy trial`: runs a plan from reading it to its seal.

use std::path::PathBuf;

use anyhow::Context;
use seaworthy_base::{Clock, chance};
use seaworthy_document::errors;
use seaworthy_report::Style;
use seaworthy_trial::{Ending, Finished, Options, Service, Speaker};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{HouseArgument, print, progress, read_document, say_findings, talk};
use crate::exit::Exit;

/// What `seaworthy trial` runs when no plan is named: the hub's four baseline flows.
pub(crate) const DEFAULT_PLAN: &str = include_str!("../../plans/default.yaml");

/// What was typed.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The plan; without it, the default trial of the hub.
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    #[command(flatten)]
    house: HouseArgument,
    #[command(flatten)]
    keys: super::receipts::KeyArguments,
    /// Seeds everything drawn at random, to repeat a trial's choices; random when not given.
    #[arg(long)]
    seed: Option<u64>,
    /// Print `verdict.json` to stdout instead of the summary.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let (name, text) = match &arguments.plan {
        Some(path) => (path.display().to_string(), read_document(path)?),
        None => ("default.yaml".to_owned(), DEFAULT_PLAN.to_owned()),
    };
    let (checked, findings) = seaworthy_trial::check(&name, &text);
    if !findings.is_empty() {
        say_findings(&findings, &text);
    }
    let Some(plan) = checked.filter(|_| !errors(&findings)) else {
        return Ok(Exit::CouldNotRun);
    };
    let clock = Clock::system();
    let (speaker, said) = Speaker::new();
    let stop = CancellationToken::new();
    let options = Options {
        plan,
        house: arguments.house.house()?,
        program: std::env::current_exe().context("cannot find this program's own file")?,
        signer: arguments.keys.signer(&clock)?,
        seed: arguments.seed.unwrap_or_else(|| chance::Chance::system().bits()),
        speaker,
        stop: stop.clone(),
        clock,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let finished = runtime.block_on(async {
        let screen = tokio::spawn(progress::show(said));
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
        let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        let asked = tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            talk("stopping: targets are stopped and what was measured is kept");
            stop.cancel();
        });
        let finished = Service::new(options).run().await;
        asked.abort();
        // The speaker is gone with the service; the screen ends when it has shown the rest.
        let _ = screen.await;
        finished.map_err(|error| anyhow::anyhow!(error.explain()))
    })?;
    conclude(arguments, &finished)
}

fn conclude(arguments: &Arguments, finished: &Finished) -> anyhow::Result<Exit> {
    let text = if arguments.json {
        seaworthy_report::json(&finished.outcome)
    } else {
        let style = Style {
            color: super::colour(&std::io::stdout()),
            width: width(),
            folder: Some(finished.shown.clone()),
        };
        seaworthy_report::terminal(&finished.outcome, &style)
    };
    print(&text)?;
    Ok(match finished.ending {
        Ending::Completed => finished.outcome.verdict.into(),
        Ending::Interrupted => Exit::Interrupted,
        Ending::CouldNotRun => Exit::CouldNotRun,
    })
}

/// The terminal's width, within what the summary is made for.
fn width() -> usize {
    rustix::termios::tcgetwinsize(std::io::stdout())
        .map_or(100, |size| usize::from(size.ws_col).clamp(60, 120))
}
