//! Checks of steps: which fields go together, and what each kind of step needs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use http::Method;
use seaworthy_document::{Located, Place};
use serde_json::Value;

use super::bodies::{body, message};
use super::names::{Names, definable, known_target, label};
use super::requests::{LONGEST, header_name, headers, json_path, length, request};
use super::{Findings, bodies};
use crate::flow::{Action, Call, Exchange, Extract, Move, Receive, Request, Step};
use crate::path::Path;
use crate::spec::{self, Drawn, Pause};
use crate::template::{Template, Tree};
use crate::think::Think;

/// How long a wait may take when the plan does not say.
const WITHIN: Duration = Duration::from_secs(5);
/// How many redirects are followed when the plan does not say.
const REDIRECTS: u8 = 10;
/// The most tags a step may add.
const MOST_TAGS: usize = 8;

/// What stands around a step in its flow.
pub(super) struct Around<'a> {
    /// Whether the flow names a target.
    pub(super) targeted: bool,
    /// The steps of the flow that open a stream.
    pub(super) streams: BTreeSet<&'a str>,
    /// Of these, those that come before.
    pub(super) open: BTreeSet<&'a str>,
}

/// The kinds of steps.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Request,
    Stream,
    Receive,
    Websocket,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Stream => "stream",
            Self::Receive => "receive",
            Self::Websocket => "websocket",
        }
    }

    /// The fields that say nothing about a step of this kind.
    const fn foreign(self) -> &'static [&'static str] {
        match self {
            Self::Request => &[],
            Self::Stream => &["redirects", "expect.json"],
            Self::Receive => &[
                "target",
                "request",
                "headers",
                "body",
                "text",
                "form",
                "multipart",
                "compress",
                "timeout",
                "redirects",
                "expect.status",
                "expect.headers",
                "expect.json",
            ],
            Self::Websocket => &[
                "body",
                "text",
                "form",
                "multipart",
                "compress",
                "redirects",
                "expect.status",
                "expect.headers",
                "expect.json",
                "extract",
            ],
        }
    }
}

pub(super) fn step(
    findings: &mut Findings<'_>,
    names: &Names<'_>,
    around: &Around<'_>,
    typed: &spec::Step,
) -> Option<Step> {
    let file = findings.known.file;
    label(findings, &typed.name);
    known_target(findings, &typed.target);
    let kind = kind(findings, typed)?;
    let extract = extract(findings, kind, &typed.extract);
    let tags = tags(findings, names, &typed.tags);
    let pause = typed.pause.as_ref().and_then(|pause| think(findings, pause));
    let action = match (&typed.receive, &typed.websocket) {
        (Some(typed), _) => Action::Receive(receive(findings, names, around, typed)?),
        (_, Some(moves)) => {
            let request = head(findings, names, around, typed);
            let moves = self::moves(findings, names, moves);
            let request = request?;
            if request.method != Method::GET {
                let place = typed.request.as_ref()?.place(file);
                let reason = "a WebSocket is opened with GET".to_owned();
                findings.error("load-request", place, reason, "write `GET` and the path");
            }
            Action::Exchange(Exchange { request, moves })
        }
        _ => Action::Call(Box::new(call(findings, names, around, typed)?)),
    };
    Some(Step { name: typed.name.value.clone(), action, extract, tags, pause })
}

/// What kind of step it is; fields that do not go with it are findings.
fn kind(findings: &mut Findings<'_>, typed: &spec::Step) -> Option<Kind> {
    let fields = fields(typed, findings.known.file);
    let given = |name: &str| fields.iter().find(|(field, _)| *field == name);
    let kinds = [Kind::Stream, Kind::Receive, Kind::Websocket];
    let mut found = kinds.into_iter().filter(|kind| given(kind.name()).is_some());
    let kind = found.next().unwrap_or(Kind::Request);
    if let Some(other) = found.next()
        && let Some((_, place)) = given(other.name())
    {
        let reason = format!("a step has `{}` or `{}`, not both", kind.name(), other.name());
        findings.error("load-step-field", place.clone(), reason, "make two steps of it");
        return None;
    }
    let mut sound = true;
    for (field, place) in &fields {
        if kind.foreign().contains(field) {
            sound = false;
            let reason = format!("`{field}` is no field of a step with `{}`", kind.name());
            findings.error("load-step-field", place.clone(), reason, "leave it out");
        }
    }
    if kind != Kind::Receive && typed.request.is_none() {
        sound = false;
        let reason = format!("step `{}` has no `request`", typed.name);
        let hint = "add one, as `request: GET /v1/users`; or `receive`, to wait for an event";
        findings.error("load-request", typed.name.place(findings.known.file), reason, hint);
    }
    sound.then_some(kind)
}

