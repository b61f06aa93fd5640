//! What was measured over time: lines or bars, with phases, events and lost seconds behind.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::{Area, Axis, HEIGHT, Legend, Px, WIDTH, figure, no_data, rules};
use crate::number;
use crate::outcome::Phase;

/// At most this many points are drawn of one line.
const POINTS: usize = 300;
/// At most this many columns answer a pointer, and at most this many bars are drawn.
const COLUMNS: usize = 120;
const AREA: Area = Area::PLOT;

/// A value at a time; `None` where nothing was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    pub(crate) second: f64,
    pub(crate) value: Option<f64>,
}

/// One line, or one layer of the bars.
pub(crate) struct Line<'a> {
    pub(crate) name: &'a str,
    /// The style's class in the style sheet.
    pub(crate) class: &'a str,
    pub(crate) points: Vec<Point>,
}

/// Something that happened at a time.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    pub(crate) second: f64,
    pub(crate) text: String,
}

/// What all charts of a report have behind their data.
pub(crate) struct Background<'a> {
    /// The end of the time axis, in seconds; it starts at zero.
    pub(crate) to: f64,
    pub(crate) phases: &'a [Phase],
    pub(crate) marks: Vec<Mark>,
    /// Seconds that the generator did not report.
    pub(crate) lost: Vec<f64>,
}

/// How the values are drawn, and on what axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Lines of latencies in nanoseconds, linear or logarithmic as the values ask.
    Latency,
    /// Lines from zero.
    FromZero,
    /// Lines of sizes in bytes, from zero.
    Bytes,
    /// Bars of whole numbers, each from zero: the first line's widest, the last one's in front.
    Bars,
}

/// A chart over time.
pub(crate) struct Chart<'a> {
    pub(crate) title: &'a str,
    pub(crate) caption: String,
    pub(crate) shape: Shape,
    /// How a value is written on the axis.
    pub(crate) short: fn(f64) -> String,
    /// How a value is written where a pointer asks for it.
    pub(crate) long: fn(f64) -> String,
    pub(crate) lines: Vec<Line<'a>>,
    /// Levels to draw across: a bound, or a capacity.
    pub(crate) bounds: Vec<(f64, String)>,
    pub(crate) background: &'a Background<'a>,
}

/// What one column of the chart answers to a pointer.
struct Column {
    from: f64,
    to: f64,
    /// The highest value of each line.
    values: Vec<Option<f64>>,
}

