//! What happens to a WebSocket, and how its script is told.

use bytes::Bytes;
use rquickjs::{ArrayBuffer, Class, Ctx, IntoJs, Object, Value};

use super::blob::Blob;

/// The events a script can listen to.
pub(super) const NAMES: [&str; 6] = ["open", "message", "error", "close", "ping", "pong"];

/// Something that happened.
#[derive(Debug)]
pub(super) enum Event {
    /// It is open, with this subprotocol.
    Open(String),
    Text(String),
    Binary(Bytes),
    Ping,
    Pong,
    Error(String),
    /// It is closed; without a code it never was open.
    Close(Option<u16>, String),
}

impl Event {
    /// Its place among [`NAMES`].
    pub(super) fn kind(&self) -> usize {
        match self {
            Self::Open(_) => 0,
            Self::Text(_) | Self::Binary(_) => 1,
            Self::Error(_) => 2,
            Self::Close(..) => 3,
            Self::Ping => 4,
            Self::Pong => 5,
        }
    }

    /// The object that handlers are called with.
    pub(super) fn object<'js>(
        self,
        ctx: &Ctx<'js>,
        target: &Value<'js>,
        url: &str,
        timestamp: f64,
        blobs: bool,
    ) -> rquickjs::Result<Object<'js>> {
        let object = Object::new(ctx.clone())?;
        object.set("type", NAMES[self.kind()])?;
        object.set("target", target.clone())?;
        object.set("timestamp", timestamp)?;
        match self {
            Self::Text(text) => {
                object.set("data", text)?;
                object.set("origin", url)?;
            }
            Self::Binary(bytes) => {
                let data = match blobs {
                    true => Class::instance(ctx.clone(), Blob::of(bytes))?.into_js(ctx)?,
                    false => ArrayBuffer::new(ctx.clone(), bytes.to_vec())?.into_js(ctx)?,
                };
                object.set("data", data)?;
                object.set("origin", url)?;
            }
            Self::Error(words) => object.set("error", words)?,
            Self::Close(code, reason) => {
                object.set("code", code)?;
                object.set("reason", reason)?;
            }
            Self::Open(_) | Self::Ping | Self::Pong => {}
        }
        Ok(object)
    }
}
