//! What a run is told: options from a configuration file, the script, the environment and flags,
//! the later of them before the earlier, and the scenarios they come to.
//!
//! [`consolidate`] reads all sources and says what is wrong with them. What comes out of it without
//! an error is [`Consolidated`]: it knows what the run needs ([`Consolidated::requirements`]), how
//! it looks ([`Consolidated::to_json`]) and what the load engine is to do
//! ([`Consolidated::loads`]).

mod codes;
mod convert;
mod derive;
pub mod duration;
mod environment;
mod flags;
mod json;
mod lines;
mod merge;
mod object;
mod plan;
mod read;
mod run;
pub mod scenario;
pub mod segment;
mod source;
mod typed;
pub mod values;

use std::collections::{BTreeMap, BTreeSet};

use seaworthy_document::{Finding, Place, errors};
use seaworthy_script::source::Literal;
use serde_json::Value;

pub use convert::Entry;
pub use flags::Flags;
pub use plan::{Requirements, Step};
pub use run::{Settings, SummaryMode};
pub use scenario::Scenario;
pub use segment::{Partition, Stripes};
pub use typed::Options;

use source::{Reader, Source};

/// Everything that says something about a run.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// The configuration file: its name and its text.
    pub config: Option<(&'a str, &'a str)>,
    /// The script: its name and the `options` it exports; `Value::Null` if it exports none.
    pub script: (&'a str, &'a Value),
    /// Where the script's options stand in it; empty when that is not known.
    pub literal: &'a Literal,
    /// Environment variables, those that are no options too.
    pub environment: &'a BTreeMap<String, String>,
    /// The command line.
    pub flags: &'a Flags,
}

/// Options that a run can begin with.
#[derive(Clone, Debug, PartialEq)]
pub struct Consolidated {
    options: Options,
    settings: Settings,
    scenarios: BTreeMap<String, Scenario>,
    /// Where scenarios stand that the script says.
    places: BTreeMap<String, Place>,
    partition: Partition,
}

/// Reads only what a script says, as `inspect` shows it without the requirements.
pub fn script(name: &str, value: &Value, literal: &Literal) -> (Options, Vec<Finding>) {
    let mut findings = Vec::new();
    let source = Source::Script(name.to_owned(), literal.clone());
    let mut reader = Reader { source, findings: &mut findings };
    let options = object::read(&mut reader, value, &mut Settings::default());
    (options, findings)
}

/// Reads all sources. The options are there exactly when no finding is an error.
pub fn consolidate(sources: Sources<'_>) -> (Option<Consolidated>, Vec<Finding>) {
    let mut findings = Vec::new();
    let mut layers = merge::Layers::default();
    if let Some((name, text)) = sources.config {
        let source = Source::Config(name.to_owned());
        let value = config(name, text, &mut findings);
        layers
            .add(source, &mut findings, |reader, settings| object::read(reader, &value, settings));
    }
    let (name, value) = sources.script;
    let source = Source::Script(name.to_owned(), sources.literal.clone());
    layers.add(source, &mut findings, |reader, settings| object::read(reader, value, settings));
    let typed = layers.scenarios();
    layers.add(Source::Environment, &mut findings, |reader, settings| {
        environment::read(reader, sources.environment, settings)
    });
    layers.add(Source::Flags, &mut findings, |reader, settings| {
        flags::read(reader, sources.flags, settings)
    });
    if errors(&findings) {
        // What could not be read would be missed again by every rule.
        return (None, findings);
    }
    let (mut options, settings) = layers.merged(&mut findings);
    let scenarios = derive::scenarios(&mut options, &mut findings);
    let places: BTreeMap<String, Place> = scenarios
        .iter()
        .filter(|(name, scenario)| typed.get(*name) == Some(*scenario))
        .map(|(scenario, _)| {
            let path = format!("scenarios.{scenario}");
            (scenario.clone(), source::place(name, sources.literal, &path))
        })
        .collect();
    derive::check(&options, &scenarios, &places, &mut findings);
    let partition = derive::partition(&options, &mut findings);
    let consolidated = partition.filter(|_| !errors(&findings)).map(|partition| Consolidated {
        options,
        settings,
        scenarios,
        places,
        partition,
    });
    (consolidated, findings)
}

/// A configuration file's object.
fn config(name: &str, text: &str, findings: &mut Vec<Finding>) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| {
        let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let place = Place {
            file: name.to_owned(),
            line: narrow(error.line()),
            column: narrow(error.column()),
        };
        let finding = Finding::error(codes::CONFIG, format!("it is no JSON: {error}"));
        findings.push(finding.at(place).hint("write an object of options: { \"vus\": 10 }"));
        Value::Null
    })
}

impl Consolidated {
    /// The options. `scenarios` in them are those of [`Consolidated::scenarios`].
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// What is said beside options.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The scenarios by name, at least one.
    pub fn scenarios(&self) -> &BTreeMap<String, Scenario> {
        &self.scenarios
    }

    /// Which part of the run is ours.
    pub fn partition(&self) -> &Partition {
        &self.partition
    }

    /// What is wrong with the scenarios' functions, given the functions the script exports.
    pub fn missing_functions(&self, exported: &BTreeSet<String>) -> Vec<Finding> {
        scenario::missing_functions(&self.scenarios, &self.places, exported)
    }

    /// How many virtual users the run needs, and how long it takes at most.
    pub fn requirements(&self) -> Requirements {
        plan::requirements(&self.scenarios, &self.partition)
    }

    /// The options as `inspect` shows them, with what the run needs.
    pub fn to_json(&self) -> Value {
        let mut value = json::options(&self.options);
        json::add_requirements(&mut value, &self.requirements());
        value
    }

    /// What the load engine is to do: one entry for each scenario that has work in our part.
    /// `backlog` is how many arrivals wait for a virtual user; with 0 they are dropped, as in k6.
    pub fn loads(&self, backlog: u32) -> Vec<Entry> {
        convert::entries(&self.scenarios, &self.partition, backlog)
    }
}

impl Options {
    /// The options as `inspect` shows them: k6's names in k6's order, `null` for what was not said.
    /// A private key is not shown.
    pub fn to_json(&self) -> Value {
        json::options(self)
    }
}
