//! A timeline as JSON Lines: a header, then lines of one series and second each, in order of time.
//!
//! What was written while it was measured may say more of a series and second in a later line: lines
//! add up, as timelines do when they are merged. Lost seconds stand in the header or, where they were
//! not known yet, in lines of their own.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, Read, Write};
use std::ops::Range;

use seaworthy_base::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Key, Kind, Slot, Timeline};
use crate::{Error, Histogram};

/// The longest line that is read: room for a histogram with every bucket in use.
pub const MAX_LINE: usize = 1 << 20;
/// Seconds a timeline that is read may span: 31 days, so that a vector over a foreign file's seconds
/// takes at most 21 MB.
pub const MAX_SECONDS: u32 = 31 * 86_400;

const FORMAT: &str = "seaworthy.dev/timeline/v1";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: String,
    start: Timestamp,
    bounds: BTreeMap<String, Vec<u64>>,
    /// Seconds that were not reported, as pairs of the first and the number in a row.
    lost: Vec<(u32, u32)>,
}

/// Seconds that were not reported, as in the header.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lost {
    lost: Vec<(u32, u32)>,
}

/// How a line of lost seconds begins; no other line does.
const LOST: &[u8] = br#"{"lost":"#;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    second: u32,
    metric: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, String>,
    kind: Kind,
    n: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hits: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sum: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last: Option<f64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    over: Vec<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    histogram: Option<Histogram>,
}

impl Timeline {
    /// Writes the timeline as JSON Lines. Equal timelines give equal bytes.
    ///
    /// # Errors
    /// [`Error::Io`] when `output` cannot be written to.
    pub fn encode(&self, output: &mut impl Write) -> Result<(), Error> {
        self.encode_header(output, self.lost_in_a_row())?;
        self.encode_slots(output)
    }

    /// Writes the head of a timeline that is written as it goes on: its start and its bounds. What
    /// follows is [`Timeline::encode_part`] of what was taken out of it.
    ///
    /// # Errors
    /// [`Error::Io`] when `output` cannot be written to.
    pub fn encode_head(&self, output: &mut impl Write) -> Result<(), Error> {
        self.encode_header(output, Vec::new())
    }

    /// Writes what this timeline holds without a header, to follow what was written before.
    ///
    /// # Errors
    /// [`Error::Io`] when `output` cannot be written to.
    pub fn encode_part(&self, output: &mut impl Write) -> Result<(), Error> {
        if !self.lost.is_empty() {
            write_line(output, &Lost { lost: self.lost_in_a_row() })?;
        }
        self.encode_slots(output)
    }

    fn encode_header(&self, output: &mut impl Write, lost: Vec<(u32, u32)>) -> Result<(), Error> {
        let bounds = self.bounds.iter().map(|(metric, list)| (metric.clone(), list.to_vec()));
        let header =
            Header { format: FORMAT.to_owned(), start: self.start, bounds: bounds.collect(), lost };
        write_line(output, &header)
    }

    fn lost_in_a_row(&self) -> Vec<(u32, u32)> {
        let mut lost: Vec<(u32, u32)> = Vec::new();
        for &second in &self.lost {
            match lost.last_mut() {
                Some((first, length)) if *first + *length == second => *length += 1,
                _ => lost.push((second, 1)),
            }
        }
        lost
    }

    fn encode_slots(&self, output: &mut impl Write) -> Result<(), Error> {
        let mut slots: Vec<(u32, &Key, Kind, &Slot)> = self
            .series()
            .flat_map(|(key, series)| {
                series.slots.iter().map(move |(&second, slot)| (second, key, series.kind, slot))
            })
            .collect();
        // Stable: series stay in the order of their keys within a second.
        slots.sort_by_key(|slot| slot.0);
        for (second, key, kind, slot) in slots {
            write_line(output, &Line::of(second, key, kind, slot))?;
        }
        Ok(())
    }

