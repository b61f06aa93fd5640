//! The flows: a table of all, and for each its latencies, rate and errors over time.

use std::collections::BTreeMap;

use maud::{Markup, html};
use seaworthy_stats::histogram::Histogram;

use super::View;
use crate::chart::{self, Bar, Chart, Line, Point, Shape};
use crate::outcome::{Flow, Phase};
use crate::series::{Series, points};
use crate::{number, terminal, text};

/// A quantile's name, its place and its style.
const QUANTILES: [(&str, f64, &str); 3] =
    [("p50", 0.5, "line p50"), ("p95", 0.95, "line p95"), ("p99", 0.99, "line p99")];

pub(super) fn section(view: &View<'_>) -> Markup {
    let flows = &view.outcome.flows;
    let mut names: Vec<&str> = Vec::new();
    for flow in flows {
        if !names.contains(&flow.name.as_str()) {
            names.push(&flow.name);
        }
    }
    html! {
        section id="flows" {
            h2 { "Flows" }
            @if flows.is_empty() {
                p class="nodata" { "No data measured: no flow was run." }
            } @else {
                (table(flows))
                (key(view))
            }
            @for (index, name) in names.iter().enumerate() {
                (one(view, index, name))
            }
        }
    }
}

fn table(flows: &[Flow]) -> Markup {
    let failed = flows.iter().any(|flow| flow.failed_iterations > 0);
    html! {
        div class="scroll" tabindex="0" role="region" aria-label="Flows" {
            table {
                thead { tr {
                    th { "Flow" } th { "Phase" }
                    th class="n" { "Offered" } th class="n" { "Requests" } th class="n" { "Rate" } th class="n" { "Failed" }
                    th class="n" { "p50" } th class="n" { "p95" } th class="n" { "p99" } th class="n" { "Highest" }
                    th class="n" { "Service p95" } th class="n" { "Checks failed" }
                    @if failed { th class="n" { "Failed iterations" } }
                    th class="n" { "Dropped" } th class="n" { "Cut off" }
                } }
                tbody {
                    @for flow in flows {
                        tr {
                            th scope="row" { bdi { (flow.name) } @if !flow.open_model { " *" } }
                            td { bdi { (flow.phase) } }
                            td class="n" { @match flow.offered_per_second {
                                Some(rate) => (number::short_rate(rate)),
                                None => "–",
                            } }
                            td class="n" { (number::count(flow.requests)) }
                            td class="n" { (number::rate(flow.per_second)) }
                            td class="n" { (terminal::failed_share(flow)) }
                            @for nanos in [flow.p50_ns, flow.p95_ns, flow.p99_ns, flow.max_ns, flow.service_p95_ns] {
                                td class="n" { (time(nanos)) }
                            }
                            td class="n" { (checks(flow)) }
                            @if failed { td class="n" { (number::count(flow.failed_iterations)) } }
                            td class="n" { (number::count(flow.dropped)) }
                            td class="n" { (number::count(flow.interrupted)) }
                        }
                    }
                }
            }
        }
        p class="soft" {
            "Times are response times. "
            @if flows.iter().any(|flow| flow.open_model) {
                "They count from the moment a request was due, so waiting for a free virtual user is part of them; the service time leaves that wait out. "
            }
            @if flows.iter().any(|flow| !flow.open_model) {
                "* Closed model: a virtual user waits for each answer, so these are service times."
            }
        }
    }
}

fn time(nanos: Option<u64>) -> String {
    nanos.map_or("no data".to_owned(), |nanos| number::duration(nanos as f64))
}

fn checks(flow: &Flow) -> String {
    match flow.checks_passed.saturating_add(flow.checks_failed) {
        0 => "no checks".to_owned(),
        total => format!("{} of {}", number::count(flow.checks_failed), number::count(total)),
    }
}

/// How to read the charts, once for all of them.
fn key(view: &View<'_>) -> Markup {
    let warm = |phase: &Phase| phase.warmup_until_second > phase.from_second;
    html! {
        p class="key soft" {
            "In the charts: "
            @if view.outcome.phases.iter().any(warm) {
                span { svg viewBox="0 0 24 10" aria-hidden="true" { path class="warmup" d="M0 10L10 0M6 10L16 0M12 10L22 0" {} } "warm-up, not judged" }
            }
            span { svg viewBox="0 0 24 10" aria-hidden="true" { path class="bound" d="M1 5H23" {} } "bound" }
            @if !view.background.marks.is_empty() {
                span { svg viewBox="0 0 24 10" aria-hidden="true" { path class="marktop" d="M6 1h12l-6 8z" {} } "event" }
            }
            @if !view.background.lost.is_empty() {
                span { svg viewBox="0 0 24 10" aria-hidden="true" { rect class="lost" width="24" height="10" {} } "lost second" }
            }
            span { "gap: nothing measured" }
            span { "touch a chart to read its values" }
        }
    }
}

