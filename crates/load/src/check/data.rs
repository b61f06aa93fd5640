//! Checks of data files and of the files that bodies are made of.

use std::collections::BTreeMap;

use bytes::Bytes;
use seaworthy_document::{Finding, Located};

use super::Findings;
use super::names::definable;
use crate::data::{Data, Table};
use crate::spec::{self, Format, OnEnd, Per};

type Read<'r> = &'r mut dyn FnMut(&str) -> Result<Vec<u8>, String>;

pub(super) fn data(
    findings: &mut Findings<'_>,
    typed: &[spec::Data],
    read: Read<'_>,
) -> BTreeMap<String, Data> {
    let file = findings.known.file;
    let mut data = BTreeMap::new();
    for typed in typed {
        let place = typed.name.place(file);
        definable(findings, place.clone(), &typed.name);
        let taken = findings.known.names.contains(&typed.name.value);
        if taken || data.contains_key(&typed.name.value) {
            let reason = format!("`{}` is the name of something else already", typed.name);
            findings.error("load-duplicate", place, reason, "choose another name");
        }
        let (per, on_end) = rule(findings, typed);
        let Some(format) = format(findings, typed) else { continue };
        let Some(bytes) = bytes(findings, &typed.file, read) else { continue };
        let table = match format {
            Format::Csv => Table::csv(&typed.file, &bytes),
            Format::Json => Table::json(&typed.file, &bytes),
        };
        match table {
            Ok(table) => {
                let name = typed.name.value.clone();
                data.insert(name.clone(), Data::new(name, table, per, on_end));
            }
            Err(found) => findings.list.extend(found),
        }
    }
    data
}

pub(super) fn files<'s>(
    findings: &mut Findings<'_>,
    steps: impl Iterator<Item = &'s spec::Step>,
    read: Read<'_>,
) -> BTreeMap<String, Bytes> {
    let mut files = BTreeMap::new();
    let parts = steps.filter_map(|step| step.multipart.as_ref()).flat_map(|parts| &parts.value);
    for path in parts.filter_map(|part| part.file.as_ref()) {
        if !files.contains_key(&path.value)
            && let Some(bytes) = bytes(findings, path, read)
        {
            files.insert(path.value.clone(), Bytes::from(bytes));
        }
    }
    files
}

fn bytes(findings: &mut Findings<'_>, path: &Located<String>, read: Read<'_>) -> Option<Vec<u8>> {
    read(path)
        .map_err(|reason| {
            let finding = Finding::error("load-file", format!("`{path}` cannot be read: {reason}"));
            let hint = "paths in a plan count from its folder";
            findings.list.push(finding.at(path.place(findings.known.file)).hint(hint));
        })
        .ok()
}

fn format(findings: &mut Findings<'_>, typed: &spec::Data) -> Option<Format> {
    if let Some(format) = &typed.format {
        return Some(format.value);
    }
    let ending = typed.file.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    match ending.as_str() {
        "csv" => Some(Format::Csv),
        "json" => Some(Format::Json),
        _ => {
            let reason = format!("the ending of `{}` does not say what it holds", typed.file);
            let place = typed.file.place(findings.known.file);
            findings.error("load-data", place, reason, "add `format: csv` or `format: json`");
            None
        }
    }
}

/// How rows are handed out, and what happens at the end, where that makes a difference.
fn rule(findings: &mut Findings<'_>, typed: &spec::Data) -> (Per, OnEnd) {
    let per = typed.per.map_or(Per::Iteration, |per| per.value);
    let on_end = typed.on_end.map(|on_end| on_end.value);
    let place = typed.on_end.map(|on_end| on_end.place(findings.known.file));
    let wrong = match (per, on_end) {
        (Per::Unique, Some(OnEnd::Recycle)) => {
            Some(("rows that are unique cannot be handed out again", "write `onEnd: stop`"))
        }
        (Per::Random, Some(_)) => Some(("rows that are drawn never end", "leave out `onEnd`")),
        _ => None,
    };
    if let (Some((reason, hint)), Some(place)) = (wrong, place) {
        findings.error("load-data", place, reason.to_owned(), hint);
    }
    let default = if per == Per::Unique { OnEnd::Stop } else { OnEnd::Recycle };
    (per, on_end.unwrap_or(default))
}
