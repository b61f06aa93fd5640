//! What rises while the load does not: leaks, pools that stay full, logs that fill the disk. Pure.
//!
//! A level is looked at only in seconds of about equal load, warm-up left out, and only in the longest
//! such stretch of one phase: a service that is asked for more may use more.

use seaworthy_report::number;
use seaworthy_report::outcome::{Found, Leak};
use seaworthy_stats::trend::{LEAST_SAMPLES, Slope, Trend, rising};

use crate::gauge::{Kind, Level, Track};
use crate::saturation::Stretch;

/// Load this far from the median is another load.
const EQUAL: f64 = 0.25;
/// Load that rises by more than this over the stretch could explain what rises with it.
const LOAD_RISE: f64 = 0.05;
/// A pool is exhausted when all of it is in use this many samples in a row, with somebody waiting
/// where waiting is told.
const FULL_IN_A_ROW: usize = 10;
/// A log that fills its disk within so many hours is one that is not rotated in time.
const DISK_HOURS: f64 = 72.0;
/// Rises smaller than these are none, however steady: of memory in bytes and as a share, and in things.
const LEAST_BYTES: f64 = 1_048_576.0;
const LEAST_SHARE: f64 = 0.02;
const LEAST_THINGS: f64 = 4.0;

/// The load of each second, and the stretches in which it was applied.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Applied<'a> {
    pub(crate) stretches: &'a [Stretch],
    /// Requests that ended in each second since the timeline's start.
    pub(crate) requests: &'a [f64],
}

/// A stretch of equal load: its phase and the seconds that belong to it.
struct Equal {
    phase: String,
    from: f64,
    to: f64,
    kept: Vec<bool>,
    load_rises: bool,
}

/// Looks at every resource that can leak. `free` is how many bytes are left on the logs' disk.
pub(crate) fn look(tracks: &[Track], applied: Applied<'_>, free: Option<u64>) -> Vec<Leak> {
    let equal = longest(applied);
    tracks
        .iter()
        .filter_map(|track| match track.kind {
            Kind::Memory | Kind::Descriptors | Kind::Threads | Kind::Connections => {
                Some(leak(track, equal.as_ref()))
            }
            Kind::Pool => exhausted(track, applied.stretches),
            Kind::LogBytes => Some(log(track, equal.as_ref(), free)),
            _ => None,
        })
        .collect()
}

/// The stretch with the most seconds of equal load.
fn longest(applied: Applied<'_>) -> Option<Equal> {
    let smooth = smoothed(applied.requests);
    let stretches = applied.stretches.iter().map(|stretch| {
        let (from, to) = (stretch.from.max(0.0) as usize, stretch.to.max(0.0) as usize);
        let part = smooth.get(from..to.min(smooth.len())).unwrap_or_default();
        let mut sorted = part.to_vec();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
        let near = |load: &f64| (load - middle).abs() <= EQUAL * middle;
        let kept: Vec<bool> = part.iter().map(near).collect();
        let loads: Vec<(f64, f64)> = part
            .iter()
            .enumerate()
            .filter(|(second, _)| kept[*second])
            .map(|(second, load)| (second as f64, *load))
            .collect();
        let load_rises =
            matches!(rising(&loads), Trend::Rising(slope) if slope.rise > LOAD_RISE * middle);
        Equal { phase: stretch.phase.clone(), from: from as f64, to: stretch.to, kept, load_rises }
    });
    stretches.max_by_key(|equal| equal.kept.iter().filter(|kept| **kept).count())
}

/// The mean over five seconds around each: requests end in bunches.
fn smoothed(load: &[f64]) -> Vec<f64> {
    (0..load.len())
        .map(|second| {
            let part = &load[second.saturating_sub(2)..(second + 3).min(load.len())];
            part.iter().sum::<f64>() / part.len() as f64
        })
        .collect()
}

impl Equal {
    fn holds(&self, second: f64) -> bool {
        if !(self.from..=self.to).contains(&second) {
            return false;
        }
        self.kept.get((second - self.from) as usize).copied().unwrap_or(false)
    }
}

/// What a track counts: bytes or things.
fn amount(track: &Track, level: &Level) -> f64 {
    if matches!(track.kind, Kind::Memory | Kind::Descriptors) { level.used } else { level.value }
}

fn told(track: &Track, amount: f64) -> String {
    match track.kind {
        Kind::Memory | Kind::LogBytes => number::bytes(amount),
        _ => number::trimmed(&number::three_digits(amount)).to_owned(),
    }
}

