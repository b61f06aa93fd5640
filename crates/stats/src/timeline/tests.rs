//! Tests of recording, merging, selecting, writing and reading timelines.

use std::collections::BTreeMap;
use std::io::Cursor;

use proptest::prelude::*;
use seaworthy_base::Timestamp;

use super::*;
use crate::{Error, Statement};

const START: Timestamp = Timestamp::from_nanos(1_795_199_906_000_000_000);

fn empty() -> Timeline {
    let bounds = BTreeMap::from([("time".to_owned(), vec![500, 100, 500])]);
    Timeline::new(START, bounds)
}

fn key(metric: &str, flow: &str) -> Key {
    Key::new(metric, [("flow", flow), ("phase", "steady")])
}

fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|&(tag, value)| (tag.to_owned(), value.to_owned())).collect()
}

fn encoded(timeline: &Timeline) -> Vec<u8> {
    let mut bytes = Vec::new();
    timeline.encode(&mut bytes).unwrap();
    bytes
}

#[derive(Clone, Debug)]
enum Record {
    Trend(u64),
    Rate(bool),
    Counter(i32),
    Gauge(i32),
    Lost,
}

fn records() -> impl Strategy<Value = Vec<(Record, bool, u32)>> {
    let record = prop_oneof![
        (any::<u64>(), 0_u32..64).prop_map(|(value, shift)| Record::Trend(value >> shift)),
        any::<bool>().prop_map(Record::Rate),
        any::<i32>().prop_map(Record::Counter),
        any::<i32>().prop_map(Record::Gauge),
        Just(Record::Lost),
    ];
    prop::collection::vec((record, any::<bool>(), 0_u32..20), 0..120)
}

fn record(timeline: &mut Timeline, records: &[(Record, bool, u32)]) {
    for &(ref record, which, second) in records {
        let key = |metric| key(metric, if which { "recall" } else { "store" });
        match *record {
            Record::Trend(value) => timeline.record_trend(&key("time"), second, value),
            Record::Rate(hit) => timeline.record_rate(&key("failed"), second, hit),
            Record::Counter(amount) => timeline.record_counter(&key("sent"), second, amount.into()),
            Record::Gauge(value) => timeline.record_gauge(&key("busy"), second, value.into()),
            Record::Lost => timeline.mark_lost(second),
        }
    }
}

#[test]
fn bounds_are_counted_exactly_as_values_arrive() {
    let mut timeline = empty();
    assert_eq!(timeline.bounds("time"), [100, 500]);
    assert_eq!(timeline.bounds("other"), [0; 0]);
    for value in [99, 100, 101, 500, 501] {
        timeline.record_trend(&key("time", "recall"), 3, value);
    }
    timeline.record_trend(&key("time", "store"), 5, 1_000_000);
    let all = timeline.select("time", &tags(&[]));
    let window = Window::new(2, 6);
    assert_eq!(all.n(window), [0, 5, 0, 1]);
    assert_eq!(all.over(100, window), Some(vec![0, 3, 0, 1]));
    assert_eq!(all.over(500, window), Some(vec![0, 1, 0, 1]));
    assert_eq!(all.over(200, window), None);
    assert_eq!(all.histogram(window).max(), Some(1_000_000));
    assert_eq!(all.total(Window::new(0, 4)).n, 5);
    let one = timeline.select("time", &tags(&[("flow", "store")]));
    assert_eq!((one.series().len(), one.kind()), (1, Some(Kind::Trend)));
    assert_eq!(one.per_second(window)[3].over, [1, 1]);
    assert!(timeline.select("time", &tags(&[("flow", "other")])).is_empty());
    assert_eq!(timeline.seconds(), 6);
}

#[test]
fn keys_read_as_k6_writes_them() {
    assert_eq!(key("time", "recall").to_string(), "time{flow:recall,phase:steady}");
    assert_eq!(Key::new("time", [("", ""); 0]).to_string(), "time");
}

