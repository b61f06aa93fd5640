//! Phases whose load is a k6 script: it is read, compiled and its init context run once, so that what
//! is wrong with it is known before anything is started.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use seaworthy_base::Span;
use seaworthy_document::{Finding, Located, Place, errors};
use seaworthy_k6::options::Consolidated;
use seaworthy_k6::{BACKLOG, Error as K6Error, Script};
use seaworthy_load::Load;
use seaworthy_load::check::Known;
use seaworthy_load::template::Template;
use seaworthy_metrics::{Error as MetricsError, Thresholds};
use serde_json::{Map, Value, json};

use super::{Checker, folder_of};
use crate::plan::{self, Plan, ScriptOptions};
use crate::script::{Scripted, SourceFile, files, read_apart};

/// What a script says of itself once its init context has run.
struct Read {
    consolidated: Consolidated,
    thresholds: Thresholds,
    files: Vec<SourceFile>,
    findings: Vec<Finding>,
}

impl Checker<'_> {
    /// Fields that say something of a script which is not there.
    pub(super) fn without_script(&mut self, phase: &plan::Phase) {
        if phase.script.is_some() {
            return;
        }
        let env = phase.env.values().next().map(|value| value.with("env"));
        let modules = phase.modules_dir.as_ref().map(|value| value.with("modulesDir"));
        let options = phase.options.as_ref().map(|value| value.with("options"));
        for field in env.iter().chain(&modules).chain(&options) {
            let reason = format!("phase `{}` has `{field}`, but no script", phase.name);
            self.error(field, "plan-script", reason, "add `script: load.js`, or leave it out");
        }
    }

    /// The phase's length, its scenarios as loads, and the script.
    pub(super) fn script(
        &mut self,
        plan: &Plan,
        known: &Known<'_>,
        phase: &plan::Phase,
        scale: f64,
    ) -> Option<(Duration, Vec<Load>, Arc<Scripted>)> {
        let typed = phase.script.as_ref()?;
        let before = self.findings.len();
        let load = phase.load.first().map(|typed| typed.executor.with("load"));
        let profile = phase.profile.as_ref().map(|typed| typed.with("profile"));
        let flow = phase.flow.iter().chain(phase.flows.iter().map(|share| &share.flow));
        let flow = flow.map(|typed| typed.with("flow"));
        for field in load.iter().chain(&profile).cloned().chain(flow) {
            let reason = format!("phase `{}` has `{field}` beside a script", phase.name);
            self.error(&field, "plan-script", reason, "the script is the load: leave one out");
        }
        if scale != 1.0 {
            let reason =
                format!("the lengths in `{typed}` are its own: no time scale changes them");
            let hint = "run it at its length, or write shorter `options` in the plan";
            self.error(typed, "plan-time-scale", reason, hint);
        }
        let options = phase.options.as_ref().map(|it| it.value.clone()).unwrap_or_default();
        let texts = phase.env.values().chain(options.hosts.values());
        for text in texts {
            self.template(text, &known.names);
        }
        if errors(&self.findings[before..]) {
            return None;
        }
        let folder = folder_of(self.file);
        let path = folder.join(&typed.value);
        let modules_dir = phase.modules_dir.as_ref().map(|dir| folder.join(&dir.value));
        let foreseen = foreseen(plan, &folder);
        // What is not known yet stands there as it is typed.
        let env = phase.env.iter().map(|(name, text)| {
            (name.clone(), filled(text, &foreseen).unwrap_or_else(|| text.value.clone()))
        });
        let hosts = options.hosts.iter();
        let hosts: BTreeMap<String, String> = hosts
            .filter_map(|(name, text)| Some((name.clone(), filled(text, &foreseen)?)))
            .collect();
        let read = read_apart(&path, env.collect(), modules_dir.clone(), |read| {
            examine(read, &options, &hosts, &folder)
        });
        let read = match read {
            Ok(Ok(read)) => read,
            Ok(Err(error)) => {
                self.refused(typed, &path, &error);
                return None;
            }
            Err(reason) => {
                self.error(typed, "plan-script", format!("`{typed}`: {reason}"), "");
                return None;
            }
        };
        self.findings
            .extend(read.findings.into_iter().map(|finding| placed(finding, typed, self.file)));
        let entries = read.consolidated.loads(BACKLOG);
        let loads: Vec<Load> = entries.into_iter().map(|entry| entry.load).collect();
        if loads.is_empty() {
            let reason = format!("`{typed}` has no work to do");
            self.error(typed, "plan-script", reason, "leave `executionSegment` out");
        }
        let length = loads.iter().map(|load| load.start.saturating_add(load.duration()));
        let length = length.max().unwrap_or_default();
        let duration = match &phase.duration {
            Some(typed) if typed.value.get() < length => {
                let reason = format!(
                    "phase `{}` lasts {typed}, but its script takes up to {}",
                    phase.name,
                    Span(length)
                );
                let hint = "leave `duration` out, or shorten the script with `options`";
                self.error(typed, "plan-phase", reason, hint);
                typed.value.get()
            }
            Some(typed) => typed.value.get(),
            None => length,
        };
        if errors(&self.findings[before..]) {
            return None;
        }
        let env = phase.env.iter().map(|(name, text)| (name.clone(), text.value.clone()));
        let scripted = Scripted {
            shown: typed.value.clone(),
            path,
            modules_dir,
            env: env.collect(),
            options,
            files: read.files,
            consolidated: read.consolidated,
            thresholds: read.thresholds,
            given: None,
        };
        Some((duration, loads, Arc::new(scripted)))
    }

    /// Why the script cannot be run, at its place in the script where that is known.
    fn refused(&mut self, typed: &Located<String>, path: &Path, error: &K6Error) {
        let at_plan = typed.place(self.file);
        let findings = match error {
            K6Error::Options(findings) => {
                let findings = findings.iter().cloned();
                findings.map(|finding| placed(finding, typed, self.file)).collect()
            }
            K6Error::Thresholds(errors) => errors
                .iter()
                .map(|error| {
                    let place = self.threshold_place(path, error);
                    let finding = Finding::error("plan-threshold", error.to_string());
                    let quoted = place.is_none();
                    let finding = finding.at(place.unwrap_or_else(|| at_plan.clone()));
                    let finding = if quoted { finding } else { finding.unquoted() };
                    match error.hint() {
                        Some(hint) => finding.hint(hint),
                        None => finding,
                    }
                })
                .collect(),
            other => {
                let words = other.to_string();
                let hint = match other {
                    K6Error::Source(error) => error.hint().map(str::to_owned),
                    _ => None,
                };
                let first = words.lines().next().unwrap_or_default();
                let finding = match place_in(&words) {
                    Some((place, written)) => {
                        let reason = first.strip_prefix(&format!("{written}: ")).unwrap_or(first);
                        let place = Place { file: self.near(&place.file), ..place };
                        Finding::error("plan-script", reason).at(place).unquoted()
                    }
                    None => Finding::error("plan-script", first).at(at_plan),
                };
                vec![match hint {
                    Some(hint) => finding.hint(hint),
                    None => finding,
                }]
            }
        };
        self.findings.extend(findings);
    }

    /// Where a threshold stands in its script, if its text stands there as it is.
    fn threshold_place(&self, path: &Path, error: &MetricsError) -> Option<Place> {
        let text = std::fs::read_to_string(path).ok()?;
        let wanted = match error {
            MetricsError::UnknownMetric { metric, .. } | MetricsError::Form { metric, .. } => {
                metric
            }
            MetricsError::Unsupported { threshold: text, .. }
            | MetricsError::Threshold { text, .. }
            | MetricsError::Selector { text, .. } => text,
            _ => return None,
        };
        let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        text.lines().enumerate().find_map(|(row, line)| {
            let at = line.find(wanted.as_str()).filter(|_| !wanted.is_empty())?;
            let column = line[..at].chars().count() + 1;
            let file = self.near(&path.display().to_string());
            Some(Place { file, line: narrow(row + 1), column: narrow(column) })
        })
    }

    /// A file as somebody who named the plan would name it.
    fn near(&self, file: &str) -> String {
        near(self.file, file)
    }
}

