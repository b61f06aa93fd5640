//! Compiled flows: names resolved to slots, constants filled in, targets found; done once per run.

mod compiler;
mod steps;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use seaworthy_base::Clock;
use seaworthy_net::coding::Coding;
use seaworthy_net::{Keep, Prepared, Url};
use serde_json::Value;

use crate::data::Data;
use crate::error::Error;
use crate::flow::{self, Flow};
use crate::path::Path;
use crate::program::compiler::Compiler;
use crate::scope::{Choices, Expression, Scope, Text};
use crate::spec::{Cookies, Statuses};
use crate::think::Think;

pub(crate) use steps::BOUNDARY;

/// A flow, ready to run.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) flow: String,
    pub(crate) cookies: Option<Cookies>,
    pub(crate) slots: usize,
    /// The slots of what `start` extracts: they outlive the iteration.
    pub(crate) kept: Range<usize>,
    pub(crate) data: Arc<[Data]>,
    pub(crate) variables: Vec<(usize, Draw)>,
    /// The steps of `start`, then those of an iteration.
    pub(crate) steps: Vec<Step>,
    /// How many of the steps are those of `start`.
    pub(crate) starts: usize,
    /// How many of the streams the steps of `start` open: these come first and stay open.
    pub(crate) kept_streams: usize,
}

#[derive(Debug)]
pub(crate) enum Draw {
    Value(Expression),
    Random(i64, i64),
    Cycle { by: Text, of: Choices },
    Choice(Choices),
}

#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) action: Action,
    pub(crate) extract: Vec<(usize, String, flow::Extract)>,
    pub(crate) tags: Vec<(Arc<str>, Text)>,
    pub(crate) pause: Option<Think>,
    /// The names of the checks, in the order in which they are made.
    pub(crate) checks: Vec<String>,
}

#[derive(Debug)]
pub(crate) enum Action {
    Call(Box<Call>),
    Receive(Receive),
    Exchange(Exchange),
}

#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) head: Head,
    pub(crate) body: Body,
    /// How the body is compressed; a fixed one is already.
    pub(crate) compress: Option<Coding>,
    pub(crate) redirects: u8,
    /// The stream the answer is, by its number in the flow.
    pub(crate) stream: Option<usize>,
    pub(crate) status: Option<Statuses>,
    pub(crate) expect_headers: Vec<(HeaderName, Text)>,
    pub(crate) expect_json: Vec<(Path, Expression)>,
    /// What of an answer is looked at.
    pub(crate) keep: Keep,
    /// The request written out, if it is the same in every iteration.
    pub(crate) prepared: Option<(Url, Prepared)>,
}

#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) method: Method,
    pub(crate) address: Address,
    pub(crate) headers: Vec<(HeaderName, Header)>,
    pub(crate) timeout: Option<Duration>,
}

/// Where a request goes.
#[derive(Debug)]
pub(crate) enum Address {
    /// The origin is known; path and query are filled in.
    Fixed(Url, Text),
    /// The whole is known only when filled in; a path goes to the target, if there is one.
    Dynamic(Option<Url>, Text),
}

#[derive(Debug)]
pub(crate) enum Header {
    Fixed(HeaderValue),
    Filled(Text),
}

#[derive(Debug)]
pub(crate) enum Body {
    Fixed(Bytes),
    Filled(Text),
    Parts(Vec<Part>),
}

/// A part of a `multipart/form-data` body.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) file: Option<String>,
    pub(crate) content_type: Option<HeaderValue>,
    pub(crate) content: Content,
}

#[derive(Debug)]
pub(crate) enum Content {
    Fixed(Bytes),
    Filled(Text),
}

#[derive(Debug)]
pub(crate) struct Receive {
    /// The stream, by its number in the flow.
    pub(crate) stream: usize,
    pub(crate) event: Option<Text>,
    pub(crate) json: Vec<(Path, Expression)>,
    pub(crate) within: Duration,
}

#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) head: Head,
    pub(crate) moves: Vec<Move>,
}

#[derive(Debug)]
pub(crate) enum Move {
    Send(Body),
    Receive { json: Vec<(Path, Expression)>, text: Option<Text>, within: Duration },
}

impl Program {
    /// Compiles a flow.
    ///
    /// # Errors
    /// A target or a value that is not there.
    pub(crate) fn compile(
        flow: &Flow,
        targets: &BTreeMap<String, Url>,
        constants: &BTreeMap<String, Value>,
    ) -> Result<Arc<Self>, Error> {
        let mut compiler = Compiler {
            flow: &flow.name,
            constants,
            data: &flow.data,
            slots: BTreeMap::new(),
            streams: BTreeMap::new(),
        };
        let mut variables = Vec::new();
        for variable in &flow.variables {
            let place = format!("variable `{}`", variable.name);
            let draw =
                compiler.draw(&variable.draw).map_err(|reason| compiler.unbound(&place, reason))?;
            variables.push((compiler.slot(&variable.name), draw));
        }
        let first = compiler.slots.len();
        let mut steps = Vec::new();
        for step in &flow.start {
            steps.push(compile_step(&mut compiler, flow, step, targets)?);
        }
        let kept = first..compiler.slots.len();
        let kept_streams = compiler.streams.len();
        for step in &flow.steps {
            steps.push(compile_step(&mut compiler, flow, step, targets)?);
        }
        Ok(Arc::new(Self {
            flow: flow.name.clone(),
            cookies: flow.cookies,
            slots: compiler.slots.len(),
            kept,
            data: flow.data.clone().into(),
            variables,
            steps,
            starts: flow.start.len(),
            kept_streams,
        }))
    }

    /// A virtual user's values. The same `seed` and index give the same draws.
    pub(crate) fn scope(&self, clock: Clock, seed: u64) -> Scope {
        Scope::new(self.slots, self.kept.clone(), Arc::clone(&self.data), clock, seed)
    }

    /// The position of the step that opens a stream.
    pub(crate) fn opener(&self, stream: usize) -> usize {
        let opens = |step: &Step| match &step.action {
            Action::Call(call) => call.stream == Some(stream),
            _ => false,
        };
        self.steps.iter().position(opens).unwrap_or(0)
    }

    /// The slots of what the steps extract, by name.
    pub(crate) fn extracts(&self) -> impl Iterator<Item = (usize, &str)> {
        let all = self.steps.iter().flat_map(|step| &step.extract);
        all.map(|(slot, name, _)| (*slot, name.as_str()))
    }
}

fn compile_step(
    compiler: &mut Compiler<'_>,
    flow: &Flow,
    step: &flow::Step,
    targets: &BTreeMap<String, Url>,
) -> Result<Step, Error> {
    let own = match &step.action {
        flow::Action::Call(call) => call.request.target.as_ref(),
        flow::Action::Exchange(exchange) => exchange.request.target.as_ref(),
        flow::Action::Receive(_) => None,
    };
    let target = match own.or(flow.target.as_ref()) {
        Some(name) => Some(
            targets
                .get(name)
                .ok_or_else(|| Error::NoTarget { flow: flow.name.clone(), target: name.clone() })?,
        ),
        None => None,
    };
    let place = format!("step `{}`", step.name);
    let compiled = compiler.step(step, target);
    compiled.map_err(|reason| compiler.unbound(&place, reason))
}
