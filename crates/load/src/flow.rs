//! Checked flows and routines: what was typed, parsed and found to be sound.

use std::time::Duration;

use http::{HeaderName, Method};

use crate::path::Path;
use crate::spec::Statuses;
use crate::template::{Template, Tree};

/// A flow that can be run.
#[derive(Clone, Debug)]
pub struct Flow {
    pub(crate) name: String,
    pub(crate) target: Option<String>,
    pub(crate) variables: Vec<Variable>,
    pub(crate) steps: Vec<Step>,
}

impl Flow {
    /// The flow's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The names of the flow's steps, in order.
    pub fn steps(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().map(|step| step.name.as_str())
    }

    /// The names of the flow's checks, as the tag `check` of the metric `checks` has them.
    pub fn checks(&self) -> impl Iterator<Item = String> {
        self.steps.iter().flat_map(Step::checks)
    }
}

/// Steps that can be done outside of measurement, once or many times.
#[derive(Clone, Debug)]
pub struct Routine {
    pub(crate) flow: Flow,
    pub(crate) repeat: Option<u64>,
    pub(crate) parallel: u32,
}

impl Routine {
    /// What is done, in a few words.
    pub fn name(&self) -> &str {
        &self.flow.name
    }

    /// The names that later routines and flows may use once this one is done.
    pub fn extracts(&self) -> impl Iterator<Item = &str> {
        self.flow.steps.iter().flat_map(|step| step.extract.iter().map(|(name, _)| name.as_str()))
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) draw: Draw,
}

/// How a variable gets its value.
#[derive(Clone, Debug)]
pub(crate) enum Draw {
    Value(Tree),
    Random(i64, i64),
    Cycle { by: Template, of: Tree },
    Choice(Tree),
}

#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) target: Option<String>,
    pub(crate) method: Method,
    /// A path that begins with `/` or a name, or a full URL.
    pub(crate) address: Template,
    pub(crate) headers: Vec<(HeaderName, Template)>,
    pub(crate) body: Body,
    pub(crate) timeout: Option<Duration>,
    pub(crate) status: Option<Statuses>,
    pub(crate) expect_headers: Vec<(HeaderName, Template)>,
    pub(crate) expect_json: Vec<(Path, Tree)>,
    pub(crate) extract: Vec<(String, Extract)>,
    pub(crate) pause: Option<(Duration, Duration)>,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    None,
    Json(Tree),
    Text(Template),
}

#[derive(Clone, Debug)]
pub(crate) enum Extract {
    Json(Path),
    Header(HeaderName),
}

impl Step {
    /// The names of the step's checks, in the order in which they are made: the status (when the
    /// plan names one), headers, JSON values, extractions.
    pub(crate) fn checks(&self) -> impl Iterator<Item = String> {
        let status = self.status.iter().map(|_| format!("{}: status", self.name));
        let headers = (self.expect_headers.iter())
            .map(|(header, _)| format!("{}: header {header}", self.name));
        let json = self.expect_json.iter().map(|(path, _)| format!("{}: {path}", self.name));
        let extract = self.extract.iter().map(|(name, _)| format!("{}: extract {name}", self.name));
        status.chain(headers).chain(json).chain(extract)
    }
}
