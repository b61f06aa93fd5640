//! Checks of flows and routines: their variables, and their steps together.

use std::collections::BTreeSet;

use seaworthy_document::Located;
use serde_json::Value;

use super::Findings;
use super::names::{Names, definable, known_target, label};
use super::steps::{Around, step};
use crate::flow::{Draw, Flow, Routine, Step, Variable};
use crate::spec;
use crate::template::Tree;

pub(super) use super::requests::{LONGEST, length};

pub(super) fn flows(findings: &mut Findings<'_>, typed: &[spec::Flow]) -> Vec<Flow> {
    let mut seen = BTreeSet::new();
    let mut flows = Vec::new();
    for flow in typed {
        if !seen.insert(flow.name.as_str()) {
            let place = flow.name.place(findings.known.file);
            let reason = format!("two flows are named `{}`", flow.name);
            findings.error("load-duplicate", place, reason, "give each its own name");
        }
        flows.extend(one(findings, flow));
    }
    flows
}

pub(super) fn routine(findings: &mut Findings<'_>, typed: &spec::Routine) -> Option<Routine> {
    let file = findings.known.file;
    let before = findings.list.len();
    for (field, zero, place) in [
        ("repeat", typed.repeat.is_some_and(|n| *n == 0), typed.repeat.map(|n| n.place(file))),
        (
            "parallel",
            typed.parallel.is_some_and(|n| *n == 0),
            typed.parallel.map(|n| n.place(file)),
        ),
    ] {
        if let (true, Some(place)) = (zero, place) {
            let reason = format!("`{field}` is 0, so nothing would be done");
            findings.error("load-range", place, reason, "use 1 or more, or leave it out");
        }
    }
    if let Some(parallel) = typed.parallel.filter(|parallel| **parallel > 1000) {
        let reason = format!("`parallel` is {parallel}; at most 1000 are done at a time");
        findings.error("load-range", parallel.place(file), reason, "use 1000 or less");
    }
    let flow = one(
        findings,
        &spec::Flow {
            name: typed.name.clone(),
            target: typed.target.clone(),
            variables: typed.variables.clone(),
            start: Vec::new(),
            steps: typed.steps.clone(),
            cookies: None,
        },
    )?;
    let repeat = typed.repeat.as_deref().copied();
    let parallel = typed.parallel.as_deref().copied().unwrap_or(1);
    let sound = !seaworthy_document::errors(&findings.list[before..]);
    sound.then_some(Routine { flow, repeat, parallel })
}

fn one(findings: &mut Findings<'_>, typed: &spec::Flow) -> Option<Flow> {
    let spec::Flow { name, target, variables, start, steps, cookies } = typed;
    let known = findings.known;
    let file = known.file;
    let before = findings.list.len();
    findings.used.clear();
    let defined = known.names.iter().chain(known.data.keys()).map(String::as_str);
    let mut names = Names::new(defined);
    label(findings, name);
    known_target(findings, target);
    if steps.is_empty() {
        let reason = format!("`{name}` has no steps");
        findings.error("load-no-step", name.place(file), reason, "add a step with a `request`");
    }
    let mut drawn = Vec::new();
    for typed in variables {
        drawn.extend(variable(findings, &names, typed));
        names.0.insert(&typed.name);
    }
    let every = || start.iter().chain(steps);
    let streams = every().filter(|step| step.stream.is_some()).map(|step| step.name.as_str());
    let mut around =
        Around { targeted: target.is_some(), streams: streams.collect(), open: BTreeSet::new() };
    let mut seen = BTreeSet::new();
    let mut done: [Vec<Step>; 2] = [Vec::new(), Vec::new()];
    for (position, typed) in every().enumerate() {
        if !seen.insert(typed.name.as_str()) {
            let reason = format!("two steps of `{name}` are named `{}`", typed.name);
            let place = typed.name.place(file);
            findings.error("load-duplicate", place, reason, "give each its own name");
        }
        let starting = position < start.len();
        done[usize::from(!starting)].extend(step(findings, &names, &around, typed));
        if typed.stream.is_some() {
            around.open.insert(&typed.name);
        }
        for (value, from) in &typed.extract {
            if starting && variables.iter().any(|variable| *variable.name == *value) {
                let reason = format!(
                    "`{value}` is drawn for each iteration and cannot be kept from `start`"
                );
                findings.error("load-name", from.place(file), reason, "choose another name");
            }
            names.0.insert(value);
        }
    }
    let used = std::mem::take(&mut findings.used);
    let data = known.data.values().filter(|data| used.contains(&data.name)).cloned().collect();
    let sound = !seaworthy_document::errors(&findings.list[before..]);
    let [start, steps] = done;
    sound.then(|| Flow {
        name: name.value.clone(),
        target: target.as_ref().map(|target| target.value.clone()),
        cookies: cookies.map(|cookies| cookies.value),
        data,
        variables: drawn,
        start,
        steps,
    })
}

fn variable(
    findings: &mut Findings<'_>,
    names: &Names<'_>,
    typed: &spec::Variable,
) -> Option<Variable> {
    let file = findings.known.file;
    let place = typed.name.place(file);
    definable(findings, place.clone(), &typed.name);
    let given = [
        typed.value.is_some(),
        typed.random.is_some(),
        typed.cycle.is_some(),
        typed.choice.is_some(),
    ];
    if given.iter().filter(|given| **given).count() != 1 {
        let reason = format!(
            "variable `{}` needs exactly one of `value`, `random`, `cycle` and `choice`",
            typed.name
        );
        findings.error("load-variable", place, reason, "keep one of them");
        return None;
    }
    let draw = if let Some(value) = &typed.value {
        Draw::Value(names.tree(findings, &value.place(file), value)?)
    } else if let Some(range) = &typed.random {
        let [low, high] = range.value;
        if low > high {
            let reason = format!("the range [{low}, {high}] is empty");
            findings.error("load-range", range.place(file), reason, "write the smaller one first");
        }
        Draw::Random(low, high)
    } else if let Some(cycle) = &typed.cycle {
        let by = names.template(findings, &cycle.by.place(file), &cycle.by);
        let of = list(findings, names, &cycle.of);
        Draw::Cycle { by: by?, of: of? }
    } else {
        Draw::Choice(list(findings, names, typed.choice.as_ref()?)?)
    };
    Some(Variable { name: typed.name.value.clone(), draw })
}

/// A list that is not empty, or a `${name}` that will stand for one.
fn list(findings: &mut Findings<'_>, names: &Names<'_>, typed: &Located<Value>) -> Option<Tree> {
    let place = typed.place(findings.known.file);
    let tree = names.tree(findings, &place, typed)?;
    let sound = match &tree {
        Tree::List(items) => !items.is_empty(),
        Tree::Text(template) => template.exact().is_some(),
        _ => false,
    };
    if !sound {
        let reason = "a list with at least one element is needed here".to_owned();
        let hint = "write `[a, b]`, or `${name}` of a value that is a list";
        findings.error("load-variable", place, reason, hint);
    }
    sound.then_some(tree)
}