/// A rise between neighbouring sizes, as `498 to 530 MiB`-like words, per hour.
fn pace(track: &Track, slope: &Slope) -> String {
    let hour = |per_second: f64| told(track, per_second * 3600.0);
    format!("{}/h ({} to {})", hour(slope.per_second), hour(slope.low), hour(slope.high))
}

fn empty(track: &Track) -> Leak {
    Leak {
        target: track.target.clone(),
        what: track.name.clone(),
        status: Found::NotEnoughData,
        per_hour: None,
        low: None,
        high: None,
        hours_to_limit: None,
        seconds: 0.0,
        sentence: String::new(),
    }
}

fn leak(track: &Track, equal: Option<&Equal>) -> Leak {
    let title = capital(&track.title());
    let mut leak = empty(track);
    let Some(equal) = equal else {
        leak.sentence = format!("{title}: not enough data, nothing ran under load.");
        return leak;
    };
    let samples: Vec<(f64, f64)> = track
        .levels
        .iter()
        .filter(|level| equal.holds(level.second))
        .map(|level| (level.second, amount(track, level)))
        .filter(|(_, amount)| amount.is_finite())
        .collect();
    if equal.load_rises {
        leak.sentence = format!(
            "{title}: not enough data, the load rose in phase {}, which could explain a rise.",
            equal.phase
        );
        return leak;
    }
    let trend = rising(&samples);
    let (Trend::Rising(slope) | Trend::NotRising(slope)) = trend else {
        leak.sentence = format!(
            "{title}: not enough data, {} samples at equal load and {LEAST_SAMPLES} are needed.",
            samples.len()
        );
        return leak;
    };
    leak.seconds = slope.seconds;
    leak.per_hour = Some(slope.per_second * 3600.0);
    leak.low = Some(slope.low * 3600.0);
    leak.high = Some(slope.high * 3600.0);
    let least = match track.kind {
        Kind::Memory => LEAST_BYTES.max(LEAST_SHARE * slope.start),
        _ => LEAST_THINGS.max(LEAST_SHARE * slope.start),
    };
    let stretch =
        format!("{} of equal load in phase {}", number::length(slope.seconds), equal.phase);
    if !matches!(trend, Trend::Rising(_)) || slope.rise < least {
        leak.status = Found::NotFound;
        leak.sentence =
            format!("{title} did not rise steadily over {stretch}: {}.", pace(track, &slope));
        return leak;
    }
    leak.status = Found::Found;
    leak.sentence = format!(
        "{title} rose by {} over {stretch}, from {} to {}, while the load did not.",
        pace(track, &slope),
        told(track, slope.start),
        told(track, slope.end)
    );
    let limit = track.levels.last().map_or(f64::NAN, |level| level.limit);
    let hours = (limit - slope.end) / slope.per_second / 3600.0;
    if hours.is_finite() && hours > 0.0 {
        leak.hours_to_limit = Some(hours);
        leak.sentence.push_str(&format!(
            " At that pace it reaches its limit of {} in {}.",
            told(track, limit),
            number::length(hours * 3600.0)
        ));
    }
    leak
}

/// A pool that stays full. A pool that is nowhere read, or has no limit, is among the resources that
/// were not measured.
fn exhausted(track: &Track, stretches: &[Stretch]) -> Option<Leak> {
    let under = |level: &&Level| {
        level.value.is_finite() && stretches.iter().any(|stretch| stretch.holds(level.second))
    };
    let levels: Vec<Level> = track.levels.iter().filter(under).copied().collect();
    let title = capital(&track.title());
    let mut leak = empty(track);
    leak.what = format!("{} exhausted", track.name);
    if levels.is_empty() {
        return None;
    }
    leak.seconds = levels[levels.len() - 1].second - levels[0].second;
    if levels.len() < FULL_IN_A_ROW {
        leak.sentence = format!(
            "{title}: not enough data, {} samples under load and {FULL_IN_A_ROW} are needed.",
            levels.len()
        );
        return Some(leak);
    }
    let full = |level: &Level| {
        level.used >= level.limit && (level.waiting.is_nan() || level.waiting > 0.0)
    };
    let longest = levels.chunk_by(|one, other| full(one) == full(other));
    let longest = longest.filter(|run| full(&run[0])).max_by_key(|run| run.len());
    match longest.filter(|run| run.len() >= FULL_IN_A_ROW) {
        Some(run) => {
            let (first, last) = (run[0], run[run.len() - 1]);
            let waiting = run.iter().map(|level| level.waiting).fold(f64::NAN, f64::max);
            leak.status = Found::Found;
            leak.sentence = format!(
                "{title} was exhausted for {} from {} on: all {} in use{}.",
                number::length(last.second - first.second),
                number::clock(first.second),
                told(track, first.limit),
                if waiting > 0.0 {
                    format!(", up to {} waiting", told(track, waiting))
                } else {
                    String::new()
                }
            );
        }
        None => {
            leak.status = Found::NotFound;
            leak.sentence =
                format!("{title} was never exhausted for {FULL_IN_A_ROW} samples in a row.");
        }
    }
    Some(leak)
}