impl Chart<'_> {
    pub(crate) fn draw(&self) -> Markup {
        let values = || {
            self.lines.iter().flat_map(|line| &line.points).filter_map(|point| finite(point.value))
        };
        if values().next().is_none() {
            return no_data(self.title);
        }
        let columns = self.columns();
        let axis = self.axis(values());
        let time = Axis::time(0.0, self.background.to);
        let named = self.lines.iter().filter(|line| !line.name.is_empty());
        let legend: Legend<'_> = named.map(|line| (line.class, line.name)).collect();
        let caption = if axis.is_log() {
            format!("{}, log scale", self.caption)
        } else {
            self.caption.clone()
        };
        let body = html! {
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(self.label()) {
                (self.background.draw(&time))
                (rules(AREA, &axis, self.short))
                g class="axis" {
                    @for tick in &time.ticks {
                        @let x = Px(AREA.x(time.share(*tick)));
                        path d={ "M" (x) " " (Px(AREA.bottom())) "v4" } {}
                        text x=(x) y=(Px(AREA.bottom() + 16.0)) text-anchor="middle" { (number::clock(*tick)) }
                    }
                }
                @for (value, name) in &self.bounds {
                    @let y = AREA.y(axis.share(*value));
                    path class="bound" d={ "M" (Px(AREA.left)) " " (Px(y)) "H" (Px(AREA.right())) } {}
                    text class="boundname" x=(Px(AREA.right() - 3.0)) y=(Px(y + if y < 40.0 { 11.0 } else { -4.0 })) text-anchor="end" { (name) }
                }
                @if self.shape == Shape::Bars {
                    (self.bars(&columns, &axis, &time))
                } @else {
                    @for line in &self.lines {
                        path class=(line.class) d=(trace(&line.points, &self.background.lost, &axis, &time)) {}
                    }
                }
                (self.answers(&columns, &time))
            }
        };
        figure(self.title, &caption, &legend, &body)
    }

    fn axis(&self, values: impl Iterator<Item = f64>) -> Axis {
        let bounds = self.bounds.iter().map(|(value, _)| *value).filter(|value| value.is_finite());
        let (low, high) =
            values.chain(bounds).fold((f64::MAX, 0.0), |(low, high): (f64, f64), value| {
                (low.min(value), high.max(value))
            });
        match self.shape {
            Shape::Latency => Axis::latency(low, high * 1.05),
            Shape::FromZero => Axis::from_zero(high * 1.05),
            Shape::Bytes => Axis::bytes(high),
            Shape::Bars => Axis::whole(high),
        }
    }

    fn columns(&self) -> Vec<Column> {
        let to = self.background.to.max(1.0);
        let width = (to / COLUMNS as f64).ceil().max(1.0);
        let count = (to / width).ceil() as usize;
        let mut columns: Vec<Column> = (0..count.min(COLUMNS))
            .map(|index| Column {
                from: index as f64 * width,
                to: (index + 1) as f64 * width,
                values: vec![None; self.lines.len()],
            })
            .collect();
        for (index, line) in self.lines.iter().enumerate() {
            for point in &line.points {
                let Some(value) = finite(point.value) else { continue };
                // A negative or foreign time has no column.
                let place = (point.second / width).floor();
                if place >= 0.0
                    && let Some(column) = columns.get_mut(place as usize)
                {
                    let highest = &mut column.values[index];
                    *highest = Some(highest.map_or(value, |other| other.max(value)));
                }
            }
        }
        columns
    }

    fn bars(&self, columns: &[Column], axis: &Axis, time: &Axis) -> Markup {
        html! {
            @for (column, index) in columns.iter().flat_map(|column| (0..self.lines.len()).map(move |index| (column, index))) {
                @if let Some(value) = column.values[index].filter(|value| *value > 0.0) {
                    @let (left, right) = (AREA.x(time.share(column.from)), AREA.x(time.share(column.to)));
                    @let inset = (right - left) * 0.5 * (0.1 + 0.8 * index as f64 / self.lines.len() as f64);
                    @let top = AREA.y(axis.share(value)).min(AREA.bottom() - 1.0);
                    rect class=(self.lines[index].class) x=(Px(left + inset)) y=(Px(top)) width=(Px((right - left - 2.0 * inset).max(0.8))) height=(Px(AREA.bottom() - top)) {}
                }
            }
        }
    }

    /// Invisible columns that show their values when a pointer or a finger rests on them.
    fn answers(&self, columns: &[Column], time: &Axis) -> Markup {
        html! {
            @for column in columns.iter().filter(|column| column.values.iter().any(Option::is_some)) {
                @let (left, right) = (AREA.x(time.share(column.from)), AREA.x(time.share(column.to)));
                g class="at" {
                    rect class="hit" x=(Px(left)) y=(Px(AREA.top)) width=(Px(right - left)) height=(Px(AREA.height)) {}
                    path class="cursor" d={ "M" (Px((left + right) / 2.0)) " " (Px(AREA.top)) "V" (Px(AREA.bottom())) } {}
                    text class="read" x=(Px(AREA.right())) y="11" text-anchor="end" { (self.answer(column)) }
                }
            }
        }
    }

    fn answer(&self, column: &Column) -> String {
        let mut text = number::clock(column.from);
        if column.to - column.from > 1.5 {
            let _ = write!(text, "–{} highest", number::clock(column.to));
        }
        for (line, value) in self.lines.iter().zip(&column.values) {
            if let Some(value) = value {
                let _ = write!(text, "  {} {}", line.name, (self.long)(*value));
            }
        }
        text
    }

    /// What the chart shows, for people who do not see it.
    fn label(&self) -> String {
        let mut text = self.title.to_owned();
        for line in &self.lines {
            let values = || line.points.iter().filter_map(|point| finite(point.value));
            if values().next().is_some() {
                let low = values().fold(f64::MAX, f64::min);
                let high = values().fold(f64::MIN, f64::max);
                let _ = write!(
                    text,
                    "; {} from {} to {}",
                    line.name,
                    (self.long)(low),
                    (self.long)(high)
                );
            }
        }
        for (_, name) in &self.bounds {
            let _ = write!(text, "; {name}");
        }
        text
    }
}

