//! What came of a step, held against what is expected of it.

use std::borrow::Cow;

use bytes::Bytes;
use seaworthy_net::{Response, coding};
use serde_json::Value;

use super::{Done, Missed, Outcome};
use crate::flow::Extract;
use crate::passed::Passed;
use crate::path::Path;
use crate::program::{Action, Call, Step};
use crate::scope::{Expression, Scope, shorten};

/// The longest body that is unpacked to be read.
const LONGEST_BODY: usize = 16 << 20;

/// What the step's expectations say about the outcome.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    /// Whether each check passed, in the order of [`Step::checks`].
    pub(crate) checks: Passed,
    /// No answer, or not an expected status; an event or a message that did not come.
    pub(crate) failed: bool,
    /// The iteration cannot go on: it failed, or a value to extract is missing.
    pub(crate) ends: bool,
}

impl Judged {
    pub(crate) fn is_clean(&self) -> bool {
        !self.failed && self.checks.iter().all(|passed| passed)
    }
}

impl Step {
    /// Holds the outcome against what is expected, and keeps what is to be extracted.
    pub(crate) fn judge(&self, done: &Done, scope: &mut Scope) -> Judged {
        let none = || {
            let checks = Passed::none_of(self.checks.len());
            Judged { checks, failed: true, ends: true }
        };
        match (&self.action, done) {
            (Action::Call(call), Done::Call(Outcome::Answered(response))) => {
                self.judge_answer(call, response, scope)
            }
            (_, Done::Wait(wait)) => match &wait.result {
                Ok(event) => {
                    let mut judged = Judged::default();
                    judged.checks.push(true);
                    let data = event.as_ref();
                    judged.ends = !self.keep(&mut judged.checks, scope, |from| match from {
                        Extract::Json(path) => data.and_then(|data| path.get(data)).cloned(),
                        Extract::Header(_) => None,
                    });
                    judged
                }
                Err(_) => none(),
            },
            (_, Done::Talk(talk)) => {
                let failed = talk.result.is_err();
                let mut checks = Passed::default();
                checks.push(talk.is_opened());
                let receives = self.checks.len().saturating_sub(2);
                (0..receives).for_each(|number| checks.push(number < talk.replies));
                checks.push(!failed);
                Judged { checks, failed, ends: failed }
            }
            _ => none(),
        }
    }

    fn judge_answer(&self, call: &Call, response: &Response, scope: &mut Scope) -> Judged {
        let mut checks = Passed::default();
        let failed = !call.expects(response.status);
        if call.status.is_some() {
            checks.push(!failed);
        }
        for (name, expected) in &call.expect_headers {
            let expected = expected.render_text(scope).ok();
            let values = response.headers.get_all(name).iter();
            checks.push(expected.is_some_and(|expected| {
                values
                    .filter_map(|value| value.to_str().ok())
                    .any(|value| matches(&expected, value))
            }));
        }
        let body = self.reads_json(call).then(|| json(response).ok()).flatten();
        for (path, expected) in &call.expect_json {
            checks.push(body.as_ref().is_some_and(|body| holds(path, expected, body, scope)));
        }
        let kept = self.keep(&mut checks, scope, |from| match from {
            Extract::Json(path) => body.as_ref().and_then(|body| path.get(body)).cloned(),
            Extract::Header(name) => {
                let value = response.headers.get(name)?;
                Some(Value::String(String::from_utf8_lossy(value.as_bytes()).into_owned()))
            }
        });
        if call.stream.is_some() {
            // Without an answer no stream is open, and no check has passed.
            checks.push(true);
        }
        Judged { checks, failed, ends: failed || !kept }
    }

    /// Keeps what is to be extracted, a check for each; whether all of it was there.
    fn keep(
        &self,
        checks: &mut Passed,
        scope: &mut Scope,
        find: impl Fn(&Extract) -> Option<Value>,
    ) -> bool {
        let mut all = true;
        for (slot, _, from) in &self.extract {
            let value = find(from);
            all &= value.is_some();
            checks.push(value.is_some());
            if let Some(value) = value {
                scope.set(*slot, value);
            }
        }
        all
    }

    /// What went wrong, in words: expected and got, and the beginning of the body.
    pub(crate) fn explain(&self, done: &Done, judged: &Judged, scope: &Scope) -> String {
        let (call, response) = match (&self.action, done) {
            (_, Done::Call(Outcome::Failed(failure))) => return failure.to_string(),
            (_, Done::Call(Outcome::Unfilled(unfilled))) => return unfilled.to_string(),
            (_, Done::Talk(talk)) => return explain_missed(&talk.result),
            (_, Done::Wait(wait)) => {
                let data = match &wait.result {
                    Err(_) => return explain_missed(&wait.result),
                    Ok(data) => data.as_ref().map_or_else(|| "not JSON".to_owned(), shorten),
                };
                let first = judged.checks.iter().skip(1).position(|passed| !passed);
                let reason = first.map_or_else(|| AS_EXPECTED.to_owned(), |it| self.missing(it));
                return format!("{reason}; the event's data is {data}");
            }
            (Action::Call(call), Done::Call(Outcome::Answered(response))) => (call, response),
            (_, Done::Call(_)) => return AS_EXPECTED.to_owned(),
        };
        let reason = match judged.checks.iter().position(|passed| !passed) {
            _ if judged.failed => {
                format!("status {} came, {} expected", response.status, call.expected_status())
            }
            Some(check) => self.explain_check(call, check, response, scope),
            None => AS_EXPECTED.to_owned(),
        };
        let body = unpacked(response).map_or_else(|reason| reason, |body| beginning(&body));
        if body.is_empty() { reason } else { format!("{reason}; the body begins: {body}") }
    }

