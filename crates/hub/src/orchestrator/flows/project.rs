//! A project: taken apart into tasks, done in waves by what depends on what, each wave reviewed.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;
use schemars::JsonSchema;
use seaworthy_workflow::Failure;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Act, Hand, NOT_SENT, Note, document, markdown, minutes};
use crate::problem::Problem;

/// The kind's name.
pub(crate) const KIND: &str = "project";

const MOST: usize = 200;
const LONGEST: usize = 8 << 10;

/// From this score on a wave needs no one to look at it.
const GOOD: f64 = 70.0;

/// What is to be done.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Project {
    /// Its name.
    #[serde(alias = "name")]
    pub(crate) project_name: String,
    /// What it is about. Without tasks it is taken apart: each item of a list is one; those of a
    /// numbered list follow each other; without a list each sentence is one, and they follow each other.
    #[serde(default)]
    pub(crate) description: String,
    /// What is to be done.
    #[serde(default)]
    pub(crate) tasks: Vec<Task>,
    /// Whether tasks of a wave are done one after the other.
    #[serde(default)]
    pub(crate) execution_mode: Mode,
    /// How many tasks are done at once, 1 to 20.
    #[serde(default = "five")]
    pub(crate) max_parallel_tasks: usize,
    /// Who is to be told at the end.
    #[serde(default)]
    pub(crate) notify_webhooks: Vec<String>,
    /// Anything the caller wants to keep with it.
    #[serde(default)]
    pub(crate) metadata: Map<String, Value>,
}

/// How tasks are done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// One after the other.
    Sequential,
    /// Side by side, as far as their dependencies allow.
    Parallel,
    /// As `parallel`.
    #[default]
    Dag,
}

/// Something that is to be done.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Task {
    /// Its id in the project.
    pub(crate) task_id: String,
    /// What is to be done.
    pub(crate) description: String,
    /// What must be done before.
    #[serde(default)]
    pub(crate) dependencies: Vec<String>,
    /// Whether the project stops when this is not completed.
    #[serde(default)]
    pub(crate) critical: bool,
    /// Anything else about it.
    #[serde(default)]
    pub(crate) metadata: Map<String, Value>,
}

/// What came of a project.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    project_id: String,
    /// `completed`, `needs_review` when a wave's score is too low, or `stopped` at a critical task.
    status: &'static str,
    task_count: usize,
    /// How many of its tasks were completed, in percent.
    quality_score: f64,
    waves: Vec<Wave>,
    results: Vec<Done>,
    /// What the caller kept with it.
    #[serde(skip_serializing_if = "Map::is_empty")]
    metadata: Map<String, Value>,
}

/// A wave and its review.
#[derive(Clone, Debug, Serialize)]
struct Wave {
    tasks: Vec<String>,
    /// How many of its tasks were completed, in percent.
    score: f64,
    /// `auto_approved` or `needs_review`.
    review: &'static str,
}

/// What came of a task.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Done {
    task_id: String,
    /// `completed`, `failed`, `blocked` by the policy, or `cancelled` as what it needs was not completed.
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    grounded: bool,
    sources: Vec<String>,
}

const fn five() -> usize {
    5
}

