//! What a plan's tasks have made so far, and what the next one is given of it.

use seaworthy_wizard::Plan;
use seaworthy_wizard::plan::Part;
use seaworthy_wizard::template::{self, Filling};
use seaworthy_workflow::Failure;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::super::{NOT_SENT, Note};

/// What an action has made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Made {
    /// What is told of it.
    pub(super) told: Told,
    /// What those after it are given.
    pub(super) pieces: Vec<Piece>,
    /// The memories it rests on.
    pub(super) notes: Vec<Note>,
}

/// What is told of what an action has made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Told {
    /// The action, as `tool.verb`.
    pub(super) action: String,
    /// `done`, `approved`, or `prepared, not sent`.
    pub(super) status: String,
    /// Why it was not sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    /// Of texts: whether all of them rest on something that was found.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) grounded: Option<bool>,
    /// What it made, by name.
    pub(super) artifacts: Vec<String>,
}

/// Something that was made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Piece {
    /// What it is for, where it is for one channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) channel: Option<String>,
    /// Its text, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<String>,
    /// The artifact that holds it.
    pub(super) artifact: String,
    /// Whether its text rests on something that was found, so that others may rest on it.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub(super) grounded: bool,
}

/// What an action is to do, and with what.
#[derive(Clone, Debug)]
pub(super) struct Job {
    /// The action, as `tool.verb`.
    pub(super) action: String,
    /// The module, whose name the artifacts' folder has.
    pub(super) module: String,
    /// The task's number in it, from 1.
    pub(super) number: usize,
    /// What it is called where nothing else is said: the task's description, or the module's title.
    pub(super) title: String,
    /// With what, all names filled.
    pub(super) params: Map<String, Value>,
    /// The same with artifacts' names in the place of what was made.
    pub(super) named: Map<String, Value>,
    /// What the params name of what was made before, each once.
    pub(super) pieces: Vec<Piece>,
    /// What bears on it, each once: what its module has found, and what it was given.
    pub(super) notes: Vec<Note>,
    pub(super) campaign_name: String,
    pub(super) launch_date: Option<String>,
}

/// What was made so far.
#[derive(Default)]
pub(super) struct Board(Vec<Pin>);

struct Pin {
    module: String,
    /// The module's outputs, and how many tasks it has.
    outputs: Vec<String>,
    tasks: usize,
    number: usize,
    made: Made,
}

impl Board {
    /// Pins up what an action of a module's task has made.
    pub(super) fn pin(&mut self, module: &Part, number: usize, made: Made) {
        let (outputs, tasks) = (module.outputs.clone(), module.tasks.len());
        self.0.push(Pin { module: module.id.clone(), outputs, tasks, number, made });
    }

    /// What a module's actions have made.
    pub(super) fn made<'b>(&'b self, module: &'b str) -> impl Iterator<Item = &'b Made> {
        self.0.iter().filter(move |pin| pin.module == module).map(|pin| &pin.made)
    }

    /// Everything that was made, by name.
    pub(super) fn artifacts(&self) -> Vec<String> {
        self.0.iter().flat_map(|pin| pin.made.told.artifacts.clone()).collect()
    }

    /// What stands for an output of a module, or of one before it. Where a module has as many outputs as
    /// tasks, each is what one task has made; otherwise all are what its last task has made so far.
    fn output(&self, before: &[&str], name: &str) -> Vec<&Made> {
        let named = |pin: &&Pin| {
            before.contains(&pin.module.as_str()) && pin.outputs.iter().any(|one| one == name)
        };
        let pins = || self.0.iter().filter(named);
        let Some(last) = pins().next_back() else { return Vec::new() };
        let place = last.outputs.iter().position(|output| output == name).unwrap_or_default();
        let number = if last.outputs.len() == last.tasks { place + 1 } else { last.number };
        pins().filter(|pin| pin.number == number).map(|pin| &pin.made).collect()
    }

