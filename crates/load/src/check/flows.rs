//! Checks of flows and routines: names, requests, templates, paths.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderName, HeaderValue, Method};
use seaworthy_document::{Finding, Located, Place};
use serde_json::Value;

use super::{BUILT_IN, Findings};
use crate::flow::{Body, Draw, Extract, Flow, Routine, Step, Variable};
use crate::path::Path;
use crate::spec;
use crate::template::{Template, Tree, is_name};

/// The longest time a request, a pause or a phase may be given: 30 days.
pub(super) const LONGEST: Duration = Duration::from_secs(30 * 86_400);

pub(super) fn flows(findings: &mut Findings<'_>, typed: &[spec::Flow]) -> Vec<Flow> {
    let mut seen = BTreeSet::new();
    let mut flows = Vec::new();
    for flow in typed {
        if !seen.insert(flow.name.as_str()) {
            let place = flow.name.place(findings.known.file);
            let reason = format!("two flows are named `{}`", flow.name);
            findings.error("load-duplicate", place, reason, "give each its own name");
        }
        let names = Names::new(findings.known.names.iter().map(String::as_str));
        flows.extend(one(findings, names, &flow.name, &flow.target, &flow.variables, &flow.steps));
    }
    flows
}

pub(super) fn routine(findings: &mut Findings<'_>, typed: &spec::Routine) -> Option<Routine> {
    let file = findings.known.file;
    let before = findings.list.len();
    for (field, zero, place) in [
        ("repeat", typed.repeat.is_some_and(|n| *n == 0), typed.repeat.map(|n| n.place(file))),
        (
            "parallel",
            typed.parallel.is_some_and(|n| *n == 0),
            typed.parallel.map(|n| n.place(file)),
        ),
    ] {
        if let (true, Some(place)) = (zero, place) {
            let reason = format!("`{field}` is 0, so nothing would be done");
            findings.error("load-range", place, reason, "use 1 or more, or leave it out");
        }
    }
    if let Some(parallel) = typed.parallel.filter(|parallel| **parallel > 1000) {
        let reason = format!("`parallel` is {parallel}; at most 1000 are done at a time");
        findings.error("load-range", parallel.place(file), reason, "use 1000 or less");
    }
    let names = Names::new(findings.known.names.iter().map(String::as_str));
    let flow = one(findings, names, &typed.name, &typed.target, &typed.variables, &typed.steps)?;
    let repeat = typed.repeat.as_deref().copied();
    let parallel = typed.parallel.as_deref().copied().unwrap_or(1);
    let sound = !seaworthy_document::errors(&findings.list[before..]);
    sound.then_some(Routine { flow, repeat, parallel })
}

/// The names a template may use at a point of a flow.
struct Names<'a>(BTreeSet<&'a str>);

impl<'a> Names<'a> {
    fn new(known: impl Iterator<Item = &'a str>) -> Self {
        Self(known.chain(BUILT_IN).collect())
    }

    fn check(&self, findings: &mut Findings<'_>, place: &Place, template: &Template) {
        for name in template.names() {
            if !self.0.contains(name) {
                let known = self.0.iter().copied();
                findings.unknown("load-unknown-name", place.clone(), "value", name, known);
            }
        }
    }

    /// Reads a text template; its names must be known.
    fn template(&self, findings: &mut Findings<'_>, place: &Place, text: &str) -> Option<Template> {
        match Template::parse(text) {
            Ok(template) => {
                self.check(findings, place, &template);
                Some(template)
            }
            Err(error) => {
                findings.error("load-template", place.clone(), error.reason, error.hint);
                None
            }
        }
    }

    /// Reads a JSON template; its names must be known.
    fn tree(&self, findings: &mut Findings<'_>, place: &Place, value: &Value) -> Option<Tree> {
        match Tree::parse(value) {
            Ok(tree) => {
                tree.templates(&mut |template| self.check(findings, place, template));
                Some(tree)
            }
            Err((within, error)) => {
                let reason = format!("at `{within}`, {}", error.reason);
                findings.error("load-template", place.clone(), reason, error.hint);
                None
            }
        }
    }
}