#[test]
fn handles_and_keys_record_the_same() {
    let mut by_key = empty();
    let mut by_handle = empty();
    let id = by_handle.series_id(&key("time", "recall"), Kind::Trend);
    let rate = by_handle.series_id(&key("failed", "recall"), Kind::Rate);
    assert_eq!(by_handle.series_id(&key("time", "recall"), Kind::Trend), id);
    for value in 0..1000 {
        by_key.record_trend(&key("time", "recall"), 1, value);
        by_handle.record_trend_at(id, 1, value);
        by_key.record_rate(&key("failed", "recall"), 2, value % 7 == 0);
        by_handle.record_rate_at(rate, 2, value % 7 == 0);
    }
    assert_eq!(by_key, by_handle);
}

#[test]
#[should_panic(expected = "another kind")]
fn a_handle_is_of_one_kind() {
    let mut timeline = empty();
    let id = timeline.series_id(&key("time", "recall"), Kind::Trend);
    timeline.record_rate_at(id, 0, true);
}

#[test]
fn levels_and_amounts_keep_what_they_must() {
    let mut timeline = empty();
    for value in [3.0, -1.0, 2.5, f64::NAN, f64::INFINITY] {
        timeline.record_gauge(&key("busy", "recall"), 0, value);
        timeline.record_counter(&key("sent", "recall"), 0, value);
    }
    let window = Window::new(0, 1);
    let level = timeline.select("busy", &tags(&[])).total(window);
    assert_eq!((level.n, level.min, level.max, level.last), (3, -1.0, 3.0, 2.5));
    assert_eq!(level.mean(), Some(1.5));
    let amount = timeline.select("sent", &tags(&[])).total(window);
    assert_eq!((amount.n, amount.sum), (3, 4.5));
}

#[test]
fn one_key_of_two_kinds_is_two_series_that_nothing_is_judged_on() {
    let mut timeline = empty();
    timeline.record_gauge(&key("mixed", "recall"), 0, 1.0);
    timeline.record_rate(&key("mixed", "recall"), 0, true);
    let mixed = timeline.select("mixed", &tags(&[]));
    assert_eq!((mixed.series().len(), mixed.kind()), (2, None));
    let statement: Statement = "rate < 1%".parse().unwrap();
    let refused = mixed.counts(&statement, Window::new(0, 1)).unwrap_err();
    assert_eq!(refused.code(), "stats-wrong-kind");
    let read = Timeline::decode(encoded(&timeline).as_slice()).unwrap();
    assert_eq!(read, timeline);
}

#[test]
fn counts_take_the_wrong_side_of_each_statement() {
    let mut timeline = empty();
    let window = Window::new(0, 2);
    timeline.record_trend(&key("time", "recall"), 0, 400);
    timeline.record_trend(&key("time", "recall"), 1, 600);
    for hit in [true, true, false] {
        timeline.record_rate(&key("checks", "recall"), 1, hit);
    }
    timeline.record_counter(&key("sent", "recall"), 1, 41.6);
    timeline.record_gauge(&key("busy", "recall"), 1, 41.6);
    timeline.mark_lost(1);
    timeline.mark_lost(2);
    let counts = |metric: &str, text: &str| {
        let statement: Statement = text.parse().unwrap();
        timeline.select(metric, &tags(&[])).counts(&statement, window)
    };
    let quantile = counts("time", "p95 < 500ns").unwrap();
    assert_eq!((quantile.n, quantile.bad, quantile.lost), (vec![1, 1], vec![0, 1], 1));
    assert_eq!(quantile.histogram.unwrap().count(), 2);
    assert_eq!(counts("checks", "rate < 1%").unwrap().bad, [0, 2]);
    assert_eq!(counts("checks", "rate > 99%").unwrap().bad, [0, 1]);
    assert_eq!(counts("sent", "throughput > 1/s").unwrap().n, [0, 42]);
    assert_eq!(counts("checks", "throughput > 1/s").unwrap().n, [0, 3]);
    assert_eq!(counts("nothing", "throughput > 1/s").unwrap().n, [0, 0]);
    for (metric, text, code) in [
        ("time", "p95 < 501ns", "stats-bound-not-counted"),
        ("nothing", "p95 < 501ns", "stats-bound-not-counted"),
        ("time", "rate < 1%", "stats-wrong-kind"),
        ("checks", "p95 < 500ns", "stats-wrong-kind"),
        ("busy", "throughput > 1/s", "stats-wrong-kind"),
    ] {
        let refused = counts(metric, text).unwrap_err();
        assert_eq!(refused.code(), code, "{metric} {text}");
        assert!(refused.hint().is_some());
    }
}

