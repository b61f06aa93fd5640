//! From a file to a script that can be run: reading it, and its options from every source.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use seaworthy_base::Clock;
use seaworthy_document::{Finding, Severity, errors};
use seaworthy_k6::console::Console;
use seaworthy_k6::options::{self, Consolidated, Flags, Sources};
use seaworthy_k6::{Literal, Reading, Script};
use serde_json::Value as Json;
use tokio_util::sync::CancellationToken;

use super::environment;
use super::stop::Stop;
use crate::exit::Exit;

/// Flags that say how a script is read.
#[derive(clap::Args)]
#[command(next_help_heading = "The script")]
pub(crate) struct ScriptFlags {
    /// A variable of `__ENV`, as `NAME=value`; may be repeated.
    #[arg(short = 'e', long = "env", value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// Whether `__ENV` has the system's variables too; `run` says yes, `inspect` no.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
        default_missing_value = "true",
        value_parser = super::flags::truth, env = "K6_INCLUDE_SYSTEM_ENV_VARS")]
    include_system_env_vars: Option<bool>,
    /// A file of options, as JSON; else the one k6 has in its own folder, if it is there.
    #[arg(short = 'c', long, value_name = "FILE", env = "K6_CONFIG")]
    config: Option<PathBuf>,
    /// Where modules of other hosts are found: https://jslib.k6.io/x/1.0/y.js is the file
    /// jslib.k6.io/x/1.0/y.js below it. Not in k6.
    #[arg(long, value_name = "DIR")]
    modules_dir: Option<PathBuf>,
    /// The most memory of one virtual user's heap, as 64MB; 256MB when not given, 0 for no limit. Not
    /// in k6.
    #[arg(long, value_name = "BYTES", default_value = "256MB", value_parser = bytes)]
    vu_memory_limit: usize,
}

impl ScriptFlags {
    /// Whether `__ENV` has the system's variables.
    pub(crate) fn system(&self, usually: bool) -> bool {
        self.include_system_env_vars.unwrap_or(usually)
    }
}

/// A size, as `64MB`, `64MiB`, `512k` or `1048576`.
fn bytes(text: &str) -> Result<usize, String> {
    let text = text.trim();
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        _ => return Err("write a size, as 64MB".to_owned()),
    };
    let number: usize = number.parse().map_err(|_| "write a size, as 64MB".to_owned())?;
    number.checked_mul(factor).ok_or_else(|| "that is more memory than there is".to_owned())
}

/// What a script is read with beside its flags.
pub(crate) struct Context<'a> {
    pub(crate) path: &'a Path,
    pub(crate) console: Console,
    pub(crate) clock: &'a Clock,
    pub(crate) seed: u64,
    pub(crate) stop: &'a CancellationToken,
    /// Whether `__ENV` has the system's variables.
    pub(crate) system: bool,
}

/// What is wrong with flags alone, before any file is opened.
pub(super) fn typed(flags: &Flags) -> Result<(), Stop> {
    let (_, findings) = options::consolidate(Sources {
        config: None,
        script: ("", &Json::Null),
        literal: &Literal::default(),
        environment: &BTreeMap::new(),
        flags,
    });
    // A number below zero is read, and wrong for what it says: k6 calls that a configuration error.
    let unreadable = |it: &Finding| {
        it.severity == Severity::Error
            && ["k6-option-type", "k6-option-value"].contains(&it.code)
            && !it.reason.ends_with("negative")
    };
    let unreadable: Vec<Finding> = findings.into_iter().filter(unreadable).collect();
    if unreadable.is_empty() {
        return Ok(());
    }
    Err(Stop::findings(Exit::Unspecified, unreadable))
}

/// Reads a script and its options; what is to be said of them comes with them.
pub(crate) async fn read(
    typed: &ScriptFlags,
    context: &Context<'_>,
    flags: &Flags,
) -> Result<(Script, (Consolidated, Vec<Finding>)), Stop> {
    let system = environment::system();
    let config = config(typed.config.as_deref(), &system)?;
    let script = script(typed, context, &system).await?;
    let name = script.path.display().to_string();
    let (consolidated, mut findings) = options::consolidate(Sources {
        config: config.as_ref().map(|(name, text)| (name.as_str(), text.as_str())),
        script: (&name, &script.options),
        literal: &script.literal(),
        environment: &system,
        flags,
    });
    if let Some(consolidated) = &consolidated {
        findings.extend(consolidated.missing_functions(&script.functions));
    }
    match consolidated.filter(|_| !errors(&findings)) {
        Some(consolidated) => Ok((script, (consolidated, findings))),
        None => Err(Stop::findings(Exit::InvalidOptions, findings)),
    }
}

/// Reads a script alone.
pub(crate) async fn read_alone(typed: &ScriptFlags, context: &Context<'_>) -> Result<Script, Stop> {
    script(typed, context, &environment::system()).await
}

async fn script(
    typed: &ScriptFlags,
    context: &Context<'_>,
    system: &BTreeMap<String, String>,
) -> Result<Script, Stop> {
    let text = match context.path.as_os_str() == "-" {
        true => {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .context("cannot read the script from stdin")?;
            Some(text)
        }
        false => None,
    };
    if text.is_none()
        && let Err(error) = std::fs::File::open(context.path)
    {
        let path = context.path.display();
        let words = format!("the script {path} cannot be opened: {error}");
        return Err(Stop::new(Exit::Unspecified, words));
    }
    let script = Script::read(Reading {
        path: context.path.to_owned(),
        text,
        environment: environment::of_script(system, context.system, &typed.env)?,
        modules_dir: typed.modules_dir.clone(),
        console: context.console.clone(),
        clock: context.clock.clone(),
        memory_limit: typed.vu_memory_limit,
        seed: context.seed,
        stop: context.stop.clone(),
    })
    .await?;
    if script.functions.is_empty() {
        let words = format!("{} exports no functions", context.path.display());
        let hint = "write `export default function () { … }`";
        return Err(Stop::new(Exit::Unspecified, words).hint(hint));
    }
    Ok(script)
}

/// The configuration file: the one that was named, else k6's own, if it is there.
fn config(
    named: Option<&Path>,
    system: &BTreeMap<String, String>,
) -> Result<Option<(String, String)>, Stop> {
    let path = match named {
        Some(path) => path.to_owned(),
        None => {
            let set = |name: &str| system.get(name).filter(|value| !value.is_empty());
            let folder = match (set("XDG_CONFIG_HOME"), set("HOME")) {
                (Some(folder), _) => PathBuf::from(folder),
                (None, Some(home)) => Path::new(home).join(".config"),
                (None, None) => return Ok(None),
            };
            folder.join("k6").join("config.json")
        }
    };
    let name = path.display().to_string();
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some((name, text))),
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let words = format!("the configuration file {name} cannot be read: {error}");
            Err(Stop::new(Exit::InvalidOptions, words))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        for (text, size) in
            [("0", 0), ("1048576", 1 << 20), ("64MB", 64 << 20), ("2 GiB", 2 << 30), ("3k", 3072)]
        {
            assert_eq!(bytes(text), Ok(size), "{text}");
        }
        for wrong in ["", "MB", "1.5MB", "-1", "1 parsec", "99999999999999999999", "99999999999GB"]
        {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}
