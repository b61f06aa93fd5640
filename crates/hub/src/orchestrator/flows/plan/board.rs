//! What a plan's tasks have made so far, and what the next one is given of it.

use seaworthy_wizard::Plan;
use seaworthy_wizard::plan::Part;
use seaworthy_wizard::template::{self, Filling};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::super::Note;

/// What is said of what an outside system would have to do.
pub(super) const NOT_SENT: &str = "prepared, not sent";

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
    /// The parameters that name what was made before.
    pub(super) taken: Vec<String>,
    /// What those parameters name.
    pub(super) pieces: Vec<Piece>,
    /// The memories that bear on it: those of its module, and of what it was given.
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

    /// What stands for an output. Where a module has as many outputs as tasks, each is what one task
    /// has made; otherwise all are what its last task has made so far.
    fn output(&self, name: &str) -> Vec<&Made> {
        let pins = || self.0.iter().filter(|pin| pin.outputs.iter().any(|output| output == name));
        let Some(last) = pins().next_back() else { return Vec::new() };
        let place = last.outputs.iter().position(|output| output == name).unwrap_or_default();
        let number = if last.outputs.len() == last.tasks { place + 1 } else { last.number };
        pins().filter(|pin| pin.number == number).map(|pin| &pin.made).collect()
    }

    /// What an action of a module's task is to do.
    pub(super) fn job(&self, plan: &Plan, module: &Part, number: usize, action: &str) -> Job {
        let step = &module.tasks[number - 1];
        let filling = |name: &str| filling(&self.output(name));
        let mut job = Job {
            action: action.to_owned(),
            module: module.id.clone(),
            number,
            title: step.description.clone().unwrap_or_else(|| module.title.clone()),
            params: Map::new(),
            taken: Vec::new(),
            pieces: Vec::new(),
            notes: self.made(&module.id).flat_map(|made| made.notes.clone()).collect(),
            campaign_name: plan.campaign_name.clone(),
            launch_date: plan.launch_date.clone(),
        };
        for (name, value) in step.params.as_object().into_iter().flatten() {
            let given: Vec<&Made> =
                template::names(value).into_iter().flat_map(|one| self.output(one)).collect();
            if !given.is_empty() {
                job.taken.push(name.clone());
            }
            for made in given {
                job.pieces.extend(made.pieces.iter().cloned());
                job.notes.extend(made.notes.iter().cloned());
            }
            job.params.insert(name.clone(), template::fill(value, &filling));
        }
        let mut seen = Vec::new();
        job.notes.retain(|note| {
            let new = !seen.contains(&note.key);
            seen.push(note.key.clone());
            new
        });
        job
    }
}

/// What takes the place of an output's name; none where nothing was made, and the name stays.
fn filling(made: &[&Made]) -> Option<Filling> {
    let pieces: Vec<&Piece> = made.iter().flat_map(|made| &made.pieces).collect();
    let word = |piece: &Piece| piece.text.clone().unwrap_or_else(|| piece.artifact.clone());
    let within = pieces.iter().map(|piece| word(piece)).collect::<Vec<_>>().join("\n\n");
    match pieces.as_slice() {
        [] => None,
        [one] => Some(Filling { whole: word(one).into(), within }),
        several => Some(Filling { whole: json!(several), within }),
    }
}

impl Told {
    pub(super) fn is_prepared(&self) -> bool {
        self.status == NOT_SENT || self.is_sent()
    }

    pub(super) fn is_sent(&self) -> bool {
        self.status == "sent"
    }
}

impl Job {
    /// The name of its step, and of what it makes.
    pub(super) fn name(&self) -> String {
        format!("{}/{}-{}", self.module, self.number, self.action)
    }

    /// A parameter that is a text; what is empty or no text counts as not given.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.params.get(name)?.as_str().filter(|text| !text.trim().is_empty())
    }
}
