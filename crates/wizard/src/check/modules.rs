//! The modules of a definition: what they depend on, in an order that can be worked in.

use std::collections::{BTreeMap, BTreeSet};

use seaworthy_document::{Finding, Located, nearest};
use serde_json::Value;

use super::{Check, LONGEST_ID, is_id};
use crate::action::Action;
use crate::definition::{Agent, Module, Task};
use crate::expression::Names;
use crate::question::Question;
use crate::work::Work;
use crate::{spec, template};

pub(super) fn read(
    check: &mut Check<'_>,
    typed: Vec<spec::Module>,
    durations: &BTreeMap<String, Located<String>>,
    agents: &[Agent],
    names: &Names,
    questions: &[Question],
) -> Vec<Module> {
    check.twice(typed.iter().map(|module| &module.id), "the module");
    check.twice(typed.iter().flat_map(|module| &module.outputs), "the output");
    dependencies(check, &typed);
    let order = order(check, &typed);
    let estimates = estimates(check, durations, &typed);
    placeholders(check, &typed, questions);
    sizes(check, &typed);
    let mut modules: Vec<Option<Module>> = typed
        .into_iter()
        .map(|typed| {
            check.id(&typed.id, "a module");
            if !agents.iter().any(|agent| agent.role == typed.agent.value) {
                let roles = agents.iter().map(|agent| agent.role.as_str());
                check.unknown("wizard-unknown-agent", &typed.agent, "agent", roles);
            }
            for output in &typed.outputs {
                check.id(output, "an output");
                if questions.iter().any(|question| question.id == output.value) {
                    let reason = format!("`{}` is a question and an output", output.value);
                    check.error("wizard-duplicate", output, reason);
                }
            }
            Some(Module {
                condition: typed.condition.and_then(|text| check.condition(&text, names)),
                tasks: typed.tasks.into_iter().map(|task| self::task(check, task, names)).collect(),
                work: estimates.get(&typed.id.value).copied(),
                id: typed.id.value,
                title: typed.title,
                agent: typed.agent.value,
                dependencies: typed.dependencies.into_iter().map(|one| one.value).collect(),
                outputs: typed.outputs.into_iter().map(|one| one.value).collect(),
            })
        })
        .collect();
    order.into_iter().filter_map(|index| modules.get_mut(index)?.take()).collect()
}

fn dependencies(check: &mut Check<'_>, typed: &[spec::Module]) {
    for module in typed {
        check.twice(module.dependencies.iter(), "the dependency");
        for dependency in &module.dependencies {
            if dependency.value == module.id.value {
                let reason = format!("`{}` depends on itself", module.id.value);
                check.error("wizard-module-cycle", dependency, reason);
            } else if !typed.iter().any(|other| other.id.value == dependency.value) {
                let known = typed.iter().map(|other| other.id.as_str());
                check.unknown("wizard-unknown-module", dependency, "module", known);
            }
        }
    }
}

/// The modules' places, each after those it depends on, otherwise as they were written. Of those in
/// a cycle it tells, and leaves them out.
fn order(check: &mut Check<'_>, typed: &[spec::Module]) -> Vec<usize> {
    let place = |id: &str| typed.iter().position(|module| module.id.value == id);
    let needs: Vec<Vec<usize>> = typed
        .iter()
        .enumerate()
        .map(|(index, module)| {
            let places = module.dependencies.iter().filter_map(|one| place(one));
            places.filter(|place| *place != index).collect()
        })
        .collect();
    let mut order = Vec::new();
    while let Some(next) = (0..typed.len())
        .find(|index| !order.contains(index) && needs[*index].iter().all(|one| order.contains(one)))
    {
        order.push(next);
    }
    let mut left: BTreeSet<usize> = (0..typed.len()).filter(|one| !order.contains(one)).collect();
    while let Some(first) = left.first().copied() {
        // Every module that is left needs another that is left, so this way comes back to itself.
        let mut way = vec![first];
        let start = loop {
            let needed = needs[way[way.len() - 1]].iter().copied();
            let Some(next) = needed.into_iter().find(|one| !order.contains(one)) else {
                break way.len();
            };
            if let Some(start) = way.iter().position(|one| *one == next) {
                break start;
            }
            way.push(next);
        };
        let cycle = &way[start..];
        // Told once a cycle; modules that merely depend on one mend with it.
        if cycle.iter().any(|one| left.contains(one)) {
            let ids = cycle.iter().chain(&cycle[..1]).map(|one| typed[*one].id.as_str());
            let reason =
                format!("modules wait for each other: {}", ids.collect::<Vec<_>>().join(" → "));
            let hint = "take one of these dependencies away";
            let finding = Finding::error("wizard-module-cycle", reason).hint(hint);
            check.say(finding, &typed[cycle[0]].id);
        }
        left.retain(|one| !way.contains(one));
    }
    order
}

fn estimates(
    check: &mut Check<'_>,
    durations: &BTreeMap<String, Located<String>>,
    typed: &[spec::Module],
) -> BTreeMap<String, Work> {
    let mut estimates = BTreeMap::new();
    for (id, text) in durations.iter().filter(|(id, _)| id.as_str() != "total") {
        if !typed.iter().any(|module| module.id.value == *id) {
            let known = typed.iter().map(|module| module.id.as_str());
            check.unknown("wizard-unknown-module", &text.with(id.clone()), "module", known);
        }
        match Work::read(text) {
            Some(work) => {
                estimates.insert(id.clone(), work);
            }
            None => {
                let reason = format!("`{}` is not a length of work", text.value);
                let hint = "as `30 minutes`, `2-4 hours` or `1-3 days`";
                check.say(Finding::error("wizard-duration", reason).hint(hint), text);
            }
        }
    }
    estimates
}