fn log(track: &Track, equal: Option<&Equal>, free: Option<u64>) -> Leak {
    let mut leak = empty(track);
    let title = format!("The log of {}", track.target);
    let held = equal.map(|equal| {
        let within = track.levels.iter().filter(|level| equal.holds(level.second));
        within.map(|level| (level.second, level.used)).collect::<Vec<(f64, f64)>>()
    });
    let trend = rising(&held.unwrap_or_default());
    let (Trend::Rising(slope) | Trend::NotRising(slope)) = trend else {
        leak.sentence = format!("{title}: not enough data to say how fast it grows.");
        return leak;
    };
    leak.seconds = slope.seconds;
    leak.per_hour = Some(slope.per_second * 3600.0);
    leak.low = Some(slope.low * 3600.0);
    leak.high = Some(slope.high * 3600.0);
    leak.sentence = format!("{title} grew by {}", pace(track, &slope));
    let hours = free.map(|free| free as f64 / slope.per_second / 3600.0);
    leak.hours_to_limit = hours.filter(|hours| hours.is_finite() && *hours > 0.0);
    match leak.hours_to_limit {
        Some(hours) => {
            leak.status = if hours < DISK_HOURS { Found::Found } else { Found::NotFound };
            let years = hours > 24.0 * 365.0;
            let when =
                if years { "more than a year".to_owned() } else { number::length(hours * 3600.0) };
            leak.sentence.push_str(&format!("; unrotated, it fills its disk in {when}."));
        }
        None => {
            leak.status = if free.is_some() { Found::NotFound } else { Found::NotEnoughData };
            leak.sentence.push('.');
        }
    }
    leak
}

