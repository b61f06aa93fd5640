//! A load entry's counters, one set for each worker, added up by whoever looks.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Kinds of failures kept with an example for the report.
const MOST_FAILURES: usize = 50;

/// What one worker counted for one flow of a load entry. Only that worker writes it; aligned so
/// that no two workers write to one cache line.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Counters {
    /// Iterations that were due (open models); counted by the executor.
    pub arrivals: AtomicU64,
    /// Iterations that began. Each ends in one of `completed`, `failed_iterations` and `cut`.
    pub started: AtomicU64,
    /// Iterations that ran to their end.
    pub completed: AtomicU64,
    /// Iterations that a failure ended early.
    pub failed_iterations: AtomicU64,
    /// Iterations that were cut off under way.
    pub cut: AtomicU64,
    /// Arrivals that were still waiting when the graceful stop was over.
    pub expired: AtomicU64,
    /// Iterations that were to be made and never began.
    pub dropped: AtomicU64,
    /// Requests that ended, well or not.
    pub requests: AtomicU64,
    /// Requests without an answer or with an unexpected status.
    pub failed: AtomicU64,
    /// Virtual users: each counts from when it begins to work for the entry until it is dropped.
    pub vus: AtomicI64,
    /// Age of the youngest step that was cut off, in nanoseconds plus one; 0 for none.
    youngest_cut: AtomicU64,
    failures: Mutex<BTreeMap<(String, String), Failures>>,
}

/// Failures of one kind in one step: how many, and what the first one was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failures {
    /// The step.
    pub step: String,
    /// The error's code, `status 500`, or `check` with its name.
    pub code: String,
    /// How many.
    pub count: u64,
    /// The first one in words, with the beginning of the body.
    pub example: String,
}

impl Counters {
    /// Adds one to a counter.
    pub fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Iterations that began and have not ended.
    pub fn in_flight(&self) -> u64 {
        let ended = [&self.completed, &self.failed_iterations, &self.cut];
        let ended: u64 = ended.iter().map(|counter| counter.load(Ordering::Relaxed)).sum();
        self.started.load(Ordering::Relaxed).saturating_sub(ended)
    }

    /// Notes the age of a step that was cut off, in nanoseconds.
    pub fn note_cut(&self, age: u64) {
        let age = age.saturating_add(1);
        let keep = |youngest: u64| (youngest == 0 || age < youngest).then_some(age);
        // Failing to exchange means that a younger one is already noted.
        let _ = self.youngest_cut.fetch_update(Ordering::Relaxed, Ordering::Relaxed, keep);
    }

    /// Age of the youngest step that was cut off, in nanoseconds.
    pub fn youngest_cut(&self) -> Option<u64> {
        self.youngest_cut.load(Ordering::Relaxed).checked_sub(1)
    }

    /// Counts a failure of this kind in this step; the first one is explained.
    pub fn fail(&self, step: &str, code: String, explain: impl FnOnce() -> String) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let full = failures.len() >= MOST_FAILURES;
        let key = (step.to_owned(), code);
        if let Some(known) = failures.get_mut(&key) {
            known.count += 1;
        } else if !full {
            let (step, code) = key.clone();
            failures.insert(key, Failures { step, code, count: 1, example: explain() });
        }
    }
}

/// The failures of all workers, the most frequent first.
pub(crate) fn failures<'c>(counters: impl Iterator<Item = &'c Counters>) -> Vec<Failures> {
    let mut all: BTreeMap<(String, String), Failures> = BTreeMap::new();
    for counters in counters {
        let failures = counters.failures.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, more) in failures.iter() {
            all.entry(key.clone())
                .and_modify(|known| known.count += more.count)
                .or_insert_with(|| more.clone());
        }
    }
    let mut all: Vec<Failures> = all.into_values().collect();
    all.sort_by_key(|failure| std::cmp::Reverse(failure.count));
    all
}