impl Background<'_> {
    fn draw(&self, time: &Axis) -> Markup {
        let x = |second: f64| AREA.x(time.share(second));
        html! {
            @for (index, phase) in self.phases.iter().enumerate() {
                @let (from, warm, to) = (x(phase.from_second), x(phase.warmup_until_second), x(phase.to_second));
                @if index % 2 == 1 {
                    rect class="band" x=(Px(from)) y=(Px(AREA.top)) width=(Px((to - from).max(0.0))) height=(Px(AREA.height)) {}
                }
                @if warm > from {
                    path class="warmup" d=(hatch(from, warm.min(to))) {}
                }
                @if self.phases.len() > 1 && to - from > 40.0 {
                    text class="phasename" x=(Px(from + 3.0)) y=(Px(AREA.top + 9.0)) { (crate::text::cut(&phase.name, ((to - from) / 6.0) as usize)) }
                }
            }
            @for second in &self.lost {
                rect class="lost" x=(Px(x(*second))) y=(Px(AREA.top)) width=(Px((x(second + 1.0) - x(*second)).max(1.0))) height=(Px(AREA.height)) {
                    title { "second " (number::clock(*second)) " is lost: the generator did not report it" }
                }
            }
            @for (place, text) in self.grouped_marks(time) {
                g class="mark" {
                    path class="markline" d={ "M" (Px(place)) " " (Px(AREA.top)) "V" (Px(AREA.bottom())) } {}
                    path class="marktop" d={ "M" (Px(place - 3.5)) " " (Px(AREA.top - 5.0)) "h7l-3.5 5z" } {}
                    title { (text) }
                }
            }
        }
    }

    /// Marks at one place of the drawing are one mark with several lines of text.
    fn grouped_marks(&self, time: &Axis) -> Vec<(f64, String)> {
        let mut groups: Vec<(f64, String)> = Vec::new();
        for mark in self.marks.iter().filter(|mark| (0.0..=self.to).contains(&mark.second)) {
            let place = AREA.x(time.share(mark.second));
            let line = format!("{} {}", number::clock(mark.second), mark.text);
            match groups.last_mut() {
                Some((last, text)) if (place - *last).abs() < 4.0 => {
                    let _ = write!(text, "\n{line}");
                }
                _ => groups.push((place, line)),
            }
        }
        groups
    }
}

fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}

/// Slanted strokes between two places, as one path (a pattern fill would need a reference).
fn hatch(from: f64, to: f64) -> String {
    let (top, bottom) = (AREA.top, AREA.bottom());
    let rise = bottom - top;
    let mut path = String::new();
    let mut start = from - rise;
    while start < to {
        // The stroke runs from (start, bottom) to (start + rise, top), cut to the strip.
        let (left, right) = (start.max(from), (start + rise).min(to));
        if right > left {
            let _ = write!(
                path,
                "M{} {}L{} {}",
                Px(left),
                Px(bottom - (left - start)),
                Px(right),
                Px(bottom - (right - start))
            );
        }
        start += 7.0;
    }
    path
}

/// A path through the points, broken where nothing was measured; a lone point is a dot.
fn trace(points: &[Point], lost: &[f64], axis: &Axis, time: &Axis) -> String {
    let mut path = String::new();
    let mut run = 0;
    let thinned = thin(points, lost);
    for (index, point) in thinned.iter().enumerate() {
        let Some(value) = finite(point.value) else {
            run = 0;
            continue;
        };
        let (x, y) = (Px(AREA.x(time.share(point.second))), Px(AREA.y(axis.share(value))));
        let _ = write!(path, "{}{x} {y}", if run == 0 { 'M' } else { 'L' });
        let alone =
            run == 0 && thinned.get(index + 1).is_none_or(|next| finite(next.value).is_none());
        if alone {
            path.push_str("h.1");
        }
        run += 1;
    }
    path
}