/// A file as somebody who named the plan would name it.
fn near(plan: &str, file: &str) -> String {
    match Path::new(file).strip_prefix(folder_of(plan)) {
        Ok(rest) => {
            let beside = Path::new(plan).parent().map_or_else(PathBuf::new, Path::to_owned);
            beside.join(rest).display().to_string()
        }
        Err(_) => file.to_owned(),
    }
}

fn examine(
    read: Result<Script, K6Error>,
    options: &ScriptOptions,
    hosts: &BTreeMap<String, String>,
    folder: &Path,
) -> Result<Read, K6Error> {
    let script = read?;
    let (consolidated, findings) = script.consolidate(&options.flags(hosts), None)?;
    let thresholds = script.thresholds(&consolidated)?;
    let mut findings: Vec<Finding> = findings
        .into_iter()
        .chain(
            thresholds.warnings().into_iter().map(|text| Finding::warning("plan-threshold", text)),
        )
        .collect();
    let files = files(&script, folder).unwrap_or_else(|reason| {
        findings.push(Finding::error("plan-script", reason));
        Vec::new()
    });
    Ok(Read { consolidated, thresholds, files, findings })
}

/// A finding of the script's options, at its place in the script, or else in the plan.
fn placed(finding: Finding, typed: &Located<String>, file: &str) -> Finding {
    match finding.place.clone().filter(|place| place.line > 0) {
        Some(place) => finding.at(Place { file: near(file, &place.file), ..place }).unquoted(),
        None => finding.at(typed.place(file)),
    }
}

