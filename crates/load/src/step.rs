//! One step of an iteration: drawing variables, filling in the request, judging the answer.

use std::borrow::Cow;

use http::HeaderValue;
use seaworthy_base::Clock;
use seaworthy_net::{Client, Failure, Keep, Prepared, Request, Response, Url};
use serde_json::Value;

use crate::flow::Extract;
use crate::passed::Passed;
use crate::path::Path;
use crate::program::{Address, Body, Draw, Header, Program, Step};
use crate::scope::{Scope, Unfilled, shorten};

/// What came of a step's request.
#[derive(Debug)]
pub(crate) enum Outcome {
    Answered(Response),
    Failed(Failure),
    /// The request could not even be written.
    Unfilled(Unfilled),
}

/// What the step's expectations say about the outcome.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    /// Whether each check passed, in the order of [`Step::checks`].
    pub(crate) checks: Passed,
    /// No answer, or not an expected status.
    pub(crate) failed: bool,
    /// The iteration cannot go on: it failed, or a value to extract is missing.
    pub(crate) ends: bool,
}

impl Judged {
    pub(crate) fn is_clean(&self) -> bool {
        !self.failed && self.checks.iter().all(|passed| passed)
    }
}

impl Program {
    /// Draws the variables of a new iteration.
    pub(crate) fn draw(&self, scope: &mut Scope) -> Result<(), Unfilled> {
        for (slot, draw) in &self.variables {
            let value = match draw {
                Draw::Value(expression) => expression.evaluate(scope)?.into_owned(),
                Draw::Random(low, high) => scope.chance().between(*low, *high).into(),
                Draw::Cycle { by, of } => {
                    let by = by.render_text(scope)?;
                    let number: i128 = by.trim().parse().map_err(|_| {
                        Unfilled(format!("a cycle goes by a whole number, not `{by}`"))
                    })?;
                    of.pick(scope, |len| {
                        let len = i128::try_from(len.max(1)).unwrap_or(i128::MAX);
                        usize::try_from(number.rem_euclid(len)).unwrap_or(0)
                    })?
                }
                Draw::Choice(of) => {
                    // Drawn first: choosing borrows the scope's values.
                    let fraction = scope.chance().fraction();
                    of.pick(scope, |len| {
                        ((fraction * len as f64) as usize).min(len.saturating_sub(1))
                    })?
                }
            };
            scope.set(*slot, value);
        }
        Ok(())
    }
}

impl Step {
    /// Fills in the request, sends it and waits for the answer.
    pub(crate) async fn perform(&self, scope: &Scope, client: &mut Client) -> Outcome {
        if let Some((origin, prepared)) = &self.prepared {
            return match client.repeat(origin, prepared).await {
                Ok(response) => Outcome::Answered(response),
                Err(failure) => Outcome::Failed(failure),
            };
        }
        match self.request(scope) {
            Ok((origin, request)) => match client.send(&origin, request).await {
                Ok(response) => Outcome::Answered(response),
                Err(failure) => Outcome::Failed(failure),
            },
            Err(unfilled) => Outcome::Unfilled(unfilled),
        }
    }

    /// The think time after the step.
    pub(crate) async fn pause(&self, scope: &mut Scope) {
        let Some((shortest, longest)) = self.pause else { return };
        let spread = longest.saturating_sub(shortest);
        let more =
            if spread.is_zero() { spread } else { spread.mul_f64(scope.chance().fraction()) };
        tokio::time::sleep(shortest + more).await;
    }

    fn request(&self, scope: &Scope) -> Result<(Url, Request), Unfilled> {
        let (origin, target) = match &self.address {
            Address::Fixed(origin, text) => (origin.clone(), text.render_text(scope)?),
            Address::Dynamic(target, text) => {
                let address = text.render_text(scope)?;
                let is_url = address.starts_with("http://") || address.starts_with("https://");
                match target {
                    Some(target) if !is_url => (target.clone(), target.join(&address)),
                    _ => {
                        let url =
                            Url::parse(&address).map_err(|error| Unfilled(error.to_string()))?;
                        let path = url.base().to_owned();
                        (url, path)
                    }
                }
            }
        };
        let mut headers = Vec::with_capacity(self.headers.len());
        for (name, header) in &self.headers {
            let value = match header {
                Header::Fixed(value) => value.clone(),
                Header::Filled(text) => HeaderValue::from_bytes(&text.render(scope)?)
                    .map_err(|_| Unfilled(format!("header `{name}` has a control character")))?,
            };
            headers.push((name.clone(), value));
        }
        let body = match &self.body {
            Body::Fixed(bytes) => bytes.clone(),
            Body::Filled(text) => text.render(scope)?.into(),
        };
        let method = self.method.clone();
        let (timeout, keep) = (self.timeout, self.keep());
        Ok((origin, Request { method, target, headers, body, timeout, keep }))
    }