    fn explain_check(
        &self,
        call: &Call,
        check: usize,
        response: &Response,
        scope: &Scope,
    ) -> String {
        let check = check - usize::from(call.status.is_some());
        if let Some((name, expected)) = call.expect_headers.get(check) {
            let expected = expected.render_text(scope).unwrap_or_default();
            let found =
                response.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
            return match found {
                Some(found) => format!("header `{name}` is `{found}`, `{expected}` expected"),
                None => format!("header `{name}` is missing, `{expected}` expected"),
            };
        }
        let check = check - call.expect_headers.len();
        let Some((path, expected)) = call.expect_json.get(check) else {
            let position = check - call.expect_json.len();
            let reads = matches!(self.extract.get(position), Some((_, _, Extract::Json(_))));
            return match json(response) {
                Err(reason) if reads => reason,
                _ => self.missing(position),
            };
        };
        let body = match json(response) {
            Ok(body) => body,
            Err(reason) => return reason,
        };
        let expected = match expected.evaluate(scope) {
            Ok(expected) => shorten(&expected),
            Err(unfilled) => return unfilled.to_string(),
        };
        match path.get(&body) {
            Some(found) => format!("`{path}` is {}, {expected} expected", shorten(found)),
            None => format!("nothing is at `{path}`, {expected} expected"),
        }
    }

    /// What could not be extracted, in words.
    fn missing(&self, position: usize) -> String {
        match self.extract.get(position) {
            Some((_, name, Extract::Json(path))) => {
                format!("`{name}` cannot be extracted: nothing is at `{path}`")
            }
            Some((_, name, Extract::Header(header))) => {
                format!("`{name}` cannot be extracted: nothing is in header `{header}`")
            }
            None => AS_EXPECTED.to_owned(),
        }
    }

    fn reads_json(&self, call: &Call) -> bool {
        let extracts = |(_, _, from): &(usize, String, Extract)| matches!(from, Extract::Json(_));
        !call.expect_json.is_empty() || self.extract.iter().any(extracts)
    }
}

const AS_EXPECTED: &str = "as expected";

impl Call {
    fn expects(&self, status: u16) -> bool {
        match &self.status {
            Some(statuses) => statuses.0.iter().any(|(low, high)| (*low..=*high).contains(&status)),
            None => (200..400).contains(&status),
        }
    }

    fn expected_status(&self) -> String {
        let Some(statuses) = &self.status else { return "200 to 399".to_owned() };
        let shown = statuses.0.iter().map(|(low, high)| match low == high {
            true => low.to_string(),
            false => format!("{low} to {high}"),
        });
        shown.collect::<Vec<_>>().join(" or ")
    }
}

/// Whether what stands at the path is what is expected there.
pub(crate) fn holds(path: &Path, expected: &Expression, found: &Value, scope: &Scope) -> bool {
    match (path.get(found), expected.evaluate(scope)) {
        (Some(found), Ok(expected)) => same(found, &expected),
        _ => false,
    }
}

fn explain_missed<T>(result: &Result<T, Missed>) -> String {
    result.as_ref().err().map_or_else(|| AS_EXPECTED.to_owned(), |missed| missed.reason.clone())
}

/// The body without the codings it was packed in.
fn unpacked(response: &Response) -> Result<Bytes, String> {
    coding::decode(&response.headers, response.body.clone(), LONGEST_BODY)
        .map_err(|error| error.to_string())
}

fn json(response: &Response) -> Result<Value, String> {
    serde_json::from_slice(&unpacked(response)?).map_err(|_| "the body is not JSON".to_owned())
}

/// Exact, or up to a trailing `*`.
pub(crate) fn matches(expected: &str, value: &str) -> bool {
    match expected.strip_suffix('*') {
        Some(prefix) => value.starts_with(prefix),
        None => value == expected,
    }
}

/// Equal as JSON: 1 and 1.0 are the same number.
fn same(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::Number(a), Value::Number(b)) if a.is_f64() || b.is_f64() => {
            a.as_f64() == b.as_f64()
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}

/// The beginning of a body, on one line. More than anybody wants to read: whoever shows it blots out
/// secrets first and cuts it afterwards, so that no secret is cut in two and half of it shown.
fn beginning(body: &[u8]) -> String {
    const MOST: usize = 16 << 10;
    let text: Cow<'_, str> = String::from_utf8_lossy(&body[..body.len().min(MOST)]);
    let text: String =
        text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    if body.len() > MOST { format!("{text}…") } else { text }
}
