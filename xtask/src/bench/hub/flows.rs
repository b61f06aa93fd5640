//! The four baseline flows at a multiple of their rates: the default plan's baseline phase, judged by a
//! trial as any other.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::command;

/// The plan that is multiplied.
const PLAN: &str = "crates/seaworthy/plans/default.yaml";

/// Runs the baseline at so many times its rates, on PostgreSQL where an address is given, else on SQLite.
pub(super) fn run(binary: &Path, times: u32, database: Option<&str>) -> Result<()> {
    let text = std::fs::read_to_string(command::root().join(PLAN))
        .with_context(|| format!("cannot read {PLAN}"))?;
    let folder = Folder::new()?;
    let plan = folder.0.join("plan.yaml");
    std::fs::write(&plan, multiplied(&text, times, database.is_some())?)?;
    println!(
        "### The baseline at {times} times its rates, on {}\n",
        if database.is_some() { "PostgreSQL" } else { "SQLite" }
    );
    let mut trial = std::process::Command::new(binary);
    trial.args(["trial", "--folder"]).arg(folder.0.join("house")).arg(&plan);
    trial.env("SEAWORTHY_STATE", folder.0.join("state"));
    if let Some(database) = database {
        trial.env("SEAWORTHY_HUB_DATABASE", database);
    }
    let status = trial.status().context("cannot start the trial")?;
    ensure!(status.success(), "the bounds were not held, or it could not be told ({status})");
    Ok(())
}

/// The plan with the baseline's rates, and what it is held to, so many times as high, without the phase
/// that follows it. The bounds of its times are what they were.
fn multiplied(plan: &str, times: u32, database: bool) -> Result<String> {
    let (before, rest) = plan.split_once("\nphases:\n").context("the plan has no phases")?;
    let (phases, objectives) =
        rest.split_once("\nobjectives:\n").context("the plan has no objectives")?;
    let (baseline, _) =
        phases.split_once("\n  - name: stress\n").context("the plan has no phase `stress`")?;
    let baseline: Vec<String> = baseline
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .map(|line| after(&after(line, "rate: ", times), "VUs: ", times))
        .collect();
    let objectives: Vec<String> =
        objectives.lines().map(|line| after(line, "throughput > ", times)).collect();
    let before = match database {
        false => before.to_owned(),
        true => {
            let hub = "environment: &hub\n";
            ensure!(before.contains(hub), "the plan has no `&hub`");
            before.replacen(
                hub,
                "environment: &hub\n      SEAWORTHY_HUB_DATABASE: ${env.SEAWORTHY_HUB_DATABASE}\n",
                1,
            )
        }
    };
    let (baseline, objectives) = (baseline.join("\n"), objectives.join("\n"));
    Ok(format!("{before}\nphases:\n{baseline}\n\nobjectives:\n{objectives}\n"))
}

/// The line with each whole number that follows these words multiplied.
fn after(line: &str, words: &str, times: u32) -> String {
    let mut parts = line.split(words);
    let mut made = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.len() - part.trim_start_matches(|it: char| it.is_ascii_digit()).len();
        let (number, rest) = part.split_at(digits);
        made.push_str(words);
        match number.parse::<u32>() {
            Ok(number) => made.push_str(&number.saturating_mul(times).to_string()),
            Err(_) => made.push_str(number),
        }
        made.push_str(rest);
    }
    made
}

/// A folder that goes with its trial.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("seaworthy-bench-hub-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_plan_is_multiplied() {
        let plan = std::fs::read_to_string(command::root().join(PLAN)).unwrap();
        let made = multiplied(&plan, 10, false).unwrap();
        for line in [
            "flow: session, executor: constant-arrival-rate, rate: 1000, preAllocatedVUs: 100",
            "flow: evaluation, executor: constant-arrival-rate, rate: 5000,",
            "require: throughput > 990/s",
            "require: p95 < 50ms",
        ] {
            assert!(made.contains(line), "{line} is not in\n{made}");
        }
        assert!(!made.contains("stress"));
        assert!(!made.contains("SEAWORTHY_HUB_DATABASE"));
        let stored = multiplied(&plan, 5, true).unwrap();
        assert!(stored.contains("SEAWORTHY_HUB_DATABASE"));
        assert!(stored.contains("rate: 250,"));
    }
}