    /// The request, written out, if it is the same in every iteration.
    pub(crate) fn prepare(&self) -> Option<(Url, Prepared)> {
        let Address::Fixed(_, target) = &self.address else { return None };
        let filled = |(_, header): &(_, Header)| matches!(header, Header::Filled(_));
        if target.literal().is_none()
            || self.headers.iter().any(filled)
            || matches!(self.body, Body::Filled(_))
        {
            return None;
        }
        // Nothing in it asks for a value.
        let (origin, request) = self.request(&Scope::new(0, Clock::system(), 0)).ok()?;
        // One that may not go on the wire fails when it is sent, as any other does.
        let prepared = request.prepare(&origin).ok()?;
        Some((origin, prepared))
    }

    /// What is read of an answer that is as expected.
    fn keep(&self) -> Keep {
        let reads = !self.expect_headers.is_empty()
            || !self.expect_json.is_empty()
            || !self.extract.is_empty();
        if reads { Keep::Everything } else { Keep::Failures }
    }

    /// Holds the outcome against what is expected, and keeps what is to be extracted.
    pub(crate) fn judge(&self, outcome: &Outcome, scope: &mut Scope) -> Judged {
        let Outcome::Answered(response) = outcome else {
            return Judged { checks: Passed::none_of(self.checks.len()), failed: true, ends: true };
        };
        let mut checks = Passed::default();
        let failed = !self.expects(response.status);
        if self.status.is_some() {
            checks.push(!failed);
        }
        for (name, expected) in &self.expect_headers {
            let expected = expected.render_text(scope).ok();
            let values = response.headers.get_all(name).iter();
            checks.push(expected.is_some_and(|expected| {
                values
                    .filter_map(|value| value.to_str().ok())
                    .any(|value| matches(&expected, value))
            }));
        }
        let body = self.reads_json().then(|| json(response)).flatten();
        for (path, expected) in &self.expect_json {
            let found = body.as_ref().and_then(|body| path.get(body));
            let expected = expected.evaluate(scope);
            checks.push(match (found, expected) {
                (Some(found), Ok(expected)) => same(found, &expected),
                _ => false,
            });
        }
        let mut missing = false;
        for (slot, _, from) in &self.extract {
            let value = extracted(from, response, body.as_ref());
            missing |= value.is_none();
            checks.push(value.is_some());
            if let Some(value) = value {
                scope.set(*slot, value);
            }
        }
        Judged { checks, failed, ends: failed || missing }
    }

    /// What went wrong, in words: expected and got, and the beginning of the body.
    pub(crate) fn explain(&self, outcome: &Outcome, judged: &Judged, scope: &Scope) -> String {
        let response = match outcome {
            Outcome::Failed(failure) => return failure.to_string(),
            Outcome::Unfilled(unfilled) => return unfilled.to_string(),
            Outcome::Answered(response) => response,
        };
        let reason = match judged.checks.iter().position(|passed| !passed) {
            _ if judged.failed => {
                format!("status {} came, {} expected", response.status, self.expected_status())
            }
            Some(check) => self.explain_check(check, response, scope),
            None => "as expected".to_owned(),
        };
        let body = beginning(&response.body);
        if body.is_empty() { reason } else { format!("{reason}; the body begins: {body}") }
    }

    fn explain_check(&self, check: usize, response: &Response, scope: &Scope) -> String {
        let check = check - usize::from(self.status.is_some());
        if let Some((name, expected)) = self.expect_headers.get(check) {
            let expected = expected.render_text(scope).unwrap_or_default();
            let found =
                response.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
            return match found {
                Some(found) => format!("header `{name}` is `{found}`, `{expected}` expected"),
                None => format!("header `{name}` is missing, `{expected}` expected"),
            };
        }
        let check = check - self.expect_headers.len();
        let Some(body) = json(response) else {
            return "the body is not JSON".to_owned();
        };
        if let Some((path, expected)) = self.expect_json.get(check) {
            let expected = match expected.evaluate(scope) {
                Ok(expected) => shorten(&expected),
                Err(unfilled) => return unfilled.to_string(),
            };
            return match path.get(&body) {
                Some(found) => format!("`{path}` is {}, {expected} expected", shorten(found)),
                None => format!("nothing is at `{path}`, {expected} expected"),
            };
        }
        match self.extract.get(check - self.expect_json.len()) {
            Some((_, name, from)) => {
                let place = match from {
                    Extract::Json(path) => format!("at `{path}`"),
                    Extract::Header(header) => format!("in header `{header}`"),
                };
                format!("`{name}` cannot be extracted: nothing is {place}")
            }
            None => "as expected".to_owned(),
        }
    }

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

    fn reads_json(&self) -> bool {
        let extracts = |(_, _, from): &(usize, String, Extract)| matches!(from, Extract::Json(_));
        !self.expect_json.is_empty() || self.extract.iter().any(extracts)
    }
}

fn json(response: &Response) -> Option<Value> {
    serde_json::from_slice(&response.body).ok()
}

fn extracted(from: &Extract, response: &Response, body: Option<&Value>) -> Option<Value> {
    match from {
        Extract::Json(path) => body.and_then(|body| Path::get(path, body)).cloned(),
        Extract::Header(name) => {
            let value = response.headers.get(name)?;
            Some(Value::String(String::from_utf8_lossy(value.as_bytes()).into_owned()))
        }
    }
}

/// Exact, or up to a trailing `*`.
fn matches(expected: &str, value: &str) -> bool {
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
