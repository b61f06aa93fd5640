//! The targets: what they were, how they ended, and the processor and memory they used over time.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::View;
use crate::chart::{Chart, Line, Point, Shape};
use crate::number;
use crate::outcome::{ResourceSample, Target};

pub(super) fn section(view: &View<'_>) -> Markup {
    let targets = &view.outcome.targets;
    html! {
        section id="targets" {
            h2 { "Targets" }
            @if targets.is_empty() {
                p class="nodata" { "No target was named." }
            } @else {
                @if let Some(busiest) = busiest(view) { p { (busiest) } }
                (table(targets))
                @if targets.iter().filter(|target| !target.samples.is_empty()).count() > 1 {
                    div class="charts" { (together(view)) }
                }
                @for target in targets { (one(view, target)) }
            }
        }
    }
}

fn table(targets: &[Target]) -> Markup {
    let highest = |target: &Target, value: fn(&ResourceSample) -> Option<u32>| {
        let highest = target.samples.iter().filter_map(value).max();
        highest.map_or("no data".to_owned(), |highest| number::count(highest.into()))
    };
    let size = |target: &Target, value: fn(&ResourceSample) -> Option<u64>| {
        let last = target.samples.iter().filter_map(value).max();
        last.map_or("no data".to_owned(), |bytes| number::bytes(bytes as f64))
    };
    html! {
        div class="scroll" tabindex="0" role="region" aria-label="Targets" {
            table {
                thead { tr {
                    th { "Target" } th { "Address" } th { "Ended" }
                    th class="n" { "CPU time" } th class="n" { "Peak memory" }
                    th class="n" { "Peak threads" } th class="n" { "Peak open files" }
                    th class="n" { "Read" } th class="n" { "Written" }
                } }
                tbody {
                    @for target in targets {
                        tr {
                            th scope="row" { bdi { (target.name) } }
                            td { code { (target.address) } }
                            td { (target.ended) }
                            td class="n" { (target.cpu_seconds.map_or("no data".to_owned(), |seconds| format!("{} s", number::three_digits(seconds)))) }
                            td class="n" { (target.peak_rss_bytes.map_or("no data".to_owned(), |bytes| number::bytes(bytes as f64))) }
                            td class="n" { (highest(target, |sample| Some(sample.threads))) }
                            td class="n" { (highest(target, |sample| sample.fds)) }
                            td class="n" { (size(target, |sample| sample.read_bytes)) }
                            td class="n" { (size(target, |sample| sample.write_bytes)) }
                        }
                    }
                }
            }
        }
    }
}

fn one(view: &View<'_>, target: &Target) -> Markup {
    html! {
        section class="flow" {
            h3 { bdi { (target.name) } }
            @match &target.command {
                Some(command) => p class="soft" { "Started with " code { (command) } },
                None => p class="soft" { "Was running already; it was not started by this trial." },
            }
            @if target.samples.is_empty() {
                p class="nodata" { "No data measured: its processor and memory could not be sampled." }
            } @else {
                div class="charts" {
                    (cpu(view, "CPU", line(target, |sample| sample.cpu_cores), Vec::new()))
                    (memory(view, line(target, |sample| sample.rss_bytes as f64)))
                }
            }
        }
    }
}

fn together(view: &View<'_>) -> Markup {
    let sums = cores_together(view.outcome.targets.as_slice());
    let points = sums
        .into_iter()
        .map(|(second, cores)| Point { second: second as f64 + 0.5, value: Some(cores) })
        .collect();
    let cpus = view.outcome.trial.host.cpus;
    let capacity = match cpus {
        0 => Vec::new(),
        1 => vec![(1.0, "the machine's only CPU".to_owned())],
        cpus => vec![(f64::from(cpus), format!("all {cpus} CPUs of the machine"))],
    };
    cpu(view, "CPU of all targets together", gaps(points), capacity)
}

fn cpu(view: &View<'_>, title: &str, points: Vec<Point>, capacity: Vec<(f64, String)>) -> Markup {
    Chart {
        title,
        caption: "processors in use".to_owned(),
        shape: Shape::FromZero,
        short: cores,
        long: cores,
        lines: vec![Line { name: "", class: "line p95", points }],
        bounds: capacity,
        background: &view.background,
    }
    .draw()
}

fn memory(view: &View<'_>, points: Vec<Point>) -> Markup {
    Chart {
        title: "Memory",
        caption: "resident".to_owned(),
        shape: Shape::Bytes,
        short: number::short_bytes,
        long: number::bytes,
        lines: vec![Line { name: "", class: "line p95", points }],
        bounds: Vec::new(),
        background: &view.background,
    }
    .draw()
}

fn line(target: &Target, value: fn(&ResourceSample) -> f64) -> Vec<Point> {
    let point =
        |sample: &ResourceSample| Point { second: sample.second, value: Some(value(sample)) };
    gaps(target.samples.iter().map(point).collect())
}

/// Breaks the line where samples are missing: a step much longer than the usual one.
fn gaps(points: Vec<Point>) -> Vec<Point> {
    let mut steps: Vec<f64> =
        points.windows(2).map(|pair| pair[1].second - pair[0].second).collect();
    steps.sort_by(f64::total_cmp);
    let usual = steps.get(steps.len() / 2).copied().unwrap_or(0.0);
    let mut result: Vec<Point> = Vec::with_capacity(points.len());
    for point in points {
        if let Some(last) = result.last().copied()
            && point.second - last.second > usual * 3.0
        {
            result.push(Point { second: last.second, value: None });
        }
        result.push(point);
    }
    result
}

/// Processors in use by all targets, for each second in which any was sampled.
fn cores_together(targets: &[Target]) -> BTreeMap<u64, f64> {
    let mut sums: BTreeMap<u64, f64> = BTreeMap::new();
    for target in targets {
        // Of two samples of one target in a second the higher counts, not both.
        let mut own: BTreeMap<u64, f64> = BTreeMap::new();
        let usable =
            |sample: &&ResourceSample| sample.second >= 0.0 && sample.cpu_cores.is_finite();
        for sample in target.samples.iter().filter(usable) {
            let highest = own.entry(sample.second as u64).or_insert(0.0);
            *highest = highest.max(sample.cpu_cores);
        }
        for (second, cores) in own {
            *sums.entry(second).or_insert(0.0) += cores;
        }
    }
    sums
}

fn busiest(view: &View<'_>) -> Option<String> {
    let targets = &view.outcome.targets;
    let (second, all) = cores_together(targets).into_iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let peak =
        |target: &Target| target.samples.iter().map(|sample| sample.cpu_cores).fold(0.0, f64::max);
    let hungriest = targets.iter().max_by(|a, b| peak(a).total_cmp(&peak(b)))?;
    let cpus = view.outcome.trial.host.cpus;
    let busy = format!(
        "At their busiest, at {}, the targets together used {} of {cpus} CPUs",
        number::clock(second as f64),
        cores(all)
    );
    Some(if targets.len() > 1 {
        format!(
            "{busy}; the hungriest was {} with up to {}.",
            hungriest.name,
            cores(peak(hungriest))
        )
    } else {
        format!("{busy}.")
    })
}

fn cores(value: f64) -> String {
    let digits = number::three_digits(value);
    number::trimmed(&digits).to_owned()
}
