//! `seaworthy trial`: runs a plan from reading it to its seal.

use std::path::{Path, PathBuf};

use anyhow::Context;
use seaworthy_base::{Clock, Span, chance};
use seaworthy_document::errors;
use seaworthy_report::Style;
use seaworthy_report::outcome::Ending;
use seaworthy_trial::{
    Checked, Choice, Finished, Former, Options, Service, Speaker, capacity, profile,
};
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
    #[arg(value_name = "PLAN", conflicts_with = "plan")]
    file: Option<PathBuf>,
    /// The same.
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Run the plan's flows under a named profile, in place of its phases: light, medium, heavy,
    /// endurance, spike, stress, baseline or soak.
    #[arg(long, value_name = "NAME")]
    profile: Option<profile::Name>,
    /// Multiply every length of the phases, as 0.01 to run them in a hundredth of their time; not
    /// rates, pauses, timeouts or graceful stops.
    #[arg(long, value_name = "FACTOR", value_parser = factor)]
    time_scale: Option<f64>,
    /// Go on with a trial that was stopped or killed: the same plan, what is left of its phases, one
    /// verdict over all of it.
    #[arg(long, value_name = "TRIAL")]
    resume: Option<String>,
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

/// A factor for lengths.
fn factor(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(factor) if factor.is_finite() && factor > 0.0 => Ok(factor),
        _ => Err("it is a number above 0, as 0.01".to_owned()),
    }
}

/// How the capacity is searched for.
#[derive(clap::Args)]
struct CapacityArguments {
    /// Search for the highest rate at which the objectives hold, in this phase or, without a name,
    /// the first one an objective speaks of; its loads are scaled together.
    #[arg(long, value_name = "PHASE", num_args = 0..=1, require_equals = true,
        conflicts_with = "resume")]
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
    let former = match &arguments.resume {
        Some(id) => {
            let trust = arguments.keys.trust(&[])?;
            let former = Former::open(&arguments.house.house()?, id, &trust);
            Some(former.map_err(|error| anyhow::anyhow!(error.explain()))?)
        }
        None => None,
    };
    let typed = arguments.file.as_ref().or(arguments.plan.as_ref());
    let plan_file = match (typed, &former) {
        (Some(path), _) => Some(path.clone()),
        (None, Some(former)) => former.plan_file().map(Path::to_path_buf),
        (None, None) => None,
    };
    let (name, text) = match &plan_file {
        Some(path) => (path.display().to_string(), read_document(path)?),
        None => ("default.yaml".to_owned(), DEFAULT_PLAN.to_owned()),
    };
    let choice = choice(arguments, former.as_ref())?;
    let (checked, mut findings) = seaworthy_trial::check_as(&name, &text, choice);
    if arguments.capacity.find_capacity.is_some() {
        // Probes have lengths of their own: how long the phases take decides nothing.
        findings.retain(|finding| finding.code != "plan-undecidable");
    }
    if !findings.is_empty() {
        say_findings(&findings, &text);
    }
    let Some(plan) = checked.filter(|_| !errors(&findings)) else {
        return Ok(Exit::CouldNotRun);
    };
    let mut seed = arguments.seed.unwrap_or_else(|| chance::Chance::system().bits());
    if let Some(former) = &former {
        former.same_plan(&plan).map_err(|error| anyhow::anyhow!(error.explain()))?;
        seed = former.seed();
    }
    let clock = Clock::system();
    let (speaker, said) = Speaker::new();
    let stop = CancellationToken::new();
    let options = Options {
        capacity: arguments.capacity.settings(&plan)?,
        plan,
        house: arguments.house.house()?,
        program: std::env::current_exe().context("cannot find this program's own file")?,
        signer: arguments.keys.signer(&clock)?,
        plan_file: plan_file.map(std::path::absolute).transpose()?,
        resume: former,
        seed,
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
        talk(
            "stopped at once: nothing was sealed; the watchdog undoes what is left, and `seaworthy trial --resume` with its id can go on with it",
        );
        return Ok(Exit::Interrupted);
    };
    let finished = finished.map_err(|error| anyhow::anyhow!(error.explain()))?;
    conclude(arguments, &finished)
}

/// What was chosen beside the plan. A trial that is gone on with was run with something already: to
/// say the same again is fine, to say something else is not.
fn choice(arguments: &Arguments, former: Option<&Former>) -> anyhow::Result<Choice> {
    let Some(former) = former else {
        let time_scale = arguments.time_scale.unwrap_or(1.0);
        return Ok(Choice { profile: arguments.profile, time_scale });
    };
    let then = former.choice();
    let same = arguments.profile.is_none_or(|profile| then.profile == Some(profile))
        && arguments.time_scale.is_none_or(|scale| scale == then.time_scale)
        && arguments.seed.is_none_or(|seed| seed == former.seed());
    anyhow::ensure!(
        same,
        "a trial goes on with the profile, the time scale and the seed it began with\n\
         hint: leave --profile, --time-scale and --seed out"
    );
    Ok(then)
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
    if finished.outcome.ending == Ending::Interrupted && finished.resumable {
        talk(&format!("go on with it: {}", resume_command(arguments, &finished.outcome.trial.id)));
    }
    Ok(match finished.outcome.ending {
        Ending::Completed => finished.outcome.verdict.into(),
        Ending::Interrupted => Exit::Interrupted,
        Ending::CouldNotRun => Exit::CouldNotRun,
    })
}

/// The command that goes on with a trial, as it can be typed here.
fn resume_command(arguments: &Arguments, id: &str) -> String {
    let folder = &arguments.house.folder;
    let named = std::env::var_os("SEAWORTHY_FOLDER").is_some_and(|named| named == *folder);
    match named || folder.as_os_str() == ".seaworthy" {
        true => format!("seaworthy trial --resume {id}"),
        false => format!("seaworthy trial --resume {id} --folder '{}'", folder.display()),
    }
}

/// The terminal's width, within what the summary is made for.
fn width() -> usize {
    rustix::termios::tcgetwinsize(std::io::stdout())
        .map_or(100, |size| usize::from(size.ws_col).clamp(60, 120))
}