fn one<'a>(
    findings: &mut Findings<'_>,
    mut names: Names<'a>,
    name: &Located<String>,
    target: &Option<Located<String>>,
    variables: &'a [spec::Variable],
    steps: &'a [spec::Step],
) -> Option<Flow> {
    let file = findings.known.file;
    let before = findings.list.len();
    label(findings, name);
    known_target(findings, target);
    if steps.is_empty() {
        let reason = format!("`{name}` has no steps");
        findings.error("load-no-step", name.place(file), reason, "add a step with a `request`");
    }
    let mut drawn = Vec::new();
    for typed in variables {
        drawn.extend(variable(findings, &names, typed));
        names.0.insert(&typed.name);
    }
    let mut seen = BTreeSet::new();
    let mut done = Vec::new();
    for typed in steps {
        if !seen.insert(typed.name.as_str()) {
            let reason = format!("two steps of `{name}` are named `{}`", typed.name);
            let place = typed.name.place(file);
            findings.error("load-duplicate", place, reason, "give each its own name");
        }
        done.extend(step(findings, &names, target.is_some(), typed));
        names.0.extend(typed.extract.keys().map(String::as_str));
    }
    let sound = !seaworthy_document::errors(&findings.list[before..]);
    let target = target.as_ref().map(|target| target.value.clone());
    sound.then(|| Flow { name: name.value.clone(), target, variables: drawn, steps: done })
}

/// Flow and step names are tags and table headings: not empty, not long, without control letters.
fn label(findings: &mut Findings<'_>, name: &Located<String>) {
    let letters = name.chars().count();
    if name.trim().is_empty() || letters > 100 || name.chars().any(char::is_control) {
        let place = name.place(findings.known.file);
        let reason = "a name is 1 to 100 letters without control characters".to_owned();
        findings.error("load-name", place, reason, "use a few words, as `sign in`");
    }
}

fn known_target(findings: &mut Findings<'_>, target: &Option<Located<String>>) {
    let known = findings.known;
    if let Some(name) = target
        && !known.targets.contains(&name.value)
    {
        let targets = known.targets.iter().map(String::as_str);
        findings.unknown("load-unknown-target", name.place(known.file), "target", name, targets);
    }
}

/// Names that templates may use must be readable in a template and not built in.
fn definable(findings: &mut Findings<'_>, place: Place, name: &str) {
    if !is_name(name) {
        let hint = "begin with a letter; then letters, digits, `_` and `-`";
        findings.error("load-name", place, format!("`{name}` cannot name a value"), hint);
    } else if BUILT_IN.contains(&name) {
        let reason = format!("`{name}` is built in and cannot be redefined");
        findings.error("load-name", place, reason, "choose another name");
    }
}

fn variable(
    findings: &mut Findings<'_>,
    names: &Names<'_>,
    typed: &spec::Variable,
) -> Option<Variable> {
    let file = findings.known.file;
    let place = typed.name.place(file);
    definable(findings, place.clone(), &typed.name);
    let given = [
        typed.value.is_some(),
        typed.random.is_some(),
        typed.cycle.is_some(),
        typed.choice.is_some(),
    ];
    if given.iter().filter(|given| **given).count() != 1 {
        let reason = format!(
            "variable `{}` needs exactly one of `value`, `random`, `cycle` and `choice`",
            typed.name
        );
        findings.error("load-variable", place, reason, "keep one of them");
        return None;
    }
    let draw = if let Some(value) = &typed.value {
        Draw::Value(names.tree(findings, &value.place(file), value)?)
    } else if let Some(range) = &typed.random {
        let [low, high] = range.value;
        if low > high {
            let reason = format!("the range [{low}, {high}] is empty");
            findings.error("load-range", range.place(file), reason, "write the smaller one first");
        }
        Draw::Random(low, high)
    } else if let Some(cycle) = &typed.cycle {
        let by = names.template(findings, &cycle.by.place(file), &cycle.by);
        let of = list(findings, names, &cycle.of);
        Draw::Cycle { by: by?, of: of? }
    } else {
        Draw::Choice(list(findings, names, typed.choice.as_ref()?)?)
    };
    Some(Variable { name: typed.name.value.clone(), draw })
}

