//! What gave out: the sentence, each resource against its bound with a small chart, and leaks.

use maud::{Markup, html};

use super::View;
use crate::chart::{Chart, Line, Point, Shape};
use crate::number;
use crate::outcome::{Direction, Found, Leak, Resource, Saturation, Status, Unit};

/// The most charts that are drawn: those over their bound first, then those nearest to it.
const CHARTS: usize = 8;

pub(super) fn section(view: &View<'_>) -> Markup {
    let outcome = view.outcome;
    html! {
        section id="gave-out" {
            h2 { "What gave out" }
            @match &outcome.saturation {
                Some(saturation) => (sentence(saturation)),
                None => p class="nodata" { "Nothing ran under load, so nothing can be said of it." },
            }
            @if !outcome.resources.is_empty() {
                (table(&outcome.resources))
                div class="charts" {
                    @for resource in charted(&outcome.resources) { (chart(view, resource)) }
                }
            }
            @if !outcome.leaks.is_empty() { (leaks(&outcome.leaks)) }
        }
    }
}

fn sentence(saturation: &Saturation) -> Markup {
    html! {
        p class="sentence" { (saturation.sentence) }
        p { b { "To do: " } (saturation.advice) }
        p class="soft" { (saturation.ramp) " These findings stand beside the objectives; they do not change the verdict." }
    }
}

fn table(resources: &[Resource]) -> Markup {
    html! {
        div class="scroll" tabindex="0" role="region" aria-label="Resources" {
            table class="resources" {
                thead { tr {
                    th { "Resource" } th { "Target" } th { "Found" } th class="n" { "Bound" }
                    th class="n" { "Farthest" } th { "Seen" }
                } }
                tbody {
                    @for resource in resources {
                        tr {
                            th scope="row" { bdi { (resource.what) } }
                            td { bdi { (resource.target) } }
                            td { (status(resource.status)) }
                            td class="n" { (bound(resource)) }
                            td class="n" { (resource.peak.map_or("no data".to_owned(), |peak| value(resource.unit, peak))) }
                            td class="words" { (resource.reason) }
                        }
                    }
                }
            }
        }
    }
}

/// A status as a word with the sign and colour of the verdicts.
fn status(status: Status) -> Markup {
    let (class, word) = match status {
        Status::Within => ("pass word", "✓ within"),
        Status::Over => ("fail word", "✗ over"),
        Status::NotMeasured => ("inconclusive word", "? not measured"),
    };
    html! { span class=(class) { (word) } }
}

/// The bound as one asks for it.
pub(crate) fn bound(resource: &Resource) -> String {
    let side = match resource.direction {
        Direction::Below => "<",
        Direction::Above => ">",
    };
    match (resource.bound, resource.status) {
        (Some(level), _) => format!("{side} {}", value(resource.unit, level)),
        (None, Status::NotMeasured) => "–".to_owned(),
        (None, _) => "not growing".to_owned(),
    }
}

/// A level in its unit.
fn value(unit: Unit, level: f64) -> String {
    let plain = |level: f64| number::trimmed(&number::three_digits(level)).to_owned();
    match unit {
        Unit::Share => number::short_percent(level),
        Unit::Seconds => number::short_duration(level * 1e9),
        Unit::PerMinute => format!("{}/min", plain(level)),
        Unit::Count => plain(level),
        Unit::BytesPerSecond => format!("{}/s", number::bytes(level)),
    }
}

/// How near a resource came to its bound: 1 at it, more beyond.
fn nearness(resource: &Resource) -> f64 {
    let (Some(peak), Some(bound)) = (resource.peak, resource.bound) else { return 0.0 };
    let share = match resource.direction {
        Direction::Below => peak / bound,
        Direction::Above => bound / peak,
    };
    if share.is_finite() { share } else { 0.0 }
}

fn charted(resources: &[Resource]) -> Vec<&Resource> {
    let drawn = |resource: &&Resource| !resource.levels.is_empty();
    let mut charted: Vec<&Resource> = resources
        .iter()
        .filter(drawn)
        .filter(|resource| resource.status != Status::NotMeasured)
        .collect();
    charted.sort_by(|one, other| {
        let over = |resource: &Resource| resource.status == Status::Over;
        over(other).cmp(&over(one)).then(nearness(other).total_cmp(&nearness(one)))
    });
    charted.truncate(CHARTS);
    charted
}

fn chart(view: &View<'_>, resource: &Resource) -> Markup {
    let scale = if resource.unit == Unit::Seconds { 1e9 } else { 1.0 };
    let points = resource.levels.iter().map(|level| Point {
        second: level.second,
        value: Some(level.value * scale).filter(|value| value.is_finite()),
    });
    let written: fn(f64) -> String = match resource.unit {
        Unit::Share => number::short_percent,
        Unit::Seconds => number::short_duration,
        Unit::BytesPerSecond => number::short_bytes,
        Unit::PerMinute | Unit::Count => plain,
    };
    let bounds = resource.bound.map(|level| (level * scale, bound(resource)));
    Chart {
        title: &resource.what,
        caption: format!("of {}", resource.target),
        shape: if resource.unit == Unit::BytesPerSecond { Shape::Bytes } else { Shape::FromZero },
        short: written,
        long: written,
        lines: vec![Line { name: "", class: "line p95", points: points.collect() }],
        bounds: bounds.into_iter().collect(),
        background: &view.background,
    }
    .draw()
}

fn plain(level: f64) -> String {
    number::trimmed(&number::three_digits(level)).to_owned()
}

fn leaks(leaks: &[Leak]) -> Markup {
    let with = |found: Found| leaks.iter().filter(move |leak| leak.status == found);
    html! {
        h3 class="flow" { "Leaks, exhausted pools, growing logs" }
        @if with(Found::Found).next().is_none() && with(Found::NotFound).next().is_some() {
            p { "None found in what could be looked at." }
        }
        ul class="notes" {
            @for leak in with(Found::Found) { li class="warning" { b { "Found. " } (leak.sentence) } }
        }
        @for (found, words) in [(Found::NotFound, "looked for and not found"), (Found::NotEnoughData, "without enough data")] {
            @let count = with(found).count();
            @if count > 0 {
                details {
                    summary { (count) " " (words) }
                    ul class="notes" { @for leak in with(found) { li { (leak.sentence) } } }
                }
            }
        }
    }
}