    /// Reads what [`Timeline::encode`] wrote, or [`Timeline::encode_head`] and parts. Foreign bytes
    /// are an error, never a panic, and take no more memory than a few times their own size and 31
    /// days of lost seconds.
    ///
    /// # Errors
    /// [`Error::Io`] when `input` cannot be read; [`Error::Malformed`] when a line is not part of a
    /// timeline or contradicts itself.
    pub fn decode(input: impl BufRead) -> Result<Self, Error> {
        let mut reader = Reader::open(input)?;
        let mut timeline = reader.empty.clone();
        timeline.lost.clone_from(&reader.lost);
        while reader.line(&mut timeline)? {}
        Ok(timeline)
    }

    /// The same for a long timeline: the histograms of up to `grain` seconds are merged into one of
    /// them, while everything that is counted stays second by second. No histogram reaches over one
    /// of the `edges` (ascending), so that windows which begin and end there hold the same values.
    ///
    /// # Errors
    /// As [`Timeline::decode`].
    pub fn decode_grained(input: impl BufRead, grain: u32, edges: &[u32]) -> Result<Self, Error> {
        let mut reader = Reader::open(input)?;
        let mut timeline = reader.empty.clone();
        timeline.lost.clone_from(&reader.lost);
        let grain = grain.max(1);
        timeline.grain = grain;
        loop {
            let mut line = reader.empty.empty_like();
            if !reader.line(&mut line)? {
                return Ok(timeline);
            }
            line.move_times(
                |second| {
                    let edge = edges.partition_point(|&edge| edge <= second);
                    let begins = edge.checked_sub(1).map_or(0, |before| edges[before]);
                    let from = begins + (second - begins) / grain * grain;
                    let to = from.saturating_add(grain);
                    from..edges.get(edge).map_or(to, |&next| to.min(next))
                },
                &mut timeline,
            );
        }
    }

    /// Adds this timeline's slots to another one, each histogram to the first that is there within
    /// the seconds `grain` gives for its own. What was summed up in it stays with its second.
    fn move_times(self, grain: impl Fn(u32) -> Range<u32>, to: &mut Self) {
        to.lost.extend(self.lost);
        for (key, ids) in self.index {
            for id in ids {
                let target = to.series_id(&key, id.kind);
                let slots = &mut to.of(target, id.kind).slots;
                for (&second, slot) in &self.series[id.position].slots {
                    let mut slot = slot.clone();
                    let times = slot.histogram.take();
                    if let Some(times) = &times {
                        slot.sum = times.sum() as f64;
                    }
                    slots.entry(second).or_default().merge(&slot);
                    let Some(times) = times else { continue };
                    let mut near = slots.range_mut(grain(second));
                    let holder = near.find(|(_, slot)| slot.histogram.is_some());
                    match holder {
                        Some((_, slot)) => slot.histogram.get_or_insert_default().merge(&times),
                        None => {
                            // The one before is whole but for stragglers.
                            let mut past = slots.range_mut(..second).rev();
                            let whole = past.find_map(|(_, slot)| slot.histogram.as_mut());
                            whole.into_iter().for_each(Histogram::pack);
                            slots.entry(second).or_default().histogram = Some(times);
                        }
                    }
                }
            }
        }
    }

