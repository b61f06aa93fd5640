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
pub(crate) struct Counters {
    pub(crate) arrivals: AtomicU64,
    pub(crate) started: AtomicU64,
    pub(crate) completed: AtomicU64,
    pub(crate) failed_iterations: AtomicU64,
    /// Iterations that were cut off under way.
    pub(crate) cut: AtomicU64,
    /// Arrivals that were still waiting when the graceful stop was over.
    pub(crate) expired: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) vus: AtomicI64,
    /// Age of the youngest step that was cut off, in nanoseconds plus one; 0 for none.
    pub(crate) youngest_cut: AtomicU64,
    pub(crate) failures: Mutex<BTreeMap<(String, String), Failures>>,
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
    pub(crate) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Iterations that began and have not ended.
    pub(crate) fn in_flight(&self) -> u64 {
        let ended = [&self.completed, &self.failed_iterations, &self.cut];
        let ended: u64 = ended.iter().map(|counter| counter.load(Ordering::Relaxed)).sum();
        self.started.load(Ordering::Relaxed).saturating_sub(ended)
    }

    /// Notes the age of a step that was cut off.
    pub(crate) fn note_cut(&self, age: u64) {
        let age = age.saturating_add(1);
        let keep = |youngest: u64| (youngest == 0 || age < youngest).then_some(age);
        // Failing to exchange means that a younger one is already noted.
        let _ = self.youngest_cut.fetch_update(Ordering::Relaxed, Ordering::Relaxed, keep);
    }

    pub(crate) fn fail(&self, step: &str, code: String, explain: impl FnOnce() -> String) {
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