/// With a capital first letter.
pub(crate) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use seaworthy_base::chance::Chance;

    use super::*;

    const MIB: f64 = 1_048_576.0;

    fn steady(seconds: f64) -> Vec<Stretch> {
        vec![Stretch { phase: "soak".to_owned(), from: 10.0, to: seconds }]
    }

    fn memory(seconds: u32, leak: f64, chance: &mut Chance) -> Track {
        let mut track = Track::new("api", Kind::Memory, "memory", Kind::Memory.bound());
        for second in 0..seconds {
            let noise = 3.0 * MIB * chance.fraction();
            let used = 80.0 * MIB + noise + leak * f64::from(second);
            track.push(Level::of(f64::from(second), used, 2048.0 * MIB));
        }
        track
    }

    fn found(track: Track, stretches: &[Stretch], requests: &[f64]) -> Leak {
        look(&[track], Applied { stretches, requests }, Some(1 << 30)).remove(0)
    }

    /// 144 s are a soak of four hours at `--time-scale 0.01`.
    #[test]
    fn a_leak_is_found_in_a_soak_of_144_seconds_and_none_where_there_is_none() {
        let (stretches, requests) = (steady(144.0), vec![50.0; 144]);
        let mut chance = Chance::seeded(21);
        let (mut seen, mut false_alarms) = (0, 0);
        for _ in 0..100 {
            let with = found(memory(144, 0.2 * MIB, &mut chance), &stretches, &requests);
            seen += u32::from(with.status == Found::Found);
            let without = found(memory(144, 0.0, &mut chance), &stretches, &requests);
            false_alarms += u32::from(without.status == Found::Found);
        }
        println!(
            "144 s, 0.2 MiB/s under 3 MiB of noise: {seen} of 100 found, {false_alarms} false"
        );
        assert!(seen >= 99 && false_alarms == 0, "{seen} found, {false_alarms} false alarms");
        let leak = found(memory(144, 0.2 * MIB, &mut chance), &stretches, &requests);
        assert!(leak.sentence.contains("reaches its limit of 2.00 GiB in 2 h"), "{leak:?}");
        assert!((leak.per_hour.unwrap() / MIB - 720.0).abs() < 60.0, "{leak:?}");
        assert!(leak.low < leak.per_hour && leak.per_hour < leak.high, "{leak:?}");
    }

    #[test]
    fn a_load_that_rises_explains_a_rise() {
        let requests: Vec<f64> = (0..300).map(|second| 10.0 + f64::from(second)).collect();
        let mut chance = Chance::seeded(3);
        let leak = found(memory(300, MIB, &mut chance), &steady(300.0), &requests);
        assert_eq!(leak.status, Found::NotEnoughData, "{leak:?}");
        // Half of the phase is at one load: that half is looked at.
        let requests: Vec<f64> = (0..300)
            .map(|second| if second < 150 { 10.0 + f64::from(second) } else { 170.0 })
            .collect();
        let leak = found(memory(300, MIB, &mut chance), &steady(300.0), &requests);
        assert_eq!(leak.status, Found::Found, "{leak:?}");
        assert!(leak.seconds < 200.0, "{leak:?}");
    }

    #[test]
    fn too_little_is_said() {
        let mut chance = Chance::seeded(5);
        let leak = found(memory(40, MIB, &mut chance), &steady(40.0), &[50.0; 40]);
        assert_eq!(leak.status, Found::NotEnoughData);
        assert!(leak.sentence.contains("48 are needed"), "{}", leak.sentence);
        let leak = found(memory(200, MIB, &mut chance), &[], &[]);
        assert_eq!(leak.status, Found::NotEnoughData);
        // A rise of two threads is none, however steady.
        let mut threads = Track::new("api", Kind::Threads, "threads", None);
        for second in 0..200 {
            threads.push(Level::plain(f64::from(second), (10 + second / 100).into()));
        }
        assert_eq!(found(threads, &steady(200.0), &[5.0; 200]).status, Found::NotFound);
    }

    #[test]
    fn files_that_stay_open_are_counted() {
        let mut files = Track::new("api", Kind::Descriptors, "file descriptors", None);
        for second in 0..144 {
            files.push(Level::of(f64::from(second), 20.0 + f64::from(second / 4), 1024.0));
        }
        let leak = found(files, &steady(144.0), &[50.0; 144]);
        assert_eq!(leak.status, Found::Found);
        assert!(leak.sentence.contains("reaches its limit of 1,024 in 1 h"), "{}", leak.sentence);
    }

    #[test]
    fn a_pool_is_exhausted_when_it_stays_full_and_somebody_waits() {
        let pool = |used: fn(u32) -> f64, waiting: f64| {
            let mut track = Track::new("api", Kind::Pool, "pool orders", Kind::Pool.bound());
            for second in 0..60 {
                track.push(Level { waiting, ..Level::of(f64::from(second), used(second), 4.0) });
            }
            found(track, &steady(60.0), &[5.0; 60])
        };
        let full = pool(|second| if second < 20 { 2.0 } else { 4.0 }, 9.0);
        assert_eq!(full.status, Found::Found);
        assert_eq!(
            full.sentence,
            "Pool orders of api was exhausted for 39 s from 0:20 on: all 4 in use, up to 9 waiting."
        );
        assert_eq!(pool(|_| 4.0, 0.0).status, Found::NotFound, "full, but nobody waits");
        assert_eq!(pool(|second| f64::from(second % 5), 1.0).status, Found::NotFound);
        assert_eq!(pool(|_| 4.0, f64::NAN).status, Found::Found, "waiting is not told");
    }

    #[test]
    fn a_log_is_held_against_its_disk() {
        let log = |pace: f64, free| {
            let mut track = Track::new("api", Kind::LogBytes, "log", None);
            for second in 0..144 {
                let level = Level::plain(f64::from(second), pace);
                track.push(Level { used: pace * f64::from(second), ..level });
            }
            look(&[track], Applied { stretches: &steady(144.0), requests: &[5.0; 144] }, free)
                .remove(0)
        };
        let fast = log(1e6, Some(10 << 30));
        assert_eq!(fast.status, Found::Found);
        assert!(fast.sentence.contains("fills its disk in 2 h 58 min"), "{}", fast.sentence);
        assert_eq!(log(10.0, Some(10 << 30)).status, Found::NotFound);
        assert_eq!(log(0.0, Some(10 << 30)).status, Found::NotFound);
        assert_eq!(log(1e6, None).status, Found::NotEnoughData);
    }
}
