//! What each engine says of time: beside `wrk`, at a server that stalls, and beside a user that
//! computes.

use std::collections::BTreeMap;

use anyhow::Result;

use super::Bench;
use super::runs::{self, Done, Task};
use crate::bench::stalling;
use crate::bench::table::{Table, milliseconds, spread};

const STATS: &str = "--summary-trend-stats med,p(90),p(95),p(99)";

/// Percentiles, and what a summary calls them.
const SHOWN: [(f64, &str); 4] = [(50.0, "med"), (90.0, "p(90)"), (95.0, "p(95)"), (99.0, "p(99)")];

/// Latencies of a closed model, beside `wrk`'s.
pub(super) fn closed(bench: &Bench) -> Result<String> {
    const USERS: u32 = 10;
    let seconds = bench.seconds(3, 8);
    let flags = format!("--vus {USERS} --duration {seconds}s {STATS}");
    let task = Task::new("simple.js", &flags).with("URL", bench.url()?);
    let mut seen: BTreeMap<&str, BTreeMap<&str, Vec<f64>>> = BTreeMap::new();
    for round in 0..bench.rounds {
        for engine in bench.rotated(round) {
            let done = engine.run(bench, &task)?;
            let row = seen.entry(engine.name).or_default();
            for (_, name) in SHOWN {
                row.entry(name).or_default().extend(done.figure("http_req_duration", name));
            }
        }
        if bench.wrk.is_some() {
            let wrk = runs::wrk(bench, USERS, seconds)?;
            let row = seen.entry("wrk").or_default();
            for (percent, name) in SHOWN {
                row.entry(name).or_default().extend(wrk.at(percent));
            }
        }
    }
    let mut table = Table::new(&["`http_req_duration`", "p50", "p90", "p95", "p99"]);
    for name in bench.engines.iter().map(|engine| engine.name).chain(["wrk"]) {
        let Some(row) = seen.get(name) else { continue };
        let mut cells = vec![name.to_owned()];
        cells.extend(SHOWN.map(|(_, name)| {
            spread(row.get(name).map_or(&[][..], Vec::as_slice), |time| format!("{time:.3} ms"))
        }));
        table.row(cells);
    }
    Ok(format!(
        "### Latencies beside wrk\n\nA loop of one request, {USERS} users, {seconds} s a run, nginx.\n\n{table}"
    ))
}

/// Arrivals at a server that stalls, with ours told to queue and not, and with k6.
pub(super) fn stalling(bench: &Bench) -> Result<String> {
    let seconds = bench.seconds(10, 20);
    let task =
        Task::new("stalling.js", STATS).with("URL", stalling::serve()?).with("SECONDS", seconds);
    let mut queued = task.clone();
    queued.flags.push("--queue".to_owned());
    let mut table =
        Table::new(&["engine and metric", "p50", "p90", "p95", "p99", "iterations", "dropped"]);
    let truth = stalling::TRUTH.map(|(_, time)| milliseconds(time));
    let of_truth = [
        &["the truth for uniform arrivals".to_owned()][..],
        &truth,
        &["".to_owned(), "none".to_owned()],
    ];
    table.row(of_truth.concat());
    let rounds = if bench.quick { 1 } else { bench.rounds.min(3) };
    for _ in 0..rounds {
        for engine in &bench.engines {
            let mut ways = vec![("", &task)];
            if engine.is_ours {
                ways.insert(0, (" --queue", &queued));
            }
            for (way, task) in ways {
                let done = engine.run(bench, task)?;
                for metric in ["http_req_duration", "iteration_duration"] {
                    let count = |metric| {
                        done.figure(metric, "count")
                            .map_or_else(|| "0".to_owned(), |it| format!("{it:.0}"))
                    };
                    let mut row = vec![format!("{}{way}: `{metric}`", engine.name)];
                    row.extend(percentiles(&done, metric));
                    row.extend([count("iterations"), count("dropped_iterations")]);
                    table.row(row);
                }
            }
        }
    }
    Ok(format!(
        "### A server that stalls for 1 s in every 5 s\n\n300 arrivals a second, 50 users at most, {seconds} s a run.\n\n{table}"
    ))
}

fn percentiles(done: &Done, metric: &str) -> [String; 4] {
    SHOWN.map(|(_, name)| {
        done.figure(metric, name).map_or_else(|| "not shown".to_owned(), milliseconds)
    })
}

/// What a user that computes does to the times of the others, and what is said of it.
pub(super) fn busy(bench: &Bench) -> Result<String> {
    let seconds = bench.seconds(4, 8);
    let base = Task::new("busy.js", STATS).with("URL", bench.url()?).with("SECONDS", seconds);
    let heavy = base.clone().with("HEAVY", 1);
    let mut table = Table::new(&["engine and metric", "p50", "p90", "p95", "p99"]);
    let mut said = Vec::new();
    for engine in &bench.engines {
        for (way, task) in [("alone", &base), ("beside one that computes", &heavy)] {
            let done = engine.run(bench, task)?;
            let metric = "light_duration";
            let mut row = vec![format!("{}, {way}: `{metric}`", engine.name)];
            row.extend(percentiles(&done, metric));
            table.row(row);
            let lag = done.ran.stderr.lines().filter(|line| line.contains("loop lag"));
            said.extend(lag.map(|line| format!("{}, {way}, says: {line}\n", engine.name)));
        }
    }
    Ok(format!(
        "### Beside a user that computes\n\nTen users with a request each 10 ms, alone and beside one that computes for 200 ms at a time, on one processor.\n\n{table}\n{}",
        said.concat()
    ))
}
