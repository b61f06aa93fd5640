//! `seaworthy run`: runs a k6 script as `k6 run` does, with its flags, its summary and its exit codes.

mod conduct;
mod dashboard;
mod described;
mod ending;
mod environment;
mod flags;
mod log;
mod outputs;
mod reading;
mod refused;
mod screen;
mod stop;
mod summary;
mod worth;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use seaworthy_base::{Clock, chance};
use seaworthy_k6::Watching;
use seaworthy_trial::{Checked, OneScript, Speaker};
use tokio_util::sync::CancellationToken;

use super::trial::Asked;
use super::{HouseArgument, talk};
use crate::exit::Exit;
use conduct::{Begun, Conducted};
use log::Log;
use stop::Stop;

pub(super) use flags::truth;
pub(super) use reading::{Context as ReadingContext, ScriptFlags, read, read_alone};
pub(super) use stop::Stop as RunStop;

/// How long a run that was asked twice may take to leave.
const GRACE: std::time::Duration = std::time::Duration::from_secs(2);

/// What was typed.
#[derive(clap::Args)]
// Of a flag that is given twice the later one counts, as in k6; lists append.
#[command(
    args_override_self = true,
    after_help = "\
Exit codes are k6's:
  0    it ran, and every threshold held
  99   a threshold was crossed
  100  setup() timed out         101  teardown() timed out
  104  options are not valid     105  interrupted
  107  the script threw in init, setup or teardown, or is no script
  108  exec.test.abort()         110  exec.test.fail()
  255  anything else: a flag there is not, a file that cannot be read or written"
)]
pub(crate) struct Arguments {
    /// The script; `-` reads it from stdin.
    #[arg(value_name = "SCRIPT")]
    script: PathBuf,
    #[command(flatten)]
    options: flags::OptionFlags,
    #[command(flatten)]
    reading: ScriptFlags,
    /// Arrivals that find no virtual user wait in place of being dropped, and response times count
    /// from when each was due. Not in k6.
    #[arg(long)]
    queue: bool,
    /// Seeds Math.random and whatever else is drawn; random when not given. Not in k6.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Threads that virtual users run on; one for each processor when not given. Not in k6.
    #[arg(long, value_name = "N")]
    workers: Option<NonZeroUsize>,
    #[command(flatten)]
    house: HouseArgument,
    #[command(flatten)]
    keys: super::receipts::KeyArguments,
    #[command(flatten)]
    log: log::LogFlags,
    /// No progress.
    #[arg(short = 'q', long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
        default_missing_value = "true", value_parser = flags::truth)]
    quiet: Option<bool>,
    #[command(flatten)]
    refused: refused::RefusedFlags,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    // A panic's own exit code is 101, which means something else here.
    let whole = std::panic::AssertUnwindSafe(|| whole(arguments));
    Ok(std::panic::catch_unwind(whole).unwrap_or(Exit::Panic))
}

fn whole(arguments: &Arguments) -> Exit {
    let clock = Clock::system();
    let log = match Log::open(&arguments.log, arguments.quiet == Some(true), &clock) {
        Ok(log) => log,
        Err(stop) => {
            talk(&stop.words());
            return stop.exit;
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            talk(&format!("error: cannot start the runtime: {error}"));
            return Exit::Unspecified;
        }
    };
    let exit = runtime.block_on(async {
        match Box::pin(from_flags_to_end(arguments, &clock, &log)).await {
            Ok(exit) => exit,
            Err(stop) => {
                stop.say(&log);
                stop.exit
            }
        }
    });
    // Whatever still blocks a thread must not keep the user waiting.
    runtime.shutdown_background();
    exit
}