impl Project {
    /// Refuses what cannot be done.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        if self.project_name.trim().is_empty() || self.project_name.len() > 200 {
            return Err(Problem::invalid("/project_name", "a project's name has 1 to 200 bytes"));
        }
        if self.description.len() > 8 * LONGEST {
            return Err(Problem::invalid("/description", "the description is too long"));
        }
        if !(1..=20).contains(&self.max_parallel_tasks) {
            return Err(Problem::invalid("/max_parallel_tasks", "1 to 20 tasks are done at once"));
        }
        let tasks = self.tasks();
        if !(1..=MOST).contains(&tasks.len()) {
            let detail = format!("a project has 1 to {MOST} tasks, or a description that has");
            return Err(Problem::invalid("/tasks", detail));
        }
        let mut known = BTreeSet::new();
        for (at, task) in tasks.iter().enumerate() {
            let named = (1..=100).contains(&task.task_id.len());
            if !named || !known.insert(task.task_id.as_str()) {
                let detail = "a task's id has 1 to 100 bytes and is no other task's";
                return Err(Problem::invalid(format!("/tasks/{at}/task_id"), detail));
            }
            if task.description.trim().is_empty() || task.description.len() > LONGEST {
                let detail = format!("a task's description has 1 to {LONGEST} bytes");
                return Err(Problem::invalid(format!("/tasks/{at}/description"), detail));
            }
        }
        for (at, task) in tasks.iter().enumerate() {
            let unknown = |needed: &String| !known.contains(needed.as_str());
            if let Some(place) = task.dependencies.iter().position(unknown) {
                let pointer = format!("/tasks/{at}/dependencies/{place}");
                return Err(Problem::invalid(pointer, "there is no such task"));
            }
        }
        waves(&tasks).map(drop).map_err(|circle| {
            let detail = format!("tasks depend on each other in a circle: {}", circle.join(", "));
            Problem::new(http::StatusCode::UNPROCESSABLE_ENTITY, "dependency_cycle", detail)
                .pointer("/tasks")
        })
    }

    /// The tasks: those given, or those the description is made of.
    fn tasks(&self) -> Vec<Task> {
        if self.tasks.is_empty() { decompose(&self.description) } else { self.tasks.clone() }
    }
}

/// Takes a description apart.
fn decompose(description: &str) -> Vec<Task> {
    let bullets: Vec<&str> = description.lines().filter_map(bullet).collect();
    let numbered: Vec<&str> = description.lines().filter_map(numbered).collect();
    let (parts, follow) = match (bullets.len(), numbered.len()) {
        (0, 0) => (sentences(description), true),
        (_, 0) => (bullets, false),
        _ => (numbered, true),
    };
    let task = |(at, text): (usize, &str)| Task {
        task_id: format!("task-{}", at + 1),
        description: text.to_owned(),
        dependencies: if follow && at > 0 { vec![format!("task-{at}")] } else { Vec::new() },
        critical: false,
        metadata: Map::new(),
    };
    parts.into_iter().enumerate().map(task).collect()
}

fn bullet(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix(['-', '*', '•'])?;
    Some(rest.trim()).filter(|rest| !rest.is_empty())
}

fn numbered(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let rest = line.trim_start_matches(|letter: char| letter.is_ascii_digit());
    let rest = rest.strip_prefix(['.', ')']).filter(|_| rest.len() < line.len())?;
    Some(rest.trim()).filter(|rest| !rest.is_empty())
}

fn sentences(text: &str) -> Vec<&str> {
    let ends = |letter| matches!(letter, '.' | '!' | '?' | '\n');
    text.split_inclusive(ends)
        .map(str::trim)
        .filter(|part| part.chars().any(char::is_alphabetic))
        .collect()
}

/// Tasks in waves: each needs only what earlier waves have. What is left when no more can be done depends
/// on itself.
fn waves(tasks: &[Task]) -> Result<Vec<Vec<usize>>, Vec<String>> {
    let mut done: BTreeSet<&str> = BTreeSet::new();
    let mut left: Vec<usize> = (0..tasks.len()).collect();
    let mut waves = Vec::new();
    while !left.is_empty() {
        let free = |at: &usize| {
            tasks[*at].dependencies.iter().all(|needed| done.contains(needed.as_str()))
        };
        let (wave, rest): (Vec<usize>, Vec<usize>) = left.into_iter().partition(free);
        if wave.is_empty() {
            return Err(rest.into_iter().map(|at| tasks[at].task_id.clone()).collect());
        }
        done.extend(wave.iter().map(|at| tasks[*at].task_id.as_str()));
        waves.push(wave);
        left = rest;
    }
    Ok(waves)
}

