//! The plan that comes out of a wizard whose questions are all answered.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::answer::{Answer, Answers};
use crate::definition::{Definition, Module};
use crate::expression::Facts;
use crate::template::{self, Filling};
use crate::work::Work;

/// What is to be done, by whom, with what, in which order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The plan's id; other answers make another plan.
    pub plan_id: String,
    /// The wizard it comes from.
    pub wizard_id: String,
    /// That wizard's version.
    pub wizard_version: String,
    /// The answer to `campaign_name`; the wizard's title where that is not asked.
    pub campaign_name: String,
    /// The answer to `launch_date`, where that is asked.
    pub launch_date: Option<String>,
    /// Every answer, by question; null where a question was left open.
    pub answers: Map<String, Value>,
    /// What is done, each module after those it depends on.
    pub modules: Vec<Part>,
    /// What is not done, and why.
    pub skipped_modules: Vec<Skipped>,
    /// How long it takes along the longest way; absent when no module says.
    pub estimated_duration: Option<String>,
    /// The roles that have something to do.
    pub agents_required: Vec<String>,
    /// The tools of chosen options and of actions.
    pub tools_required: Vec<String>,
    /// Which tools are recommended for what was chosen.
    pub tool_recommendations: Map<String, Value>,
    /// By what it is known to have succeeded.
    pub success_criteria: Vec<String>,
}

/// A module of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// The role that does it.
    pub agent: String,
    /// The modules of this plan that must be done before.
    pub dependencies: Vec<String>,
    /// What is done.
    pub tasks: Vec<Step>,
    /// What comes out of it.
    pub outputs: Vec<String>,
    /// How long it takes.
    pub estimated_duration: Option<String>,
}

/// A task of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What is done.
    pub action: String,
    /// What for.
    pub description: Option<String>,
    /// With what; the answers stand in it, outputs of modules before are still named.
    pub params: Value,
    /// The same as the definition says it, where answers stand in `params`: what somebody answered may
    /// look like a name, and is none.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub template: Value,
    /// The further actions whose conditions hold.
    pub then: Vec<String>,
}

/// A module that is not done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Skipped {
    /// Its id.
    pub id: String,
    /// The condition that does not hold.
    pub condition: String,
    /// What would have come out of it.
    #[serde(default)]
    pub outputs: Vec<String>,
}

impl Plan {
    /// The plan that these answers make. They are taken to be complete and checked:
    /// [`Session::plan`](crate::Session::plan) sees to that.
    pub(crate) fn make(
        definition: &Definition,
        answers: &Answers,
        plan_id: String,
        today: Date,
    ) -> Self {
        let facts = Facts { answers, today };
        let holds =
            |module: &&Module| module.condition.as_ref().is_none_or(|one| one.holds(&facts));
        let chosen: Vec<&Module> = definition.modules.iter().filter(holds).collect();
        let modules: Vec<Part> =
            chosen.iter().map(|module| part(module, definition, &chosen, &facts)).collect();
        let works = chosen.iter().zip(&modules);
        let works = works.map(|(one, part)| (one.id.as_str(), &part.dependencies[..], one.work));
        let estimated_duration = longest_way(works).map(|work| work.to_string());
        let said = |question: &str| match answers.get(question) {
            Some(Answer::Text(text)) if !text.is_empty() => Some(text.clone()),
            Some(Answer::Day(day)) => Some(day.to_string()),
            _ => None,
        };
        let every = |question: &crate::question::Question| {
            let answer = answers.get(&question.id).map_or(Value::Null, Answer::to_json);
            (question.id.clone(), answer)
        };
        Self {
            plan_id,
            wizard_id: definition.id.clone(),
            wizard_version: definition.version.clone(),
            campaign_name: said("campaign_name").unwrap_or_else(|| definition.title.clone()),
            launch_date: said("launch_date"),
            answers: definition.questions.iter().map(every).collect(),
            skipped_modules: skipped(definition, &chosen),
            estimated_duration,
            agents_required: each(
                definition
                    .agents
                    .iter()
                    .map(|agent| agent.role.as_str())
                    .filter(|role| chosen.iter().any(|module| module.agent == **role)),
            ),
            tools_required: tools(definition, answers, &modules),
            tool_recommendations: recommendations(definition, answers),
            success_criteria: definition
                .success_criteria
                .iter()
                .filter(|one| one.condition.as_ref().is_none_or(|one| one.holds(&facts)))
                .map(|criterion| criterion.name.clone())
                .collect(),
            modules,
        }
    }
}

impl Step {
    /// With what it is done, as the definition says it: no answers stand in it.
    pub fn source(&self) -> &Value {
        if self.template.is_null() { &self.params } else { &self.template }
    }
}

impl Plan {
    /// What a task is done with: the answers, and for each output of a module what `output` says of it.
    /// Outputs of modules that are not done are nothing.
    pub fn fill(&self, step: &Step, output: &dyn Fn(&str) -> Option<Filling>) -> Value {
        let none = || Filling { whole: Value::Null, within: String::new() };
        let skipped = |name: &str| {
            let skipped = self.skipped_modules.iter().flat_map(|one| &one.outputs);
            skipped.into_iter().any(|output| output == name).then(none)
        };
        template::fill(step.source(), &|name| {
            let answer = self.answers.get(name).map(Filling::of);
            answer.or_else(|| output(name)).or_else(|| skipped(name))
        })
    }
}

