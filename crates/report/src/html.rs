//! The report as one HTML file: no scripts, no fetches, readable on a phone, in the dark and on paper.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use seaworthy_base::{Timestamp, Verdict};
use seaworthy_stats::timeline::Timeline;

use crate::chart::{Background, Mark};
use crate::outcome::Severity;
use crate::{Outcome, number, terminal, text};

mod flows;
mod gave_out;
mod log;
mod objectives;
mod targets;

const STYLE: &str = include_str!("html/style.css");
/// Forbids everything but the style sheet inside the file.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The outcome and its timeline as one self-contained HTML file.
pub fn html(outcome: &Outcome, timeline: &Timeline) -> String {
    let outcome = &outcome.printable();
    let view = View::new(outcome, timeline);
    page(&view).into_string()
}

/// What all sections look at.
struct View<'a> {
    outcome: &'a Outcome,
    timeline: &'a Timeline,
    /// Where second zero of all charts lies.
    origin: Timestamp,
    /// Seconds that the charts span.
    seconds: u32,
    background: Background<'a>,
}

impl<'a> View<'a> {
    fn new(outcome: &'a Outcome, timeline: &'a Timeline) -> Self {
        // A timeline that nobody started begins in 1970; the trial did not.
        let started = timeline.start();
        let origin = if started.as_nanos() == 0 { outcome.trial.started } else { started };
        let sampled = outcome.targets.iter().flat_map(|target| &target.samples);
        let ends = outcome.phases.iter().map(|phase| phase.to_second);
        let end = ends
            .chain(sampled.map(|sample| sample.second))
            .filter(|end| end.is_finite())
            .fold(f64::from(timeline.seconds()), f64::max);
        // Three days: a longer axis comes from a damaged file, and every second costs memory.
        let seconds = end.ceil().min(259_200.0) as u32;
        let marks = outcome
            .events
            .iter()
            .filter(|event| !event.kind.starts_with("phase."))
            .map(|event| Mark {
                second: offset(origin, event.at),
                text: text::one_line(&event.text),
            })
            .collect();
        let background = Background {
            to: f64::from(seconds.max(1)),
            phases: &outcome.phases,
            marks,
            lost: timeline.lost().iter().map(|second| f64::from(*second)).collect(),
        };
        Self { outcome, timeline, origin, seconds, background }
    }
}

/// Seconds from the origin, negative before it.
fn offset(origin: Timestamp, at: Timestamp) -> f64 {
    at.since(origin).as_secs_f64() - origin.since(at).as_secs_f64()
}

fn page(view: &View<'_>) -> Markup {
    let outcome = view.outcome;
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (outcome.verdict.as_str().to_uppercase()) ": " (outcome.trial.name) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    p class="brand" { b { "Seaworthy" } " trial report" }
                    h1 { bdi { (outcome.trial.name) } }
                    @if !outcome.trial.description.is_empty() {
                        p class="lead" { (outcome.trial.description) }
                    }
                    (banner(outcome))
                    (facts(outcome))
                    nav aria-label="Sections" {
                        a href="#objectives" { "Objectives" }
                        a href="#gave-out" { "What gave out" }
                        a href="#flows" { "Flows" }
                        a href="#targets" { "Targets" }
                        a href="#events" { "Events" }
                        a href="#receipts" { "Receipts" }
                    }
                }
                main {
                    (notes(outcome))
                    @if let Some(capacity) = &outcome.capacity { (capacity.section()) }
                    (objectives::section(outcome))
                    (gave_out::section(view))
                    (flows::section(view))
                    (targets::section(view))
                    (log::events(view))
                    (log::receipts(outcome))
                }
                footer {
                    p { "Written by Seaworthy " (outcome.trial.seaworthy_version) ". This file fetches nothing and runs no script." }
                }
            }
        }
    }
}

fn banner(outcome: &Outcome) -> Markup {
    let with = |verdict| {
        let all = outcome.objectives.iter().enumerate();
        all.filter(move |(_, objective)| objective.verdict == verdict)
    };
    let not_met: Vec<_> = with(Verdict::Fail).chain(with(Verdict::Inconclusive)).collect();
    html! {
        section class={ "banner " (outcome.verdict) } aria-label="Verdict" {
            (sign(outcome.verdict))
            div {
                p class="verdict" { (outcome.headline()) }
                p class="sentence" { (terminal::sentence(outcome)) }
                @if !not_met.is_empty() {
                    ul class="missed" {
                        @for (index, objective) in &not_met {
                            li class=(objective.verdict) {
                                a href={ "#objective-" (index) } { bdi { (objective.name) } }
                                " " (objective.verdict)
                            }
                        }
                    }
                }
                @if let Some(reason) = &outcome.interrupted {
                    p { b { "Stopped early: " } (reason) }
                }
                @if let Some(saturation) = &outcome.saturation {
                    p { a href="#gave-out" { "What gave out" } ": " (saturation.sentence) }
                }
            }
        }
    }
}

fn facts(outcome: &Outcome) -> Markup {
    let trial = &outcome.trial;
    let host = &trial.host;
    html! {
        dl class="facts" {
            div { dt { "Trial" } dd { code { (trial.id) } } }
            div { dt { "Started" } dd { (people_time(trial.started)) } }
            div { dt { "Took" } dd { (number::length(outcome.seconds())) } }
            div { dt { "Machine" } dd {
                (host.cpus) " CPUs, " (number::bytes(host.memory_bytes as f64)) ", " (host.os) ", kernel " (host.kernel)
            } }
        }
    }
}

fn notes(outcome: &Outcome) -> Markup {
    html! {
        @if !outcome.notes.is_empty() {
            section aria-label="Notes" {
                ul class="notes" {
                    @for note in &outcome.notes {
                        @match note.severity {
                            Severity::Warning => li class="warning" { b { "Warning. " } (note.text) },
                            Severity::Info => li { b { "Note. " } (note.text) },
                        }
                    }
                }
            }
        }
    }
}

/// A verdict's sign as a small drawing: told apart by shape before colour.
fn sign(verdict: Verdict) -> Markup {
    let strokes = match verdict {
        Verdict::Pass => "M7 12.5l3.5 3.5L17.5 8.5",
        Verdict::Fail => "M8 8l8 8M16 8l-8 8",
        Verdict::Inconclusive => "M9 9.5a3 3 0 1 1 4.4 2.6c-1 .6-1.4 1-1.4 2.2M12 17v.4",
    };
    html! {
        svg class={ "sign " (verdict) } viewBox="0 0 24 24" aria-hidden="true" {
            @match verdict {
                Verdict::Pass => circle cx="12" cy="12" r="11" {},
                Verdict::Fail => rect x="1.5" y="1.5" width="21" height="21" rx="3" {},
                Verdict::Inconclusive => path class="shape" d="M12 .8L23.2 12L12 23.2L.8 12z" {},
            }
            path d=(strokes) {}
        }
    }
}

/// A moment as people write it, with the exact one for machines.
fn people_time(at: Timestamp) -> Markup {
    let exact = at.to_string();
    let short: String = exact.chars().take(19).collect();
    html! { time datetime=(exact) { (short.replace('T', " ")) " UTC" } }
}
