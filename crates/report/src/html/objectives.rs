//! The objectives: each number with its interval against its bound, the reason, and the method.

use maud::{Markup, html};

use super::sign;
use crate::chart;
use crate::outcome::Objective;
use crate::reading::{Reading, Unit, bound_of};
use crate::{Outcome, number, text};

pub(super) fn section(outcome: &Outcome) -> Markup {
    html! {
        section id="objectives" {
            h2 { "Objectives" }
            @if outcome.objectives.is_empty() {
                p class="nodata" { "The plan states no objective, so nothing was decided." }
            } @else {
                div class="cards" {
                    @for (index, objective) in outcome.objectives.iter().enumerate() {
                        (card(index, objective))
                    }
                }
            }
        }
    }
}

fn card(index: usize, objective: &Objective) -> Markup {
    let first = Reading::first(objective);
    html! {
        article class={ "card " (objective.verdict) } id={ "objective-" (index) } {
            header {
                (sign(objective.verdict))
                h3 { bdi { (objective.name) } }
                span class={ "word " (objective.verdict) } { (objective.verdict) }
            }
            p class="plain" { (text::sentence(&objective.plain)) }
            @match &first {
                Some(reading) => {
                    p class="figure" {
                        span class="value" { (reading.value()) }
                        " " span class="soft" { "interval " (reading.interval()) }
                    }
                    (chart::interval(reading, &objective.name))
                },
                None if objective.n > 0 => p class="nodata" { "Not judged. Asked: " (bound_of(objective)) },
                None => p class="nodata" { "No data measured. Asked: " (bound_of(objective)) },
            }
            @if let Some(answer) = &objective.k6 {
                p { b { "k6's own answer: " } (text::ended(answer)) }
            }
            p class="soft" {
                code { (objective.statement) } " · n " (number::count(objective.n))
                " over " (number::length(f64::from(objective.seconds)))
            }
            p { (text::sentence(&objective.reason)) }
            @if let Some(needs) = &objective.needs {
                p class="needs" { b { "What is missing: " } (text::ended(needs)) }
            }
            details {
                summary { "How this was judged" }
                p { (objective.subject) }
                @if let Some(share) = beyond(objective, first.as_ref()) { p { (share) } }
                @if let Some(worth) = worth(objective) { p { (worth) } }
                @if objective.rarer_than_seconds.is_finite() && objective.rarer_than_seconds > 0.0 {
                    p { "Events rarer than one in " (number::length(objective.rarer_than_seconds)) " cannot be excluded by this trial." }
                }
                p class="method" { (text::sentence(&objective.method)) }
            }
        }
    }
}

/// For a latency objective, the share that was judged behind the quantile that is shown.
fn beyond(objective: &Objective, first: Option<&Reading>) -> Option<String> {
    let shown = first.filter(|reading| reading.unit == Unit::Nanoseconds)?;
    let judged = Reading::judged(objective)?;
    Some(format!(
        "Judged was the share that took longer than {}: {} (interval {}), where {} may.",
        shown.unit.short(shown.bound),
        judged.value(),
        judged.interval(),
        judged.unit.short(judged.bound)
    ))
}

/// What the observations are worth where they resemble their neighbours in time.
fn worth(objective: &Objective) -> Option<String> {
    let effect = objective.design_effect;
    if objective.n == 0 || !objective.n_effective.is_finite() || effect.is_nan() || effect < 1.005 {
        return None;
    }
    Some(format!(
        "The {} observations are worth {} independent ones (design effect {}), because those close in time resemble each other.",
        number::count(objective.n),
        // Rounded down: evidence is not rounded up.
        number::count(objective.n_effective.floor() as u64),
        number::three_digits(effect)
    ))
}
