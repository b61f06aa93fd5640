//! The knee of a ramp: the load from which on a service no longer keeps up, if there is one to see.
//!
//! What was measured is put into bins of equal load, each with its median. One straight line is
//! then held against two that meet: there is a knee where two are better by far more than chance
//! (the largest F over all places for the bend, after Andrews 1993), and only if the bend is one a
//! reader would call a knee: throughput that gains less than half as much per load as before, or
//! latency that gains more than three times as much.

use serde::{Deserialize, Serialize};

/// The fewest bins, the most, and the fewest points in one on average.
const LEAST_BINS: usize = 8;
const MOST_BINS: usize = 40;
const BIN: usize = 3;
/// How much better two lines must be than one: the largest F over all places.
const CONVINCING: f64 = 18.0;
/// The load at the end of a ramp over that at its start, at least.
const LEAST_RAMP: f64 = 1.8;

/// One moment of a ramp.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The load: virtual users, or arrivals a second.
    pub load: f64,
    /// What was seen of it: throughput or latency, in any unit.
    pub value: f64,
}

/// Which way the line bends at a knee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bend {
    /// Throughput stops to grow with the load.
    Flattens,
    /// Latency begins to grow with the load.
    Rises,
}

/// What a ramp shows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Seen {
    /// Too few points, or the load hardly changed.
    NotEnough,
    /// The ramp shows no knee.
    NoKnee,
    /// It shows one.
    Knee(Knee),
}

/// A knee.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Knee {
    /// The load at the knee.
    pub load: f64,
    /// Loads from `low` to `high` explain what was seen almost as well.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// The value at the knee, as fitted.
    pub value: f64,
    /// Value gained per load before the knee.
    pub before: f64,
    /// Value gained per load after it.
    pub after: f64,
}

/// Looks for a knee; points that are not finite are left out.
pub fn knee(points: &[Point], bend: Bend) -> Seen {
    let Some(bins) = bins(points) else { return Seen::NotEnough };
    let straight = fit(&bins, None).map_or(f64::INFINITY, |fit| fit.squares);
    // A bend needs two bins on each side to have a slope there.
    let bent: Vec<(f64, Fit)> = bins[2..bins.len() - 2]
        .iter()
        .filter_map(|(load, _)| Some((*load, fit(&bins, Some(*load))?)))
        .collect();
    let Some(&(load, best)) = bent.iter().min_by(|a, b| a.1.squares.total_cmp(&b.1.squares)) else {
        return Seen::NotEnough;
    };
    let freedom = bins.len() as f64 - 4.0;
    let scale: f64 = bins.iter().map(|(_, value)| value * value).sum();
    // What is left after a perfect fit is rounding, which proves nothing.
    let left = best.squares.max(scale * 1e-12);
    let better = (straight - best.squares) / 2.0 / (left / freedom);
    let (before, after) = (best.slope, best.slope + best.change);
    let value = best.at_zero + before * load;
    let end = value + after * (bins[bins.len() - 1].0 - load);
    let is_knee = match bend {
        Bend::Flattens => before > 0.0 && after <= 0.5 * before,
        Bend::Rises => after > 0.0 && after >= 3.0 * before && end >= 1.5 * value.max(0.0),
    };
    if better < CONVINCING || !is_knee {
        return Seen::NoKnee;
    }
    // A bend lies at a bin only because it was looked for there: it may be as far as the next one.
    let nearly = |(_, fit): &(f64, Fit)| fit.squares <= left * (1.0 + 4.0 / freedom);
    let first = bent.iter().position(nearly).unwrap_or(0);
    let last = bent.iter().rposition(nearly).unwrap_or(bent.len() - 1);
    let (low, high) = (bins[first + 1].0.min(load), bins[last + 3].0.max(load));
    Seen::Knee(Knee { load, low, high, value, before, after })
}

/// Mean load and median value of bins of equal width, in order of load.
fn bins(points: &[Point]) -> Option<Vec<(f64, f64)>> {
    let finite = |point: &&Point| point.load.is_finite() && point.value.is_finite();
    let mut points: Vec<Point> = points.iter().filter(finite).copied().collect();
    points.sort_by(|one, other| one.load.total_cmp(&other.load));
    let (first, last) = (points.first()?.load, points.last()?.load);
    let count = (points.len() / BIN).min(MOST_BINS);
    if count < LEAST_BINS || last <= 0.0 || last < LEAST_RAMP * first.max(0.0) {
        return None;
    }
    let width = (last - first) / count as f64;
    let bin = |point: &Point| (((point.load - first) / width) as usize).min(count - 1);
    let bins: Vec<(f64, f64)> = points
        .chunk_by(|one, other| bin(one) == bin(other))
        .map(|chunk| {
            let mut values: Vec<f64> = chunk.iter().map(|point| point.value).collect();
            values.sort_by(f64::total_cmp);
            let load = chunk.iter().map(|point| point.load).sum::<f64>() / chunk.len() as f64;
            (load, values[values.len() / 2])
        })
        .collect();
    (bins.len() >= LEAST_BINS).then_some(bins)
}

/// A line, bent at one place or not, and the squares it leaves.
#[derive(Clone, Copy, Debug)]
struct Fit {
    at_zero: f64,
    slope: f64,
    change: f64,
    squares: f64,
}

/// Least squares over `1`, the load and, with a bend, the load beyond it.
fn fit(bins: &[(f64, f64)], bend: Option<f64>) -> Option<Fit> {
    let width = bins.last()?.0.max(f64::MIN_POSITIVE);
    let terms = |load: f64| {
        let beyond = bend.map_or(0.0, |bend| (load - bend).max(0.0));
        [1.0, load / width, beyond / width]
    };
    let unknown = if bend.is_some() { 3 } else { 2 };
    // The normal equations, with the right-hand side as a fourth column.
    let mut rows = [[0.0; 4]; 3];
    for (load, value) in bins {
        let term = terms(*load);
        for (row, one) in rows.iter_mut().zip(term) {
            for (cell, other) in row.iter_mut().zip(term.into_iter().chain([*value])) {
                *cell += one * other;
            }
        }
    }
    let solved = solve(&mut rows, unknown)?;
    let squares = bins
        .iter()
        .map(|(load, value)| {
            let fitted: f64 = terms(*load).iter().zip(solved).map(|(one, other)| one * other).sum();
            (value - fitted).powi(2)
        })
        .sum();
    let [at_zero, slope, change] = solved;
    Some(Fit { at_zero, slope: slope / width, change: change / width, squares })
}

/// Gauss and Jordan, with pivots; `None` when the rows do not tell the unknowns apart.
fn solve(rows: &mut [[f64; 4]; 3], unknown: usize) -> Option<[f64; 3]> {
    for column in 0..unknown {
        let pivot = (column..unknown)
            .max_by(|one, other| rows[*one][column].abs().total_cmp(&rows[*other][column].abs()))?;
        rows.swap(column, pivot);
        let lead = rows[column];
        if lead[column].abs() < 1e-12 {
            return None;
        }
        for row in (0..unknown).filter(|row| *row != column) {
            let factor = rows[row][column] / lead[column];
            for (cell, above) in rows[row].iter_mut().zip(lead) {
                *cell -= factor * above;
            }
        }
    }
    let mut solved = [0.0; 3];
    for (position, value) in solved.iter_mut().enumerate().take(unknown) {
        *value = rows[position][3] / rows[position][position];
    }
    Some(solved)
}

#[cfg(test)]
mod tests;