/// The project, wave by wave.
pub(super) async fn run(hand: Hand, project: Project) -> Result<Outcome, Failure> {
    let run = &hand.run;
    let tasks = project.tasks();
    let plan = waves(&tasks).map_err(|circle| {
        Failure::lasting("dependency_cycle", format!("in a circle: {}", circle.join(", ")))
    })?;
    hand.step("plan", minutes(1), (tasks.clone(), plan.clone()), keep_plan).await?;
    let at_once =
        if project.execution_mode == Mode::Sequential { 1 } else { project.max_parallel_tasks };
    let mut results: BTreeMap<String, Done> = BTreeMap::new();
    let (mut reviewed, mut stopped) = (Vec::new(), false);
    for (number, wave) in plan.iter().enumerate() {
        let percent = u32::try_from(number * 100 / plan.len()).unwrap_or(100);
        run.progress(percent, &format!("wave {}", number + 1));
        for part in wave.chunks(at_once.max(1)) {
            let working = part.iter().map(|at| attend(&hand, &tasks[*at], &results, stopped));
            for done in try_join_all(working).await? {
                results.insert(done.task_id.clone(), done);
            }
            stopped |= part.iter().any(|at| {
                let task = &tasks[*at];
                task.critical && !results.get(&task.task_id).is_some_and(Done::is_completed)
            });
        }
        let names: Vec<String> = wave.iter().map(|at| tasks[*at].task_id.clone()).collect();
        reviewed.push(review(names, &results));
    }
    let metadata = project.metadata;
    let outcome = Outcome::of(run.id(), &tasks, reviewed, &results, stopped, metadata);
    let told = json!({"outcome": outcome, "webhooks": project.notify_webhooks});
    hand.step("report", minutes(1), told, keep_report).await?;
    run.progress(100, "done");
    Ok(outcome)
}

/// Does a task, if what it needs was done.
async fn attend(
    hand: &Hand,
    task: &Task,
    results: &BTreeMap<String, Done>,
    stopped: bool,
) -> Result<Done, Failure> {
    if stopped {
        return Ok(Done::without(task, "cancelled", "a critical task was not completed"));
    }
    let mut notes = Vec::new();
    for needed in &task.dependencies {
        match results.get(needed).filter(|done| done.is_completed()) {
            Some(done) => notes.push(Note {
                key: format!("task/{needed}"),
                text: done.output.clone().unwrap_or_default(),
            }),
            None => {
                let reason = format!("`{needed}` was not completed");
                return Ok(Done::without(task, "cancelled", &reason));
            }
        }
    }
    let name = format!("task {}", task.task_id);
    match hand.step(&name, minutes(5), (task.clone(), notes), perform).await {
        Err(failure) if failure.cause() == seaworthy_workflow::Cause::Fault => {
            Ok(Done::without(task, "failed", &failure.to_string()))
        }
        result => result,
    }
}

async fn perform(act: Act, (task, mut notes): (Task, Vec<Note>)) -> Result<Done, Failure> {
    if !act.judge(&task.description).await?.allowed {
        return Ok(Done::without(&task, "blocked", "policy_violation"));
    }
    notes.extend(act.recall(&task.description).await?);
    let reply = act.ask(&task.description, &notes).await?;
    let text = format!("# {}\n\n{}\n", task.description, reply.completion);
    act.keep(vec![markdown(format!("tasks/{}.md", task.task_id), text)]).await?;
    Ok(Done {
        output: Some(reply.completion),
        model: Some(reply.model),
        grounded: reply.grounded,
        sources: reply.sources.into_iter().map(|source| source.key).collect(),
        reason: None,
        ..Done::without(&task, "completed", "")
    })
}

async fn keep_plan(act: Act, (tasks, plan): (Vec<Task>, Vec<Vec<usize>>)) -> Result<(), Failure> {
    let waves: Vec<Vec<&str>> = plan
        .iter()
        .map(|wave| wave.iter().map(|at| tasks[*at].task_id.as_str()).collect())
        .collect();
    act.keep(vec![document("plan.json", &json!({"tasks": tasks, "waves": waves}))]).await
}

async fn keep_report(act: Act, told: Value) -> Result<(), Failure> {
    let mut artifacts = vec![document("report.json", &told["outcome"])];
    if told["webhooks"].as_array().is_some_and(|hooks| !hooks.is_empty()) {
        let note = json!({
            "to": told["webhooks"],
            "status": NOT_SENT,
            "reason": "nothing that calls webhooks is configured",
        });
        artifacts.push(document("notification.json", &note));
    }
    act.keep(artifacts).await
}

fn review(tasks: Vec<String>, results: &BTreeMap<String, Done>) -> Wave {
    let completed =
        tasks.iter().filter(|id| results.get(*id).is_some_and(Done::is_completed)).count();
    let score = percent(completed, tasks.len());
    Wave { tasks, score, review: if score >= GOOD { "auto_approved" } else { "needs_review" } }
}

