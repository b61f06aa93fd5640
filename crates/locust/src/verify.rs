//! The plan that was written, read back and checked as `seaworthy plan check` will.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use seaworthy_base::Span;
use seaworthy_document::{Finding, Located, yaml};
use seaworthy_load::check::{self, Known};
use seaworthy_load::spec;
use serde::Deserialize;

/// The parts of a plan that can be checked here.
#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    data: Vec<spec::Data>,
    targets: Vec<Target>,
    flows: Vec<spec::Flow>,
    phases: Vec<Phase>,
}

#[derive(Deserialize)]
struct Target {
    name: Located<String>,
}

#[derive(Deserialize)]
struct Phase {
    duration: Located<Span>,
    load: Vec<spec::Load>,
}

/// What is wrong with a plan's text. Files it reads are taken to be there; rows of data files are
/// not known here, so columns are not looked up.
pub(crate) fn verify(text: &str, files: &BTreeSet<String>) -> Vec<Finding> {
    let file = "the plan made of it";
    let written: Written = match yaml(file, text) {
        Ok(written) => written,
        Err(finding) => return vec![finding],
    };
    let mut names: BTreeSet<String> =
        written.data.iter().map(|data| data.name.value.clone()).collect();
    names.insert("env".to_owned());
    let known = Known {
        file,
        targets: written.targets.iter().map(|target| target.name.value.clone()).collect(),
        names,
        data: BTreeMap::new(),
        files: files.iter().map(|path| (path.clone(), Bytes::new())).collect(),
    };
    let (_, mut findings) = check::flows(&known, &written.flows);
    for phase in &written.phases {
        let (_, more) = check::loads(&known, &written.flows, &phase.load, phase.duration.get());
        findings.extend(more);
    }
    findings
}