/// The fields that are given, with their places.
fn fields(typed: &spec::Step, file: &str) -> Vec<(&'static str, Place)> {
    fn place<T>(field: &Option<Located<T>>, file: &str) -> Option<Place> {
        field.as_ref().map(|field| field.place(file))
    }
    fn first<T>(map: &BTreeMap<String, Located<T>>, file: &str) -> Option<Place> {
        map.values().next().map(|value| value.place(file))
    }
    let all = [
        ("target", place(&typed.target, file)),
        ("request", place(&typed.request, file)),
        ("headers", first(&typed.headers, file)),
        ("body", place(&typed.body, file)),
        ("text", place(&typed.text, file)),
        ("form", place(&typed.form, file)),
        ("multipart", place(&typed.multipart, file)),
        ("compress", place(&typed.compress, file)),
        ("timeout", place(&typed.timeout, file)),
        ("redirects", place(&typed.redirects, file)),
        ("stream", place(&typed.stream, file)),
        ("receive", place(&typed.receive, file)),
        ("websocket", place(&typed.websocket, file)),
        ("expect.status", place(&typed.expect.status, file)),
        ("expect.headers", first(&typed.expect.headers, file)),
        ("expect.json", first(&typed.expect.json, file)),
        ("extract", first(&typed.extract, file)),
    ];
    all.into_iter().filter_map(|(field, place)| Some((field, place?))).collect()
}

fn call(
    findings: &mut Findings<'_>,
    names: &Names<'_>,
    around: &Around<'_>,
    typed: &spec::Step,
) -> Option<Call> {
    let request = head(findings, names, around, typed);
    let body = body(findings, names, typed);
    bodies::compressed(findings, typed);
    let expect_headers = headers(findings, names, &typed.expect.headers, false);
    let expect_json = expectations(findings, names, &typed.expect.json);
    let status = typed.expect.status.as_ref().map(|status| status.value.clone());
    // A redirect that is expected is an answer like any other.
    let expects_redirect = status
        .as_ref()
        .is_some_and(|status| status.0.iter().any(|(low, high)| *low <= 399 && *high >= 300));
    let redirects = match &typed.redirects {
        Some(typed) if expects_redirect && typed.value > 0 => {
            let reason = "redirects are followed, and one is expected".to_owned();
            let hint = "leave out `redirects`, or expect the status of where they lead";
            findings.error("load-step-field", typed.place(findings.known.file), reason, hint);
            return None;
        }
        Some(typed) => typed.value,
        None if expects_redirect => 0,
        None => REDIRECTS,
    };
    Some(Call {
        request: request?,
        body: body?,
        compress: typed.compress.map(|compress| compress.value),
        redirects,
        streams: typed.stream.is_some(),
        status,
        expect_headers,
        expect_json,
    })
}

fn head(
    findings: &mut Findings<'_>,
    names: &Names<'_>,
    around: &Around<'_>,
    typed: &spec::Step,
) -> Option<Request> {
    let targeted = around.targeted || typed.target.is_some();
    let line = request(findings, names, targeted, typed.request.as_ref()?);
    let headers = headers(findings, names, &typed.headers, true);
    if let Some(timeout) = &typed.timeout {
        length(findings, "timeout", timeout.place(findings.known.file), timeout.get());
    }
    let (method, address) = line?;
    Some(Request {
        target: typed.target.as_ref().map(|target| target.value.clone()),
        method,
        address,
        headers,
        timeout: typed.timeout.as_ref().map(|timeout| timeout.get()),
    })
}

fn receive(
    findings: &mut Findings<'_>,
    names: &Names<'_>,
    around: &Around<'_>,
    typed: &Located<spec::Receive>,
) -> Option<Receive> {
    let file = findings.known.file;
    let from = &typed.from;
    if !around.streams.contains(from.as_str()) {
        let streams = around.streams.iter().copied();
        let kind = "step with `stream: sse`";
        findings.unknown("load-receive", from.place(file), kind, from, streams);
    } else if !around.open.contains(from.as_str()) {
        let reason = format!("the stream `{from}` is opened by a later step");
        findings.error("load-receive", from.place(file), reason, "open it first");
    }
    let event = match &typed.event {
        Some(event) => Some(names.template(findings, &event.place(file), event)?),
        None => None,
    };
    let json = expectations(findings, names, &typed.json);
    let within = within(findings, &typed.within);
    Some(Receive { from: from.value.clone(), event, json, within })
}

fn moves(
    findings: &mut Findings<'_>,
    names: &Names<'_>,
    typed: &Located<Vec<spec::Message>>,
) -> Vec<Move> {
    let file = findings.known.file;
    let mut moves = Vec::new();
    if typed.is_empty() {
        let reason = "no message is sent or received".to_owned();
        let hint = "add `- send: hello` or `- receive: {within: 5s}`";
        findings.error("load-websocket", typed.place(file), reason, hint);
    }
    for typed in &typed.value {
        match typed {
            spec::Message::Send(value) => {
                moves.extend(message(findings, names, value).map(Move::Send));
            }
            spec::Message::Receive(reply) => {
                if let (Some(text), false) = (&reply.text, reply.json.is_empty()) {
                    let reason = "a message is waited for by `text` or by `json`, not both";
                    let place = text.place(file);
                    findings.error("load-websocket", place, reason.to_owned(), "keep one of them");
                }
                let text = (reply.text.as_ref())
                    .and_then(|text| names.template(findings, &text.place(file), text));
                let json = expectations(findings, names, &reply.json);
                let within = within(findings, &reply.within);
                moves.push(Move::Receive { json, text, within });
            }
        }
    }
    moves
}

