//! Requests per processor second, of a loop of one request and of a realistic script.

use std::collections::BTreeMap;

use anyhow::Result;

use super::Bench;
use super::runs::{self, Task};
use crate::bench::table::{Table, median, megabytes, spread};

const USERS: u32 = 50;
const WRK: &str = "wrk";

/// Both scripts; ratios are of pairs in one round.
pub(super) fn part(bench: &Bench) -> Result<String> {
    let seconds = bench.seconds(3, 8);
    let mut text = format!(
        "### Requests per processor second\n\n{USERS} users, {seconds} s a run, nginx; user and system time of the whole process.\n"
    );
    for (title, name) in [("one `http.get`", "simple.js"), ("60 lines", "realistic.js")] {
        text += &format!("\n{}", paired(bench, title, name, seconds)?);
    }
    Ok(text)
}

#[derive(Default)]
struct Seen {
    per_second: Vec<f64>,
    peak: Vec<f64>,
}

fn paired(bench: &Bench, title: &str, name: &str, seconds: u32) -> Result<String> {
    let flags = format!("--vus {USERS} --duration {seconds}s");
    let task = Task::new(name, &flags).with("URL", bench.url()?);
    let mut seen: BTreeMap<&str, Seen> = BTreeMap::new();
    for round in 0..bench.rounds {
        for engine in bench.rotated(round) {
            let done = engine.run(bench, &task)?;
            let row = seen.entry(engine.name).or_default();
            row.per_second.push(done.requests()? / done.ran.cpu_seconds.max(1e-9));
            row.peak.extend(done.peak().ok());
        }
        if name == "simple.js" && bench.wrk.is_some() {
            let wrk = runs::wrk(bench, USERS, seconds)?;
            let row = seen.entry(WRK).or_default();
            row.per_second.push(wrk.requests / wrk.ran.cpu_seconds.max(1e-9));
            row.peak.push(wrk.ran.peak_rss as f64);
        }
    }
    let ours = seen.get(bench.engines[0].name).map(|row| row.per_second.clone());
    let ours = ours.unwrap_or_default();
    let mut table =
        Table::new(&[title, "requests / CPU-s", "µs a request", "ours ÷ this", "peak memory"]);
    let names = bench.engines.iter().map(|engine| engine.name).chain([WRK]);
    for (name, row) in names.filter_map(|name| Some((name, seen.get(name)?))) {
        let ratios: Vec<f64> =
            ours.iter().zip(&row.per_second).map(|(ours, this)| ours / this).collect();
        let mut sorted = row.per_second.clone();
        sorted.sort_by(f64::total_cmp);
        table.row(vec![
            name.to_owned(),
            spread(&row.per_second, |value| format!("{value:.0}")),
            format!("{:.1}", 1e6 / median(&sorted)),
            spread(&ratios, |value| format!("{value:.2}")),
            spread(&row.peak, megabytes),
        ]);
    }
    Ok(table.to_string())
}
