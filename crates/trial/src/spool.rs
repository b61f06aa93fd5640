//! The timeline on disk as it goes: seconds that are over are written down and forgotten.
//!
//! Memory does not grow with the trial's length, and a trial that is killed leaves what it measured:
//! the timeline up to a few seconds before, and `progress.json`, which says how far that is.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use seaworthy_base::Clock;
use seaworthy_ledger::RunningHash;
use seaworthy_load::{Handle, LiveFlow, SharedTimeline};
use seaworthy_report::outcome::{Ending, Note};
use seaworthy_stats::timeline::Timeline;
use tokio_util::sync::CancellationToken;

use crate::error::Error;
use crate::folder::Folder;
use crate::judge::RanPhase;
use crate::resume::Former;
use crate::state::{self, State};

/// The timeline in a trial's folder.
pub(crate) const TIMELINE: &str = "timeline.jsonl";
/// How often finished seconds are written down.
const WRITE_EVERY: Duration = Duration::from_secs(2);
/// Every how many times what was written is synced: at most this much of a trial is lost when the
/// power fails.
const SYNC_EVERY: u32 = 5;
/// A second counts as over when this many more have begun: workers that are late are waited for,
/// and live numbers look back as far.
const SETTLED: u32 = 5;
/// Of a trial with more seconds than this, the histograms of several are merged when it is read back:
/// what is counted stays second by second, and memory grows more slowly than the trial.
const MOST_HISTOGRAMS: u32 = 3_600;
/// Fewer seconds than this are not worth merging.
const LEAST_GRAIN: u32 = 10;
/// How many writings lie between a second and the one that writes it down.
const LOOK_BACK: usize = SETTLED as usize / WRITE_EVERY.as_secs() as usize + 1;
/// Iterations that may begin between the last writing and a kill: so many times what began between
/// two writings, and at least so many; more before the pace is known. A resumed trial goes on behind
/// them and uses no index twice.
const AHEAD_TIMES: u64 = 30;
const AHEAD: u64 = 1_000;
const AHEAD_AT_FIRST: u64 = 1_000_000;

/// Writes the timeline and how far the trial came.
pub(crate) struct Spool {
    inner: Arc<Inner>,
    done: CancellationToken,
    task: Option<tokio::task::JoinHandle<()>>,
}

struct Inner {
    timeline: SharedTimeline,
    clock: Clock,
    folder: Folder,
    page: Mutex<Page>,
    /// Cancelled when something cannot be written: the trial stops.
    trouble: CancellationToken,
}

struct Page {
    file: File,
    hash: RunningHash,
    state: State,
    running: Option<Running>,
    writes: u32,
    failure: Option<Error>,
}

/// The phase under way.
struct Running {
    handle: Handle,
    /// The flows' numbers at the last writings: as far back as the second that is written down.
    last: VecDeque<BTreeMap<String, LiveFlow>>,
    /// The most iterations that began between two writings.
    fastest: u64,
}

impl Spool {
    /// Begins the timeline's file, with what a former trial measured when it is resumed.
    ///
    /// # Errors
    /// The path that could not be written, and why.
    pub(crate) fn open(
        folder: &Folder,
        timeline: SharedTimeline,
        clock: Clock,
        mut state: State,
        former: Option<&Former>,
        trouble: CancellationToken,
    ) -> Result<Self, Error> {
        let path = folder.path().join(TIMELINE);
        let mut file = File::create_new(&path).map_err(Error::io("create", &path))?;
        // Whoever wants to resume this trial finds that it still runs.
        flock(&file, FlockOperation::NonBlockingLockExclusive)
            .map_err(|error| Error::io("lock", &path)(error.into()))?;
        let mut hash = RunningHash::default();
        match former {
            Some(former) => {
                let mut measured = former.timeline()?;
                let mut buffer = vec![0; 1 << 16];
                loop {
                    let read = measured.read(&mut buffer).map_err(Error::io("read", &path))?;
                    if read == 0 {
                        break;
                    }
                    hash.update(&buffer[..read]);
                    state.timeline_bytes += read as u64;
                    file.write_all(&buffer[..read]).map_err(Error::io("write", &path))?;
                }
            }
            None => {
                let mut head = Vec::new();
                timeline.snapshot().encode_head(&mut head).map_err(unencodable)?;
                hash.update(&head);
                state.timeline_bytes = head.len() as u64;
                file.write_all(&head).map_err(Error::io("write", &path))?;
            }
        }
        let page = Page { file, hash, state, running: None, writes: 0, failure: None };
        write_state(folder, &page.state, true)?;
        let inner = Inner { timeline, clock, folder: folder.clone(), page: page.into(), trouble };
        let (inner, done) = (Arc::new(inner), CancellationToken::new());
        let task = tokio::spawn(write_until(Arc::clone(&inner), done.clone()));
        Ok(Self { inner, done, task: Some(task) })
    }

