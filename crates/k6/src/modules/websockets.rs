//! `k6/websockets`: WebSockets with events, as browsers have them, and `Blob`.

mod blob;
mod event;
mod pump;
mod socket;

use rquickjs::{Class, Ctx, Object};

use super::Exported;
use blob::Blob;
use socket::WebSocket;

pub(crate) struct WebSockets;

impl Exported for WebSockets {
    const NAMES: &'static [&'static str] = &["Blob", "WebSocket"];

    fn build<'js>(ctx: &Ctx<'js>) -> rquickjs::Result<Object<'js>> {
        let object = Object::new(ctx.clone())?;
        Class::<Blob>::define(&object)?;
        Class::<WebSocket<'js>>::define(&object)?;
        let constructor: Object<'js> = object.get("WebSocket")?;
        for (name, value) in [("CONNECTING", 0), ("OPEN", 1), ("CLOSING", 2), ("CLOSED", 3)] {
            constructor.set(name, value)?;
        }
        Ok(object)
    }
}