fn one(view: &View<'_>, index: usize, name: &str) -> Markup {
    let flows: Vec<&Flow> = view.outcome.flows.iter().filter(|flow| flow.name == name).collect();
    html! {
        section class="flow" id={ "flow-" (index) } {
            h3 { bdi { (name) } }
            div class="charts" {
                (latency(view, name, flows.iter().all(|flow| flow.open_model)))
                (rate(view, name, &flows))
                @for flow in &flows { (histogram(view, flow, flows.len() > 1)) }
                (errors(view, name))
            }
        }
    }
}

fn latency(view: &View<'_>, name: &str, open_model: bool) -> Markup {
    let series = Series::select(view.timeline, "response_time", &[("flow", name)]);
    let places = QUANTILES.map(|(_, place, _)| place);
    let lines = series.quantiles(&places, view.seconds);
    Chart {
        title: if open_model { "Response time" } else { "Service time" },
        caption: "each second".to_owned(),
        shape: Shape::Latency,
        short: number::short_duration,
        long: number::duration,
        lines: QUANTILES
            .into_iter()
            .zip(lines)
            .map(|((name, _, class), points)| Line { name, class, points })
            .collect(),
        bounds: bounds(view, name),
        background: &view.background,
    }
    .draw()
}

/// The bounds on this flow's response time, named by their statements.
fn bounds(view: &View<'_>, flow: &str) -> Vec<(f64, String)> {
    let mut bounds: Vec<(f64, String)> = Vec::new();
    for objective in &view.outcome.objectives {
        if let Some(bound) = objective.bound_ns
            && concerns(view, &objective.subject, flow)
            && !bounds.iter().any(|(_, name)| *name == objective.statement)
        {
            bounds.push((bound as f64, objective.statement.clone()));
        }
    }
    bounds
}

/// Whether a subject such as `response_time of flow recall in phase baseline` means this flow; one
/// that names no flow means all.
fn concerns(view: &View<'_>, subject: &str, flow: &str) -> bool {
    let Some((metric, rest)) = subject.split_once(" of flow ") else {
        return subject.starts_with("response_time");
    };
    let named = |name: &str| {
        rest.strip_prefix(name).is_some_and(|tail| tail.is_empty() || tail.starts_with([' ', ',']))
    };
    // Of `recall` and `recall twice`, the longer is meant where both fit.
    let meant = view.outcome.flows.iter().map(|flow| flow.name.as_str()).filter(|name| named(name));
    metric == "response_time" && meant.max_by_key(|name| name.len()) == Some(flow)
}

fn rate(view: &View<'_>, name: &str, flows: &[&Flow]) -> Markup {
    let sum =
        |metric| Series::select(view.timeline, metric, &[("flow", name)]).sums(|slot| slot.sum);
    let (iterations, requests) = (sum("iterations"), sum("http_reqs"));
    let spans: Vec<&Phase> = view
        .outcome
        .phases
        .iter()
        .filter(|phase| flows.iter().any(|flow| flow.phase == phase.name))
        .collect();
    let ran = |second: u32| {
        let second = f64::from(second);
        spans.iter().any(|phase| second >= phase.from_second.floor() && second < phase.to_second)
    };
    // A second of a phase without a count is a true zero, unless the generator lost it.
    let line = |sums: &BTreeMap<u32, f64>| {
        points(view.seconds, |second| match sums.get(&second) {
            Some(sum) => Some(*sum),
            None if sums.is_empty() || view.timeline.lost().contains(&second) => None,
            None => ran(second).then_some(0.0),
        })
    };
    let total = |sums: &BTreeMap<u32, f64>| sums.values().sum::<f64>();
    let many_steps = (total(&requests) - total(&iterations)).abs() > 0.01 * total(&requests);
    let mut lines = Vec::new();
    let offered = offered(flows, &spans);
    // What was asked for is not a measurement: alone it would be a picture of nothing.
    let measured = !iterations.is_empty() || !requests.is_empty();
    if measured && !offered.is_empty() {
        lines.push(Line { name: "offered", class: "line offered", points: offered });
    }
    if !iterations.is_empty() {
        lines.push(Line { name: "iterations done", class: "line p95", points: line(&iterations) });
    }
    if many_steps || iterations.is_empty() {
        lines.push(Line { name: "requests done", class: "line p99", points: line(&requests) });
    }
    Chart {
        title: "Rate",
        caption: "per second".to_owned(),
        shape: Shape::FromZero,
        short: number::short_rate,
        long: number::short_rate,
        lines,
        bounds: Vec::new(),
        background: &view.background,
    }
    .draw()
}

