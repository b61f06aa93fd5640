//! From what was typed to a definition that is known to be sound, or findings that say why not.

use std::collections::BTreeSet;

use seaworthy_document::{Finding, Located, Place, errors, nearest};

use crate::definition::{Agent, Criterion, Definition, Recommendation, Rule};
use crate::expression::{Condition, Expression, Fault, Names};
use crate::{sentence, spec};

mod modules;
mod questions;

/// The most questions, modules, rules or agents a definition may have.
pub(crate) const MOST: usize = 100;

/// The longest id, in bytes.
pub(crate) const LONGEST_ID: usize = 64;

/// Checks a whole definition.
pub(crate) fn wizard(
    file: &str,
    text: &str,
    typed: spec::Wizard,
) -> (Option<Definition>, Vec<Finding>) {
    let mut check = Check { file, text, findings: Vec::new() };
    check.id(&typed.wizard_id, "a wizard");
    for (words, name) in [(&typed.title, "title"), (&typed.version, "version")] {
        if words.trim().is_empty() {
            check.error("wizard-id", words, format!("the {name} is empty"));
        }
    }
    for (what, count) in [
        ("questions", typed.questions.len()),
        ("modules", typed.modules.len()),
        ("rules", typed.validation.len()),
        ("agents", typed.agents.len()),
        ("success criteria", typed.success_criteria.len()),
    ] {
        if count > MOST {
            let reason = format!("there are {count} {what}; at most {MOST} are read");
            check.error("wizard-too-large", &typed.wizard_id, reason);
            return (None, check.findings);
        }
    }
    if typed.questions.is_empty() {
        check.error("wizard-no-questions", &typed.wizard_id, "the wizard asks nothing");
    }
    let questions = questions::read(&mut check, typed.questions);
    let mut names = Names::default();
    for question in &questions {
        let options = question.kind.options();
        let values = options.iter().map(|option| option.value.clone()).collect();
        let values = (!options.is_empty()).then_some(values);
        names.add(&question.id, question.kind.value(), values);
    }
    let agents = check.agents(typed.agents);
    let durations = typed.estimated_duration;
    let modules = modules::read(&mut check, typed.modules, &durations, &agents, &names, &questions);
    let rules = check.rules(typed.validation, &names);
    let success_criteria = check.criteria(typed.success_criteria, &names);
    if errors(&check.findings) {
        return (None, check.findings);
    }
    let definition = Definition {
        id: typed.wizard_id.value,
        title: typed.title.value,
        description: typed.description,
        version: typed.version.value,
        agents,
        questions,
        modules,
        rules,
        recommendations: typed
            .tool_recommendations
            .into_iter()
            .map(|(purpose, typed)| Recommendation {
                purpose,
                preferred: typed.preferred,
                alternatives: typed.alternatives,
                open_source: typed.oss_option,
            })
            .collect(),
        success_criteria,
        estimated_total: durations.get("total").map(|total| total.value.clone()),
    };
    (Some(definition), check.findings)
}

/// What a check has found so far.
pub(crate) struct Check<'c> {
    file: &'c str,
    text: &'c str,
    findings: Vec<Finding>,
}

