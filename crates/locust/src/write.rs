//! The plan as YAML a person reads: block style, with where each part came from beside it.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json};

use crate::plan::{Body, Draw, Flow, Load, Pace, Plan, Step, Variable};

/// How a plan differs from what it was made of, whatever the file says.
const ALWAYS: [&str; 5] = [
    "A request that fails ends the iteration (the plan says so in its checks); a Locust task goes on.",
    "A request may take 60 s when no timeout is given, and follows up to 10 redirects; Locust's waits for ever and follows 30.",
    "Iterations that are under way at a phase's end may finish for 30 s (`gracefulStop`); Locust cuts them off.",
    "Locust judges nothing, but exits with 1 when any request failed: the objectives are where you say what is good enough.",
    "Names in templates (`${...}`) are drawn or extracted as the comments say; Seaworthy's docs/reference/flows.md has all fields.",
];

/// Writes a plan.
pub(crate) fn plan(plan: &Plan) -> String {
    let mut text = Text::default();
    text.line(0, &format!("# Made from {} by `seaworthy import locust`.", one_line(&plan.from)));
    text.line(0, "#");
    text.line(0, "# What is different from Locust, always:");
    for line in ALWAYS {
        text.line(0, &format!("# - {line}"));
    }
    text.line(0, "apiVersion: seaworthy.dev/v1");
    text.line(0, "kind: Trial");
    text.line(0, "metadata:");
    text.field(2, "name", &Json::String(plan.name.clone()));
    text.field(2, "description", &Json::String(format!("Made from {}.", one_line(&plan.from))));
    if !plan.data.is_empty() {
        text.line(0, "");
        text.line(0, "data:");
        for data in &plan.data {
            text.comment(2, &data.comment);
            let mut fields =
                vec![("name", data.name.as_str()), ("file", &data.file), ("per", data.per)];
            if !data.file.to_ascii_lowercase().ends_with(".csv")
                && !data.file.to_ascii_lowercase().ends_with(".json")
            {
                fields.push(("format", "csv"));
            }
            text.item(2, &fields);
        }
    }
    text.line(0, "");
    text.line(0, "targets:");
    for target in &plan.targets {
        text.comment(2, &target.comment);
        text.item(2, &[("name", &target.name), ("url", &target.url)]);
        if target.insecure {
            text.line(4, "insecure: true");
        }
    }
    text.line(0, "");
    text.line(0, "flows:");
    for flow in &plan.flows {
        text.flow(flow);
    }
    text.line(0, "");
    text.line(0, "phases:");
    for phase in &plan.phases {
        text.comment(2, &phase.comment);
        text.item(2, &[("name", &phase.name)]);
        text.line(4, &format!("duration: {}", phase.duration));
        if phase.warmup > seaworthy_base::Span::default() {
            text.line(4, &format!("warmup: {}  # the rise: shown, not judged", phase.warmup));
        }
        text.line(4, "load:");
        for load in &phase.load {
            text.load(load);
        }
    }
    text.line(0, "");
    text.line(0, "objectives:");
    for objective in &plan.objectives {
        text.comment(2, &objective.comment);
        text.item(
            2,
            &[
                ("name", &objective.name),
                ("metric", objective.metric),
                ("require", &objective.require),
            ],
        );
    }
    text.0
}

/// Takes out variables that nothing uses: what `on_start` drew for another flow.
pub(crate) fn prune(flow: &mut Flow) {
    let mut position = flow.variables.len();
    while position > 0 {
        position -= 1;
        let variable = flow.variables.remove(position);
        let mut text = Text::default();
        text.flow(flow);
        if text.uses(&variable.name) {
            flow.variables.insert(position, variable);
        }
    }
}

/// Lines of YAML.
#[derive(Default)]
struct Text(String);

impl Text {
    fn line(&mut self, indent: usize, line: &str) {
        if !line.is_empty() {
            self.0.extend(std::iter::repeat_n(' ', indent));
        }
        self.0.push_str(line);
        self.0.push('\n');
    }

    fn comment(&mut self, indent: usize, comment: &str) {
        if !comment.is_empty() {
            self.line(indent, &format!("# {}", one_line(comment)));
        }
    }

    /// An element of a list that is an object of texts.
    fn item(&mut self, indent: usize, fields: &[(&str, &str)]) {
        for (position, (name, value)) in fields.iter().enumerate() {
            let lead = if position == 0 { "- " } else { "  " };
            self.line(indent, &format!("{lead}{name}: {}", text(value)));
        }
    }

