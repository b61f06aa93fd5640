//! JUnit XML: each objective a test case, so that a CI server shows the verdict where it shows tests.
//!
//! JUnit knows passed, failed, errored and skipped. An inconclusive objective is written as a
//! `failure` of type `inconclusive`: CI servers show a skipped case as green, and an error as a
//! broken tool, and it is neither. A trial that stopped early, or whose verdict is not `pass`
//! though no objective says why, gets a failing case of its own: green means `pass` and nothing else.

use std::fmt::Write as _;

use seaworthy_base::Verdict;

use crate::outcome::Objective;
use crate::reading::Reading;
use crate::{Outcome, number, text};

/// The outcome as one JUnit test suite.
pub fn junit(outcome: &Outcome) -> String {
    let outcome = &outcome.printable();
    let suite = attribute(&outcome.trial.name);
    let mut cases: Vec<Case> = outcome.objectives.iter().map(Case::objective).collect();
    if let Some(reason) = &outcome.interrupted {
        cases.push(Case::of_the_trial("the trial runs to its end", "interrupted", reason));
    }
    if outcome.verdict != Verdict::Pass && cases.iter().all(|case| case.failure.is_none()) {
        let reason = match outcome.objectives.len() {
            0 => "the plan states no objective, so nothing was decided".to_owned(),
            _ => format!("the trial's verdict is {}", outcome.verdict),
        };
        cases.push(Case::of_the_trial("the trial passes", outcome.verdict.as_str(), &reason));
    }
    let tests = cases.len();
    let failures = cases.iter().filter(|case| case.failure.is_some()).count();
    let counts = format!(r#"tests="{tests}" failures="{failures}" errors="0" skipped="0""#);
    let seconds = format!("{:.3}", outcome.seconds());
    // JUnit's own form: to the second, without a zone.
    let started: String = outcome.trial.started.to_string().chars().take(19).collect();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let mut line = |text: &str| {
        xml.push_str(text);
        xml.push('\n');
    };
    line(&format!(r#"<testsuites name="seaworthy" {counts} time="{seconds}">"#));
    line(&format!(
        r#"  <testsuite name="{suite}" {counts} time="{seconds}" timestamp="{started}">"#
    ));
    line("    <properties>");
    for (name, value) in [
        ("trial", outcome.trial.id.as_str()),
        ("verdict", outcome.verdict.as_str()),
        ("seaworthy", &outcome.trial.seaworthy_version),
        ("verify", outcome.seal.as_deref().unwrap_or("not sealed")),
    ] {
        line(&format!(r#"      <property name="{name}" value="{}"/>"#, attribute(value)));
    }
    line("    </properties>");
    for case in &cases {
        line(&case.xml(&suite));
    }
    line("  </testsuite>");
    line("</testsuites>");
    xml
}

struct Case {
    name: String,
    seconds: u32,
    /// Type and message.
    failure: Option<(&'static str, String)>,
    detail: String,
}

impl Case {
    fn objective(objective: &Objective) -> Self {
        let missing = || match &objective.needs {
            Some(needs) => format!("{}; missing: {needs}", objective.reason),
            None => objective.reason.clone(),
        };
        Self {
            name: format!("{}: {}", objective.name, objective.statement),
            seconds: objective.seconds,
            failure: match objective.verdict {
                Verdict::Pass => None,
                Verdict::Fail => Some(("fail", objective.reason.clone())),
                Verdict::Inconclusive => Some(("inconclusive", missing())),
            },
            detail: detail(objective),
        }
    }

    fn of_the_trial(name: &str, kind: &'static str, reason: &str) -> Self {
        Self {
            name: name.to_owned(),
            seconds: 0,
            failure: Some((kind, reason.to_owned())),
            detail: String::new(),
        }
    }

    fn xml(&self, suite: &str) -> String {
        let mut xml = format!(
            r#"    <testcase classname="{suite}" name="{}" time="{}">"#,
            attribute(&text::one_line(&self.name)),
            self.seconds
        );
        if let Some((kind, message)) = &self.failure {
            // Writing to a String cannot fail.
            let _ = write!(
                xml,
                "\n      <failure type=\"{kind}\" message=\"{}\">{}</failure>",
                attribute(message),
                escape(message)
            );
        }
        if !self.detail.is_empty() {
            let _ = write!(xml, "\n      <system-out>{}</system-out>", escape(&self.detail));
        }
        xml.push_str("\n    </testcase>");
        xml
    }
}

fn detail(objective: &Objective) -> String {
    let measured = Reading::first(objective).map_or_else(
        || if objective.n == 0 { "no data measured" } else { "not judged" }.to_owned(),
        |reading| {
            format!(
                "{}, interval {}, asked {}",
                reading.value(),
                reading.interval(),
                reading.bound()
            )
        },
    );
    let answer = objective.k6.iter().map(|answer| format!("k6's own answer: {answer}\n"));
    let answer: String = answer.collect();
    format!(
        "{} · {}\n{measured}\n{answer}n {} over {} s\n{}\n{}",
        objective.subject,
        objective.plain,
        number::count(objective.n),
        objective.seconds,
        objective.reason,
        objective.method
    )
}

fn escape(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => result.push_str("&amp;"),
            '<' => result.push_str("&lt;"),
            '>' => result.push_str("&gt;"),
            '"' => result.push_str("&quot;"),
            _ => result.push(letter),
        }
    }
    result
}

fn attribute(text: &str) -> String {
    escape(text).replace('\n', "&#10;").replace('\t', "&#9;")
}