    /// A phase begins; `ran` is what is known of it beforehand.
    pub(crate) fn begin(&self, mut ran: RanPhase, handle: Handle) {
        let mut page = self.inner.page();
        let last = handle.flows();
        for run in &mut ran.flows {
            let next = last.get(&run.flow).map_or(0, |flow| flow.next_index);
            run.next_index = next + AHEAD_AT_FIRST;
        }
        page.state.segments.push(ran);
        page.running = Some(Running { handle, last: [last].into(), fastest: 0 });
        // Before the first iteration: killed in its first seconds, the phase must be known to have
        // begun.
        let written = write_state(&self.inner.folder, &page.state, false);
        self.inner.keep(&mut page, written);
    }

    /// The phase that began last is over, one way or the other.
    pub(crate) fn end(&self, segments: &[RanPhase], notes: &[Note]) {
        let mut page = self.inner.page();
        page.running = None;
        page.state.segments = segments.to_vec();
        page.state.notes = notes.to_vec();
    }

    /// Writes down what was measured so far and reads everything back: what a decision in the middle
    /// of a trial rests on is what is on disk.
    ///
    /// # Errors
    /// As [`Spool::finish`].
    pub(crate) fn so_far(&self) -> Result<Timeline, Error> {
        self.inner.write(u32::MAX, true);
        let page = self.inner.page();
        // It stays for `finish`: what could not be written down is never sealed.
        match &page.failure {
            Some(failure) => Err(Error::Internal(failure.explain())),
            None => self.inner.read_back(&page.state),
        }
    }

    /// Writes down what is left, syncs it, and reads back everything that was measured.
    ///
    /// # Errors
    /// When any second could not be written, now or before, or is not there as it was written.
    pub(crate) async fn finish(&mut self, ending: Ending) -> Result<Timeline, Error> {
        self.done.cancel();
        if let Some(task) = self.task.take() {
            // It only writes; were it to panic, writing the rest below fails or does it.
            let _ = task.await;
        }
        self.inner.write(u32::MAX, false);
        let mut page = self.inner.page();
        page.state.ending = Some(ending);
        if let Some(failure) = page.failure.take() {
            return Err(failure);
        }
        let folder = &self.inner.folder;
        let path = folder.path().join(TIMELINE);
        page.file.sync_all().map_err(Error::io("sync", &path))?;
        write_state(folder, &page.state, true)?;
        folder.wrote(TIMELINE, page.hash.hex());
        self.inner.read_back(&page.state)
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.done.cancel();
    }
}

/// The seconds at which windows that are judged or shown begin or end.
fn edges(state: &State) -> Vec<u32> {
    let mut edges: Vec<u32> = Vec::new();
    for segment in &state.segments {
        let (load, drained) = (segment.under_load(), segment.with_drain());
        edges.extend([segment.from.floor() as u32, segment.from.ceil() as u32]);
        edges.extend([load.from_second, load.to_second, drained.to_second]);
    }
    edges.sort_unstable();
    edges.dedup();
    edges
}

async fn write_until(inner: Arc<Inner>, done: CancellationToken) {
    let mut ticks = tokio::time::interval(WRITE_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = done.cancelled() => return,
        }
        let inner = Arc::clone(&inner);
        // Disks block; on a worker thread that would make the load itself late.
        let written = tokio::task::spawn_blocking(move || {
            let now = inner.timeline.second(inner.clock.now());
            inner.write(now.saturating_sub(SETTLED), true);
        });
        // What it did not write before it panicked, it finds again the next time.
        let _ = written.await;
    }
}

