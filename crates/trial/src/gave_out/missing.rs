//! What could not be read: a row for each resource that has a bound and no number, and notes.

use seaworthy_report::number;
use seaworthy_report::outcome::{Note, Resource};

use super::{not_measured, warning};
use crate::check::Checked;
use crate::gauge::Kind;
use crate::resources::Seen;

/// What the system tells of a process the trial started.
const OF_PROCESSES: [(Kind, &str); 4] = [
    (Kind::Cpu, "CPU"),
    (Kind::Memory, "memory"),
    (Kind::Descriptors, "file descriptors"),
    (Kind::ErrorLogs, "error logs"),
];
/// What only the target itself can tell.
const OF_METRICS: [(Kind, &str); 4] = [
    (Kind::Pool, "pools"),
    (Kind::Cache, "caches"),
    (Kind::Queue, "queues"),
    (Kind::Query, "queries"),
];

/// A row for whatever is not among the resources, and a note for what the plan watches of it.
pub(super) fn rows(
    plan: &Checked,
    seen: &Seen,
    resources: &[Resource],
) -> (Vec<Resource>, Vec<Note>) {
    let (mut rows, mut notes) = (Vec::new(), Vec::new());
    for target in &plan.plan().targets {
        let name = target.name.value.as_str();
        let has =
            |kind: Kind| resources.iter().any(|one| one.target == name && one.kind == kind.word());
        let ours = seen.processes.iter().any(|process| process == name);
        for (kind, what) in OF_PROCESSES.into_iter().filter(|(kind, _)| !has(*kind)) {
            let reason = match (ours, kind) {
                (true, Kind::ErrorLogs) => "its log could not be read".to_owned(),
                (true, _) => "the system does not let us look".to_owned(),
                (false, Kind::ErrorLogs) => {
                    "the trial did not start it, so it does not know its log".to_owned()
                }
                (false, _) => {
                    "the trial did not start it, and its metrics do not tell it".to_owned()
                }
            };
            rows.push(not_measured(name, what, kind.word(), kind.unit(), reason));
        }
        let asked = seen.asked.get(name);
        let unread = asked.filter(|asked| asked.pages == 0).and_then(|asked| asked.why.as_ref());
        let path = asked.map_or("/metrics", |asked| asked.path.as_str());
        for watch in &target.watch {
            let what = watch.name.value.as_str();
            if !resources.iter().any(|one| one.target == name && one.what == what) {
                let reason = match unread {
                    Some(why) => format!("{path} could not be read: {why}"),
                    None => format!("{path} has {}", lacking(watch)),
                };
                // The plan was checked: every watch can be resolved.
                let Ok(watch) = crate::check::resolve(watch) else { continue };
                let (word, unit) = (watch.kind.word(), watch.kind.unit());
                // Of metrics that cannot be read at all, another note tells.
                if unread.is_none() {
                    let text = format!("Not measured: {word} `{what}` of {name}: {reason}.");
                    notes.push(warning(text));
                }
                rows.push(not_measured(name, what, word, unit, reason));
            }
        }
        let absent: Vec<&str> = OF_METRICS
            .into_iter()
            .filter(|(kind, _)| {
                !has(*kind) && !rows.iter().any(|row| row.target == name && row.kind == kind.word())
            })
            .map(|(_, what)| what)
            .collect();
        if !absent.is_empty() {
            let reason = match (asked, unread) {
                (_, Some(why)) => format!("{path} could not be read: {why}"),
                (Some(asked), None) if asked.pages > 0 => {
                    format!("{path} has no well-known metric of any; declare them under `watch`")
                }
                _ => "its metrics were never asked for".to_owned(),
            };
            let unit = Kind::Gauge.unit();
            rows.push(not_measured(name, &absent.join(", "), "metrics", unit, reason));
        }
    }
    (rows, notes)
}

/// The metrics of a watched resource that was never seen.
fn lacking(watch: &crate::plan::Watch) -> String {
    let typed = [&watch.used, &watch.hits, &watch.misses, &watch.value, &watch.histogram];
    let limit = watch.limit.as_ref().and_then(|limit| limit.value.as_str());
    let names: Vec<String> = typed
        .into_iter()
        .filter_map(|name| name.as_ref().map(|name| name.value.as_str()))
        .chain(limit)
        .map(|name| format!("`{name}`"))
        .collect();
    match &names[..] {
        [one] => format!("no metric {one}"),
        all => format!("not all of the metrics {}", all.join(", ")),
    }
}

/// What a reader must know of how it was measured.
pub(super) fn notes(seen: &Seen) -> Vec<Note> {
    let mut notes = Vec::new();
    for (target, asked) in seen.asked.iter().filter(|(_, asked)| asked.declared || asked.pages > 0)
    {
        if let Some(why) = asked.why.as_ref().filter(|_| asked.failed > 0) {
            notes.push(warning(format!(
                "The metrics of target `{target}` at {} could not be read {} of {} times, the first time because {why}. What they tell is not measured then.",
                asked.path,
                asked.failed,
                asked.failed + asked.pages
            )));
        }
    }
    for (target, bytes) in &seen.unread {
        notes.push(warning(format!(
            "The log of target `{target}` grew faster than it could be read: errors in {} of it were not counted.",
            number::bytes(*bytes as f64)
        )));
    }
    if seen.ignored > 0 {
        notes.push(warning(format!(
            "The targets' metrics tell of more pools, caches and queues than can be followed: {} measurements of further ones were left out.",
            seen.ignored
        )));
    }
    notes
}
