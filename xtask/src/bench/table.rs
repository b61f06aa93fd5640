//! Markdown: the heading that says on what machine, tables, and numbers as people read them.

use std::fmt;

use super::measured::Pins;

/// A Markdown table.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(head: &[&str]) -> Self {
        let rule = vec!["---".to_owned(); head.len()];
        Self { rows: vec![head.iter().map(ToString::to_string).collect(), rule] }
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.rows {
            writeln!(formatter, "| {} |", row.join(" | "))?;
        }
        Ok(())
    }
}

/// Where this was measured, and what could not be.
pub(super) fn heading(pins: &Pins, rounds: usize, quick: bool, missing: &[&str]) -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let load = read("/proc/loadavg");
    let load = load.split_whitespace().next().unwrap_or("unknown").to_owned();
    let busy = load.parse::<f64>().is_ok_and(|load| load > 0.5);
    let busy = if busy { ": a busy machine, trust ratios only" } else { "" };
    let mut text = format!(
        "{processors} × {}, Linux {}, {}; load average {load} beforehand{busy}; {} round(s){}.\n\n",
        model.map_or("unknown processor", |(_, model)| model.trim()),
        read("/proc/sys/kernel/osrelease").trim(),
        pins.words(),
        rounds,
        if quick { ", quick" } else { "" },
    );
    if !missing.is_empty() {
        text.push_str(&format!("Not here, so not measured: {}.\n\n", missing.join(", ")));
    }
    text
}

/// A median with its range.
pub(super) fn spread(values: &[f64], show: impl Fn(f64) -> String) -> String {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.first(), sorted.last()) {
        (Some(low), Some(high)) if sorted.len() > 1 => {
            let show = |value| show(value);
            format!("{} ({}–{})", show(median(&sorted)), show(*low), show(*high))
        }
        (Some(only), _) => show(*only),
        _ => "not measured".to_owned(),
    }
}

/// The middle of sorted values; 0 without any.
pub(super) fn median(sorted: &[f64]) -> f64 {
    match sorted.len() {
        0 => 0.0,
        len if len % 2 == 1 => sorted[len / 2],
        len => f64::midpoint(sorted[len / 2 - 1], sorted[len / 2]),
    }
}

pub(super) fn milliseconds(time: f64) -> String {
    if time < 10.0 { format!("{time:.1} ms") } else { format!("{time:.0} ms") }
}

pub(super) fn megabytes(bytes: f64) -> String {
    format!("{:.1} MB", bytes / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_a_median_and_its_range() {
        let show = |value: f64| format!("{value:.1}");
        assert_eq!(spread(&[3.0, 1.0, 2.0], show), "2.0 (1.0–3.0)");
        assert_eq!(spread(&[1.0, 2.0], show), "1.5 (1.0–2.0)");
        assert_eq!(spread(&[4.0], show), "4.0");
        assert_eq!(spread(&[], show), "not measured");
    }
}
