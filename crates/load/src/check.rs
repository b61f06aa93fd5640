//! From what was typed to what can be run: every mistake a finding with place, reason and hint.

mod bodies;
mod data;
mod flows;
mod loads;
mod names;
mod requests;
mod steps;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use seaworthy_document::{Finding, Place, nearest};

use crate::data::Data;
use crate::flow::{Flow, Routine};
use crate::load::Load;
use crate::spec;

/// Names every iteration has: its virtual user (from 1), that user's iteration (from 0), the flow's
/// iteration in this phase (from 0), and a new UUID at each use.
pub const BUILT_IN: [&str; 4] = ["vu", "iteration", "index", "uuid"];

/// What the rest of the plan defines.
#[derive(Clone, Debug, Default)]
pub struct Known<'a> {
    /// The plan's file, for the places of findings.
    pub file: &'a str,
    /// The names of the targets.
    pub targets: BTreeSet<String>,
    /// The names templates may use: variables, secrets, what setup extracts.
    pub names: BTreeSet<String>,
    /// The plan's data files, by name: see [`data`].
    pub data: BTreeMap<String, Data>,
    /// The files that bodies are made of, by the path in the plan: see [`files`].
    pub files: BTreeMap<String, Bytes>,
}

/// Checks the plan's data files. `read` gives the bytes of a path in the plan, or says why there are
/// none.
pub fn data(
    known: &Known<'_>,
    typed: &[spec::Data],
    read: &mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
) -> (BTreeMap<String, Data>, Vec<Finding>) {
    let mut findings = Findings::new(known);
    let data = data::data(&mut findings, typed, read);
    (data, findings.list)
}

/// Reads the files that the steps' bodies are made of, each once.
pub fn files<'s>(
    known: &Known<'_>,
    steps: impl Iterator<Item = &'s spec::Step>,
    read: &mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
) -> (BTreeMap<String, Bytes>, Vec<Finding>) {
    let mut findings = Findings::new(known);
    let files = data::files(&mut findings, steps, read);
    (files, findings.list)
}

/// Checks flows.
pub fn flows(known: &Known<'_>, typed: &[spec::Flow]) -> (Vec<Flow>, Vec<Finding>) {
    let mut findings = Findings::new(known);
    if typed.is_empty() {
        findings.list.push(
            Finding::error("load-no-flow", "the plan has no flow").hint("add one under `flows`"),
        );
    }
    let flows = flows::flows(&mut findings, typed);
    (flows, findings.list)
}

/// Checks a routine of a plan's setup or teardown. `None` when it cannot be run.
pub fn routine(known: &Known<'_>, typed: &spec::Routine) -> (Option<Routine>, Vec<Finding>) {
    let mut findings = Findings::new(known);
    let routine = flows::routine(&mut findings, typed);
    (routine, findings.list)
}

/// Checks a phase's load entries against the plan's flows and the phase's length.
pub fn loads(
    known: &Known<'_>,
    flows: &[spec::Flow],
    typed: &[spec::Load],
    phase: Duration,
) -> (Vec<Load>, Vec<Finding>) {
    let mut findings = Findings::new(known);
    let loads = loads::loads(&mut findings, flows, typed, phase);
    (loads, findings.list)
}

/// The findings so far and what they are made with.
struct Findings<'a> {
    known: &'a Known<'a>,
    list: Vec<Finding>,
    /// The data files the flow being checked uses.
    used: BTreeSet<String>,
}

impl<'a> Findings<'a> {
    fn new(known: &'a Known<'a>) -> Self {
        Self { known, list: Vec::new(), used: BTreeSet::new() }
    }

    fn error(&mut self, code: &'static str, place: Place, reason: String, hint: impl Into<String>) {
        self.list.push(Finding::error(code, reason).at(place).hint(hint));
    }

    /// An unknown name, with the nearest known one as the hint.
    fn unknown<'n>(
        &mut self,
        code: &'static str,
        place: Place,
        kind: &str,
        name: &str,
        known: impl Iterator<Item = &'n str> + Clone,
    ) {
        let hint = match nearest(name, known.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                let mut listed: Vec<&str> = known.take(12).collect();
                listed.sort_unstable();
                if listed.is_empty() {
                    format!("there is no {kind} yet")
                } else {
                    format!("known: {}", listed.join(", "))
                }
            }
        };
        self.error(code, place, format!("there is no {kind} named `{name}`"), hint);
    }
}
