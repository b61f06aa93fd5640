//! The findings of a file, each said once however often its place is followed.

use std::collections::BTreeSet;

use seaworthy_document::{Finding, Place};

/// The most findings of one file; a person reads fewer.
const MOST: usize = 500;

/// A list in which nothing stands twice.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    list: Vec<Finding>,
    said: BTreeSet<(Option<Place>, &'static str)>,
}

impl Findings {
    /// Adds a finding, unless one with this code was said of its place.
    pub(crate) fn push(&mut self, finding: Finding) {
        let more = self.list.len() < MOST;
        if self.said.insert((finding.place.clone(), finding.code)) && more {
            self.list.push(finding);
        }
    }

    /// All of them, in the order of their places.
    pub(crate) fn into_sorted(mut self) -> Vec<Finding> {
        self.list.sort_by(|a, b| a.place.cmp(&b.place));
        self.list
    }
}
