//! One block of the text: checks, then metrics in sections, in columns.

use std::fmt::Write as _;

use super::Summary;
use super::groups::Check;
use super::order::{Entry, Section};
use crate::number;
use crate::registry::Contains;
use crate::sink::Sink;

/// What a text is painted with, or not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint {
    pub(super) on: bool,
}

impl Paint {
    pub(super) const BOLD: &'static str = "1";
    pub(super) const RED: &'static str = "31";
    pub(super) const GREEN: &'static str = "32";
    pub(super) const WHITE: &'static str = "37";
    pub(super) const CYAN: &'static str = "36";
    const FAINT: &'static str = "2;36";
    const DOTS: &'static str = "2;37";

    pub(super) fn paint(self, code: &str, text: &str) -> String {
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// What stands behind a name.
struct Row {
    section: Section,
    name: String,
    cells: Cells,
}

enum Cells {
    /// A statistic each: name and value.
    Trend(Vec<(String, String)>),
    /// A value, and what is said beside it.
    Plain(String, Vec<String>),
}

/// Lines of checks and metrics, `indent` spaces in; empty when there is nothing to show. Begins
/// with an empty line.
pub(super) fn write(
    summary: &Summary<'_>,
    entries: &[Entry],
    checks: &[Check],
    indent: usize,
) -> String {
    let paint = Paint { on: summary.options.color };
    let mut text = String::new();
    self::checks(&mut text, summary, checks, indent, paint);
    metrics(&mut text, &rows(summary, entries), indent, paint);
    text
}

fn checks(text: &mut String, summary: &Summary<'_>, checks: &[Check], indent: usize, paint: Paint) {
    if checks.is_empty() {
        return;
    }
    let passes: u64 = checks.iter().map(|check| check.passes).sum();
    let total = passes + checks.iter().map(|check| check.fails).sum::<u64>();
    let share = |part: u64| number::percent(part as f64 / total.max(1) as f64);
    let seconds = summary.snapshot.run.as_secs_f64();
    let rate = if seconds > 0.0 { total as f64 / seconds } else { 0.0 };
    let of = |part: u64| format!("{part} out of {total}");
    let lines = [
        ("checks_total", total.to_string(), format!("{}/s", number::decimals(rate, 6))),
        ("checks_succeeded", share(passes), of(passes)),
        ("checks_failed", share(total - passes), of(total - passes)),
    ];
    let rows = lines.map(|(name, value, beside)| Row {
        section: Section::Custom,
        name: name.to_owned(),
        cells: Cells::Plain(value, vec![beside]),
    });
    let rows: Vec<_> = rows.iter().collect();
    text.push('\n');
    columns(text, &rows, &Widths::of(&rows), indent, paint);
    text.push('\n');
    for check in checks {
        let (code, mark) =
            if check.fails == 0 { (Paint::GREEN, '✓') } else { (Paint::RED, '✗') };
        let line = paint.paint(code, &format!("{mark} {}", check.name));
        push(text, indent, &line);
        if check.fails > 0 {
            let all = (check.passes + check.fails) as f64;
            let percent = (100.0 * check.passes as f64 / all).floor();
            let (passes, fails) = (check.passes, check.fails);
            let line = format!("↳  {percent}% — ✓ {passes} / ✗ {fails}");
            // As k6 moves it in: twice as far in groups.
            push(text, 2 * indent - 2, &paint.paint(code, &line));
        }
    }
}

fn rows(summary: &Summary<'_>, entries: &[Entry]) -> Vec<Row> {
    let unit = summary.options.time_unit;
    let row = |entry: &Entry| {
        let section = Section::of(&entry.metric)?;
        let contains = entry.metric.contains();
        let shown = |value: f64| number::value(value, contains, unit);
        let name = match &entry.suffix {
            Some(suffix) => format!("  {{ {suffix} }}"),
            None => entry.metric.name().to_owned(),
        };
        let cells = match &entry.sink {
            Sink::Trend(trend) => {
                let values = trend.values();
                let statistics = summary.options.statistics.iter();
                let cell = statistics.map(|statistic| {
                    let value = statistic.of(trend, &values);
                    let contains = if statistic.is_count() { Contains::Default } else { contains };
                    (statistic.name.clone(), number::value(value, contains, unit))
                });
                Cells::Trend(cell.collect())
            }
            Sink::Counter(counter) => {
                let rate = format!("{}/s", shown(counter.rate(summary.snapshot.run)));
                Cells::Plain(shown(counter.sum), vec![rate])
            }
            Sink::Gauge(gauge) => Cells::Plain(
                shown(gauge.value),
                vec![format!("min={}", shown(gauge.min)), format!("max={}", shown(gauge.max))],
            ),
            Sink::Rate(rate) => {
                let beside = format!("{} out of {}", rate.trues, rate.total);
                Cells::Plain(number::percent(rate.share()), vec![beside])
            }
        };
        Some(Row { section, name, cells })
    };
    entries.iter().filter_map(row).collect()
}

fn metrics(text: &mut String, rows: &[Row], indent: usize, paint: Paint) {
    let widths = Widths::of(&rows.iter().collect::<Vec<_>>());
    for section in Section::ALL {
        let own: Vec<_> = rows.iter().filter(|row| row.section == section).collect();
        if !own.is_empty() {
            text.push('\n');
            push(text, indent, &paint.paint(Paint::BOLD, section.title()));
            columns(text, &own, &widths, indent, paint);
        }
    }
}

/// How wide the columns of a block are, in letters.
#[derive(Default)]
struct Widths {
    name: usize,
    statistics: Vec<usize>,
    value: usize,
    beside: usize,
}

impl Widths {
    fn of(rows: &[&Row]) -> Self {
        let mut widths = Self::default();
        for row in rows {
            widths.name = widths.name.max(letters(&row.name));
            match &row.cells {
                Cells::Trend(cells) => {
                    widths.statistics.resize(cells.len(), 0);
                    for (width, (_, value)) in widths.statistics.iter_mut().zip(cells) {
                        *width = (*width).max(letters(value));
                    }
                }
                Cells::Plain(value, beside) => {
                    widths.value = widths.value.max(letters(value));
                    let first = beside.first().map_or(0, |first| letters(first));
                    widths.beside = widths.beside.max(first);
                }
            }
        }
        widths
    }
}

fn columns(text: &mut String, rows: &[&Row], widths: &Widths, indent: usize, paint: Paint) {
    for row in rows {
        let dots = ".".repeat(widths.name - letters(&row.name) + 3);
        let mut line = format!("{}{} ", row.name, paint.paint(Paint::DOTS, &format!("{dots}:")));
        match &row.cells {
            Cells::Trend(cells) => {
                let cells = cells.iter().zip(&widths.statistics).map(|((name, value), width)| {
                    let rest = " ".repeat(width - letters(value));
                    format!("{name}={}{rest}", paint.paint(Paint::CYAN, value))
                });
                line.push_str(&cells.collect::<Vec<_>>().join(" "));
            }
            Cells::Plain(value, beside) => {
                let rest = " ".repeat(widths.value - letters(value));
                line.push_str(&format!("{}{rest}", paint.paint(Paint::CYAN, value)));
                for (place, beside_value) in beside.iter().enumerate() {
                    line.push(' ');
                    line.push_str(&paint.paint(Paint::FAINT, beside_value));
                    if place + 1 < beside.len() {
                        line.push_str(&" ".repeat(widths.beside - letters(beside_value)));
                    }
                }
            }
        }
        push(text, indent, &line);
    }
}

pub(super) fn push(text: &mut String, indent: usize, line: &str) {
    // Writing into a string does not fail.
    let _ = writeln!(text, "{:indent$}{line}", "");
}

fn letters(text: &str) -> usize {
    text.chars().count()
}
