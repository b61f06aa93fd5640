//! Long trials: a day on disk, and disks that fail.

use std::time::Duration;

use seaworthy_base::Timestamp;
use seaworthy_stats::timeline::{Key, Window};

use super::*;
use crate::folder::House;

const DAY: u32 = 86_400;

struct Long {
    _house: tempfile::TempDir,
    folder: Folder,
    timeline: SharedTimeline,
    clock: Clock,
    trouble: CancellationToken,
}

impl Long {
    fn new() -> Self {
        let house = tempfile::tempdir().unwrap();
        let folder = Folder::create(&House::at(house.path()), "t").unwrap();
        let clock = Clock::manual(Timestamp::from_nanos(1));
        let bounds = BTreeMap::from([("response_time".to_owned(), vec![100_000_000])]);
        let timeline = SharedTimeline::new(clock.wall(), clock.now(), bounds);
        Self { _house: house, folder, timeline, clock, trouble: CancellationToken::new() }
    }

    fn spool(&self) -> Spool {
        let state = State {
            api_version: crate::plan::API_VERSION.to_owned(),
            trial: "t".to_owned(),
            resumed_from: None,
            plan_file: None,
            plan_sha256: String::new(),
            profile: None,
            time_scale: 1.0,
            seed: "1".to_owned(),
            scripts: Default::default(),
            started: self.clock.wall(),
            segments: Vec::new(),
            timeline_bytes: 0,
            notes: Vec::new(),
            ending: None,
        };
        let (timeline, clock) = (self.timeline.clone(), self.clock.clone());
        Spool::open(&self.folder, timeline, clock, state, None, self.trouble.clone()).unwrap()
    }

    fn slots(&self) -> usize {
        self.timeline.snapshot().series().map(|(_, series)| series.slots.len()).sum()
    }
}

#[tokio::test]
async fn a_day_is_written_down_and_read_back_and_memory_stays_flat() {
    let long = Long::new();
    let mut spool = long.spool();
    let began = long.clock.now();
    let key = Key::new("response_time", [("phase", "p"), ("flow", "f")]);
    let vus = Key::new("vus", [("phase", "p"), ("flow", "f")]);
    for second in 0..DAY {
        let now = began + Duration::from_secs(u64::from(second));
        for request in 0..3_u64 {
            let nanos = if request == 0 && second % 10 == 0 { 200_000_000 } else { 7_000_000 };
            long.timeline.record_trend(&key, now, nanos + u64::from(second));
        }
        long.timeline.record_gauge(&vus, now, 100.0);
        if second % 3_600 == 17 {
            // Late by an hour: written down once more, and added up when it is read.
            let late = now.checked_sub(Duration::from_secs(3_600)).unwrap_or(began);
            long.timeline.record_trend(&key, late, 7_000_000);
        }
        if second % 10 == 0 {
            spool.inner.write(second.saturating_sub(SETTLED), true);
            assert!(long.slots() <= 2 * (10 + SETTLED as usize), "at second {second}");
        }
    }
    let read = spool.finish(Ending::Completed).await.unwrap();
    assert_eq!(long.slots(), 0);
    assert_eq!(read.seconds(), DAY);
    let all = read.select("response_time", &BTreeMap::new());
    let day = Window::new(0, DAY);
    assert_eq!(all.n(day).iter().sum::<u64>(), u64::from(DAY) * 3 + 24);
    assert_eq!(all.over(100_000_000, day).unwrap().iter().sum::<u64>(), u64::from(DAY) / 10);
    // The seal must find it as it was written, bit by bit.
    let bytes = std::fs::read(long.folder.path().join(TIMELINE)).unwrap();
    assert_eq!(long.folder.written()[TIMELINE], seaworthy_ledger::sha256(&bytes));
}

#[tokio::test]
async fn what_cannot_be_written_down_stops_the_trial_and_is_said() {
    let long = Long::new();
    let mut spool = long.spool();
    let key = Key::new("response_time", [("phase", "p")]);
    long.timeline.record_trend(&key, long.clock.now(), 1);
    // A disk that takes nothing more.
    spool.inner.page().file = File::options().write(true).open("/dev/full").unwrap();
    spool.inner.write(10, true);
    assert!(long.trouble.is_cancelled());
    let error = spool.finish(Ending::Completed).await.unwrap_err();
    assert!(error.explain().contains("No space left"), "{}", error.explain());
    assert!(error.hint().unwrap().contains("make room"));
}