#[test]
fn strangers_are_not_merged() {
    let mut timeline = empty();
    let other = Timeline::new(Timestamp::from_nanos(1), BTreeMap::new());
    assert_eq!(timeline.merge(&other).unwrap_err().code(), "stats-unmergeable");
    let other = Timeline::new(START, BTreeMap::new());
    assert_eq!(timeline.merge(&other).unwrap_err().code(), "stats-unmergeable");
    timeline.merge(&timeline.clone().empty_like()).unwrap();
}

#[test]
fn the_file_reads_as_documented() {
    let mut timeline = empty();
    timeline.record_trend(&key("time", "recall"), 0, 120);
    timeline.record_rate(&key("failed", "recall"), 1, false);
    timeline.mark_lost(4);
    timeline.mark_lost(5);
    let text = String::from_utf8(encoded(&timeline)).unwrap();
    assert_eq!(
        text,
        concat!(
            r#"{"format":"seaworthy.dev/timeline/v1","start":"2026-11-20T18:38:26.000000000Z","bounds":{"time":[100,500]},"lost":[[4,2]]}"#,
            "\n",
            r#"{"second":0,"metric":"time","tags":{"flow":"recall","phase":"steady"},"kind":"trend","n":1,"over":[1,0],"histogram":{"min":120,"max":120,"sum":"120","buckets":[120,1]}}"#,
            "\n",
            r#"{"second":1,"metric":"failed","tags":{"flow":"recall","phase":"steady"},"kind":"rate","n":1,"hits":0}"#,
            "\n",
        )
    );
}

#[test]
fn what_contradicts_itself_is_not_read() {
    let mut timeline = empty();
    timeline.record_trend(&key("time", "recall"), 0, 120);
    timeline.record_rate(&key("failed", "recall"), 1, false);
    timeline.record_gauge(&key("busy", "recall"), 1, 2.0);
    timeline.mark_lost(4);
    let good = String::from_utf8(encoded(&timeline)).unwrap();
    assert_eq!(Timeline::decode(good.as_bytes()).unwrap(), timeline);
    let last = good.lines().last().unwrap();
    for (from, to) in [
        ("timeline/v1", "timeline/v2"),
        ("[100,500]", "[500,100]"),
        ("[[4,1]]", "[[4,4000000000]]"),
        ("[[4,1]]", "[[4,0]]"),
        ("[[4,1]]", "[[4,1],[4,1]]"),
        ("\"second\":0", "\"second\":4000000000"),
        ("\"over\":[1,0]", "\"over\":[1]"),
        ("\"over\":[1,0]", "\"over\":[0,1]"),
        ("\"over\":[1,0]", "\"over\":[2,0]"),
        ("\"kind\":\"trend\"", "\"kind\":\"rate\""),
        ("\"n\":1,\"hits\":0", "\"n\":1,\"hits\":2"),
        ("\"n\":1,\"hits\":0", "\"n\":0,\"hits\":0"),
        ("\"n\":1,\"over\"", "\"n\":2,\"over\""),
        ("\"min\":2.0", "\"min\":3.0"),
        ("\"last\":2.0", "\"other\":2.0"),
        (last, &format!("{last}\n{{\"lost\":[[4,4000000000]]}}")),
        (last, &format!("{last}\n{{\"lost\":[[9,1],[4,1]]}}")),
        (last, &format!("{last}{}", "\n{\"lost\":[[0,1000000]]}".repeat(3))),
        (last, "{}"),
        (last, ""),
    ] {
        let wrong = good.replacen(from, to, 1);
        assert_ne!(wrong, good, "{from}");
        let refused = Timeline::decode(wrong.as_bytes());
        assert!(matches!(refused, Err(Error::Malformed { .. })), "{from} -> {to}");
    }
    assert!(Timeline::decode(&b""[..]).is_err());
}