    /// How much of what is written as it goes on can be read, when the writer was killed or the
    /// power failed in the middle of its last line. Takes no more memory than a line.
    ///
    /// # Errors
    /// As [`Timeline::decode`], but for what is torn: a line that is no part of a timeline is one
    /// only as long as no other line ends after it.
    pub fn readable(input: impl BufRead) -> Result<Readable, Error> {
        let mut reader = Reader::open(input)?;
        let (mut bytes, mut seconds) = (reader.read, 0);
        loop {
            let mut line = reader.empty.empty_like();
            match reader.line(&mut line) {
                Ok(true) if reader.buffer.ends_with(b"\n") => {
                    bytes = reader.read;
                    seconds = line.seconds().max(seconds);
                }
                Ok(_) => break,
                Err(bad @ Error::Malformed { .. }) if reader.more()? => return Err(bad),
                Err(Error::Malformed { .. }) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(Readable { empty: reader.empty, bytes, seconds })
    }
}

/// What can be read of a timeline whose writer may have been killed.
#[derive(Clone, Debug)]
pub struct Readable {
    /// An empty timeline of the same start and bounds.
    pub empty: Timeline,
    /// The length in bytes of the head and every whole line.
    pub bytes: u64,
    /// Seconds from the start to the end of the last one that a whole line speaks of.
    pub seconds: u32,
}

/// Reads line after line.
struct Reader<I> {
    input: I,
    buffer: Vec<u8>,
    /// Lines read.
    number: usize,
    /// Bytes read.
    read: u64,
    /// The timeline of the header, without anything recorded.
    empty: Timeline,
    /// The seconds the header calls lost.
    lost: BTreeSet<u32>,
    /// How many more seconds may be called lost: naming the same ones again and again must come to
    /// an end.
    budget: u32,
}

impl<I: BufRead> Reader<I> {
    fn open(mut input: I) -> Result<Self, Error> {
        let mut buffer = Vec::new();
        if !read_line(&mut input, &mut buffer, 1)? {
            return Err(malformed(1, "the file is empty"));
        }
        let header: Header = parse(&buffer, 1)?;
        let mut empty = header.timeline().map_err(|reason| malformed(1, reason))?;
        let lost = std::mem::take(&mut empty.lost);
        let read = buffer.len() as u64;
        Ok(Self { input, buffer, number: 1, read, empty, lost, budget: MAX_SECONDS })
    }

    /// Adds the next line to the timeline; false at the end.
    fn line(&mut self, timeline: &mut Timeline) -> Result<bool, Error> {
        let number = self.number + 1;
        if !read_line(&mut self.input, &mut self.buffer, number)? {
            return Ok(false);
        }
        (self.number, self.read) = (number, self.read + self.buffer.len() as u64);
        let added = if self.buffer.starts_with(LOST) {
            let line: Lost = parse(&self.buffer, number)?;
            add_lost(line.lost, &mut self.budget, timeline)
        } else {
            parse::<Line>(&self.buffer, number)?.add_to(timeline)
        };
        added.map_err(|reason| malformed(number, reason)).map(|()| true)
    }

    /// Whether another line ends after the one that was begun.
    fn more(&mut self) -> Result<bool, Error> {
        let mut ends = usize::from(self.buffer.ends_with(b"\n"));
        loop {
            let rest = match self.input.fill_buf() {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                rest => rest?,
            };
            ends += rest.iter().filter(|byte| **byte == b'\n').count();
            if rest.is_empty() || ends > 1 {
                return Ok(ends > 1);
            }
            let read = rest.len();
            self.input.consume(read);
        }
    }
}

fn add_lost(
    lost: Vec<(u32, u32)>,
    budget: &mut u32,
    timeline: &mut Timeline,
) -> Result<(), &'static str> {
    let mut next = 0;
    for (first, length) in lost {
        let end = first.checked_add(length).filter(|&end| end <= MAX_SECONDS);
        let end = end.ok_or("a lost second is beyond 31 days")?;
        if first < next || length == 0 {
            return Err("the lost seconds are not in ascending order");
        }
        *budget = budget.checked_sub(length).ok_or("more seconds are lost than there can be")?;
        timeline.lost.extend(first..end);
        next = end;
    }
    Ok(())
}

impl Header {
    fn timeline(self) -> Result<Timeline, &'static str> {
        if self.format != FORMAT {
            return Err("the header does not say `seaworthy.dev/timeline/v1`");
        }
        if self.bounds.values().any(|bounds| !bounds.is_sorted_by(|low, high| low < high)) {
            return Err("the bounds are not in ascending order");
        }
        let mut timeline = Timeline::new(self.start, self.bounds);
        add_lost(self.lost, &mut MAX_SECONDS.clone(), &mut timeline)?;
        Ok(timeline)
    }
}