/// What templates can be filled with before anything is started.
fn foreseen(plan: &Plan, folder: &Path) -> BTreeMap<String, Value> {
    let environment = std::env::vars_os().filter_map(|(name, value)| {
        Some((name.into_string().ok()?, Value::String(value.into_string().ok()?)))
    });
    let environment: Map<String, Value> = environment.collect();
    let mut values = plan.variables.clone();
    values.insert("env".to_owned(), Value::Object(environment));
    values.insert("plan".to_owned(), json!(folder));
    values
}

/// The text with its names filled in; `None` when some are not known yet.
fn filled(text: &str, values: &BTreeMap<String, Value>) -> Option<String> {
    Template::parse(text).ok()?.render(values).ok()
}

/// The first place in a text, as `file:///load.js:3:8`, and how it is written there.
fn place_in(text: &str) -> Option<(Place, &str)> {
    let start = text.find("file://")?;
    let rest = &text[start + "file://".len()..];
    let number = |text: &str| {
        let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
        Some((text[..end].parse::<u32>().ok()?, end))
    };
    rest.match_indices(':').find_map(|(at, _)| {
        let (line, length) = number(&rest[at + 1..])?;
        let after = at + 1 + length;
        let (column, length) = number(rest[after..].strip_prefix(':')?)?;
        let end = start + "file://".len() + after + 1 + length;
        let place = Place { file: rest[..at].to_owned(), line, column };
        Some((place, &text[start..end]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_in_what_a_script_says() {
        let (place, written) = place_in("file:///a/b c.js:3:8: no such thing").unwrap();
        assert_eq!((place.file.as_str(), place.line, place.column), ("/a/b c.js", 3, 8));
        assert_eq!(written, "file:///a/b c.js:3:8");
        let thrown = "Error: boom\n\tat f (file:///a:1/b.js:12:5)";
        assert_eq!(place_in(thrown).unwrap().0.line, 12);
        assert!(place_in("nothing at file:///a.js").is_none());
    }
}