/// A list that is not empty, or a `${name}` that will stand for one.
fn list(findings: &mut Findings<'_>, names: &Names<'_>, typed: &Located<Value>) -> Option<Tree> {
    let place = typed.place(findings.known.file);
    let tree = names.tree(findings, &place, typed)?;
    let sound = match &tree {
        Tree::List(items) => !items.is_empty(),
        Tree::Text(template) => template.exact().is_some(),
        _ => false,
    };
    if !sound {
        let reason = "a list with at least one element is needed here".to_owned();
        let hint = "write `[a, b]`, or `${name}` of a value that is a list";
        findings.error("load-variable", place, reason, hint);
    }
    sound.then_some(tree)
}

fn step(
    findings: &mut Findings<'_>,
    names: &Names<'_>,
    targeted: bool,
    typed: &spec::Step,
) -> Option<Step> {
    let file = findings.known.file;
    label(findings, &typed.name);
    known_target(findings, &typed.target);
    let targeted = targeted || typed.target.is_some();
    let request = request(findings, names, targeted, &typed.request);
    let headers = headers(findings, names, &typed.headers, true);
    let body = body(findings, names, typed);
    if let Some(timeout) = &typed.timeout {
        length(findings, "timeout", timeout.place(file), timeout.get());
    }
    let pause = typed.pause.as_ref().map(|pause| {
        let (from, to) = (pause.value.0.get(), pause.value.1.get());
        if from > to || to > LONGEST {
            let reason = "a pause is one length, or the shortest and then the longest".to_owned();
            findings.error("load-range", pause.place(file), reason, "write `[100ms, 2s]`");
        }
        (from, to)
    });
    let expect_headers = self::headers(findings, names, &typed.expect.headers, false);
    let mut expect_json = Vec::new();
    for (path, value) in &typed.expect.json {
        let tree = names.tree(findings, &value.place(file), value);
        let path = json_path(findings, value.place(file), path);
        expect_json.extend(path.zip(tree));
    }
    let mut extract = Vec::new();
    for (name, typed) in &typed.extract {
        definable(findings, typed.place(file), name);
        let found = match &typed.value {
            spec::Extract::Json(path) => {
                json_path(findings, typed.place(file), path).map(Extract::Json)
            }
            spec::Extract::Header(header) => {
                header_name(findings, typed.place(file), header).map(Extract::Header)
            }
        };
        extract.extend(found.map(|found| (name.clone(), found)));
    }
    let (method, address) = request?;
    Some(Step {
        name: typed.name.value.clone(),
        target: typed.target.as_ref().map(|target| target.value.clone()),
        method,
        address,
        headers,
        body: body?,
        timeout: typed.timeout.as_ref().map(|timeout| timeout.get()),
        status: typed.expect.status.as_ref().map(|status| status.value.clone()),
        expect_headers,
        expect_json,
        extract,
        pause,
    })
}

pub(super) fn length(findings: &mut Findings<'_>, what: &str, place: Place, length: Duration) {
    if length.is_zero() {
        let reason = format!("`{what}` is zero");
        findings.error("load-range", place, reason, "write a length, as `30s`");
    } else if length > LONGEST {
        let reason = format!("`{what}` is longer than 30 days");
        findings.error("load-range", place, reason, "write a shorter length");
    }
}

