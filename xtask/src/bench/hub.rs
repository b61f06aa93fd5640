//! `cargo xtask bench hub`: how many evaluations, retrievals and durable turns a hub does a second, and
//! what an idle event stream takes, with the generator on the same machine; and whether the baseline's
//! bounds hold at a multiple of its rates.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::command;

mod flows;

const USAGE: &str = "\
usage: cargo xtask bench hub [--seconds N] [--connections N] [--against BINARY]
       cargo xtask bench hub --times N [--database URL]

  --seconds N       how long each load lasts (5)
  --connections N   callers, each with one request at a time (64)
  --against BINARY  another build of `seaworthy`, measured in turns with this one
  --times N         only the four baseline flows, at N times their rates, judged by a trial
  --database URL    those on this PostgreSQL, as postgres://user@127.0.0.1:5432/name";

/// Builds the hub and its driver, and measures it as one process and as six.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let mut words = arguments.iter();
    let (mut options, mut against) = (Vec::new(), None);
    let (mut times, mut database) = (None, None);
    while let Some(word) = words.next() {
        let value = words.next().with_context(|| format!("{word} needs a value\n\n{USAGE}"))?;
        match word.as_str() {
            "--seconds" | "--connections" => options.extend([word.as_str(), value.as_str()]),
            "--against" => against = Some(PathBuf::from(value)),
            "--times" => {
                let number = value.parse::<u32>().ok().filter(|it| (1..=1000).contains(it));
                times =
                    Some(number.with_context(|| format!("--times takes 1 to 1000\n\n{USAGE}"))?);
            }
            "--database" => database = Some(value.as_str()),
            _ => bail!("`bench hub` does not take `{word}`\n\n{USAGE}"),
        }
    }
    if database.is_some() && times.is_none() {
        bail!("--database goes with --times\n\n{USAGE}");
    }
    if times.is_some() && (against.is_some() || !options.is_empty()) {
        bail!("--times goes with --database only\n\n{USAGE}");
    }
    command::run(&mut command::cargo(&["build", "--release", "--locked", "-p", "seaworthy"]))?;
    let built = command::target_folder().join("release/seaworthy");
    if let Some(times) = times {
        return flows::run(&built, times, database);
    }
    for form in ["all", "apart"] {
        if let Some(against) = &against {
            drive(against, form, "against", &options)?;
        }
        drive(&built, form, "built", &options)?;
    }
    Ok(())
}

fn drive(binary: &std::path::Path, form: &str, which: &str, options: &[&str]) -> Result<()> {
    let label = format!("{which}, {form}");
    let mut command = command::cargo(&[
        "run",
        "--release",
        "--locked",
        "-p",
        "seaworthy-hub",
        "--example",
        "drive",
        "--",
    ]);
    command.arg(binary).args([form, "--label", &label]).args(options);
    command::run(&mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_understood_is_said_before_anything_is_built() {
        let refused = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            run(&words).unwrap_err().to_string()
        };
        assert!(refused(&["--fast", "1"]).contains("--fast"));
        assert!(refused(&["--seconds"]).contains("needs a value"));
        assert!(refused(&["--times", "0"]).contains("1 to 1000"));
        assert!(refused(&["--database", "postgres://x/y"]).contains("goes with --times"));
        assert!(refused(&["--times", "2", "--seconds", "1"]).contains("goes with --database"));
    }
}