/// At most about [`POINTS`] points: of each stretch its lowest and its highest, so that no spike
/// is lost. A stretch without a value, or with a lost second, leaves a gap.
fn thin(points: &[Point], lost: &[f64]) -> Vec<Point> {
    if points.len() <= POINTS {
        return points.to_vec();
    }
    let stretch = points.len().div_ceil(POINTS / 2);
    let mut result = Vec::with_capacity(POINTS + POINTS / 2);
    for part in points.chunks(stretch) {
        let measured = || part.iter().filter(|point| finite(point.value).is_some());
        let by_value = |a: &&Point, b: &&Point| {
            a.value.unwrap_or(f64::NAN).total_cmp(&b.value.unwrap_or(f64::NAN))
        };
        let gap = |second| Point { second, value: None };
        match (measured().min_by(by_value), measured().max_by(by_value)) {
            (Some(low), Some(high)) if low.second < high.second => result.extend([*low, *high]),
            (Some(low), Some(high)) if low.second > high.second => result.extend([*high, *low]),
            (Some(low), Some(_)) => result.push(*low),
            _ => result.push(gap(part[0].second)),
        }
        let (from, to) = (part[0].second, part[part.len() - 1].second);
        if lost.iter().any(|second| (from..=to).contains(&(second + 0.5))) {
            result.push(gap(to));
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: impl IntoIterator<Item = Option<f64>>) -> Vec<Point> {
        let place = |(index, value)| Point { second: index as f64 + 0.5, value };
        values.into_iter().enumerate().map(place).collect()
    }

    #[test]
    fn thinning_keeps_the_spike_and_the_dip() {
        let mut values = vec![Some(10.0); 7200];
        values[4321] = Some(900.0);
        values[4400] = Some(0.5);
        let thinned = thin(&points(values), &[]);
        assert!(thinned.len() <= POINTS);
        assert!(thinned.iter().any(|point| point.value == Some(900.0)));
        assert!(thinned.iter().any(|point| point.value == Some(0.5)));
        assert!(thinned.windows(2).all(|pair| pair[0].second < pair[1].second));
    }

    #[test]
    fn a_lost_second_breaks_the_line_also_when_thinned() {
        let axis = Axis::from_zero(20.0);
        let breaks = |count: usize, lost: &[f64]| {
            let values =
                (0..count).map(|second| Some(10.0).filter(|_| !lost.contains(&(second as f64))));
            let time = Axis::time(0.0, count as f64);
            trace(&points(values), lost, &axis, &time).matches('M').count()
        };
        assert_eq!(breaks(60, &[]), 1);
        assert_eq!(breaks(60, &[30.0]), 2);
        assert_eq!(breaks(6000, &[]), 1);
        assert_eq!(breaks(6000, &[3000.0]), 2);
    }

    #[test]
    fn a_lone_point_is_a_dot_and_no_data_is_nothing() {
        let (axis, time) = (Axis::from_zero(20.0), Axis::time(0.0, 5.0));
        let lone = trace(&points([None, Some(4.0), None]), &[], &axis, &time);
        assert!(lone.ends_with("h.1"), "{lone}");
        let nothing = [None, Some(f64::NAN), Some(f64::INFINITY)];
        assert_eq!(trace(&points(nothing), &[], &axis, &time), "");
    }

    #[test]
    fn hatching_stays_inside_its_strip() {
        for part in hatch(100.0, 130.0).split(['M', 'L']).filter(|part| !part.is_empty()) {
            let (x, y) = part.split_once(' ').unwrap();
            assert!((100.0..=130.0).contains(&x.parse::<f64>().unwrap()), "{part}");
            assert!((AREA.top..=AREA.bottom()).contains(&y.parse::<f64>().unwrap()), "{part}");
        }
    }
}