impl Line {
    fn of(second: u32, key: &Key, kind: Kind, slot: &Slot) -> Self {
        let amounts = matches!(kind, Kind::Counter | Kind::Gauge);
        Self {
            second,
            metric: key.metric.clone(),
            tags: key.tags.clone(),
            kind,
            n: slot.n,
            hits: (kind == Kind::Rate).then_some(slot.hits),
            sum: amounts.then_some(slot.sum),
            min: amounts.then_some(slot.min),
            max: amounts.then_some(slot.max),
            last: (kind == Kind::Gauge).then_some(slot.last),
            over: slot.over.clone(),
            histogram: slot.histogram.clone(),
        }
    }

    fn add_to(self, timeline: &mut Timeline) -> Result<(), &'static str> {
        if self.second >= MAX_SECONDS {
            return Err("the second is beyond 31 days");
        }
        let (kind, second) = (self.kind, self.second);
        let key = Key { metric: self.metric, tags: self.tags };
        let slot = Slot {
            n: self.n,
            hits: self.hits.unwrap_or(0),
            sum: self.sum.unwrap_or(0.0),
            min: self.min.unwrap_or(0.0),
            max: self.max.unwrap_or(0.0),
            last: self.last.unwrap_or(0.0),
            over: self.over,
            histogram: self.histogram,
        };
        let amounts = [self.sum, self.min, self.max].map(|amount| amount.is_some());
        let fields = (self.hits.is_some(), amounts, self.last.is_some());
        let expected = match kind {
            Kind::Trend => (false, [false; 3], false),
            Kind::Rate => (true, [false; 3], false),
            Kind::Counter => (false, [true; 3], false),
            Kind::Gauge => (false, [true; 3], true),
        };
        if fields != expected || slot.histogram.is_some() != (kind == Kind::Trend) {
            return Err("its fields are not those of its kind");
        }
        let counted = slot.histogram.as_ref().map_or(slot.n, Histogram::count);
        if slot.n == 0 || counted != slot.n || slot.hits > slot.n || slot.min > slot.max {
            return Err("its counts contradict each other");
        }
        let bounds = if kind == Kind::Trend { timeline.bounds(&key.metric).len() } else { 0 };
        let descending = slot.over.is_sorted_by(|low, high| low >= high);
        if slot.over.len() != bounds || !descending || slot.over.first() > Some(&slot.n) {
            return Err("its counts over the bounds do not fit the header");
        }
        let id = timeline.series_id(&key, kind);
        match timeline.of(id, kind).slots.entry(second) {
            Entry::Vacant(vacant) => {
                let slot = vacant.insert(slot);
                slot.histogram.iter_mut().for_each(Histogram::pack);
            }
            Entry::Occupied(known) if known.get().n.checked_add(slot.n).is_none() => {
                return Err("this series and second have more values than can be counted");
            }
            Entry::Occupied(mut known) => known.get_mut().merge(&slot),
        }
        Ok(())
    }
}

fn write_line(output: &mut impl Write, line: &impl Serialize) -> Result<(), Error> {
    serde_json::to_writer(&mut *output, line).map_err(std::io::Error::from)?;
    output.write_all(b"\n")?;
    Ok(())
}

/// Reads one line into `buffer`; false at the end of the input.
fn read_line(input: &mut impl BufRead, buffer: &mut Vec<u8>, number: usize) -> Result<bool, Error> {
    buffer.clear();
    let read = input.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', buffer)?;
    if buffer.last() != Some(&b'\n') && read > MAX_LINE {
        return Err(malformed(number, "the line is longer than a megabyte"));
    }
    Ok(read > 0)
}

fn parse<'a, T: Deserialize<'a>>(line: &'a [u8], number: usize) -> Result<T, Error> {
    serde_json::from_slice(line).map_err(|error| malformed(number, &error.to_string()))
}

fn malformed(line: usize, reason: &str) -> Error {
    Error::Malformed { line, reason: reason.to_owned() }
}
