//! What templates may name: ports, folders, the environment, variables, secrets, extracted values.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

/// Names and their values, as templates see them. `port`, `env` and the like are objects, so that
/// `${port.api}` is a path into one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    values: BTreeMap<String, Value>,
    confidential: BTreeSet<String>,
}

/// Names every plan has.
pub(crate) const BUILT_IN: [&str; 5] = ["port", "seaworthy", "scratch", "plan", "env"];

impl Scope {
    pub(crate) fn set(&mut self, name: &str, value: Value) {
        self.values.insert(name.to_owned(), value);
    }

    /// Sets a value that must not be written down anywhere.
    pub(crate) fn set_confidential(&mut self, name: &str, value: Value) {
        self.hide(&value);
        self.set(name, value);
    }

    /// Keeps a value out of everything the trial writes. Short values are left alone: hiding `1`
    /// would hide every number in the report and protect nothing.
    pub(crate) fn hide(&mut self, value: &Value) {
        match value {
            Value::String(text) if text.len() >= 8 => {
                self.confidential.insert(text.clone());
            }
            Value::Array(values) => values.iter().for_each(|value| self.hide(value)),
            Value::Object(values) => values.values().for_each(|value| self.hide(value)),
            _ => {}
        }
    }

    pub(crate) fn set_ports(&mut self, ports: &BTreeMap<String, u16>) {
        let ports: Map<String, Value> =
            ports.iter().map(|(name, port)| (name.clone(), json!(port))).collect();
        self.set("port", Value::Object(ports));
    }

    pub(crate) fn values(&self) -> &BTreeMap<String, Value> {
        &self.values
    }

    /// The text with every confidential value blotted out.
    pub(crate) fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        // Longest first, so that a secret inside another one does not leave its rest behind.
        let mut secrets: Vec<&String> = self.confidential.iter().collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        for secret in secrets {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), REDACTED);
            }
        }
        text
    }

    /// Whether the text holds anything confidential.
    pub(crate) fn holds_secret(&self, text: &str) -> bool {
        self.confidential.iter().any(|secret| text.contains(secret.as_str()))
    }
}

/// What stands where a secret stood.
pub(crate) const REDACTED: &str = "[redacted]";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_blotted_out_longest_first() {
        let mut scope = Scope::default();
        scope.set_confidential("short", json!("swordfish"));
        scope.set_confidential("long", json!({"token": "swordfish-and-chips"}));
        scope.set_confidential("tiny", json!("1"));
        let text = scope.redact("1: swordfish-and-chips, swordfish");
        assert_eq!(text, "1: [redacted], [redacted]");
        assert!(scope.holds_secret("a swordfish"));
        assert!(!scope.holds_secret(&text));
    }
}
