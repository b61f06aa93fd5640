//! A timeline that is being written to: the second under way in dense counts, all others in slots.

use std::collections::btree_map::Entry;

use super::{Key, Kind, SeriesId, Slot, Timeline};
use crate::dense::Dense;

/// Writes to a timeline. What falls into the second under way is counted at known places, without a
/// look-up by time or bucket and, after a series' first values, without allocating; it is folded
/// into the timeline when a later second begins or the timeline is asked for.
#[derive(Clone, Debug)]
pub struct Writer {
    timeline: Timeline,
    second: u32,
    cells: Vec<Cell>,
    /// Positions of the cells that hold something.
    touched: Vec<usize>,
}

/// One series in the second under way.
#[derive(Clone, Debug, Default)]
struct Cell {
    slot: Slot,
    times: Option<Box<Dense>>,
}

impl Writer {
    /// Writes on in `timeline`.
    pub fn new(timeline: Timeline) -> Self {
        Self { timeline, second: 0, cells: Vec::new(), touched: Vec::new() }
    }

    /// As [`Timeline::series_id`].
    pub fn series_id(&mut self, key: &Key, kind: Kind) -> SeriesId {
        let id = self.timeline.series_id(key, kind);
        if self.cells.len() <= id.position {
            self.cells.resize_with(id.position + 1, Cell::default);
        }
        id
    }

    /// As [`Timeline::record_trend_at`].
    ///
    /// # Panics
    /// As all functions here that take a handle: when it is of another kind or another timeline.
    pub fn trend(&mut self, id: SeriesId, second: u32, value_ns: u64) {
        if !self.is_under_way(second) {
            return self.timeline.record_trend_at(id, second, value_ns);
        }
        let Self { timeline, cells, touched, .. } = self;
        let bounds = &timeline.of(id, Kind::Trend).bounds;
        let cell = Cell::touch(cells, touched, id);
        cell.slot.over(value_ns, bounds);
        cell.times.get_or_insert_default().record(value_ns);
    }

    /// As [`Timeline::record_rate_at`].
    ///
    /// # Panics
    /// As [`Writer::trend`].
    pub fn rate(&mut self, id: SeriesId, second: u32, hit: bool) {
        if !self.is_under_way(second) {
            return self.timeline.record_rate_at(id, second, hit);
        }
        let Self { timeline, cells, touched, .. } = self;
        timeline.of(id, Kind::Rate);
        let slot = &mut Cell::touch(cells, touched, id).slot;
        slot.n += 1;
        slot.hits += u64::from(hit);
    }

    /// As [`Timeline::record_counter_at`].
    ///
    /// # Panics
    /// As [`Writer::trend`].
    pub fn counter(&mut self, id: SeriesId, second: u32, amount: f64) {
        if !self.is_under_way(second) {
            return self.timeline.record_counter_at(id, second, amount);
        }
        let Self { timeline, cells, touched, .. } = self;
        timeline.of(id, Kind::Counter);
        if amount.is_finite() {
            let slot = &mut Cell::touch(cells, touched, id).slot;
            slot.amount(amount);
            slot.last = 0.0;
        }
    }

    /// As [`Timeline::record_gauge_at`].
    ///
    /// # Panics
    /// As [`Writer::trend`].
    pub fn gauge(&mut self, id: SeriesId, second: u32, value: f64) {
        if !self.is_under_way(second) {
            return self.timeline.record_gauge_at(id, second, value);
        }
        let Self { timeline, cells, touched, .. } = self;
        timeline.of(id, Kind::Gauge);
        if value.is_finite() {
            Cell::touch(cells, touched, id).slot.amount(value);
        }
    }

    /// The timeline with everything written so far. A series made directly in it is not known here.
    pub fn timeline(&mut self) -> &mut Timeline {
        self.fold();
        &mut self.timeline
    }

    /// Whether this is the second under way; a later one becomes it.
    fn is_under_way(&mut self, second: u32) -> bool {
        if second > self.second {
            self.fold();
            self.second = second;
        }
        second == self.second
    }

    fn fold(&mut self) {
        for position in self.touched.drain(..) {
            let cell = &mut self.cells[position];
            if let Some(times) = &mut cell.times {
                cell.slot.histogram = Some(times.empty());
            }
            let slots = &mut self.timeline.series[position].slots;
            let slot = std::mem::take(&mut cell.slot);
            match slots.entry(self.second) {
                Entry::Vacant(vacant) => drop(vacant.insert(slot)),
                Entry::Occupied(known) => known.into_mut().merge(&slot),
            }
        }
    }
}

impl Cell {
    fn touch<'a>(cells: &'a mut [Self], touched: &mut Vec<usize>, id: SeriesId) -> &'a mut Self {
        let cell = &mut cells[id.position];
        if cell.slot.n == 0 {
            touched.push(id.position);
        }
        cell
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use seaworthy_base::Timestamp;

    use super::*;

    proptest! {
        /// Whatever is written, in whatever order and however often somebody looks, is what the
        /// timeline itself would have recorded.
        #[test]
        fn it_writes_what_the_timeline_records(
            writes in prop::collection::vec((0..4_usize, 0..5_u32, 0..1_000_000_u64, any::<bool>()), 0..200),
        ) {
            let bounds = BTreeMap::from([("a".to_owned(), vec![1000, 500_000])]);
            let mut plain = Timeline::new(Timestamp::from_nanos(7), bounds);
            let mut writer = Writer::new(plain.empty_like());
            let key = |name: &str| Key::new(name, [("flow", "f")]);
            let kinds = [("a", Kind::Trend), ("b", Kind::Rate), ("c", Kind::Counter), ("d", Kind::Gauge)];
            let ids = kinds.map(|(name, kind)| writer.series_id(&key(name), kind));
            for (which, second, value, hit) in writes {
                let name = key(kinds[which].0);
                match kinds[which].1 {
                    Kind::Trend => {
                        plain.record_trend(&name, second, value);
                        writer.trend(ids[which], second, value);
                    }
                    Kind::Rate => {
                        plain.record_rate(&name, second, hit);
                        writer.rate(ids[which], second, hit);
                    }
                    // Whole numbers: the order in which they are added does not matter.
                    Kind::Counter => {
                        plain.record_counter(&name, second, value as f64);
                        writer.counter(ids[which], second, value as f64);
                    }
                    Kind::Gauge => {
                        plain.record_gauge(&name, second, value as f64);
                        writer.gauge(ids[which], second, value as f64);
                        if hit {
                            writer.timeline();
                        }
                    }
                }
            }
            let written = writer.timeline().clone();
            // The latest level of a past second is the one thing the order decides.
            prop_assert_eq!(forget_last(written), forget_last(plain));
        }
    }

    fn forget_last(mut timeline: Timeline) -> Timeline {
        for series in &mut timeline.series {
            series.slots.values_mut().for_each(|slot| slot.last = 0.0);
        }
        timeline
    }

    #[test]
    #[should_panic(expected = "another kind")]
    fn a_handle_of_another_kind_is_refused() {
        let mut writer = Writer::new(Timeline::default());
        let id = writer.series_id(&Key::new("m", [("a", "b")]), Kind::Rate);
        writer.trend(id, 0, 1);
    }
}