fn offered(flows: &[&Flow], spans: &[&Phase]) -> Vec<Point> {
    let mut points = Vec::new();
    for phase in spans {
        let rate = flows
            .iter()
            .filter(|flow| flow.phase == phase.name)
            .find_map(|flow| flow.offered_per_second);
        if let Some(rate) = rate {
            let (from, to) = (phase.from_second, phase.to_second);
            points.extend([from, to].map(|second| Point { second, value: Some(rate) }));
            points.push(Point { second: to, value: None });
        }
    }
    points
}

fn histogram(view: &View<'_>, flow: &Flow, with_phase: bool) -> Markup {
    let tags = [("flow", flow.name.as_str()), ("phase", flow.phase.as_str())];
    let series = Series::select(view.timeline, "response_time", &tags);
    let phase = view.outcome.phases.iter().find(|phase| phase.name == flow.phase);
    let from = phase.map_or(0.0, |phase| phase.warmup_until_second);
    let histogram = series.histogram(from, f64::INFINITY);
    let title = match with_phase {
        true => format!("Distribution in {}", flow.phase),
        false => "Distribution".to_owned(),
    };
    let bounds: Vec<f64> = bounds(view, &flow.name).into_iter().map(|(bound, _)| bound).collect();
    chart::Histogram {
        title: &title,
        caption: caption(&histogram, phase),
        bars: histogram
            .buckets()
            .map(|bucket| Bar {
                low: bucket.low as f64,
                high: bucket.high as f64,
                count: bucket.count,
            })
            .collect(),
        quantiles: QUANTILES
            .into_iter()
            .filter_map(|(name, q, _)| Some((name, histogram.quantile(q)?.middle() as f64)))
            .collect(),
        bounds,
    }
    .draw()
}

fn caption(histogram: &Histogram, phase: Option<&Phase>) -> String {
    let warm = phase.is_some_and(|phase| phase.warmup_until_second > phase.from_second);
    let n = number::count(histogram.count());
    if warm { format!("log scale, after warm-up, n {n}") } else { format!("log scale, n {n}") }
}

fn errors(view: &View<'_>, name: &str) -> Markup {
    let select = |metric| Series::select(view.timeline, metric, &[("flow", name)]);
    let (requests, checks, dropped) =
        (select("http_req_failed"), select("checks"), select("dropped_iterations"));
    let made: f64 = requests.sums(|slot| slot.n as f64).values().sum();
    let checked: f64 = checks.sums(|slot| slot.n as f64).values().sum();
    let layers = [
        ("dropped iterations", "bar drop", dropped.sums(|slot| slot.sum)),
        ("failed checks", "bar check", checks.sums(|slot| slot.n.saturating_sub(slot.hits) as f64)),
        ("failed requests", "bar fail", requests.sums(|slot| slot.hits as f64)),
    ];
    if made + checked == 0.0 && layers.iter().all(|(_, _, sums)| sums.is_empty()) {
        return chart::no_data("Errors");
    }
    let happened: Vec<_> =
        layers.into_iter().filter(|(_, _, sums)| sums.values().any(|sum| *sum > 0.0)).collect();
    if happened.is_empty() {
        let mut text = format!("None: 0 of {} requests failed", number::count(made as u64));
        if checked > 0.0 {
            text += &format!(", 0 of {} checks failed", number::count(checked as u64));
        }
        return chart::words("Errors", &format!("{text}, nothing was dropped."));
    }
    let statuses = select("http_reqs").totals("status", |slot| slot.sum);
    let wrong = checks.totals("check", |slot| slot.n.saturating_sub(slot.hits) as f64);
    let chart = Chart {
        title: "Errors",
        caption: "per second".to_owned(),
        shape: Shape::Bars,
        short: |value| number::count(value as u64),
        long: |value| number::count(value as u64),
        lines: happened
            .into_iter()
            .map(|(name, class, sums)| Line {
                name,
                class,
                points: points(view.seconds, |second| sums.get(&second).copied()),
            })
            .collect(),
        bounds: Vec::new(),
        background: &view.background,
    }
    .draw();
    html! {
        div {
            (chart)
            @for (what, parts) in [("Answers by status", statuses), ("Failed by check", wrong)] {
                @if !parts.is_empty() {
                    p class="soft" { (what) ": " (listed(&parts)) }
                }
            }
        }
    }
}

/// The largest parts with their counts, and how many more there are.
fn listed(parts: &BTreeMap<String, f64>) -> String {
    const SHOWN: usize = 8;
    let mut parts: Vec<_> = parts.iter().collect();
    parts.sort_by(|a, b| b.1.total_cmp(a.1));
    let mut shown: Vec<String> = parts
        .iter()
        .take(SHOWN)
        .map(|(name, total)| format!("{} × {name}", number::count(**total as u64)))
        .collect();
    if parts.len() > SHOWN {
        shown.push(format!("{} more kinds", number::count((parts.len() - SHOWN) as u64)));
    }
    text::ended(&shown.join(", "))
}
