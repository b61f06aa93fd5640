//! What is measured against nginx: processor time and instructions a request, memory a virtual user,
//! memory over many requests, the cost of an open model at a low rate.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::Bench;
use super::tools::{Task, Tool};
use crate::bench::table::{Table, megabytes, milliseconds, spread};
use crate::command::{self, find, target_folder};

const CONNECTIONS: u32 = 50;

fn task(bench: &Bench) -> Result<Task> {
    Ok(Task {
        url: bench.nginx()?.url.clone(),
        connections: CONNECTIONS,
        seconds: None,
        requests: None,
        rate: None,
        corrected: false,
    })
}

/// Requests per CPU-second, closed model.
pub(super) fn cost(bench: &Bench) -> Result<String> {
    let seconds = if bench.quick { 2 } else { 6 };
    let task = Task { seconds: Some(seconds), ..task(bench)? };
    let table = paired(bench, &task, |tool| tool.words(&task).is_some())?;
    Ok(format!(
        "### Processor time a request\n\nnginx `return 200 'ok'`, {CONNECTIONS} connections, as fast as it goes, {seconds} s a run.\n\n{table}"
    ))
}

/// The same at a rate that leaves both sides idle most of the time.
pub(super) fn low(bench: &Bench) -> Result<String> {
    let seconds = if bench.quick { 2 } else { 6 };
    let task = Task { seconds: Some(seconds), rate: Some(1000), ..task(bench)? };
    let table = paired(bench, &task, |tool| tool.words(&task).is_some())?;
    Ok(format!(
        "### An open model at a low rate\n\n1,000 requests a second, {CONNECTIONS} connections, {seconds} s a run.\n\n{table}"
    ))
}

/// Every tool that can, round by round; ratios are of pairs in one round.
fn paired(bench: &Bench, task: &Task, can: impl Fn(&Tool) -> bool) -> Result<Table> {
    #[derive(Default)]
    struct Seen {
        per_thousand: Vec<f64>,
        per_cpu_second: Vec<f64>,
        p50: Vec<f64>,
        p99: Vec<f64>,
        peak: Vec<f64>,
    }
    let mut seen: BTreeMap<&str, Seen> = BTreeMap::new();
    for round in 0..bench.rounds {
        for tool in bench.rotated(round).filter(|tool| can(tool)) {
            let (ran, said) = tool.run(&bench.pins, task)?;
            let row = seen.entry(tool.name()).or_default();
            row.per_thousand.push(ran.cpu_seconds / said.requests as f64 * 1e3);
            row.per_cpu_second.push(said.requests as f64 / ran.cpu_seconds.max(1e-9));
            row.p50.extend(said.at(50.0));
            row.p99.extend(said.at(99.0));
            // A run that was over before anybody looked has no peak.
            row.peak.extend(Some(ran.peak_rss as f64).filter(|_| !ran.rss.is_empty()));
        }
    }
    let ours = seen.get(bench.ours.name()).context("nothing of ours was measured")?;
    let ours_pace = ours.per_cpu_second.clone();
    let mut table = Table::new(&[
        "tool",
        "CPU-s / 1,000 requests",
        "requests / CPU-s",
        "ours ÷ this",
        "p50",
        "p99",
        "peak memory",
    ]);
    for tool in bench.tools.iter().filter(|tool| can(tool)) {
        let Some(row) = seen.get(tool.name()) else { continue };
        let ratios: Vec<f64> =
            ours_pace.iter().zip(&row.per_cpu_second).map(|(ours, this)| ours / this).collect();
        table.row(vec![
            tool.name().to_owned(),
            spread(&row.per_thousand, |value| format!("{value:.4}")),
            spread(&row.per_cpu_second, |value| format!("{value:.0}")),
            spread(&ratios, |value| format!("{value:.2}")),
            spread(&row.p50, milliseconds),
            spread(&row.p99, milliseconds),
            spread(&row.peak, megabytes),
        ]);
    }
    Ok(table)
}

/// Memory of a virtual user: what many take beyond what one takes.
pub(super) fn vus(bench: &Bench) -> Result<String> {
    let (many, seconds) = if bench.quick { (1000, 3) } else { (5000, 10) };
    let base = Task { seconds: Some(seconds), ..task(bench)? };
    let mut table = Table::new(&["tool", "1 connection", "with all", "a connection"]);
    for tool in &bench.tools {
        let peak = |connections| -> Result<f64> {
            let (ran, _) = tool.run(&bench.pins, &Task { connections, ..base.clone() })?;
            anyhow::ensure!(!ran.rss.is_empty(), "it was over before its memory could be read");
            Ok(ran.peak_rss as f64)
        };
        match (peak(1), peak(many)) {
            (Ok(one), Ok(all)) => table.row(vec![
                tool.name().to_owned(),
                megabytes(one),
                megabytes(all),
                format!("{:.1} KB", (all - one) / f64::from(many - 1) / 1e3),
            ]),
            (one, all) => {
                let error =
                    one.and(all).map_or_else(|error| format!("{error:#}"), |_| String::new());
                table.row(vec![
                    tool.name().to_owned(),
                    "not measured".to_owned(),
                    error,
                    String::new(),
                ]);
            }
        }
    }
    Ok(format!(
        "### Memory of a virtual user\n\n{many} connections, peak resident memory.\n\n{table}"
    ))
}