    /// What an action of a module's task is to do.
    pub(super) fn job(&self, plan: &Plan, module: &Part, number: usize, action: &str) -> Job {
        let step = &module.tasks[number - 1];
        let before = before(plan, module);
        let object = |filled: Value| match filled {
            Value::Object(params) => params,
            _ => Map::new(),
        };
        let text = |name: &str| filling(&self.output(&before, name), Piece::words);
        let named =
            |name: &str| filling(&self.output(&before, name), |piece| piece.artifact.clone());
        let mut job = Job {
            action: action.to_owned(),
            module: module.id.clone(),
            number,
            title: step.description.clone().unwrap_or_else(|| module.title.clone()),
            params: object(plan.fill(step, &text)),
            named: object(plan.fill(step, &|name| named(name).map(as_words))),
            pieces: Vec::new(),
            notes: Vec::new(),
            campaign_name: plan.campaign_name.clone(),
            launch_date: plan.launch_date.clone(),
        };
        let given: Vec<&Made> = template::names(step.source())
            .into_iter()
            .flat_map(|name| self.output(&before, name))
            .collect();
        for piece in given.iter().flat_map(|made| &made.pieces) {
            if !job.pieces.iter().any(|known| known.artifact == piece.artifact) {
                job.pieces.push(piece.clone());
            }
        }
        let found = self.made(&module.id).chain(given).flat_map(|made| made.notes.clone());
        let made = job.pieces.iter().filter(|piece| piece.grounded).filter_map(Piece::as_note);
        for note in found.chain(made.collect::<Vec<_>>()) {
            if !job.notes.iter().any(|known| known.key == note.key) {
                job.notes.push(note);
            }
        }
        job
    }
}

/// A module, and those that come before it by what it depends on.
fn before<'p>(plan: &'p Plan, module: &'p Part) -> Vec<&'p str> {
    let mut all = vec![module];
    let mut next = 0;
    while let Some(one) = all.get(next).copied() {
        next += 1;
        for needed in &one.dependencies {
            let known = all.iter().any(|known| known.id == *needed);
            all.extend(plan.modules.iter().find(|other| other.id == *needed && !known));
        }
    }
    all.into_iter().map(|module| module.id.as_str()).collect()
}

/// What takes the place of an output's name; none where nothing was made, and the name stays.
fn filling(made: &[&Made], words: impl Fn(&Piece) -> String) -> Option<Filling> {
    let pieces: Vec<&Piece> = made.iter().flat_map(|made| &made.pieces).collect();
    let within = pieces.iter().map(|piece| words(piece)).collect::<Vec<_>>().join("\n\n");
    match pieces.as_slice() {
        [] => None,
        [one] => Some(Filling { whole: words(one).into(), within }),
        several => Some(Filling { whole: json!(several), within }),
    }
}

/// Names of artifacts are words also where they are all there is.
fn as_words(filling: Filling) -> Filling {
    let within = filling.within.replace("\n\n", ", ");
    Filling { whole: within.clone().into(), within }
}

impl Piece {
    /// Its text, or where it has none, what holds it.
    fn words(&self) -> String {
        self.text.clone().unwrap_or_else(|| self.artifact.clone())
    }

    fn as_note(&self) -> Option<Note> {
        Some(Note { key: self.artifact.clone(), text: self.text.clone()? })
    }
}

impl Told {
    pub(super) fn is_prepared(&self) -> bool {
        self.status == NOT_SENT
    }
}

impl Job {
    /// The name of its step, and of what it makes.
    pub(super) fn name(&self) -> String {
        format!("{}/{}-{}", self.module, self.number, self.action)
    }

    /// A parameter in words; what is empty counts as not given.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let text = template::words(self.params.get(name)?);
        Some(text).filter(|text| !text.trim().is_empty())
    }

    /// Who may decide about it: `reviewers`, or where there are none, everybody but its author. Where
    /// some are asked for and nobody comes of it, nobody may.
    pub(super) fn reviewers(&self) -> Result<Vec<String>, Failure> {
        let named = reviewers(Some(&self.params));
        if named.is_empty() && self.params.contains_key("reviewers") {
            let message = format!("`{}` asks for reviewers, and names none", self.name());
            return Err(Failure::lasting("no_reviewers", message));
        }
        Ok(named)
    }

    /// Everything that its params say, in words.
    pub(super) fn words(&self) -> String {
        let mut all = String::new();
        for value in self.params.values() {
            gather(value, &mut all);
        }
        all
    }
}

fn gather(value: &Value, all: &mut String) {
    match value {
        Value::Array(entries) if !entries.iter().all(Value::is_string) => {
            entries.iter().for_each(|entry| gather(entry, all));
        }
        Value::Object(members) => members.values().for_each(|member| gather(member, all)),
        other => {
            all.push_str(&template::words(other));
            all.push('\n');
        }
    }
}

/// A task's `reviewers`: a list, or names with commas between them.
pub(super) fn reviewers(params: Option<&Map<String, Value>>) -> Vec<String> {
    let words = params.and_then(|params| params.get("reviewers")).map(template::words);
    let names = words.unwrap_or_default();
    names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}
