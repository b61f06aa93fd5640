//! A wizard that was checked: its questions, rules and modules, and what may be relied on.

use seaworthy_document::Finding;
use serde_json::{Value, json};

use crate::expression::Condition;
use crate::question::Question;
use crate::work::Work;
use crate::{check, spec};

/// A checked definition. Ids are unique, every name in it is known, and modules come after what they
/// depend on.
#[derive(Clone, Debug)]
pub struct Definition {
    /// Its id, as `marketing_campaign_v1`.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// What it is for.
    pub description: Option<String>,
    /// Its version.
    pub version: String,
    /// Who works on it.
    pub agents: Vec<Agent>,
    /// What is asked, in the order it is asked; at least one.
    pub questions: Vec<Question>,
    /// What is done then; each after those it depends on.
    pub modules: Vec<Module>,
    /// What must hold of the answers together.
    pub rules: Vec<Rule>,
    /// Which tools are recommended for what.
    pub recommendations: Vec<Recommendation>,
    /// By what it is known to have succeeded.
    pub success_criteria: Vec<Criterion>,
    /// How long everything takes, in the definition's own words.
    pub estimated_total: Option<String>,
}

/// Somebody who works on modules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// The role.
    pub role: String,
    /// What it is responsible for.
    pub responsibility: String,
}

/// A part of the work.
#[derive(Clone, Debug)]
pub struct Module {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// The role that does it.
    pub agent: String,
    /// The modules that must be done before.
    pub dependencies: Vec<String>,
    /// When it is part of the plan; always when there is none.
    pub condition: Option<Condition>,
    /// What is done.
    pub tasks: Vec<Task>,
    /// What comes out of it.
    pub outputs: Vec<String>,
    /// How long it takes.
    pub work: Option<Work>,
}

/// A step of a module.
#[derive(Clone, Debug)]
pub struct Task {
    /// What is done, as `tool.verb`.
    pub action: String,
    /// What for.
    pub description: Option<String>,
    /// With what; texts in it may hold `{question}` and `{output}`.
    pub params: Value,
    /// Further actions, each under its condition.
    pub logic: Vec<(Condition, String)>,
}

/// What must hold of the answers together.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The rule as it was written.
    pub text: String,
    /// What it means.
    pub condition: Condition,
    /// What is said when it does not hold.
    pub message: String,
}

/// Tools that are recommended for something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recommendation {
    /// For what: an option, the first word of some, or anything else.
    pub purpose: String,
    /// The first choice.
    pub preferred: String,
    /// Others.
    pub alternatives: Vec<String>,
    /// One with open source.
    pub open_source: Option<String>,
}

/// By what success is known.
#[derive(Clone, Debug)]
pub struct Criterion {
    /// Its name.
    pub name: String,
    /// When it counts; always when there is none.
    pub condition: Option<Condition>,
}

/// A definition is at most this long, in bytes.
pub const LONGEST: usize = 512 << 10;

impl Definition {
    /// Reads a definition. With no definition there is at least one finding that is an error; with
    /// one, findings are warnings.
    pub fn read(file: &str, text: &str) -> (Option<Self>, Vec<Finding>) {
        if text.len() > LONGEST {
            let reason =
                format!("the definition has {} bytes; at most {LONGEST} are read", text.len());
            let place = seaworthy_document::Place { file: file.to_owned(), line: 0, column: 0 };
            return (None, vec![Finding::error("wizard-too-large", reason).at(place)]);
        }
        match seaworthy_document::yaml::<spec::Wizard>(file, text) {
            Ok(wizard) => check::wizard(file, text, wizard),
            Err(finding) => (None, vec![finding]),
        }
    }

    /// The question with this id.
    pub fn question(&self, id: &str) -> Option<&Question> {
        self.questions.iter().find(|question| question.id == id)
    }

    /// The definition as a list of wizards shows it.
    pub fn describe(&self) -> Value {
        json!({
            "wizard_id": self.id,
            "title": self.title,
            "description": self.description,
            "version": self.version,
            "questions": self.questions.len(),
            "estimated_duration": self.estimated_duration(),
        })
    }

    /// How long everything takes when no module is left out; its own words, else a sum.
    fn estimated_duration(&self) -> Option<String> {
        self.estimated_total.clone().or_else(|| {
            let works = self.modules.iter();
            let works = works.map(|one| (one.id.as_str(), &one.dependencies[..], one.work));
            crate::plan::longest_way(works).map(|work| work.to_string())
        })
    }
}
