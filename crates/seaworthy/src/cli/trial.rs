//! `seaworthy trial`: runs a plan from reading it to its seal.

use std::path::PathBuf;

use anyhow::Context;
use seaworthy_base::{Clock, Span, chance};
use seaworthy_document::errors;
use seaworthy_report::Style;
use seaworthy_report::outcome::Ending;
use seaworthy_trial::{Checked, Finished, Options, Service, Speaker, capacity};
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
    #[command(flatten)]
    capacity: CapacityArguments,
    /// Print `verdict.json` to stdout instead of the summary.
    #[arg(long)]
    json: bool,
}

/// How the capacity is searched for.
#[derive(clap::Args)]
struct CapacityArguments {
    /// Search for the highest rate at which the objectives hold, in this phase or, without a name,
    /// the first one an objective speaks of; its loads are scaled together.
    #[arg(long, value_name = "PHASE", num_args = 0..=1, require_equals = true)]
    find_capacity: Option<Option<String>>,
    /// The length of a short probe; full-length ones are as long as a verdict takes.
    #[arg(long, value_name = "TIME", default_value = "10s", requires = "find_capacity")]
    probe: Span,
    /// How close the two rates are to come.
    #[arg(long, value_name = "PERCENT", default_value = "10%", requires = "find_capacity",
        value_parser = percent)]
    precision: f64,
    /// What the phase's rates are multiplied with at most (and divided by).
    #[arg(long, value_name = "FACTOR", default_value_t = 64.0, requires = "find_capacity")]
    max_factor: f64,
}

impl CapacityArguments {
    fn settings(&self, plan: &Checked) -> anyhow::Result<Option<capacity::Settings>> {
        let Some(phase) = &self.find_capacity else { return Ok(None) };
        let (probe, precision) = (self.probe.get(), self.precision);
        capacity::Settings::new(plan, phase.as_deref(), probe, precision, self.max_factor)
            .map(Some)
            .map_err(anyhow::Error::msg)
    }
}

/// A share, as `10%`.
fn percent(text: &str) -> Result<f64, String> {
    let number = text.trim().strip_suffix('%').map(str::trim).and_then(|text| text.parse().ok());
    number
        .map(|percent: f64| percent / 100.0)
        .ok_or_else(|| "write a percentage, as `10%`".to_owned())
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
        capacity: arguments.capacity.settings(&plan)?,
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
