//! `seaworthy inspect`: prints the options of a k6 script as JSON, as `k6 inspect` does.

use std::path::PathBuf;

use seaworthy_base::{Clock, chance};
use seaworthy_document::errors;
use seaworthy_k6::console::{Console, Level};
use seaworthy_k6::options::{self, Flags};
use tokio_util::sync::CancellationToken;

use super::run::{ReadingContext, RunStop, ScriptFlags, read, read_alone, truth};
use super::{print, talk};
use crate::exit::Exit;

/// What was typed.
#[derive(clap::Args)]
#[command(args_override_self = true)]
pub(crate) struct Arguments {
    /// The script; `-` reads it from stdin.
    #[arg(value_name = "SCRIPT")]
    script: PathBuf,
    /// Options from every source, what they come to, how many virtual users that needs and how long it
    /// takes at most.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
        default_missing_value = "true", value_parser = truth)]
    execution_requirements: Option<bool>,
    #[command(flatten)]
    reading: ScriptFlags,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match runtime.block_on(inspect(arguments)) {
        Ok(text) => {
            print(&format!("{text}\n"))?;
            Ok(Exit::Pass)
        }
        Err(stop) => {
            talk(&stop.words());
            Ok(stop.exit)
        }
    }
}

async fn inspect(arguments: &Arguments) -> Result<String, RunStop> {
    let clock = Clock::system();
    let console = Console::new(clock.clone(), Level::Info, Box::new(std::io::stderr()));
    let stop = CancellationToken::new();
    let context = ReadingContext {
        path: &arguments.script,
        console,
        clock: &clock,
        seed: chance::Chance::system().bits(),
        stop: &stop,
        system: arguments.reading.system(false),
    };
    let (value, findings) = if arguments.execution_requirements == Some(true) {
        let (_, (consolidated, findings)) =
            read(&arguments.reading, &context, &Flags::default()).await?;
        (consolidated.to_json(), findings)
    } else {
        let script = read_alone(&arguments.reading, &context).await?;
        let name = script.path.display().to_string();
        let (options, findings) = options::script(&name, &script.options, &script.literal());
        if errors(&findings) {
            return Err(RunStop::findings(Exit::InvalidOptions, findings));
        }
        (options.to_json(), findings)
    };
    if !findings.is_empty() {
        super::say_findings(&findings, "");
    }
    serde_json::to_string_pretty(&value).map_err(|error| anyhow::Error::from(error).into())
}