async fn from_flags_to_end(arguments: &Arguments, clock: &Clock, log: &Log) -> Result<Exit, Stop> {
    arguments.refused.check()?;
    let flags = arguments.options.flags();
    reading::typed(&flags)?;
    let seed = arguments.seed.unwrap_or_else(|| chance::Chance::system().bits());
    let stop = CancellationToken::new();
    // What ends the script ends not the whole.
    let its_own = stop.child_token();
    let mut asked = Asked::listen()?;
    tokio::spawn(last_resort(Asked::listen()?));
    let context = ReadingContext {
        path: &arguments.script,
        console: log.console(),
        clock,
        seed,
        stop: &its_own,
        system: arguments.reading.system(true),
    };
    let reading = reading::read(&arguments.reading, &context, &flags);
    let (script, consolidated) = tokio::select! {
        read = reading => read?,
        () = asked.next() => return Err(Stop::signalled()),
    };
    log.findings(&consolidated.1);
    let consolidated = consolidated.0;
    if let Some(file) = &consolidated.options().console_output {
        log.divert(file)?;
    }
    let wanted = outputs::Wanted::read(&consolidated)?;
    let script = Arc::new(script);
    let thresholds = script.thresholds(&consolidated).map_err(|error| match error {
        seaworthy_k6::Error::Thresholds(_) => {
            Stop::findings(Exit::InvalidOptions, script.threshold_findings(&consolidated))
        }
        error => error.into(),
    })?;
    let name = arguments.script.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let plan = Checked::of_script(OneScript {
        name: name.filter(|name| name != "-").unwrap_or_else(|| "stdin".to_owned()),
        script: Arc::clone(&script),
        consolidated: consolidated.clone(),
        queue: arguments.queue,
        workers: arguments.workers,
        outlet: wanted.outlet(),
    })?;
    let begun = Begun::default();
    let mut outputs = wanted.open(&script, &thresholds, &begun, &consolidated)?;
    let (speaker, said) = Speaker::new();
    let trial = seaworthy_trial::Options {
        plan,
        house: arguments.house.house()?,
        program: std::env::current_exe().context("cannot find this program's own file")?,
        signer: arguments.keys.signer(clock)?,
        plan_file: None,
        resume: None,
        seed,
        capacity: None,
        speaker,
        stop: stop.clone(),
        clock: clock.clone(),
    };
    let trial = seaworthy_trial::Service::new(trial).run();
    let begin = |watching: &Watching| {
        log.begin(&arguments.script, &consolidated, watching, outputs.names());
        outputs.show(log);
    };
    let conducted = conduct::to_end(trial, said, &begun, begin, log, &stop, &mut asked).await;
    let written_out = outputs.finish();
    let Conducted::Ended { finished, ran, signalled } = conducted else {
        return Err(Stop::signalled());
    };
    // What the trial could not do takes nothing from what the run has measured.
    let finished = finished.map_err(|error| Stop::new(Exit::Unspecified, error.explain()));
    let Some(report) = ran else {
        let why = finished?.outcome.interrupted;
        let why = why.unwrap_or_else(|| "the run did not begin".to_owned());
        return Err(Stop::new(Exit::Unspecified, why));
    };
    let ending = ending::Ending::of(&report, &thresholds, signalled);
    let written = summary::Writing {
        script: &script,
        consolidated: &consolidated,
        thresholds: &thresholds,
        report: &report,
        log,
    };
    let told = tokio::select! {
        told = written.write() => told,
        () = asked.next() => return Err(Stop::signalled()),
    };
    worth::say(log, &report, &thresholds, arguments.queue);
    match &finished {
        Ok(finished) => {
            worth::late(log, &finished.lag);
            let (headline, shown) = (finished.outcome.headline(), &finished.shown);
            log.say(&format!(
                "as a trial: {headline}; its report is {shown}/report.html, signed in {shown}/receipts"
            ));
        }
        Err(stop) => stop.say(log),
    }
    ending.say(log);
    let written_out = written_out.inspect_err(|stop| stop.say(log));
    if consolidated.settings().linger == Some(true) {
        log.say("the run is over, and stays as --linger asks, until told to stop");
        asked.next().await;
    }
    Ok(match (ending.exit, told, written_out) {
        (Exit::Pass, Err(stop), _) => {
            stop.say(log);
            stop.exit
        }
        (Exit::Pass, _, Err(stop)) => stop.exit,
        (Exit::Pass, ..) => finished.map_or_else(|stop| stop.exit, |_| Exit::Pass),
        (exit, ..) => exit,
    })
}

/// Ends the program when it was asked twice and is still there: something blocks that nobody can
/// cut off, such as a pipe without a reader.
#[expect(clippy::disallowed_methods, reason = "nothing else ends a thread that blocks")]
async fn last_resort(mut asked: Asked) {
    asked.next().await;
    asked.next().await;
    tokio::time::sleep(GRACE).await;
    talk("ended at once, as asked twice");
    std::process::exit(Exit::Signal as i32)
}