fn part(module: &Module, definition: &Definition, chosen: &[&Module], facts: &Facts<'_>) -> Part {
    let steps = module.tasks.iter().map(|task| {
        let params = template::answered(&task.params, facts.answers);
        let holding = task.logic.iter().filter(|(condition, _)| condition.holds(facts));
        let then = holding.map(|(_, action)| action.as_str()).filter(|one| *one != task.action);
        Step {
            action: task.action.clone(),
            description: task.description.clone(),
            template: if params == task.params { Value::Null } else { task.params.clone() },
            params,
            then: each(then),
        }
    });
    Part {
        id: module.id.clone(),
        title: module.title.clone(),
        agent: module.agent.clone(),
        dependencies: dependencies(module, definition, chosen),
        tasks: steps.collect(),
        outputs: module.outputs.clone(),
        estimated_duration: module.work.map(|work| work.to_string()),
    }
}

/// What a module waits for in this plan: in the place of one that is skipped, what that waits for.
fn dependencies(module: &Module, definition: &Definition, chosen: &[&Module]) -> Vec<String> {
    let mut waiting: Vec<&str> = module.dependencies.iter().map(String::as_str).collect();
    let (mut found, mut next) = (Vec::new(), 0);
    while let Some(id) = waiting.get(next).copied() {
        next += 1;
        if chosen.iter().any(|one| one.id == id) {
            found.push(id);
        } else if let Some(skipped) = definition.modules.iter().find(|one| one.id == id) {
            let further = skipped.dependencies.iter().map(String::as_str);
            waiting.extend(further.filter(|one| !waiting.contains(one)).collect::<Vec<_>>());
        }
    }
    each(found.into_iter())
}

fn skipped(definition: &Definition, chosen: &[&Module]) -> Vec<Skipped> {
    let out = definition.modules.iter().filter_map(|module| {
        let condition = module.condition.as_ref()?;
        let done = chosen.iter().any(|one| one.id == module.id);
        (!done).then(|| Skipped {
            id: module.id.clone(),
            condition: condition.to_string(),
            outputs: module.outputs.clone(),
        })
    });
    out.collect()
}

/// How long modules take when each begins as soon as those it depends on are done. They come in
/// working order, each with its id, what it depends on and how long it takes itself.
pub(crate) fn longest_way<'m>(
    modules: impl Iterator<Item = (&'m str, &'m [String], Option<Work>)>,
) -> Option<Work> {
    let (mut done, mut any): (Vec<(&str, Work)>, bool) = (Vec::new(), false);
    let longest = |works: &mut dyn Iterator<Item = Work>| works.fold(Work::default(), Work::beside);
    for (id, dependencies, work) in modules {
        let mut before = done.iter().filter(|(id, _)| dependencies.iter().any(|one| one == id));
        let before = longest(&mut before.by_ref().map(|(_, work)| *work));
        done.push((id, before.then(work.unwrap_or_default())));
        any |= work.is_some();
    }
    any.then(|| longest(&mut done.iter().map(|(_, work)| *work)))
}

fn tools(definition: &Definition, answers: &Answers, modules: &[Part]) -> Vec<String> {
    let chosen = definition.questions.iter().flat_map(|question| {
        let options = question.kind.options().iter();
        options
            .filter(|option| chose(answers.get(&question.id), &option.value))
            .flat_map(|option| option.tools.iter().map(String::as_str))
    });
    let steps = || modules.iter().flat_map(|module| &module.tasks);
    let actions = steps().map(|step| &step.action).chain(steps().flat_map(|step| &step.then));
    each(chosen.chain(actions.filter_map(|action| action.split_once('.')).map(|(tool, _)| tool)))
}

/// Recommendations for what was chosen, and those for nothing that can be chosen: they always count.
/// One for `social` is for every option that begins with `social_`.
fn recommendations(definition: &Definition, answers: &Answers) -> Map<String, Value> {
    let mut shown = Map::new();
    for recommendation in &definition.recommendations {
        let is_for = |option: &str| {
            option
                .strip_prefix(recommendation.purpose.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
        };
        let (mut offered, mut chosen) = (false, false);
        for question in &definition.questions {
            for option in question.kind.options().iter().filter(|one| is_for(&one.value)) {
                offered = true;
                chosen |= chose(answers.get(&question.id), &option.value);
            }
        }
        if chosen || !offered {
            let told = serde_json::json!({
                "preferred": recommendation.preferred,
                "alternatives": recommendation.alternatives,
                "oss_option": recommendation.open_source,
            });
            shown.insert(recommendation.purpose.clone(), told);
        }
    }
    shown
}

fn chose(answer: Option<&Answer>, option: &str) -> bool {
    match answer {
        Some(Answer::Text(text)) => text == option,
        Some(Answer::List(entries)) => entries.iter().any(|entry| entry == option),
        _ => false,
    }
}

/// Each once, in the order they come first.
fn each<'t>(texts: impl Iterator<Item = &'t str>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for text in texts {
        if !all.iter().any(|one| one == text) {
            all.push(text.to_owned());
        }
    }
    all
}
