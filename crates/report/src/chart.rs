//! Small charts in SVG: over time, a histogram, an interval against its bound. No scripts, no fetches.
//!
//! Each chart is a `figure` of fixed proportions that scales with its column; colours, fonts and
//! what a pointer reveals are in `html/style.css`. Nothing is drawn where nothing was measured.

use std::fmt;

use maud::{Markup, html};

mod histogram;
mod interval;
mod scale;
mod time;

pub(crate) use histogram::{Bar, Histogram};
pub(crate) use interval::interval;
pub(crate) use scale::Axis;
pub(crate) use time::{Background, Chart, Line, Mark, Point, Shape};

/// A chart's width in its own units.
const WIDTH: f64 = 440.0;
/// A chart's height in its own units.
const HEIGHT: f64 = 190.0;

/// The rectangle that data is drawn in.
#[derive(Clone, Copy, Debug)]
struct Area {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

impl Area {
    const PLOT: Self = Self { left: 50.0, top: 20.0, width: WIDTH - 62.0, height: HEIGHT - 44.0 };

    fn right(self) -> f64 {
        self.left + self.width
    }

    fn bottom(self) -> f64 {
        self.top + self.height
    }

    /// From a share of the width to the drawing.
    fn x(self, share: f64) -> f64 {
        self.left + share.clamp(0.0, 1.0) * self.width
    }

    /// From a share of the height, counted upwards, to the drawing.
    fn y(self, share: f64) -> f64 {
        self.bottom() - share.clamp(0.0, 1.0) * self.height
    }
}

/// A coordinate, written with one decimal; never NaN or infinite in the file.
#[derive(Clone, Copy)]
struct Px(f64);

impl fmt::Display for Px {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = if self.0.is_finite() { self.0 } else { 0.0 };
        let text = format!("{value:.1}");
        formatter.write_str(text.strip_suffix(".0").unwrap_or(&text))
    }
}

/// A line of the legend: a style's class and what it stands for.
type Legend<'a> = Vec<(&'a str, &'a str)>;

/// A chart with its caption and legend, or the words that stand in its place.
fn figure(title: &str, caption: &str, legend: &Legend<'_>, body: &Markup) -> Markup {
    html! {
        figure class="chart" {
            figcaption {
                b { (title) }
                @if !caption.is_empty() { " " span class="soft" { (caption) } }
                @if !legend.is_empty() {
                    span class="legend" {
                        @for (class, name) in legend {
                            span {
                                svg viewBox="0 0 24 10" aria-hidden="true" {
                                    path class=(class) d="M1 5H23" {}
                                }
                                (name)
                            }
                        }
                    }
                }
            }
            (body)
        }
    }
}

/// What stands where a chart would be, had anything been measured.
pub(crate) fn no_data(title: &str) -> Markup {
    figure(title, "", &Vec::new(), &html! { p class="nodata" { "No data measured." } })
}

/// What stands where a chart would be, were there anything to draw.
pub(crate) fn words(title: &str, text: &str) -> Markup {
    figure(title, "", &Vec::new(), &html! { p { (text) } })
}

/// Horizontal rules with their labels.
fn rules(area: Area, axis: &Axis, label: fn(f64) -> String) -> Markup {
    html! {
        g class="axis" {
            @for tick in &axis.ticks {
                @let y = Px(area.y(axis.share(*tick)));
                path d={ "M" (Px(area.left)) " " (y) "H" (Px(area.right())) } {}
                text x=(Px(area.left - 5.0)) y=(y) dy=".35em" text-anchor="end" { (label(*tick)) }
            }
        }
    }
}
