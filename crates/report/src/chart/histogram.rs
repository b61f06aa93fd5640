//! How often each latency was seen: bars over a logarithmic axis, quantiles and bounds as lines.

use maud::{Markup, html};

use super::{Area, Axis, HEIGHT, Px, WIDTH, figure, no_data, rules};
use crate::number;

const BARS: usize = 48;

/// A range of latencies in nanoseconds and how many fell into it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bar {
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) count: u64,
}

/// A histogram of latencies.
pub(crate) struct Histogram<'a> {
    pub(crate) title: &'a str,
    pub(crate) caption: String,
    pub(crate) bars: Vec<Bar>,
    /// Quantiles: a name as `p95` and a value.
    pub(crate) quantiles: Vec<(&'a str, f64)>,
    /// Bounds that objectives set.
    pub(crate) bounds: Vec<f64>,
}

impl Histogram<'_> {
    pub(crate) fn draw(&self) -> Markup {
        let total: u64 = self.bars.iter().map(|bar| bar.count).sum();
        let middles = || self.bars.iter().filter(|bar| bar.count > 0).map(middle);
        let Some((low, high)) = middles().map(|value| (value, value)).reduce(widest) else {
            return no_data(self.title);
        };
        let area = Area::PLOT;
        // A little air on both sides; bounds far outside the data are told, not drawn.
        let (low, high) = (low / 1.15, high * 1.15);
        let near = |bound: &&f64| (low / 20.0..=high * 20.0).contains(*bound);
        let (low, high) = self
            .bounds
            .iter()
            .filter(near)
            .map(|bound| (bound / 1.1, bound * 1.1))
            .fold((low, high), widest);
        let axis = Axis::log_exact(low, high);
        let mut heights = [0_u64; BARS];
        for bar in &self.bars {
            let place = axis.share(middle(bar)) * BARS as f64;
            // A share is within 0..=1, so the place is within the array once cut at its end.
            heights[(place as usize).min(BARS - 1)] += bar.count;
        }
        let tallest = heights.iter().copied().max().unwrap_or(0) as f64 / total as f64;
        let shares = Axis::from_zero(tallest);
        let width = area.width / BARS as f64;
        let bound = self.bounds.iter().copied().reduce(f64::min);
        let edge = |index: usize| low * (high / low).powf(index as f64 / BARS as f64);
        let label = self.label(total);
        let body = html! {
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(label) {
                (rules(area, &shares, number::short_percent))
                g class="axis" {
                    @for tick in apart(&axis, area) {
                        @let x = Px(area.x(axis.share(tick)));
                        path d={ "M" (x) " " (Px(area.bottom())) "v4" } {}
                        text x=(x) y=(Px(area.bottom() + 16.0)) text-anchor="middle" { (number::short_duration(tick)) }
                    }
                }
                @for (index, height) in heights.iter().enumerate().filter(|(_, height)| **height > 0) {
                    @let share = *height as f64 / total as f64;
                    @let top = area.y(shares.share(share)).min(area.bottom() - 1.0);
                    @let over = bound.is_some_and(|bound| edge(index) >= bound);
                    g class="at" {
                        rect class="hit" x=(Px(area.left + index as f64 * width)) y=(Px(area.top)) width=(Px(width)) height=(Px(area.height)) {}
                        rect class=(if over { "column over" } else { "column" }) x=(Px(area.left + index as f64 * width + 0.4)) y=(Px(top)) width=(Px(width - 0.8)) height=(Px(area.bottom() - top)) {}
                        text class="read" x=(Px(area.right())) y="11" text-anchor="end" {
                            (number::duration(edge(index))) " – " (number::duration(edge(index + 1)))
                            ": " (number::percent(share)) ", n " (number::count(*height))
                        }
                    }
                }
                @for flag in self.flags(&axis, area) {
                    @let end = if flag.right { "start" } else { "end" };
                    @let beside = if flag.right { 3.0 } else { -3.0 };
                    @let y = area.top + 8.0 + 12.0 * flag.row as f64;
                    path class=(flag.class) d={ "M" (Px(flag.x)) " " (Px(y - 8.0)) "V" (Px(area.bottom())) } {}
                    text class="boundname" x=(Px(flag.x + beside)) y=(Px(y)) text-anchor=(end) { (flag.name) }
                }
            }
        };
        figure(self.title, &self.caption, &Vec::new(), &body)
    }

    /// Quantiles and bounds as flags along the top, each in the first row that has room for it.
    fn flags(&self, axis: &Axis, area: Area) -> Vec<Flag> {
        let quantiles = self.quantiles.iter().map(|(name, value)| {
            let name = format!("{name} {}", number::duration(*value));
            (*value, name, "quantile")
        });
        let inside = |bound: &&f64| axis.holds(**bound);
        let bounds =
            self.bounds.iter().filter(inside).map(|bound| {
                (*bound, format!("bound {}", number::short_duration(*bound)), "bound")
            });
        let mut wanted: Vec<_> = quantiles
            .chain(bounds)
            .map(|(value, name, class)| {
                let x = area.x(axis.share(value));
                let width = name.chars().count() as f64 * 7.0 + 6.0;
                let right = x + width < area.right();
                let (from, to) = if right { (x, x + width) } else { (x - width, x) };
                Flag { x, from, to, right, row: 0, name, class }
            })
            .collect();
        // Labels lead away from the poles set before them: from the left for those that stand
        // right of their pole, then from the right for the others.
        let order = |flag: &Flag| if flag.right { flag.x } else { 2.0 * WIDTH - flag.x };
        wanted.sort_by(|a, b| order(a).total_cmp(&order(b)));
        let mut flags: Vec<Flag> = Vec::new();
        for mut flag in wanted {
            let (from, to) = (flag.from, flag.to);
            // Free where no label lies, and no pole runs through a label: not an older one through
            // this label, not this one through an older label below.
            let free = |row: usize| {
                flags.iter().all(|other| {
                    let label = other.row == row && other.from < to && from < other.to;
                    let older = other.row <= row && from < other.x && other.x < to;
                    let own = row < other.row && other.from < flag.x && flag.x < other.to;
                    !label && !older && !own
                })
            };
            flag.row = (0..8).find(|row| free(*row)).unwrap_or(8);
            flags.push(flag);
        }
        flags
    }

    fn label(&self, total: u64) -> String {
        let quantiles: Vec<String> = self
            .quantiles
            .iter()
            .map(|(name, value)| format!("{name} {}", number::duration(*value)))
            .collect();
        format!("{}: n {}, {}", self.title, number::count(total), quantiles.join(", "))
    }
}

/// A named line across the drawing.
struct Flag {
    x: f64,
    /// Where its label begins and ends.
    from: f64,
    to: f64,
    /// Whether the label stands to the right of the line.
    right: bool,
    row: usize,
    name: String,
    class: &'static str,
}

/// The axis' ticks, without those that stand too near the one before for two labels.
fn apart(axis: &Axis, area: Area) -> Vec<f64> {
    let mut kept: Vec<f64> = Vec::new();
    for tick in &axis.ticks {
        let place = |tick: f64| area.x(axis.share(tick));
        if kept.last().is_none_or(|last| place(*tick) - place(*last) > 50.0) {
            kept.push(*tick);
        }
    }
    kept
}

fn middle(bar: &Bar) -> f64 {
    let middle = (bar.low + bar.high) / 2.0;
    // Below a nanosecond the logarithm has no place for it.
    if middle.is_finite() { middle.max(1.0) } else { 1.0 }
}

fn widest(a: (f64, f64), b: (f64, f64)) -> (f64, f64) {
    (a.0.min(b.0), a.1.max(b.1))
}