/// Memory over many requests.
pub(super) fn flat(bench: &Bench) -> Result<String> {
    let requests: u64 = if bench.quick { 300_000 } else { 10_000_000 };
    let task = Task { requests: Some(requests), ..task(bench)? };
    let mut table = Table::new(&["tool", "at 10 %", "at 50 %", "at the end", "peak"]);
    for tool in bench.tools.iter().filter(|tool| tool.words(&task).is_some()) {
        let (ran, _) = tool.run(&bench.pins, &task)?;
        let at = |share: f64| {
            let last = ran.rss.len().saturating_sub(1) as f64;
            let sample = ran.rss.get((last * share) as usize);
            sample.map_or_else(not_measured, |(_, bytes)| megabytes(*bytes as f64))
        };
        table.row(vec![
            tool.name().to_owned(),
            at(0.1),
            at(0.5),
            at(1.0),
            if ran.rss.is_empty() { not_measured() } else { megabytes(ran.peak_rss as f64) },
        ]);
    }
    Ok(format!(
        "### Memory over {requests} requests\n\nResident memory at shares of the run's time, {CONNECTIONS} connections.\n\n{table}"
    ))
}

fn not_measured() -> String {
    "not measured".to_owned()
}

/// Instructions a request, by callgrind: the difference of two runs, so that starting up is left out.
pub(super) fn callgrind(bench: &Bench) -> Result<String> {
    let valgrind = find("valgrind").context("valgrind is not on PATH")?;
    let (few, many) = if bench.quick { (500, 2500) } else { (2000, 12_000) };
    let base = task(bench)?;
    // The command reads its processor time where valgrind shows no vdso; the example does not, and
    // makes the same requests on the same engine.
    let words =
        ["build", "--release", "--locked", "-p", "seaworthy-load", "--example", "request_cost"];
    command::run(&mut command::cargo(&words))?;
    let engine = target_folder().join("release/examples/request_cost");
    let mut table = Table::new(&["tool", "instructions a request"]);
    for tool in &bench.tools {
        let (short, long) = match tool {
            Tool::Wrk(_) => (
                Task { seconds: Some(3), ..base.clone() },
                Task { seconds: Some(if bench.quick { 6 } else { 12 }), ..base.clone() },
            ),
            _ => (
                Task { requests: Some(few), ..base.clone() },
                Task { requests: Some(many), ..base.clone() },
            ),
        };
        let instructions = |task: &Task| -> Result<(f64, f64)> {
            let file =
                std::env::temp_dir().join(format!("seaworthy-{}.callgrind", std::process::id()));
            let wrapped = Wrapped { valgrind: &valgrind, file: &file, engine: &engine, tool };
            let counted = wrapped.run(bench, task);
            // Only the number is of interest.
            let _ = std::fs::remove_file(&file);
            counted
        };
        let both = instructions(&short).and_then(|few| Ok((few, instructions(&long)?)));
        let shown = match both {
            Ok(((less, short), (more, long))) => {
                format!("{:.0}", (more - less) / (long - short).max(1.0))
            }
            // The others are still worth having.
            Err(error) => format!("not measured: {error:#}"),
        };
        table.row(vec![tool.name().to_owned(), shown]);
    }
    Ok(format!(
        "### Instructions a request\n\ncallgrind, user space only, {CONNECTIONS} connections, kept alive.\n\n{table}"
    ))
}

struct Wrapped<'a> {
    valgrind: &'a PathBuf,
    file: &'a PathBuf,
    /// The load engine's own example.
    engine: &'a PathBuf,
    tool: &'a Tool,
}

impl Wrapped<'_> {
    /// Instructions and requests.
    fn run(&self, bench: &Bench, task: &Task) -> Result<(f64, f64)> {
        let words = match (self.tool, task.requests) {
            (Tool::Ours(_), Some(requests)) => {
                let engine = self.engine.display().to_string();
                let (vus, requests) = (task.connections.to_string(), requests.to_string());
                let words = [&engine, &task.url, "--workers", "1", "--vus", &vus, "--requests"];
                words.map(str::to_owned).into_iter().chain([requests]).collect()
            }
            _ => self.tool.words(task).context("the tool cannot do that")?,
        };
        let mut all = vec![
            self.valgrind.display().to_string(),
            "--tool=callgrind".to_owned(),
            format!("--callgrind-out-file={}", self.file.display()),
        ];
        all.extend(words);
        let ran = bench.pins.run(&all)?;
        let requests = match task.requests.filter(|_| ran.status.success()) {
            Some(requests) => requests,
            None => self.tool.read(&ran.stdout).context("it said nothing under valgrind")?.requests,
        };
        let collected = ran
            .stderr
            .lines()
            .find_map(|line| line.split_once("Collected : ").map(|(_, number)| number.trim()))
            .and_then(|number| number.parse::<f64>().ok())
            .context("callgrind collected nothing")?;
        Ok((collected, requests as f64))
    }
}