fn request(
    findings: &mut Findings<'_>,
    names: &Names<'_>,
    targeted: bool,
    typed: &Located<String>,
) -> Option<(Method, Template)> {
    let place = typed.place(findings.known.file);
    let hint = "write a method and a path, as `GET /v1/users/${user}`";
    let Some((method, address)) = typed.trim().split_once(char::is_whitespace) else {
        let reason = format!("`{typed}` is not a method and a path");
        findings.error("load-request", place, reason, hint);
        return None;
    };
    const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    if method != method.to_ascii_uppercase() || method == "CONNECT" {
        findings.unknown("load-request", place, "method", method, METHODS.into_iter());
        return None;
    }
    let Ok(method) = Method::from_bytes(method.as_bytes()) else {
        findings.unknown("load-request", place, "method", method, METHODS.into_iter());
        return None;
    };
    let address = address.trim();
    let template = names.template(findings, &place, address)?;
    let absolute = address.starts_with("http://") || address.starts_with("https://");
    let problem = if absolute && targeted {
        Some(("a step with a target takes a path, not a full URL", "leave out the host"))
    } else if absolute || address.starts_with("${") {
        None
    } else if !address.starts_with('/') {
        Some(("the path does not begin with `/`", hint))
    } else if !targeted {
        let hint = "give the flow or the step a `target`, or write the full URL";
        Some(("it is not said where this path is", hint))
    } else {
        None
    };
    if let Some((reason, hint)) = problem {
        findings.error("load-request", place, reason.to_owned(), hint);
        return None;
    }
    // The literal parts, which are not encoded, must be fit for the wire. Names are: they are
    // percent-encoded when filled in.
    let outside =
        address.split("${").map(|part| part.split_once('}').map_or(part, |(_, rest)| rest));
    if outside.flat_map(str::chars).any(|letter| letter.is_whitespace() || !letter.is_ascii()) {
        let reason = "the path has a space or a letter outside ASCII".to_owned();
        findings.error("load-request", place, reason, "percent-encode it: a space is `%20`");
        return None;
    }
    if let ([crate::template::Part::Literal(url)], true) = (template.parts(), absolute)
        && let Err(error) = seaworthy_net::Url::parse(url)
    {
        let hint = error.hint().unwrap_or_default();
        findings.error("load-request", place, error.to_string(), hint);
        return None;
    }
    Some((method, template))
}

fn headers(
    findings: &mut Findings<'_>,
    names: &Names<'_>,
    typed: &BTreeMap<String, Located<String>>,
    sent: bool,
) -> Vec<(HeaderName, Template)> {
    let mut headers = Vec::new();
    for (name, value) in typed {
        let place = value.place(findings.known.file);
        let header = header_name(findings, place.clone(), name);
        let template = names.template(findings, &place, value);
        if HeaderValue::from_str(value).is_err() {
            let reason = format!("the value of header `{name}` has a control character");
            findings.error("load-header", place.clone(), reason, "leave it out");
        }
        if sent
            && header
                .as_ref()
                .is_some_and(|name| name == CONTENT_LENGTH || name == TRANSFER_ENCODING)
        {
            findings.list.push(
                Finding::warning("load-header", format!("header `{name}` is not sent"))
                    .at(place)
                    .hint("the body's length is always sent as it is; leave the header out"),
            );
            continue;
        }
        headers.extend(header.zip(template));
    }
    headers
}

fn header_name(findings: &mut Findings<'_>, place: Place, name: &str) -> Option<HeaderName> {
    let header = HeaderName::from_bytes(name.as_bytes()).ok();
    if header.is_none() {
        let reason = format!("`{name}` cannot be a header's name");
        findings.error("load-header", place, reason, "letters, digits and `-` are safe");
    }
    header
}

fn json_path(findings: &mut Findings<'_>, place: Place, text: &str) -> Option<Path> {
    Path::parse(text)
        .map_err(|error| {
            let hint = "write it as `$.sources[0].key`";
            findings.error("load-path", place, error.to_string(), hint);
        })
        .ok()
}

fn body(findings: &mut Findings<'_>, names: &Names<'_>, typed: &spec::Step) -> Option<Body> {
    let file = findings.known.file;
    match (&typed.body, &typed.text) {
        (Some(_), Some(text)) => {
            let reason = "a step has `body` (JSON) or `text`, not both".to_owned();
            findings.error("load-body", text.place(file), reason, "keep one of them");
            None
        }
        (Some(body), None) => names.tree(findings, &body.place(file), body).map(Body::Json),
        (None, Some(text)) => names.template(findings, &text.place(file), text).map(Body::Text),
        (None, None) => Some(Body::None),
    }
}
