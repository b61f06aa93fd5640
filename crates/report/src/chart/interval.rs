//! An objective's number with its interval, drawn against the bound it is held to.

use maud::{Markup, html};

use super::{Area, Axis, Px, WIDTH};
use crate::outcome::Direction;
use crate::reading::Reading;

const AREA: Area = Area { left: 12.0, top: 20.0, width: WIDTH - 24.0, height: 22.0 };

/// The interval as a bar with its estimate, the bound as a line, and the side that is allowed.
pub(crate) fn interval(reading: &Reading, name: &str) -> Markup {
    let ends = reading.low.is_finite() && reading.high.is_finite();
    let (low, high) =
        if ends { (reading.low, reading.high) } else { (reading.value, reading.value) };
    let axis = Axis::around(low.min(reading.bound), high.max(reading.bound));
    let x = |value: f64| AREA.x(axis.share(value));
    let bound = x(reading.bound);
    let (from, to) = match reading.direction {
        Direction::Below => (AREA.left, bound),
        Direction::Above => (bound, AREA.right()),
    };
    let middle = AREA.top + AREA.height / 2.0;
    // An interval narrower than a line can show is still drawn as wide as a line.
    let (left, right) = (x(low).min(x(reading.value) - 1.5), x(high).max(x(reading.value) + 1.5));
    let label = format!(
        "{name}: {}, interval {}, must be {}",
        reading.value(),
        reading.interval(),
        reading.bound()
    );
    let anchor = match bound {
        near if near < WIDTH * 0.2 => "start",
        far if far > WIDTH * 0.8 => "end",
        _ => "middle",
    };
    html! {
        svg class="interval" viewBox={ "0 0 " (WIDTH) " 62" } role="img" aria-label=(label) {
            rect class="allowed" x=(Px(from)) y=(Px(AREA.top)) width=(Px((to - from).max(0.0))) height=(Px(AREA.height)) {}
            g class="axis" {
                path d={ "M" (Px(AREA.left)) " " (Px(AREA.bottom())) "H" (Px(AREA.right())) } {}
                @for tick in &axis.ticks {
                    path d={ "M" (Px(x(*tick))) " " (Px(AREA.bottom())) "v4" } {}
                    text x=(Px(x(*tick))) y=(Px(AREA.bottom() + 15.0)) text-anchor=(tick_anchor(x(*tick))) { (reading.unit.short(*tick)) }
                }
            }
            @if ends {
                rect class="bar" x=(Px(left)) y=(Px(middle - 5.0)) width=(Px(right - left)) height="10" rx="2" {}
            }
            circle class="estimate" cx=(Px(x(reading.value))) cy=(Px(middle)) r="4" {}
            path class="bound" d={ "M" (Px(bound)) " " (Px(AREA.top - 4.0)) "V" (Px(AREA.bottom() + 4.0)) } {}
            text class="boundname" x=(Px(bound)) y="11" text-anchor=(anchor) { "bound " (reading.bound()) }
        }
    }
}

fn tick_anchor(x: f64) -> &'static str {
    if x < 30.0 {
        "start"
    } else if x > WIDTH - 30.0 {
        "end"
    } else {
        "middle"
    }
}