fn within(findings: &mut Findings<'_>, typed: &Option<Located<seaworthy_base::Span>>) -> Duration {
    let Some(typed) = typed else { return WITHIN };
    length(findings, "within", typed.place(findings.known.file), typed.get());
    typed.get()
}

fn expectations(
    findings: &mut Findings<'_>,
    names: &Names<'_>,
    typed: &BTreeMap<String, Located<Value>>,
) -> Vec<(Path, Tree)> {
    let file = findings.known.file;
    let mut expected = Vec::new();
    for (path, value) in typed {
        let tree = names.tree(findings, &value.place(file), value);
        let path = json_path(findings, value.place(file), path);
        expected.extend(path.zip(tree));
    }
    expected
}

fn extract(
    findings: &mut Findings<'_>,
    kind: Kind,
    typed: &BTreeMap<String, Located<spec::Extract>>,
) -> Vec<(String, Extract)> {
    let file = findings.known.file;
    let mut extract = Vec::new();
    for (name, typed) in typed {
        let place = typed.place(file);
        definable(findings, place.clone(), name);
        let found = match &typed.value {
            spec::Extract::Json(_) if kind == Kind::Stream => {
                let reason = "a stream has no body to extract from".to_owned();
                let hint = "extract `{header: name}`, or from an event in a step with `receive`";
                findings.error("load-step-field", place, reason, hint);
                None
            }
            spec::Extract::Header(_) if kind == Kind::Receive => {
                let reason = "an event has no headers to extract from".to_owned();
                let hint = "write a path into its data, as `$.id`";
                findings.error("load-step-field", place, reason, hint);
                None
            }
            spec::Extract::Json(path) => json_path(findings, place, path).map(Extract::Json),
            spec::Extract::Header(header) => {
                header_name(findings, place, header).map(Extract::Header)
            }
        };
        extract.extend(found.map(|found| (name.clone(), found)));
    }
    extract
}

/// Tags must not be mistaken for those every measurement has.
fn tags(
    findings: &mut Findings<'_>,
    names: &Names<'_>,
    typed: &BTreeMap<String, Located<String>>,
) -> Vec<(String, Template)> {
    const RESERVED: [&str; 6] = ["phase", "flow", "step", "status", "check", "error"];
    let file = findings.known.file;
    let mut tags = Vec::new();
    for (name, value) in typed {
        let place = value.place(file);
        if RESERVED.contains(&name.as_str()) || !crate::template::is_name(name) || name.len() > 64 {
            let reason = format!("`{name}` cannot be a tag of your own");
            let hint = "letters, digits, `_` and `-`; not phase, flow, step, status, check, error";
            findings.error("load-tag", place.clone(), reason, hint);
        }
        let template = names.template(findings, &place, value);
        tags.extend(template.map(|template| (name.clone(), template)));
    }
    if let Some(last) = typed.values().next_back().filter(|_| typed.len() > MOST_TAGS) {
        let reason = format!("{} tags; a step adds at most {MOST_TAGS}", typed.len());
        findings.error("load-tag", last.place(file), reason, "keep those you will ask for");
    }
    tags
}

fn think(findings: &mut Findings<'_>, typed: &Located<Pause>) -> Option<Think> {
    let (think, wrong) = match typed.value {
        Pause::Uniform(from, to) => {
            let wrong = (from > to || to.get() > LONGEST).then_some((
                "a pause is one length, or the shortest and then the longest",
                "write `[100ms, 2s]`",
            ));
            (Think::Uniform(from.get(), to.get()), wrong)
        }
        Pause::Drawn(Drawn::Exponential(mean)) => {
            let wrong = (mean.get().is_zero() || mean.get() > LONGEST)
                .then_some(("the mean of a pause is above zero and at most 30 days", "write `2s`"));
            (Think::Exponential(mean.get()), wrong)
        }
        Pause::Drawn(Drawn::Normal(it)) => {
            let wrong = (it.mean.get() > LONGEST || it.deviation.get() > LONGEST).then_some((
                "mean and deviation of a pause are at most 30 days",
                "write `{mean: 2s, deviation: 500ms}`",
            ));
            (Think::Normal { mean: it.mean.get(), deviation: it.deviation.get() }, wrong)
        }
        Pause::Drawn(Drawn::Lognormal(it)) => {
            let bad = it.median.get().is_zero() || it.p95 <= it.median || it.p95.get() > LONGEST;
            let wrong = bad.then_some((
                "the median of a pause is above zero, its p95 above that and at most 30 days",
                "write `{median: 2s, p95: 10s}`",
            ));
            (Think::Lognormal { median: it.median.get(), p95: it.p95.get() }, wrong)
        }
    };
    if let Some((reason, hint)) = wrong {
        let place = typed.place(findings.known.file);
        findings.error("load-range", place, reason.to_owned(), hint);
        return None;
    }
    Some(think)
}