/// Every kind of series, over some seconds.
fn full() -> Timeline {
    let mut timeline = empty();
    for second in [0, 1, 2, 5, 9] {
        timeline.record_trend(&key("time", "recall"), second, 120 + u64::from(second));
        timeline.record_trend(&key("time", "tell"), second, 700);
        timeline.record_rate(&key("failed", "recall"), second, second == 2);
        timeline.record_counter(&key("sent", "recall"), second, 4.0);
        timeline.record_gauge(&key("busy", "recall"), second, f64::from(second));
    }
    timeline.mark_lost(3);
    timeline.mark_lost(4);
    timeline.mark_lost(8);
    timeline
}

#[test]
fn what_is_taken_out_bit_by_bit_is_read_as_the_whole() {
    let mut whole = full();
    let expected = whole.clone();
    let mut bytes = Vec::new();
    whole.encode_head(&mut bytes).unwrap();
    for second in [0, 1, 2, 2, 7, u32::MAX] {
        let taken = whole.take_before(second);
        assert!(taken.seconds() <= second);
        taken.encode_part(&mut bytes).unwrap();
    }
    assert!(whole.is_empty());
    assert_eq!(Timeline::decode(bytes.as_slice()).unwrap(), expected);
}

#[test]
fn a_second_written_down_twice_adds_up() {
    let mut timeline = empty();
    let id = timeline.series_id(&key("time", "recall"), Kind::Trend);
    let mut expected = timeline.clone();
    let mut bytes = Vec::new();
    timeline.encode_head(&mut bytes).unwrap();
    for value in [50, 200, 700] {
        // The handle stays good when everything was taken out.
        timeline.record_trend_at(id, 3, value);
        expected.record_trend_at(id, 3, value);
        timeline.mark_lost(5);
        timeline.take_before(10).encode_part(&mut bytes).unwrap();
    }
    expected.mark_lost(5);
    assert_eq!(Timeline::decode(bytes.as_slice()).unwrap(), expected);
}

#[test]
fn a_long_timeline_keeps_every_count_and_every_window_when_its_histograms_are_merged() {
    let mut timeline = empty();
    for second in (0..1000_u32).filter(|second| second % 7 != 3) {
        for request in 0..5 {
            timeline.record_trend(&key("time", "recall"), second, u64::from(second * 3 + request));
        }
        timeline.record_rate(&key("failed", "recall"), second, second % 50 == 0);
    }
    timeline.mark_lost(3);
    let edges = [13, 101, 700, 702];
    let grained = Timeline::decode_grained(encoded(&timeline).as_slice(), 10, &edges).unwrap();
    assert_eq!((grained.grain(), timeline.grain()), (10, 1));
    let (fine, coarse) =
        (timeline.select("time", &BTreeMap::new()), grained.select("time", &BTreeMap::new()));
    let all = Window::new(0, 1000);
    assert_eq!(fine.n(all), coarse.n(all));
    assert_eq!(fine.means(all), coarse.means(all));
    for bound in [100, 500] {
        assert_eq!(fine.over(bound, all), coarse.over(bound, all));
    }
    for window in [(0, 13), (13, 101), (101, 700), (700, 702), (702, 1000), (13, 702)] {
        let window = Window::new(window.0, window.1);
        assert_eq!(fine.histogram(window), coarse.histogram(window), "{window:?}");
        assert_eq!(fine.total(window).histogram, coarse.total(window).histogram, "{window:?}");
    }
    let failed = |timeline: &Timeline| timeline.select("failed", &BTreeMap::new()).hits(all);
    assert_eq!(failed(&timeline), failed(&grained));
    assert_eq!(timeline.lost(), grained.lost());
    let held = |timeline: &Timeline| {
        let series = timeline.series().flat_map(|(_, series)| series.slots.values());
        series.filter(|slot| slot.histogram.is_some()).count()
    };
    assert!(held(&grained) < 110 && held(&timeline) > 800);
}

#[test]
fn a_torn_end_is_found_and_what_came_before_is_read() {
    let timeline = full();
    let whole = encoded(&timeline);
    let read = Timeline::readable(whole.as_slice()).unwrap();
    assert_eq!((read.empty.start(), read.bytes), (timeline.start(), whole.len() as u64));
    assert_eq!(read.seconds, timeline.seconds());
    let lines: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] == b'\n').collect();
    let last = lines[lines.len() - 2] + 1;
    for cut in last..whole.len() {
        let read = Timeline::readable(&whole[..cut]).unwrap();
        assert_eq!(read.bytes, last as u64, "cut at {cut}");
    }
    // As a file system leaves it when the power fails.
    let mut zeros = whole.clone();
    zeros[last..].fill(0);
    assert_eq!(Timeline::readable(zeros.as_slice()).unwrap().bytes, last as u64);
    zeros.extend(vec![0; 3 * MAX_LINE]);
    assert_eq!(Timeline::readable(zeros.as_slice()).unwrap().bytes, last as u64);
}

