//! Options as a whole: what is read from each source, which source goes before which, what comes
//! out of it, and what is said of what cannot be. The expected values are those of k6 2.2.

mod derivation;
mod messages;
mod needs;
mod parts;
mod precedence;
mod shown;
mod sources;

use std::collections::BTreeMap;

use seaworthy_document::{Finding, Severity};
use seaworthy_k6::Literal;
use seaworthy_k6::options::{Consolidated, Flags, Sources, consolidate};
use serde_json::Value;

/// What a test says, by source.
#[derive(Default)]
struct Said {
    script: Value,
    config: Option<String>,
    environment: Vec<(&'static str, &'static str)>,
    flags: Flags,
}

impl Said {
    fn script(value: Value) -> Self {
        Self { script: value, ..Self::default() }
    }

    fn config(mut self, value: &Value) -> Self {
        self.config = Some(value.to_string());
        self
    }

    fn environment(mut self, variables: &[(&'static str, &'static str)]) -> Self {
        self.environment = variables.to_vec();
        self
    }

    fn flags(mut self, flags: Flags) -> Self {
        self.flags = flags;
        self
    }

    fn read(&self) -> (Option<Consolidated>, Vec<Finding>) {
        let environment: BTreeMap<String, String> = self
            .environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        consolidate(Sources {
            config: self.config.as_deref().map(|text| ("config.json", text)),
            script: ("script.js", &self.script),
            literal: &Literal::default(),
            environment: &environment,
            flags: &self.flags,
        })
    }

    /// What comes out without a word.
    #[track_caller]
    fn quietly(&self) -> Consolidated {
        let (read, findings) = self.read();
        assert!(findings.is_empty(), "{findings:#?}");
        read.expect("there are options where no error was found")
    }

    /// What comes out with one warning, and the warning.
    #[track_caller]
    fn with_warning(&self) -> (Consolidated, Finding) {
        let (read, mut findings) = self.read();
        assert_eq!(findings.len(), 1, "{findings:#?}");
        let warning = findings.remove(0);
        assert_eq!(warning.severity, Severity::Warning, "{warning}");
        (read.expect("a warning stops nothing"), warning)
    }

    /// The errors that nothing comes out for.
    #[track_caller]
    fn errors(&self) -> Vec<Finding> {
        let (read, findings) = self.read();
        let errors: Vec<_> =
            findings.into_iter().filter(|found| found.severity == Severity::Error).collect();
        assert!(read.is_none() && !errors.is_empty(), "{:?}", self.script);
        errors
    }

    /// The only error.
    #[track_caller]
    fn error(&self) -> Finding {
        let mut errors = self.errors();
        assert_eq!(errors.len(), 1, "{errors:#?}");
        errors.remove(0)
    }
}

/// The only scenario, as it is shown, without what was not said.
#[track_caller]
fn only_scenario(read: &Consolidated) -> Value {
    let mut shown = read.to_json();
    let scenarios = shown["scenarios"].as_object_mut().expect("scenarios are shown");
    assert_eq!(scenarios.len(), 1, "{scenarios:?}");
    let mut scenario = scenarios.values().next().expect("one").clone();
    scenario.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
    scenario
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}
