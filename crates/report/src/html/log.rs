//! What happened and how to check it: the events, and how the receipts are verified.

use maud::{Markup, html};
use seaworthy_base::Event;

use super::{View, offset};
use crate::{Outcome, number};

/// Events shown at once; the rest is one click away.
const SHOWN: usize = 40;

pub(super) fn events(view: &View<'_>) -> Markup {
    let events = &view.outcome.events;
    html! {
        section id="events" {
            h2 { "Events" }
            @if events.is_empty() {
                p class="nodata" { "No event was recorded." }
            } @else {
                (table(view, &events[..events.len().min(SHOWN)]))
                @if let Some(rest) = events.get(SHOWN..).filter(|rest| !rest.is_empty()) {
                    details {
                        summary { (number::count(rest.len() as u64)) " more events" }
                        (table(view, rest))
                    }
                }
            }
        }
    }
}

fn table(view: &View<'_>, events: &[Event]) -> Markup {
    html! {
        div class="scroll" tabindex="0" role="region" aria-label="Events" {
            table class="events" {
                thead { tr { th class="n" { "At" } th { "What" } th { "Subject" } th { "In words" } } }
                tbody {
                    @for event in events {
                        tr {
                            td class="n" { time datetime=(event.at) { (number::clock(offset(view.origin, event.at))) } }
                            td { code { (event.kind) } }
                            td { bdi { (event.subject) } }
                            td class="words" { (event.text) }
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn receipts(outcome: &Outcome) -> Markup {
    html! {
        section id="receipts" {
            h2 { "Receipts" }
            @match &outcome.seal {
                Some(command) => {
                    p { "This trial is sealed: the path and hash of every file in its folder, this report among them, are in a signed receipt. To check that nothing was changed, added or removed:" }
                    pre tabindex="0" { code { (command) } }
                    p class="soft" { "A key found in the folder proves only that the folder agrees with itself. Trust needs a key you hold: your own keystore's, or one given with " code { "--key" } "." }
                },
                None => p class="nodata" { "This trial is not sealed: its files carry no signature." },
            }
        }
    }
}