#[test]
fn a_bad_line_with_others_after_it_is_no_torn_end() {
    let whole = encoded(&full());
    let lines: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] == b'\n').collect();
    let last = lines.len() - 1;
    for (number, end) in lines.iter().enumerate().skip(1) {
        let mut spoiled = whole.clone();
        spoiled[end - 1] = b'x';
        let read = Timeline::readable(spoiled.as_slice());
        if number == last {
            assert_eq!(read.unwrap().bytes, lines[last - 1] as u64 + 1);
            continue;
        }
        match read.unwrap_err() {
            Error::Malformed { line, .. } => assert_eq!(line, number + 1),
            other => panic!("{other}"),
        }
        // Without its end, it is one line with the next.
        spoiled[*end] = b'x';
        assert_eq!(Timeline::readable(spoiled.as_slice()).is_err(), number < last - 1);
    }
    // A hole as long as many lines, and a line that is too long to be read, are in the middle too.
    let mut hole = whole[..=lines[1]].to_vec();
    hole.extend(vec![0; MAX_LINE + 10]);
    hole.push(b'\n');
    assert!(Timeline::readable(hole.as_slice()).is_ok(), "nothing comes after it");
    hole.extend(&whole[lines[1] + 1..]);
    let error = Timeline::readable(hole.as_slice()).unwrap_err();
    assert!(matches!(error, Error::Malformed { line: 3, .. }), "{error}");
}

#[test]
fn a_line_without_end_is_refused_before_it_fills_the_memory() {
    let endless = Cursor::new(vec![b' '; MAX_LINE + 2]);
    let error = Timeline::decode(endless).unwrap_err();
    assert!(error.to_string().contains("megabyte"), "{error}");
}

#[test]
fn the_largest_histogram_fits_a_line() {
    let mut timeline = empty();
    for index in 0..64 * 256 {
        let value = (u64::from(256 + index % 256_u32) << (index / 256)) >> 8;
        timeline.record_trend(&key("time", "recall"), 0, value);
    }
    let bytes = encoded(&timeline);
    assert!(bytes.len() < MAX_LINE);
    assert_eq!(Timeline::decode(bytes.as_slice()).unwrap(), timeline);
}

proptest! {
    #[test]
    fn merging_is_recording_everything(one in records(), other in records()) {
        let (mut first, mut second, mut all) = (empty(), empty(), empty());
        record(&mut first, &one);
        record(&mut second, &other);
        record(&mut all, &one);
        record(&mut all, &other);
        first.merge(&second).unwrap();
        prop_assert_eq!(first, all);
    }

    #[test]
    fn what_is_written_is_read_back(records in records()) {
        let mut timeline = empty();
        record(&mut timeline, &records);
        let bytes = encoded(&timeline);
        let read = Timeline::decode(bytes.as_slice()).unwrap();
        prop_assert_eq!(&read, &timeline);
        prop_assert_eq!(encoded(&read), bytes);
    }

    #[test]
    fn floats_come_back_exactly(value in any::<f64>()) {
        let mut timeline = empty();
        timeline.record_gauge(&key("busy", "recall"), 0, value);
        prop_assert_eq!(Timeline::decode(encoded(&timeline).as_slice()).unwrap(), timeline);
    }

    #[test]
    fn foreign_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Timeline::decode(bytes.as_slice());
    }

    #[test]
    fn bent_timelines_never_panic(
        records in records(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut timeline = empty();
        record(&mut timeline, &records);
        let mut bytes = encoded(&timeline);
        let position = at.index(bytes.len());
        bytes[position] = byte;
        if let Ok(read) = Timeline::decode(bytes.as_slice()) {
            // What is accepted is whole: it can be written and read again.
            prop_assert_eq!(Timeline::decode(encoded(&read).as_slice()).unwrap(), read);
        }
    }
}
