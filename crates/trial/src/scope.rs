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

/// How much of what a target said is shown, in characters.
const LONGEST_TOLD: usize = 600;

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

    /// Keeps a secret's text out of everything the trial writes, however short it is.
    pub(crate) fn hide_secret(&mut self, secret: &str) {
        self.confidential.extend(forms(secret));
    }

    /// Keeps a value out of everything the trial writes. Short values are left alone: hiding `1`
    /// would hide every number in the report and protect nothing.
    pub(crate) fn hide(&mut self, value: &Value) {
        match value {
            Value::String(text) if text.len() >= 8 => self.hide_secret(text),
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

    /// What a target said, fit to be shown: secrets blotted out first, then cut to what a person
    /// reads.
    pub(crate) fn told(&self, text: &str) -> String {
        let text = self.redact(text);
        match text.char_indices().nth(LONGEST_TOLD) {
            Some((at, _)) => format!("{}…", &text[..at]),
            None => text,
        }
    }

    /// The same for every text in a JSON value.
    pub(crate) fn redact_value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.redact(&text)),
            Value::Array(values) => {
                values.into_iter().map(|value| self.redact_value(value)).collect()
            }
            Value::Object(values) => {
                values.into_iter().map(|(name, value)| (name, self.redact_value(value))).collect()
            }
            other => other,
        }
    }

    /// Everything confidential, in every dress.
    pub(crate) fn confidential(&self) -> impl Iterator<Item = String> {
        self.confidential.iter().cloned()
    }

    /// Whether the text holds anything confidential.
    pub(crate) fn holds_secret(&self, text: &str) -> bool {
        self.confidential.iter().any(|secret| text.contains(secret.as_str()))
    }
}

/// A secret as it is and as others may write it: in JSON, in JSON within JSON, in HTML, in a URL.
fn forms(secret: &str) -> [String; 5] {
    let json = |text: &str| {
        let quoted = Value::from(text).to_string();
        quoted[1..quoted.len() - 1].to_owned()
    };
    let escaped = json(secret);
    // A body that is quoted in a body, as when a service echoes what it was sent.
    let twice = json(&escaped);
    let html = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let html = html.replace('"', "&quot;").replace('\'', "&#39;");
    let mut url = String::new();
    for byte in secret.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                url.push(char::from(byte));
            }
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
    [secret.to_owned(), escaped, twice, html, url]
}

/// What stands where a secret stood.
pub(crate) const REDACTED: &str = "[redacted]";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_in_every_dress() {
        let mut scope = Scope::default();
        scope.set_confidential("secret", json!("a\"b&c d/e\\f"));
        for dressed in
            ["a\"b&c d/e\\f", r#"a\"b&c d/e\\f"#, "a&quot;b&amp;c d/e\\f", "a%22b%26c%20d%2Fe%5Cf"]
        {
            assert_eq!(scope.redact(&format!("<{dressed}>")), "<[redacted]>", "{dressed}");
        }
    }

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