    /// A field whose value is written below it where that reads better.
    fn field(&mut self, indent: usize, name: &str, value: &Json) {
        let key = text(name);
        match value {
            Json::Object(fields) if !fields.is_empty() => {
                self.line(indent, &format!("{key}:"));
                for (name, value) in fields {
                    self.field(indent + 2, name, value);
                }
            }
            Json::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
                self.line(indent, &format!("{key}:"));
                for item in items {
                    self.line(indent + 2, &format!("- {}", flat(item)));
                }
            }
            Json::String(value) => self.line(indent, &format!("{key}: {}", text(value))),
            value => self.line(indent, &format!("{key}: {}", flat(value))),
        }
    }

    fn fields(&mut self, indent: usize, name: &str, fields: &Map<String, Json>) {
        if !fields.is_empty() {
            self.field(indent, name, &Json::Object(fields.clone()));
        }
    }

    fn flow(&mut self, flow: &Flow) {
        self.comment(2, &flow.comment);
        let mut fields = vec![("name", flow.name.as_str())];
        if !flow.target.is_empty() {
            fields.push(("target", &flow.target));
        }
        self.item(2, &fields);
        self.line(4, "cookies: keep");
        if !flow.variables.is_empty() {
            self.line(4, "variables:");
            for variable in &flow.variables {
                self.variable(variable);
            }
        }
        for (name, steps) in [("start", &flow.start), ("steps", &flow.steps)] {
            if !steps.is_empty() {
                self.line(4, &format!("{name}:"));
                for step in steps {
                    self.step(step);
                }
            }
        }
        for missing in &flow.missing {
            self.comment(6, &format!("NOT CARRIED OVER: {missing}"));
        }
    }

    /// Whether a flow's text uses a name.
    fn uses(&self, name: &str) -> bool {
        let opening = format!("${{{name}");
        self.0
            .match_indices(&opening)
            .any(|(at, _)| self.0[at + opening.len()..].starts_with(['}', '.', '[']))
    }

    fn variable(&mut self, variable: &Variable) {
        self.comment(6, &variable.comment);
        self.item(6, &[("name", &variable.name)]);
        match &variable.draw {
            Draw::Value(value) => self.field(8, "value", value),
            Draw::Random(low, high) => self.line(8, &format!("random: [{low}, {high}]")),
            Draw::Choice(list) => self.field(8, "choice", list),
            Draw::PerUser(list) => {
                self.line(8, "cycle:");
                self.field(10, "by", &Json::String("${vu}".to_owned()));
                self.field(10, "of", list);
            }
        }
    }

    fn step(&mut self, step: &Step) {
        self.comment(6, &step.comment);
        self.item(6, &[("name", &step.name)]);
        if let Some((method, address)) = &step.request {
            self.line(8, &format!("request: {}", text(&format!("{method} {address}"))));
        }
        if let Some((from, within)) = &step.receive {
            self.line(8, "receive:");
            self.line(10, &format!("from: {}", text(from)));
            self.line(10, &format!("within: {within}"));
        }
        if step.stream {
            self.line(8, "stream: sse");
        }
        self.fields(8, "headers", &step.headers);
        match &step.body {
            Body::None => {}
            Body::Json(value) => self.field(8, "body", value),
            Body::Text(value) => self.field(8, "text", &Json::String(value.clone())),
            Body::Form(fields) => self.fields(8, "form", fields),
            Body::Parts(parts) => {
                self.line(8, "multipart:");
                for part in parts {
                    let fields: Vec<(&str, &str)> = (part.iter())
                        .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
                        .collect();
                    self.item(10, &fields);
                }
            }
        }
        if let Some(timeout) = step.timeout {
            self.line(8, &format!("timeout: {timeout}"));
        }
        if let Some(redirects) = step.redirects {
            self.line(8, &format!("redirects: {redirects}"));
        }
        let expect = &step.expect;
        if !expect.status.is_empty() || !expect.headers.is_empty() || !expect.json.is_empty() {
            self.line(8, "expect:");
            match expect.status.as_slice() {
                [] => {}
                [one] => self.field(10, "status", one),
                several => self.field(10, "status", &Json::Array(several.to_vec())),
            }
            self.fields(10, "headers", &expect.headers);
            self.fields(10, "json", &expect.json);
        }
        self.fields(8, "extract", &step.extract);
        if let Some(pause) = step.pause {
            self.line(8, &format!("pause: {}", pause.written()));
        }
    }

    fn load(&mut self, load: &Load) {
        self.comment(6, &load.comment);
        let executor = match load.pace {
            Pace::Users(_) => "ramping-vus",
            Pace::Rate { .. } => "ramping-arrival-rate",
        };
        self.item(6, &[("executor", executor)]);
        match load.flows.as_slice() {
            [(flow, _)] => self.line(8, &format!("flow: {}", text(flow))),
            flows => {
                self.line(8, "flows:");
                for (flow, weight) in flows {
                    self.line(10, &format!("- {{flow: {}, weight: {weight}}}", quoted(flow)));
                }
            }
        }
        match &load.pace {
            Pace::Users(stages) => {
                self.line(8, "stages:");
                for (duration, target) in stages {
                    self.line(10, &format!("- {{duration: {duration}, target: {target}}}"));
                }
            }
            Pace::Rate { stages, most } => {
                self.line(8, &format!("maxVUs: {most}"));
                self.line(8, "stages:");
                for (duration, target) in stages {
                    self.line(10, &format!("- {{duration: {duration}, target: {target}}}"));
                }
            }
        }
    }
}

