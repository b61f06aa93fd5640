//! Steps that speak over streams and WebSockets, as a plan types them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use seaworthy_base::Span;
use seaworthy_document::Located;
use serde::Deserialize;
use serde_json::Value;

/// The kinds of streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Server-Sent Events (`text/event-stream`).
    Sse,
}

/// An event that is waited for. Events that come before it are counted and passed over.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Receive {
    /// The step that opened the stream.
    pub from: Located<String>,
    /// The event's name, a template; any when not given.
    pub event: Option<Located<String>>,
    /// JSON paths into the event's data and the values that must stand there; any data when not
    /// given.
    #[serde(default)]
    pub json: BTreeMap<String, Located<Value>>,
    /// How long the wait may take; 5 s when not given.
    pub within: Option<Located<Span>>,
}

/// One move of an exchange over a WebSocket.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Message {
    /// Sends a text message: a template, or any other value as JSON.
    Send(Located<Value>),
    /// Waits for a message; others that come before it are counted and passed over.
    Receive(Located<Reply>),
}

/// A message that is waited for; any when neither `json` nor `text` is given.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// JSON paths into the message and the values that must stand there.
    #[serde(default)]
    pub json: BTreeMap<String, Located<Value>>,
    /// The whole text, a template; a value that ends in `*` stands for every text that begins so.
    pub text: Option<Located<String>>,
    /// How long the wait may take; 5 s when not given.
    pub within: Option<Located<Span>>,
}
