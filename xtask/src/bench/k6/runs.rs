//! One run of a script with an engine, measured from outside; and of `wrk`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Bench;
use crate::bench::measured::Ran;
use crate::command;

/// What runs scripts.
pub(super) struct Engine {
    pub(super) name: &'static str,
    pub(super) program: PathBuf,
    pub(super) is_ours: bool,
}

/// A script and how it is run.
#[derive(Clone, Debug, Default)]
pub(super) struct Task {
    pub(super) script: PathBuf,
    /// Flags, in words.
    pub(super) flags: Vec<String>,
    /// What the script finds in `__ENV`.
    pub(super) environment: Vec<(&'static str, String)>,
}

/// What came of a run.
pub(super) struct Done {
    pub(super) ran: Ran,
    /// The exported summary.
    pub(super) summary: Value,
}

/// The path of one of the bench's scripts.
pub(super) fn script(name: &str) -> PathBuf {
    command::root().join("xtask/src/bench/k6/scripts").join(name)
}

impl Task {
    pub(super) fn new(name: &str, flags: &str) -> Self {
        let flags = flags.split_whitespace().map(str::to_owned).collect();
        Self { script: script(name), flags, environment: Vec::new() }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.environment.push((name, value.to_string()));
        self
    }
}

impl Engine {
    pub(super) fn ours(program: PathBuf) -> Self {
        Self { name: "seaworthy run", program, is_ours: true }
    }

    pub(super) fn k6(program: PathBuf) -> Self {
        Self { name: "k6", program, is_ours: false }
    }

    /// The words of its command.
    pub(super) fn words(&self, task: &Task, summary: &Path, folder: &Path) -> Vec<String> {
        let mut words = vec!["env".to_owned(), format!("--chdir={}", folder.display())];
        if !self.is_ours {
            // It is to keep to this machine.
            words.push("K6_NO_USAGE_REPORT=true".to_owned());
            words.push("K6_AUTO_EXTENSION_RESOLUTION=false".to_owned());
        }
        words.push(self.program.display().to_string());
        words.extend(["run", "--quiet", "--summary-export"].map(str::to_owned));
        words.push(summary.display().to_string());
        words.extend(task.flags.iter().cloned());
        for (name, value) in &task.environment {
            words.extend(["-e".to_owned(), format!("{name}={value}")]);
        }
        words.push(task.script.display().to_string());
        words
    }

    /// Runs a script to its end.
    ///
    /// # Errors
    /// It does not start or end, fails in another way than by its thresholds, or exports no summary.
    pub(super) fn run(&self, bench: &Bench, task: &Task) -> Result<Done> {
        let folder = &bench.scratch.0;
        let file = folder.join("summary.json");
        // That of the run before is none of this one's.
        let _ = std::fs::remove_file(&file);
        let words = self.words(task, &file, folder);
        let ran = bench.pins.run(&words)?;
        let summary = std::fs::read_to_string(&file).ok();
        let summary = summary.and_then(|text| serde_json::from_str(&text).ok());
        match summary {
            Some(summary) if [Some(0), Some(99)].contains(&ran.status.code()) => {
                Ok(Done { ran, summary })
            }
            _ => bail!("`{}` ({}): {}", words.join(" "), ran.status, tail(&ran.stderr)),
        }
    }
}

fn tail(text: &str) -> String {
    let start = text.char_indices().rev().nth(400).map_or(0, |(at, _)| at);
    text[start..].trim().to_owned()
}

impl Done {
    /// A figure of a metric, as the summary has it.
    pub(super) fn figure(&self, metric: &str, figure: &str) -> Option<f64> {
        self.summary["metrics"][metric][figure].as_f64()
    }

    /// Requests that were made.
    ///
    /// # Errors
    /// There were none, or some failed.
    pub(super) fn requests(&self) -> Result<f64> {
        let made = self.figure("http_reqs", "count").filter(|count| *count > 0.0);
        let made = made.context("it made no requests")?;
        let failed = self.figure("http_req_failed", "passes").unwrap_or(0.0);
        if failed > 0.0 {
            bail!("{failed} of {made} requests failed");
        }
        Ok(made)
    }

    pub(super) fn peak(&self) -> Result<f64> {
        if self.ran.rss.is_empty() {
            bail!("it was over before its memory could be read");
        }
        Ok(self.ran.peak_rss as f64)
    }
}

/// What `wrk` says: requests, and percentiles in milliseconds.
pub(super) struct Wrk {
    pub(super) ran: Ran,
    pub(super) requests: f64,
    pub(super) percentiles: Vec<(f64, f64)>,
}

impl Wrk {
    /// The percentile, if it shows it.
    pub(super) fn at(&self, percent: f64) -> Option<f64> {
        self.percentiles.iter().find(|(at, _)| (at - percent).abs() < 1e-6).map(|(_, time)| *time)
    }
}

/// Runs `wrk`.
pub(super) fn wrk(bench: &Bench, connections: u32, seconds: u32) -> Result<Wrk> {
    let program = bench.wrk.as_ref().context("wrk is neither on PATH nor given with --wrk")?;
    let words = [
        program.display().to_string(),
        "-t1".to_owned(),
        format!("-c{connections}"),
        format!("-d{seconds}s"),
        "--latency".to_owned(),
        bench.url()?.to_owned(),
    ];
    let ran = bench.pins.run(&words)?;
    let said = crate::bench::load::wrk_said(&ran.stdout).context("wrk said nothing")?;
    Ok(Wrk { ran, requests: said.0 as f64, percentiles: said.1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_are_told_the_same() {
        let task = Task::new("simple.js", "--vus 5").with("URL", "http://a/");
        let words =
            |engine: Engine| engine.words(&task, Path::new("s.json"), Path::new("f")).join(" ");
        let ours = words(Engine::ours("ours".into()));
        let theirs = words(Engine::k6("k6".into()));
        let same = |words: &str| words[words.find(" run ").unwrap()..].to_owned();
        assert_eq!(same(&ours), same(&theirs));
        assert!(ours.contains("--vus 5 -e URL=http://a/"), "{ours}");
    }

    #[test]
    fn every_script_is_there() {
        for name in
            ["simple.js", "simple_waiting.js", "realistic.js", "stalling.js", "ready.js", "busy.js"]
        {
            assert!(script(name).is_file(), "{name}");
        }
    }
}
