//! Checked flows and routines: what was typed, parsed and found to be sound.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};

use crate::data::Data;
use crate::descriptors::{Line, origin};
use crate::path::Path;
use crate::spec::{Compress, Cookies, Statuses};
use crate::template::{self, Template, Tree};
use crate::think::Think;

/// A flow that can be run.
#[derive(Clone, Debug)]
pub struct Flow {
    pub(crate) name: String,
    pub(crate) target: Option<String>,
    /// `None`: kept within an iteration.
    pub(crate) cookies: Option<Cookies>,
    /// The data files its templates use.
    pub(crate) data: Vec<Data>,
    pub(crate) variables: Vec<Variable>,
    pub(crate) start: Vec<Step>,
    pub(crate) steps: Vec<Step>,
}

impl Flow {
    /// The flow's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The names of the flow's steps, in order; those of `start` come first.
    pub fn steps(&self) -> impl Iterator<Item = &str> {
        self.every().map(|step| step.name.as_str())
    }

    /// The names of the steps that record values of this metric.
    pub fn steps_measuring(&self, metric: &str) -> impl Iterator<Item = &str> {
        self.every().filter(move |step| step.measures(metric)).map(|step| step.name.as_str())
    }

    /// How many values of this metric one iteration records: as many as it has steps that do.
    pub fn per_iteration(&self, metric: &str) -> usize {
        self.steps.iter().filter(|step| step.measures(metric)).count()
    }

    /// The names of the flow's checks, as the tag `check` of the metric `checks` has them.
    pub fn checks(&self) -> impl Iterator<Item = String> {
        self.every().flat_map(Step::checks)
    }

    /// What its steps are done over.
    pub(crate) fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.every().filter_map(|step| match &step.action {
            Action::Call(call) if call.streams => Some(Line::Stream),
            Action::Call(call) => {
                let address = match call.request.address.parts().first() {
                    Some(template::Part::Literal(text)) => text.as_str(),
                    _ => "",
                };
                let target = call.request.target.as_ref().or(self.target.as_ref());
                Some(Line::Kept(origin(target.map(String::as_str), address)))
            }
            Action::Exchange(_) => Some(Line::Socket),
            Action::Receive(_) => None,
        })
    }

    fn every(&self) -> impl Iterator<Item = &Step> {
        self.start.iter().chain(&self.steps)
    }
}

/// Steps that can be done outside of measurement, once or many times.
#[derive(Clone, Debug)]
pub struct Routine {
    pub(crate) flow: Flow,
    pub(crate) repeat: Option<u64>,
    pub(crate) parallel: u32,
}

impl Routine {
    /// What is done, in a few words.
    pub fn name(&self) -> &str {
        &self.flow.name
    }

    /// The names that later routines and flows may use once this one is done.
    pub fn extracts(&self) -> impl Iterator<Item = &str> {
        self.flow.steps.iter().flat_map(|step| step.extract.iter().map(|(name, _)| name.as_str()))
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) draw: Draw,
}

/// How a variable gets its value.
#[derive(Clone, Debug)]
pub(crate) enum Draw {
    Value(Tree),
    Random(i64, i64),
    Cycle { by: Template, of: Tree },
    Choice(Tree),
}

#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) action: Action,
    pub(crate) extract: Vec<(String, Extract)>,
    pub(crate) tags: Vec<(String, Template)>,
    pub(crate) pause: Option<Think>,
}

/// What a step does.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    Call(Box<Call>),
    Receive(Receive),
    Exchange(Exchange),
}

/// A request and what is expected of its answer.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) request: Request,
    pub(crate) body: Body,
    pub(crate) compress: Option<Compress>,
    /// The most that are followed.
    pub(crate) redirects: u8,
    /// Whether the answer is a stream of events that stays open.
    pub(crate) streams: bool,
    pub(crate) status: Option<Statuses>,
    pub(crate) expect_headers: Vec<(HeaderName, Template)>,
    pub(crate) expect_json: Vec<(Path, Tree)>,
}

/// Where a request goes and what its head says.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) target: Option<String>,
    pub(crate) method: Method,
    /// A path that begins with `/` or a name, or a full URL.
    pub(crate) address: Template,
    pub(crate) headers: Vec<(HeaderName, Template)>,
    pub(crate) timeout: Option<Duration>,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    None,
    Json(Tree),
    Text(Template),
    Form(Vec<(String, Template)>),
    Multipart(Vec<Part>),
}

#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) filename: Option<String>,
    pub(crate) content_type: Option<HeaderValue>,
    pub(crate) content: Content,
}

#[derive(Clone, Debug)]
pub(crate) enum Content {
    Text(Template),
    File(Bytes),
}

/// A wait for an event of a stream.
#[derive(Clone, Debug)]
pub(crate) struct Receive {
    pub(crate) from: String,
    pub(crate) event: Option<Template>,
    pub(crate) json: Vec<(Path, Tree)>,
    pub(crate) within: Duration,
}

/// Messages over a WebSocket.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) request: Request,
    pub(crate) moves: Vec<Move>,
}

#[derive(Clone, Debug)]
pub(crate) enum Move {
    Send(Body),
    Receive { json: Vec<(Path, Tree)>, text: Option<Template>, within: Duration },
}

#[derive(Clone, Debug)]
pub(crate) enum Extract {
    Json(Path),
    Header(HeaderName),
}

impl Step {
    /// The names of the step's checks, in the order in which they are made: the status (when the
    /// plan names one), headers, JSON values, that a WebSocket was opened, what was received, that
    /// it was closed, extractions, that a stream is open.
    pub(crate) fn checks(&self) -> impl Iterator<Item = String> {
        let name = &self.name;
        let mut checks = Vec::new();
        match &self.action {
            Action::Call(call) => {
                checks.extend(call.status.iter().map(|_| format!("{name}: status")));
                let headers = call.expect_headers.iter();
                checks.extend(headers.map(|(header, _)| format!("{name}: header {header}")));
                checks.extend(call.expect_json.iter().map(|(path, _)| format!("{name}: {path}")));
            }
            Action::Receive(_) => checks.push(format!("{name}: received")),
            Action::Exchange(exchange) => {
                let receives = exchange.receives();
                checks.push(format!("{name}: opened"));
                checks.extend((1..=receives).map(|number| format!("{name}: received {number}")));
                checks.push(format!("{name}: closed"));
            }
        }
        checks.extend(self.extract.iter().map(|(value, _)| format!("{name}: extract {value}")));
        if matches!(&self.action, Action::Call(call) if call.streams) {
            checks.push(format!("{name}: open"));
        }
        checks.into_iter()
    }

    fn measures(&self, metric: &str) -> bool {
        let (stream, socket) = (metric.starts_with("stream_"), metric.starts_with("ws_"));
        // Iterations and checks are nobody's own.
        let general = metric.starts_with("iteration") || metric == "checks";
        general
            || match &self.action {
                Action::Call(_) => !stream && !socket,
                Action::Receive(_) => stream,
                // Its opening is a request, but no step's response time.
                Action::Exchange(_) => !stream && metric != "response_time",
            }
    }
}

impl Exchange {
    pub(crate) fn receives(&self) -> usize {
        self.moves.iter().filter(|it| matches!(it, Move::Receive { .. })).count()
    }
}