/// A text without line breaks or control characters, for comments.
fn one_line(text: &str) -> String {
    let plain = |letter: char| match letter {
        '\u{7f}'..='\u{a0}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => ' ',
        letter if letter.is_control() => ' ',
        letter => letter,
    };
    text.chars().map(plain).take(300).collect()
}

/// A text, quoted unless it is a plain word that YAML cannot take for anything else.
fn text(text: &str) -> String {
    let first = text.chars().next();
    let plain = first
        .is_some_and(|letter| letter.is_ascii_alphabetic() || letter == '$' || letter == '/')
        && !text.ends_with([' ', ':'])
        && !text.starts_with("${")
        && text.chars().all(|letter| {
            letter.is_ascii_alphanumeric() || " ._-/(){}$,=?&@".contains(letter) || letter == ':'
        })
        && !text.contains(": ");
    let word = text.to_ascii_lowercase();
    let reserved = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf"];
    match plain && !reserved.contains(&word.as_str()) && !word.starts_with(".") {
        true => text.to_owned(),
        false => quoted(text),
    }
}

/// A text in double quotes, in ASCII but for letters.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            letter if letter.is_alphanumeric() || letter.is_ascii_graphic() || letter == ' ' => {
                quoted.push(letter);
            }
            letter => {
                let code = u32::from(letter);
                let _ = match code {
                    0..=0xff => write!(quoted, "\\x{code:02x}"),
                    0x100..=0xffff => write!(quoted, "\\u{code:04x}"),
                    _ => write!(quoted, "\\U{code:08x}"),
                };
            }
        }
    }
    quoted.push('"');
    quoted
}

/// A value in one line.
fn flat(value: &Json) -> String {
    match value {
        Json::String(value) => quoted_or_plain(value),
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(flat).collect();
            format!("[{}]", items.join(", "))
        }
        Json::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(key, value)| format!("{}: {}", quoted_or_plain(key), flat(value)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
        other => other.to_string(),
    }
}

/// A text within brackets: plain only if it is one simple word.
fn quoted_or_plain(value: &str) -> String {
    let simple = value
        .chars()
        .all(|letter| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-');
    match simple && text(value) == value {
        true => value.to_owned(),
        false => quoted(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_text_comes_back(value in "\\PC{0,40}|[ -~\\n\\t\\r]{0,40}|.{0,10}") {
            for written in [text(&value), quoted(&value), quoted_or_plain(&value)] {
                let yaml = format!("a: {written}\n");
                let read: Json = seaworthy_document::yaml("t.yaml", &yaml).unwrap();
                prop_assert_eq!(&read["a"], &Json::String(value.clone()), "{}", yaml);
            }
            let yaml = format!("a: {{{}: [{}]}}\n", quoted_or_plain(&value), quoted_or_plain(&value));
            let read: Json = seaworthy_document::yaml("t.yaml", &yaml).unwrap();
            prop_assert_eq!(&read["a"][&value][0], &Json::String(value.clone()), "{}", yaml);
        }
    }

    #[test]
    fn values_keep_their_types() {
        let value = serde_json::json!({"a": [1, 2.5, null, true, "true", "1", {"b": "x y"}], "c": {}, "d": []});
        let mut lines = Text::default();
        lines.field(0, "v", &value);
        let read: Json = seaworthy_document::yaml("t.yaml", &lines.0).unwrap();
        assert_eq!(read["v"], value, "{}", lines.0);
    }
}