fn percent(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

impl Done {
    fn without(task: &Task, status: &str, reason: &str) -> Self {
        Self {
            task_id: task.task_id.clone(),
            status: status.to_owned(),
            reason: Some(reason.to_owned()),
            output: None,
            model: None,
            grounded: false,
            sources: Vec::new(),
        }
    }

    fn is_completed(&self) -> bool {
        self.status == "completed"
    }
}

impl Outcome {
    fn of(
        id: &str,
        tasks: &[Task],
        waves: Vec<Wave>,
        results: &BTreeMap<String, Done>,
        stopped: bool,
        metadata: Map<String, Value>,
    ) -> Self {
        let completed = results.values().filter(|done| done.is_completed()).count();
        let doubtful = waves.iter().any(|wave| wave.score < GOOD);
        Self {
            project_id: id.to_owned(),
            status: match (stopped, doubtful) {
                (true, _) => "stopped",
                (false, true) => "needs_review",
                (false, false) => "completed",
            },
            task_count: tasks.len(),
            quality_score: percent(completed, tasks.len()),
            waves,
            results: tasks.iter().filter_map(|task| results.get(&task.task_id).cloned()).collect(),
            metadata,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn task(id: &str, dependencies: &[&str]) -> Task {
        Task {
            task_id: id.into(),
            description: id.into(),
            dependencies: dependencies.iter().map(|one| (*one).to_owned()).collect(),
            critical: false,
            metadata: Map::new(),
        }
    }

    fn texts(description: &str) -> Vec<(String, bool)> {
        decompose(description)
            .into_iter()
            .map(|task| (task.description, !task.dependencies.is_empty()))
            .collect()
    }

    fn pairs(wanted: &[(&str, bool)]) -> Vec<(String, bool)> {
        wanted.iter().map(|(text, follows)| ((*text).to_owned(), *follows)).collect()
    }

    #[test]
    fn a_description_is_taken_apart_by_what_it_is_made_of() {
        let list = "We need:\n - a hull\n - a mast\n";
        assert_eq!(texts(list), pairs(&[("a hull", false), ("a mast", false)]));
        let steps = "1. Lay the keel\n2) Plank it\n";
        assert_eq!(texts(steps), pairs(&[("Lay the keel", false), ("Plank it", true)]));
        let prose = "Build a ship. Sail it!";
        assert_eq!(texts(prose), pairs(&[("Build a ship.", false), ("Sail it!", true)]));
        assert_eq!(texts(" \n ... "), pairs(&[]));
    }

    #[test]
    fn waves_follow_dependencies_and_circles_are_named() {
        let tasks = [task("c", &["a", "b"]), task("a", &[]), task("b", &["a"]), task("d", &[])];
        assert_eq!(waves(&tasks).unwrap(), [vec![1, 3], vec![2], vec![0]]);
        let circle = [task("a", &[]), task("b", &["c"]), task("c", &["b"])];
        assert_eq!(waves(&circle).unwrap_err(), ["b", "c"]);
        assert_eq!(waves(&[task("a", &["a"])]).unwrap_err(), ["a"]);
    }

    proptest! {
        #[test]
        fn every_task_is_in_one_wave_after_all_it_needs(
            edges in prop::collection::vec((0..12_usize, 0..12_usize), 0..30),
        ) {
            let tasks: Vec<Task> = (0..12)
                .map(|at| {
                    let needed: Vec<String> = edges
                        .iter()
                        .filter(|(from, to)| *from == at && to < from)
                        .map(|(_, to)| to.to_string())
                        .collect();
                    let needed: Vec<&str> = needed.iter().map(String::as_str).collect();
                    task(&at.to_string(), &needed)
                })
                .collect();
            let waves = waves(&tasks).unwrap();
            let place = |id: &str| waves.iter().position(|wave| wave.iter().any(|at| tasks[*at].task_id == id));
            prop_assert_eq!(waves.iter().map(Vec::len).sum::<usize>(), 12);
            for task in &tasks {
                for needed in &task.dependencies {
                    prop_assert!(place(needed) < place(&task.task_id));
                }
            }
        }
    }
}
