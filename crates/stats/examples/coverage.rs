//! Prints the judge's simulated error rates as markdown: `coverage [runs per cell]`, 500 by default.

use std::io::Write;

use seaworthy_stats::simulate::{Cell, Coverage, Pattern, coverage};

/// One seed a cell, so that cells do not depend on each other.
const SEED: u64 = 20_261_120;

fn main() -> std::io::Result<()> {
    let runs = std::env::args().nth(1).and_then(|runs| runs.parse().ok()).unwrap_or(500);
    let mut output = std::io::stdout().lock();
    writeln!(
        output,
        "Coverage of the 95 % interval with the truth at the bound, in percent; from 120 s on also \
         coverage/false pass/false fail. Power: pass at half the bound/fail at twice it. Drift: \
         steady runs of 300 s said to drift. {runs} runs a cell, seed {SEED}.\n\n\
         | service | 30 s (50 · 500 · 5000/s) | 90 s (50 · 500 · 5000/s) | 120 s, 500/s | 300 s, 500/s \
         | power 300 s | 600 s (50 · 500 · 5000/s) | power 600 s | drift |\n|---|---|---|---|---|---|---|---|---|"
    )?;
    for (row, (name, pattern, bound)) in rows().into_iter().enumerate() {
        let cell = |column: u64, rate: f64, seconds: u32| {
            let seed = SEED + 100 * row as u64 + column;
            coverage(&Cell { pattern, rate, bound, seconds }, runs, seed)
        };
        let covered = |first: u64, seconds: u32| {
            let rates = [50.0, 500.0, 5000.0];
            let found: Vec<String> = (first..)
                .zip(rates)
                .map(|(column, rate)| percent(cell(column, rate, seconds).covered))
                .collect();
            found.join(" · ")
        };
        let (two, five) = (cell(6, 500.0, 120), cell(7, 500.0, 300));
        let ten =
            [(8, 50.0), (9, 500.0), (10, 5000.0)].map(|(column, rate)| cell(column, rate, 600));
        writeln!(
            output,
            "| {name} {pattern} | {} | {} | {} | {} | {} | {} | {} | {} |",
            covered(0, 30),
            covered(3, 90),
            errors(&two),
            errors(&five),
            power(&five),
            ten.each_ref().map(errors).join(" · "),
            power(&ten[1]),
            percent(five.false_drift),
        )?;
        output.flush()?;
    }
    Ok(())
}

fn rows() -> Vec<(&'static str, Pattern, f64)> {
    let rhos = [0.0, 0.5, 0.8, 0.9, 0.95];
    let bursts = [(2.0, 10.0), (3.0, 30.0), (5.0, 60.0)];
    let mut rows = Vec::new();
    for (name, bound, variation) in [("errors", 0.001, 1.0), ("p95", 0.05, 0.5)] {
        rows.extend(rhos.map(|rho| (name, Pattern::Wandering { rho, variation }, bound)));
        rows.extend(bursts.map(|(length, gap)| (name, Pattern::Bursts { length, gap }, bound)));
    }
    rows
}

fn errors(found: &Coverage) -> String {
    let Coverage { covered, false_pass, false_fail, .. } = *found;
    format!("{}/{}/{}", percent(covered), percent(false_pass), percent(false_fail))
}

fn power(found: &Coverage) -> String {
    format!("{}/{}", percent(found.power_pass), percent(found.power_fail))
}

/// A whole number of percent, one decimal below ten.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent < 10.0 {
        format!("{}", (percent * 10.0).round() / 10.0)
    } else {
        format!("{percent:.0}")
    }
}