impl Check<'_> {
    fn say<T>(&mut self, finding: Finding, at: &Located<T>) {
        self.findings.push(finding.at(at.place(self.file)));
    }

    fn error<T>(&mut self, code: &'static str, at: &Located<T>, reason: impl Into<String>) {
        self.say(Finding::error(code, reason), at);
    }

    /// An id: lower case, so that conditions can name it.
    fn id(&mut self, id: &Located<String>, what: &str) {
        if is_id(id) && id.len() <= LONGEST_ID {
            return;
        }
        let reason = format!("`{}` cannot be the id of {what}", id.value);
        let hint = format!(
            "an id is lower-case letters, digits and underscores, begins with a letter, and has at most {LONGEST_ID}"
        );
        self.say(Finding::error("wizard-id", reason).hint(hint), id);
    }

    /// Reports all that come a second time.
    fn twice<'i>(&mut self, ids: impl Iterator<Item = &'i Located<String>>, what: &str) {
        let mut seen = BTreeSet::new();
        for id in ids {
            if !seen.insert(id.value.as_str()) {
                let reason = format!("{what} `{}` is there twice", id.value);
                self.error("wizard-duplicate", id, reason);
            }
        }
    }

    fn unknown<'k>(
        &mut self,
        code: &'static str,
        name: &Located<String>,
        what: &str,
        known: impl Iterator<Item = &'k str>,
    ) {
        let finding = Finding::error(code, format!("there is no {what} `{}`", name.value));
        let finding = match nearest(name, known) {
            Some(near) => finding.hint(format!("did you mean `{near}`?")),
            None => finding,
        };
        self.say(finding, name);
    }

    /// A condition, read and checked.
    fn condition(&mut self, text: &Located<String>, names: &Names) -> Option<Condition> {
        match Expression::read(text) {
            Ok(expression) => self.checked("wizard-condition", text, expression, names),
            Err(fault) => {
                self.fault("wizard-condition", text, fault);
                None
            }
        }
    }

    fn checked(
        &mut self,
        code: &'static str,
        text: &Located<String>,
        expression: Expression,
        names: &Names,
    ) -> Option<Condition> {
        match expression.check(names) {
            Ok(condition) => Some(condition),
            Err(faults) => {
                faults.into_iter().for_each(|fault| self.fault(code, text, fault));
                None
            }
        }
    }

    /// A fault in an expression, at its place in the file.
    fn fault(&mut self, code: &'static str, text: &Located<String>, fault: Fault) {
        let finding = Finding::error(code, fault.reason);
        let finding = match fault.hint {
            Some(hint) => finding.hint(hint),
            None => finding,
        };
        let place = self.inside(text, fault.at);
        self.findings.push(finding.at(place));
    }

    /// The place `at` characters into a text; where the file does not hold the text as it is (it has
    /// escapes, or goes over several lines), the place of the text.
    fn inside(&self, text: &Located<String>, at: usize) -> Place {
        let mut place = text.place(self.file);
        let line = (text.line as usize).checked_sub(1).and_then(|line| self.text.lines().nth(line));
        let Some(line) = line else { return place };
        let mut start = (text.column as usize).saturating_sub(1);
        if line.chars().nth(start).is_some_and(|letter| matches!(letter, '"' | '\'')) {
            start += 1;
        }
        if line.chars().skip(start).take(at).eq(text.chars().take(at)) {
            place.column = u32::try_from(start + at + 1).unwrap_or(place.column);
        }
        place
    }

    fn agents(&mut self, typed: Vec<spec::Agent>) -> Vec<Agent> {
        self.twice(typed.iter().map(|agent| &agent.role), "the role");
        typed.iter().for_each(|agent| self.id(&agent.role, "an agent"));
        typed
            .into_iter()
            .map(|agent| Agent { role: agent.role.value, responsibility: agent.responsibility })
            .collect()
    }

    fn rules(&mut self, typed: Vec<spec::Rule>, names: &Names) -> Vec<Rule> {
        let read = typed.into_iter().filter_map(|typed| {
            let text = typed.expression.as_ref().unwrap_or(&typed.rule);
            let (code, sentence) = ("wizard-rule", sentence::looks_like(text));
            let expression = Expression::read(text).or_else(|fault| match sentence::read(text) {
                Ok(expression) => Ok(expression),
                Err(other) if sentence => {
                    let hint =
                        "write an expression, as `'paid_ads' in channels implies budget > 0`";
                    Err(Fault { hint: Some(hint.to_owned()), ..other })
                }
                Err(_) => Err(fault),
            });
            let condition = match expression {
                Ok(expression) => self.checked(code, text, expression, names)?,
                Err(fault) => {
                    self.fault(code, text, fault);
                    return None;
                }
            };
            Some(Rule { text: typed.rule.value, condition, message: typed.error })
        });
        read.collect()
    }

    fn criteria(&mut self, typed: Vec<spec::Criterion>, names: &Names) -> Vec<Criterion> {
        let read = typed.into_iter().map(|typed| Criterion {
            condition: typed.condition.and_then(|condition| self.condition(&condition, names)),
            name: typed.name,
        });
        read.collect()
    }
}

/// Lower-case letters, digits and underscores, a letter first.
fn is_id(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_ascii_lowercase())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}
