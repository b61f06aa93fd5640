//! What each tool sees of the stalling server.

use anyhow::Result;

use super::Bench;
use super::tools::{Task, Tool};
use crate::bench::stalling::{TRUTH, serve};
use crate::bench::table::{Table, milliseconds};

const CONNECTIONS: u32 = 10;
const RATE: u32 = 300;

/// Measures every tool in the ways it offers.
pub(super) fn part(bench: &Bench) -> Result<String> {
    let url = serve()?;
    let seconds = if bench.quick { 5 } else { 15 };
    let open = Task {
        url,
        connections: CONNECTIONS,
        seconds: Some(seconds),
        requests: None,
        rate: Some(RATE),
        corrected: false,
    };
    let closed = Task { rate: None, ..open.clone() };
    let mut table = Table::new(&["tool", "p50", "p90", "p95", "p99", "requests"]);
    let truth = TRUTH.map(|(_, time)| milliseconds(time));
    table.row(
        [&["the truth for uniform arrivals".to_owned()][..], &truth, &["".to_owned()]].concat(),
    );
    for _ in 0..if bench.quick { 1 } else { 3 } {
        for tool in &bench.tools {
            let ways: &[(&str, &Task)] = match tool {
                Tool::Ours(_) => &[("--rate 300", &open), ("closed model", &closed)],
                Tool::Wrk(_) => &[("(closed model only)", &closed)],
                Tool::Oha(_) => &[("-q 300", &open), ("-q 300 --latency-correction", &open)],
            };
            for (way, task) in ways {
                let task = Task { corrected: way.contains("correction"), ..(*task).clone() };
                let (_, said) = tool.run(&bench.pins, &task)?;
                let mut row = vec![format!("{} {way}", tool.name())];
                row.extend(TRUTH.map(|(percent, _)| {
                    said.at(percent).map_or_else(|| "not shown".to_owned(), milliseconds)
                }));
                row.push(said.requests.to_string());
                table.row(row);
            }
        }
    }
    Ok(format!(
        "### A server that stalls for 1 s in every 5 s\n\n{CONNECTIONS} connections, {seconds} s a run.\n\n{table}"
    ))
}
