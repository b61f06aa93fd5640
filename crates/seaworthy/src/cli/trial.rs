//! `seaworthy trial`: runs a plan from reading it to its seal.

use std::path::PathBuf;

use anyhow::Context;
use seaworthy_base::{Clock, chance};
use seaworthy_document::errors;
use seaworthy_report::Style;
use seaworthy_report::outcome::Ending;
use seaworthy_trial::{Finished, Options, Service, Speaker};
use tokio::signal::unix::{Signal, SignalKind, signal};
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
        let mut asked = Asked::listen()?;
        let screen = tokio::spawn(progress::show(said));
        let trial = Service::new(options).run();
        tokio::pin!(trial);
        let finished = loop {
            tokio::select! {
                finished = &mut trial => break Some(finished),
                () = asked.next() => {
                    if stop.is_cancelled() {
                        break None;
                    }
                    talk("stopping: targets are stopped, what was measured is kept (once more: at once)");
                    stop.cancel();
                }
            }
        };
        if finished.is_some() {
            // The speaker is gone with the service; the screen ends when it has shown the rest.
            let _ = screen.await;
        }
        anyhow::Ok(finished)
    })?;
    // Whatever still blocks a thread must not keep the user waiting.
    runtime.shutdown_background();
    let Some(finished) = finished else {
        talk("stopped at once: nothing was sealed; the watchdog undoes what is left");
        return Ok(Exit::Interrupted);
    };
    let finished = finished.map_err(|error| anyhow::anyhow!(error.explain()))?;
    conclude(arguments, &finished)
}

/// Ctrl-C, SIGTERM, and the terminal that goes away.
pub(super) struct Asked {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
    /// Listened to so that a file that would grow over its limit is an error and not the end.
    _file_size: Signal,
}

impl Asked {
    pub(super) fn listen() -> anyhow::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?,
            terminate: signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?,
            hang_up: signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?,
            _file_size: signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))
                .context("cannot listen for SIGXFSZ")?,
        })
    }

    /// Waits until somebody asks to stop.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
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
    if let Some(why) = &finished.outcome.interrupted {
        talk(&format!("{}: {why}", finished.outcome.headline()));
    }
    Ok(match finished.outcome.ending {
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