/// Names in braces should be questions, or outputs of this module or of those before it.
fn placeholders(check: &mut Check<'_>, typed: &[spec::Module], questions: &[Question]) {
    for module in typed {
        let mut before = vec![module];
        let mut next = 0;
        while let Some(module) = before.get(next) {
            let dependencies = module.dependencies.iter().map(|one| one.value.as_str());
            for dependency in dependencies.collect::<Vec<_>>() {
                let found = typed.iter().find(|other| other.id.value == dependency);
                let new = |found: &&spec::Module| {
                    !before.iter().any(|one| one.id.value == found.id.value)
                };
                before.extend(found.filter(new));
            }
            next += 1;
        }
        let known: Vec<&str> = questions
            .iter()
            .map(|question| question.id.as_str())
            .chain(before.iter().flat_map(|one| &one.outputs).map(|output| output.as_str()))
            .collect();
        for params in module.tasks.iter().filter_map(|task| task.params.as_ref()) {
            for name in template::names(params).into_iter().filter(|name| !known.contains(name)) {
                let reason = format!(
                    "`{{{name}}}` is neither a question nor an output of a module before `{}`: it stays as it is",
                    module.id.value
                );
                let finding = Finding::warning("wizard-placeholder", reason);
                let finding = match nearest(name, known.iter().copied()) {
                    Some(near) => finding.hint(format!("did you mean `{{{near}}}`?")),
                    None => finding,
                };
                check.say(finding, params);
            }
        }
    }
}

fn task(check: &mut Check<'_>, typed: spec::Task, names: &Names) -> Task {
    action(check, &typed.action, typed.params.as_ref());
    let mut logic = Vec::new();
    for choose in typed.logic {
        action(check, &choose.then, typed.params.as_ref());
        if let Some(condition) = check.condition(&choose.condition, names) {
            logic.push((condition, choose.then.value));
        }
    }
    Task {
        action: typed.action.value,
        description: typed.description,
        params: typed.params.map_or(Value::Null, |params| params.value),
        logic,
    }
}

/// The most actions a definition may have.
const MOST_ACTIONS: usize = 500;

/// A plan is kept and told as a whole.
fn sizes(check: &mut Check<'_>, typed: &[spec::Module]) {
    let actions = |module: &spec::Module| -> usize {
        module.tasks.iter().map(|task| task.logic.len() + 1).sum()
    };
    let mut all = 0;
    for module in typed {
        all += actions(module);
        if all > MOST_ACTIONS {
            let reason = format!("there are more than {MOST_ACTIONS} actions up to here");
            return check.error("wizard-too-large", &module.id, reason);
        }
    }
}

/// Whether a value holds a text that no database takes.
fn unstorable(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(entries) => entries.iter().any(unstorable),
        Value::Object(members) => {
            members.iter().any(|(name, member)| name.contains('\0') || unstorable(member))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// One name, or a list of them.
fn are_names(value: &Value) -> bool {
    let named = |value: &Value| {
        value.as_str().is_some_and(|name| name.split(',').any(|one| !one.trim().is_empty()))
    };
    match value {
        Value::Array(entries) => !entries.is_empty() && entries.iter().all(named),
        other => named(other),
    }
}

/// `verb` or `tool.verb`; where the tool is the platform's own, a verb that it has, with what it needs.
fn action(check: &mut Check<'_>, action: &Located<String>, params: Option<&Located<Value>>) {
    let (tool, verb) = action.split_once('.').unwrap_or(("tool", action));
    if !is_id(tool) || !is_id(verb) || action.len() > 2 * LONGEST_ID {
        let reason = format!("`{}` is no action", action.value);
        let hint = "an action is a tool and a verb, as `slack.send_message`";
        return check.say(Finding::error("wizard-action", reason).hint(hint), action);
    }
    let Some(known) = Action::read(action) else {
        let own: Vec<&str> = Action::own().collect();
        let reason = format!("`{tool}` is the platform's own, and does not do `{}`", action.value);
        let hint = match nearest(action, own.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("its actions are {}", own.join(", ")),
        };
        return check.say(Finding::error("wizard-action", reason).hint(hint), action);
    };
    if let Some(params) = params {
        if !params.is_object() {
            check.error("wizard-action", params, "params are names with values");
        }
        if unstorable(params) {
            check.error("wizard-action", params, "a text cannot hold the character U+0000");
        }
        if known == Action::Review && params.get("reviewers").is_some_and(|them| !are_names(them)) {
            check.error("wizard-action", params, "`reviewers` is a name, or a list of names");
        }
    }
    let given = params.and_then(|params| params.as_object());
    for name in given.into_iter().flat_map(|given| given.keys()) {
        if known.takes().is_some_and(|takes| !takes.contains(&name.as_str())) {
            let reason = format!("`{}` does nothing with `{name}`", action.value);
            check.error("wizard-action", action, reason);
        }
    }
    for needed in known.needs() {
        let given = params.is_some_and(|params| params[*needed].is_string());
        if !given {
            let reason = format!("`{}` needs a text `{needed}` in its params", action.value);
            check.error("wizard-action", action, reason);
        }
    }
}
