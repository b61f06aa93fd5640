//! Names: which ones a template may use at a point of a flow, and which ones a plan may define.

use std::collections::BTreeSet;

use seaworthy_document::{Located, Place};
use serde_json::Value;

use super::{BUILT_IN, Findings};
use crate::template::{Template, Tree, is_name};

/// The names a template may use at a point of a flow.
pub(super) struct Names<'a>(pub(super) BTreeSet<&'a str>);

impl<'a> Names<'a> {
    pub(super) fn new(known: impl Iterator<Item = &'a str>) -> Self {
        Self(known.chain(BUILT_IN).collect())
    }

    pub(super) fn check(&self, findings: &mut Findings<'_>, place: &Place, template: &Template) {
        for reference in template.references() {
            let name = reference.name.as_str();
            if !self.0.contains(name) {
                let known = self.0.iter().copied();
                findings.unknown("load-unknown-name", place.clone(), "value", name, known);
            } else if let Some(data) = findings.known.data.get(name) {
                findings.used.insert(name.to_owned());
                if let Err((reason, hint)) = data.table.field(&reference.path) {
                    let reason = format!("in the data file of `{name}`, {reason}");
                    findings.error("load-unknown-name", place.clone(), reason, hint);
                }
            }
        }
    }

    /// Reads a text template; its names must be known.
    pub(super) fn template(
        &self,
        findings: &mut Findings<'_>,
        place: &Place,
        text: &str,
    ) -> Option<Template> {
        match Template::parse(text) {
            Ok(template) => {
                self.check(findings, place, &template);
                Some(template)
            }
            Err(error) => {
                findings.error("load-template", place.clone(), error.reason, error.hint);
                None
            }
        }
    }

    /// Reads a JSON template; its names must be known.
    pub(super) fn tree(
        &self,
        findings: &mut Findings<'_>,
        place: &Place,
        value: &Value,
    ) -> Option<Tree> {
        match Tree::parse(value) {
            Ok(tree) => {
                tree.templates(&mut |template| self.check(findings, place, template));
                Some(tree)
            }
            Err((within, error)) => {
                let reason = format!("at `{within}`, {}", error.reason);
                findings.error("load-template", place.clone(), reason, error.hint);
                None
            }
        }
    }
}

/// Flow and step names are tags and table headings: not empty, not long, without control letters.
pub(super) fn label(findings: &mut Findings<'_>, name: &Located<String>) {
    let letters = name.chars().count();
    if name.trim().is_empty() || letters > 100 || name.chars().any(char::is_control) {
        let place = name.place(findings.known.file);
        let reason = "a name is 1 to 100 letters without control characters".to_owned();
        findings.error("load-name", place, reason, "use a few words, as `sign in`");
    }
}

pub(super) fn known_target(findings: &mut Findings<'_>, target: &Option<Located<String>>) {
    let known = findings.known;
    if let Some(name) = target
        && !known.targets.contains(&name.value)
    {
        let targets = known.targets.iter().map(String::as_str);
        findings.unknown("load-unknown-target", name.place(known.file), "target", name, targets);
    }
}

/// Names that templates may use must be readable in a template and not built in.
pub(super) fn definable(findings: &mut Findings<'_>, place: Place, name: &str) {
    if !is_name(name) {
        let hint = "begin with a letter; then letters, digits, `_` and `-`";
        findings.error("load-name", place, format!("`{name}` cannot name a value"), hint);
    } else if BUILT_IN.contains(&name) {
        let reason = format!("`{name}` is built in and cannot be redefined");
        findings.error("load-name", place, reason, "choose another name");
    } else if findings.known.data.contains_key(name) {
        let reason = format!("`{name}` is the name of a data file");
        findings.error("load-name", place, reason, "choose another name");
    }
}
