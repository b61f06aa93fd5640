//! The summary on a terminal: thresholds, totals, and in a full one each group and scenario.

use super::block::{self, Paint, push};
use super::groups::{self, Check, Group};
use super::order::{Entry, collate, entries, is_detail};
use super::{Mode, Summary};
use crate::number;
use crate::part::{Part, Place};
use crate::registry::{Contains, Kind};
use crate::threshold::{Aggregation, Outcome};

/// The scenario of a script that names none; its groups stand by themselves.
const DEFAULT: &str = "default";

/// Two empty lines before, between and one more behind the blocks.
pub(super) fn write(summary: &Summary<'_>) -> String {
    let paint = Paint { on: summary.options.color };
    let full = summary.options.mode == Mode::Full;
    let mut blocks = Vec::new();
    blocks.extend(thresholds(summary, paint));
    let mut all = entries(summary);
    if !full {
        all.retain(|entry| !is_detail(&entry.metric));
    }
    let checks = groups::checks(summary.snapshot, |_| true);
    let mut total = title("TOTAL RESULTS", paint);
    total.push_str(&block::write(summary, &all, &checks, 4));
    blocks.push(total);
    if full {
        blocks.extend(scenarios(summary, paint));
    }
    format!("\n\n{}\n\n\n", blocks.join("\n\n"))
}

fn title(text: &str, paint: Paint) -> String {
    format!("  █ {} \n", paint.paint(Paint::BOLD, text))
}

fn thresholds(summary: &Summary<'_>, paint: Paint) -> Option<String> {
    let outcomes = summary.thresholds.evaluate(summary.snapshot);
    let mut targets: Vec<_> = summary
        .thresholds
        .targets()
        .iter()
        .filter(|target| !target.thresholds.is_empty())
        .collect();
    if targets.is_empty() {
        return None;
    }
    targets.sort_by(|one, other| collate(&one.name, &other.name));
    // A part of a metric stands under it when the metric itself has thresholds.
    let nested = |target: &crate::threshold::Target| {
        target.part != Part::Whole
            && targets
                .iter()
                .any(|other| other.part == Part::Whole && other.metric == target.metric)
    };
    let mut text = title("THRESHOLDS", paint);
    let mut write = |name: &str, full: &str, indent: usize| {
        text.push('\n');
        push(&mut text, indent, name);
        for outcome in outcomes.iter().filter(|outcome| outcome.target.name == full) {
            push(&mut text, indent, &line(summary, outcome, paint));
        }
    };
    for target in targets.iter().filter(|target| !nested(target)) {
        write(&target.name, &target.name, 4);
        if target.part == Part::Whole {
            let parts = targets.iter().filter(|part| nested(part) && part.metric == target.metric);
            for part in parts {
                write(&part.name[target.metric.name().len()..], &part.name, 6);
            }
        }
    }
    Some(text)
}

fn line(summary: &Summary<'_>, outcome: &Outcome<'_>, paint: Paint) -> String {
    let threshold = outcome.threshold;
    let metric = &outcome.target.metric;
    let shown =
        |contains: Contains| number::value(outcome.value, contains, summary.options.time_unit);
    let value = match (metric.kind(), threshold.expression.aggregation) {
        (Kind::Rate, _) => number::percent(outcome.value),
        (Kind::Counter, Aggregation::Rate) => format!("{}/s", shown(metric.contains())),
        _ => shown(metric.contains()),
    };
    let (code, mark) = if outcome.passed { (Paint::GREEN, "✓") } else { (Paint::RED, "✗") };
    let written = threshold.source.find(['<', '>', '=', '!']).unwrap_or(threshold.source.len());
    format!(
        "{} {} {}={}",
        paint.paint(code, mark),
        paint.paint(Paint::WHITE, &format!("'{}'", threshold.source)),
        paint.paint(Paint::WHITE, threshold.source[..written].trim()),
        paint.paint(Paint::CYAN, &value)
    )
}

/// Groups of the default scenario, of setup and of teardown; then the other scenarios, each with
/// its groups.
fn scenarios(summary: &Summary<'_>, paint: Paint) -> Vec<String> {
    let snapshot = summary.snapshot;
    let alone = |scenario: &str| scenario.is_empty() || scenario == DEFAULT;
    let mut blocks = Vec::new();
    for group in &groups::tree(snapshot, alone).groups {
        if group.is_only_checks_of_setup() {
            continue;
        }
        let mut text = title(&format!("GROUP: {}", group.name), paint);
        inside(summary, group, alone, 4, &mut text);
        blocks.push(text);
    }
    let mut names: Vec<&str> = Vec::new();
    for (key, _) in snapshot.parts() {
        if let Part::Scenario(name) = &key.part
            && !alone(name)
            && !names.contains(&&**name)
        {
            names.push(name);
        }
    }
    names.sort_by(|one, other| collate(one, other));
    for name in names {
        let own = |scenario: &str| scenario == name;
        let mut text = title(&format!("SCENARIO: {name}"), paint);
        let entries =
            of_part(summary, |part| matches!(part, Part::Scenario(other) if **other == *name));
        let checks = groups::checks(snapshot, own);
        text.push_str(&block::write(summary, &entries, &checks, 4));
        for group in &groups::tree(snapshot, own).groups {
            nested(summary, group, own, 4, &mut text);
        }
        blocks.push(text);
    }
    blocks
}

/// What is in a group.
fn inside(
    summary: &Summary<'_>,
    group: &Group,
    of: impl Fn(&str) -> bool + Copy,
    indent: usize,
    text: &mut String,
) {
    let around = group.is_around();
    let none: &[Check] = &[];
    let checks = if around { none } else { &group.checks };
    let entries = of_part(summary, |part| {
        matches!(part, Part::Group(Place { scenario, group: path })
            if !around && of(scenario) && **path == *group.path)
    });
    text.push_str(&block::write(summary, &entries, checks, indent));
    for inner in &group.groups {
        nested(summary, inner, of, indent, text);
    }
}

fn nested(
    summary: &Summary<'_>,
    group: &Group,
    of: impl Fn(&str) -> bool + Copy,
    indent: usize,
    text: &mut String,
) {
    let paint = Paint { on: summary.options.color };
    text.push('\n');
    let name = paint.paint(Paint::BOLD, &format!("GROUP: {}", group.name));
    push(text, indent, &format!("↳ {name} "));
    inside(summary, group, of, indent + 2, text);
}

/// The metrics of a part, by name; parts that are the same for the caller together.
fn of_part(summary: &Summary<'_>, wanted: impl Fn(&Part) -> bool) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for (key, sink) in summary.snapshot.parts().filter(|(key, _)| wanted(&key.part)) {
        match entries.iter_mut().find(|entry| entry.metric == key.metric) {
            Some(entry) => entry.sink.merge(sink),
            None => {
                entries.push(Entry { metric: key.metric.clone(), suffix: None, sink: sink.clone() })
            }
        }
    }
    entries.sort_by(|one, other| collate(one.metric.name(), other.metric.name()));
    entries
}