impl Inner {
    fn page(&self) -> MutexGuard<'_, Page> {
        self.page.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_back(&self, state: &State) -> Result<Timeline, Error> {
        let path = self.folder.path().join(TIMELINE);
        let measured = File::open(&path).map_err(Error::io("open", &path))?;
        let measured = BufReader::with_capacity(1 << 16, measured);
        let seconds = self.timeline.second(self.clock.now());
        let read = match seconds.div_ceil(MOST_HISTOGRAMS) {
            0 | 1 => Timeline::decode(measured),
            grain => Timeline::decode_grained(measured, grain.max(LEAST_GRAIN), &edges(state)),
        };
        read.map_err(|error| {
            Error::Internal(format!("{} cannot be read back: {error}", path.display()))
        })
    }

    /// Writes down every second before this one, and how far the trial came.
    fn write(&self, before: u32, with_state: bool) {
        let mut page = self.page();
        if page.failure.is_some() {
            return;
        }
        let taken = self.timeline.drain(before);
        let written = self.append(&mut page, &taken, before, with_state);
        self.keep(&mut page, written);
    }

    /// Keeps a failure until [`Spool::finish`], where the trial ends with it, and stops the load:
    /// what cannot be written down need not be measured.
    fn keep(&self, page: &mut Page, written: Result<(), Error>) {
        if let Err(error) = written {
            page.failure.get_or_insert(error);
            self.trouble.cancel();
        }
    }

    fn append(
        &self,
        page: &mut Page,
        taken: &Timeline,
        before: u32,
        with_state: bool,
    ) -> Result<(), Error> {
        let path = self.folder.path().join(TIMELINE);
        if !taken.is_empty() {
            let mut lines = Vec::new();
            taken.encode_part(&mut lines).map_err(unencodable)?;
            page.file.write_all(&lines).map_err(Error::io("write", &path))?;
            page.hash.update(&lines);
            page.state.timeline_bytes += lines.len() as u64;
        }
        page.writes = page.writes.wrapping_add(1);
        let sync = page.writes.is_multiple_of(SYNC_EVERY);
        if sync {
            page.file.sync_data().map_err(Error::io("sync", &path))?;
        }
        if with_state && page.running.is_some() {
            page.advance(before);
            write_state(&self.folder, &page.state, sync)?;
        }
        Ok(())
    }
}

impl Page {
    /// Notes how far the running phase is on disk, and what is under way in it.
    fn advance(&mut self, before: u32) {
        let (Some(running), Some(segment)) = (&mut self.running, self.state.segments.last_mut())
        else {
            return;
        };
        let flows = running.handle.flows();
        for run in &mut segment.flows {
            let Some(now) = flows.get(&run.flow) else { continue };
            let then = running.last.back().and_then(|then| then.get(&run.flow));
            let began = now.next_index.saturating_sub(then.map_or(0, |then| then.next_index));
            running.fastest = running.fastest.max(began);
            // What was under way in the second up to which the timeline is on disk, or since.
            let earlier = running.last.iter().filter_map(|then| then.get(&run.flow));
            run.unseen = earlier.map(|then| then.unfinished).fold(now.unfinished, u64::max);
            run.dropped = now.dropped;
            run.next_index = now.next_index + AHEAD + AHEAD_TIMES * running.fastest;
        }
        if running.last.len() > LOOK_BACK {
            running.last.pop_front();
        }
        running.last.push_back(flows);
        segment.to = f64::from(before).max(segment.from);
        segment.drained = segment.to;
    }
}

fn write_state(folder: &Folder, state: &State, sync: bool) -> Result<(), Error> {
    let mut bytes = serde_json::to_vec_pretty(state)
        .map_err(|error| Error::Internal(format!("{} cannot be written: {error}", state::FILE)))?;
    bytes.push(b'\n');
    folder.replace(state::FILE, &bytes, sync)
}

fn unencodable(error: seaworthy_stats::Error) -> Error {
    Error::Internal(format!("the timeline cannot be encoded: {error}"))
}

#[cfg(test)]
mod tests;
