//! The plan's sections `flows` and `load`, and the steps of `setup`, as they are typed.

mod body;
mod data;
mod load;
mod pause;
mod stream;
mod values;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use seaworthy_base::Span;
use seaworthy_document::Located;
use serde::Deserialize;
use serde_json::Value;

pub use body::{Compress, Part};
pub use data::{Data, Format, OnEnd, Per};
pub use load::{Executor, Load, Share, Stage};
pub use pause::{Drawn, Lognormal, Normal, Pause};
pub use stream::{Message, Receive, Reply, Stream};
pub use values::{Extract, Statuses};

/// What a virtual user does, again and again: draw the variables, then do the steps in order.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Flow {
    /// The name load entries and objectives use.
    pub name: Located<String>,
    /// The target the steps call, unless a step names its own or writes a full URL.
    pub target: Option<Located<String>>,
    /// Drawn anew for each iteration, in order; later ones may use earlier ones.
    #[serde(default)]
    pub variables: Vec<Variable>,
    /// Done once by each virtual user before its first iteration, and measured like other steps.
    /// What they extract and the streams they open live as long as the virtual user.
    #[serde(default)]
    pub start: Vec<Step>,
    /// Done in order. A failed request, an unexpected status or a missing value to extract ends the
    /// iteration.
    pub steps: Vec<Step>,
    /// What becomes of cookies; kept from step to step and forgotten at the end of each iteration
    /// when not given.
    pub cookies: Option<Located<Cookies>>,
}

/// Steps that are done for their effect, outside of measurement; any failure stops the trial.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Routine {
    /// What is done, in a few words.
    pub name: Located<String>,
    /// The target the steps call, unless a step names its own or writes a full URL.
    pub target: Option<Located<String>>,
    /// How often; `${index}` counts from 0. What is extracted then becomes a list, in that order.
    pub repeat: Option<Located<u64>>,
    /// How many at a time; 1 when not given.
    pub parallel: Option<Located<u32>>,
    /// Drawn anew for each repetition, in order; later ones may use earlier ones.
    #[serde(default)]
    pub variables: Vec<Variable>,
    /// Done in order.
    pub steps: Vec<Step>,
}

/// A named value; exactly one of `value`, `random`, `cycle` and `choice`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Variable {
    /// Used as `${name}`; a path may follow, as in `${case.items[0]}`.
    pub name: Located<String>,
    /// Any value; strings in it are templates.
    pub value: Option<Located<Value>>,
    /// A whole number between two, both included.
    pub random: Option<Located<[i64; 2]>>,
    /// An element picked by a number, modulo the list's length.
    pub cycle: Option<Cycle>,
    /// One element of a list, each as likely; or a `${name}` that stands for a list.
    pub choice: Option<Located<Value>>,
}

/// An element picked by a number.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cycle {
    /// A template that gives a whole number, as `${index}`.
    pub by: Located<String>,
    /// The list; or a `${name}` that stands for one.
    pub of: Located<Value>,
}

/// What becomes of the cookies a service sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Cookies {
    /// They live as long as the virtual user.
    Keep,
    /// None is stored or sent, but for those a step's headers write.
    Off,
}

/// One request and what is expected of its answer; or, with `stream`, `receive` or `websocket`, a
/// stream that is opened, an event that is waited for, an exchange of messages.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Step {
    /// The name objectives and reports use.
    pub name: Located<String>,
    /// The target this step calls, in place of the flow's.
    pub target: Option<Located<String>>,
    /// Method and path, as `POST /v1/users/${user}`; or method and full URL. Values put into a path
    /// are percent-encoded, unless the path is one `${name}` and nothing else. Every step but
    /// `receive` has one.
    pub request: Option<Located<String>>,
    /// Headers; the values are templates.
    #[serde(default)]
    pub headers: BTreeMap<String, Located<String>>,
    /// A JSON body; strings in it are templates, and a string that is exactly `${x}` becomes the
    /// value of `x` with its type.
    pub body: Option<Located<Value>>,
    /// A body of text, a template; instead of `body`.
    pub text: Option<Located<String>>,
    /// A body of form fields (`application/x-www-form-urlencoded`), each a template or a list of
    /// them; instead of `body`.
    pub form: Option<Located<BTreeMap<String, Value>>>,
    /// A body of parts (`multipart/form-data`); instead of `body`.
    pub multipart: Option<Located<Vec<Part>>>,
    /// How the body is compressed; not at all when not given.
    pub compress: Option<Located<Compress>>,
    /// Limit on the whole request; 60 s when not given.
    pub timeout: Option<Located<Span>>,
    /// The most redirects that are followed; 10 when not given. None where `expect.status` names a
    /// redirect.
    pub redirects: Option<Located<u8>>,
    /// Opens a stream of events that stays open under the step's name.
    pub stream: Option<Located<Stream>>,
    /// Waits for an event of a stream that is open; instead of `request`.
    pub receive: Option<Located<Receive>>,
    /// Opens a WebSocket, sends and receives in this order, and closes it.
    pub websocket: Option<Located<Vec<Message>>>,
    /// What the answer must be; each expectation is a check.
    #[serde(default)]
    pub expect: Expect,
    /// Values kept for later steps: a JSON path into the body (or the event), or `{header: name}`.
    #[serde(default)]
    pub extract: BTreeMap<String, Located<Extract>>,
    /// Tags of the step's measurements, beside its phase, flow and name; the values are templates.
    #[serde(default)]
    pub tags: BTreeMap<String, Located<String>>,
    /// Think time after the step: a length, `[shortest, longest]`, or a distribution.
    pub pause: Option<Located<Pause>>,
}

/// What an answer must be.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// A status, a class (`2xx`), or a list of these; 200 to 399 when not given.
    pub status: Option<Located<Statuses>>,
    /// Headers; a value that ends in `*` stands for every value that begins so.
    #[serde(default)]
    pub headers: BTreeMap<String, Located<String>>,
    /// JSON paths into the body and the values that must stand there.
    #[serde(default)]
    pub json: BTreeMap<String, Located<Value>>,
}
