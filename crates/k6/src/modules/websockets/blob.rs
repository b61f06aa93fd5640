//! `Blob`: bytes with a type, read with promises.

use bytes::Bytes;
use rquickjs::class::Trace;
use rquickjs::function::Opt;
use rquickjs::{
    ArrayBuffer, Class, Coerced, Ctx, Exception, IntoJs, JsLifetime, Promise, TypedArray, Value,
};
use seaworthy_script::copy_bytes;

use crate::modules::input;

/// The bytes.
#[derive(Clone, Trace, JsLifetime)]
#[rquickjs::class]
pub(crate) struct Blob {
    #[qjs(skip_trace)]
    pub(crate) bytes: Bytes,
    kind: String,
}

impl Blob {
    pub(crate) fn of(bytes: Bytes) -> Self {
        Self { bytes, kind: String::new() }
    }
}

/// The bytes of a blob; `None` for what is none.
pub(crate) fn of_value(value: &Value<'_>) -> Option<Bytes> {
    Class::<Blob>::from_value(value).ok().map(|blob| blob.borrow().bytes.clone())
}

#[rquickjs::methods]
impl Blob {
    #[qjs(constructor)]
    pub(crate) fn new<'js>(
        ctx: Ctx<'js>,
        parts: Opt<Value<'js>>,
        options: Opt<Value<'js>>,
    ) -> rquickjs::Result<Self> {
        let mut bytes = Vec::new();
        if let Some(parts) = parts.0.filter(|parts| !parts.is_undefined()) {
            let Some(parts) = parts.as_array() else {
                return Err(Exception::throw_type(&ctx, "a Blob is made of an array of parts"));
            };
            for part in parts.iter::<Value<'js>>() {
                let part = part?;
                match of_value(&part) {
                    Some(more) => bytes.extend_from_slice(&more),
                    None => match copy_bytes(&part) {
                        Some(more) => bytes.extend_from_slice(&more),
                        None => bytes.extend_from_slice(input::text(&ctx, &part)?.as_bytes()),
                    },
                }
            }
        }
        let kind = options.0.as_ref().and_then(Value::as_object);
        let kind = kind.map(|options| options.get::<_, Option<Coerced<String>>>("type"));
        let kind = kind.transpose()?.flatten().map(|kind| kind.0).unwrap_or_default();
        Ok(Self { bytes: bytes.into(), kind })
    }

    #[qjs(get, enumerable)]
    fn size(&self) -> usize {
        self.bytes.len()
    }

    #[qjs(get, enumerable, rename = "type")]
    fn kind(&self) -> String {
        self.kind.clone()
    }

    fn text<'js>(&self, ctx: Ctx<'js>) -> rquickjs::Result<Promise<'js>> {
        let text = String::from_utf8_lossy(&self.bytes).into_owned();
        resolved(&ctx, text.into_js(&ctx)?)
    }

    #[qjs(rename = "arrayBuffer")]
    fn array_buffer<'js>(&self, ctx: Ctx<'js>) -> rquickjs::Result<Promise<'js>> {
        let buffer = ArrayBuffer::new(ctx.clone(), self.bytes.to_vec())?;
        resolved(&ctx, buffer.into_js(&ctx)?)
    }

    fn bytes<'js>(&self, ctx: Ctx<'js>) -> rquickjs::Result<Promise<'js>> {
        let array = TypedArray::<u8>::new(ctx.clone(), self.bytes.to_vec())?;
        resolved(&ctx, array.into_js(&ctx)?)
    }

    /// A part of it; numbers below 0 count from the end.
    fn slice(
        &self,
        start: Opt<Coerced<f64>>,
        end: Opt<Coerced<f64>>,
        kind: Opt<Coerced<String>>,
    ) -> Self {
        let length = self.bytes.len();
        let place = |given: Option<Coerced<f64>>, otherwise: usize| match given {
            Some(Coerced(number)) if number < 0.0 => length.saturating_sub(-number as usize),
            // What is no number is 0.
            Some(Coerced(number)) => (number as usize).min(length),
            None => otherwise,
        };
        let (start, end) = (place(start.0, 0), place(end.0, length));
        let bytes = self.bytes.slice(start.min(end)..end);
        Self { bytes, kind: kind.0.map(|kind| kind.0).unwrap_or_default() }
    }

    /// k6 gives a stream of `k6/experimental/streams`, which is not there.
    fn stream(&self, ctx: Ctx<'_>) -> rquickjs::Result<()> {
        let words = "streams come in a later version; use bytes(), text() or arrayBuffer()";
        Err(Exception::throw_message(&ctx, words))
    }

    #[qjs(rename = rquickjs::atom::PredefinedAtom::ToJSON)]
    fn to_json<'js>(&self, ctx: Ctx<'js>) -> rquickjs::Result<Value<'js>> {
        let object = rquickjs::Object::new(ctx)?;
        object.set("size", self.size())?;
        object.set("type", self.kind.as_str())?;
        Ok(object.into_value())
    }
}

fn resolved<'js>(ctx: &Ctx<'js>, value: Value<'js>) -> rquickjs::Result<Promise<'js>> {
    let (promise, resolve, _) = ctx.promise()?;
    resolve.call::<_, ()>((value,))?;
    Ok(promise)
}

#[cfg(test)]
mod tests {
    use crate::modules::testing::eval;

    #[test]
    fn blobs_are_made_cut_and_read() {
        let script = "import { Blob } from 'k6/websockets';
            const b = new Blob(['ab', new Uint8Array([99, 100]).buffer, new Uint8Array([0, 101]).subarray(1), new Blob(['z'])], { type: 'text/plain' });
            const texts = [await b.text(), await b.slice(-3, -1).text(), await b.slice(4).text(), await b.slice(3, 1).text(), await b.slice(0, 99).text()];
            export const result = [b.size, b.type, ...texts, (await b.arrayBuffer()).byteLength, (await b.bytes())[2],
              JSON.stringify(b.slice(0, 1, 'x/y').type), new Blob().size, b instanceof Blob].join();";
        assert_eq!(eval(script), "6,text/plain,abcdez,de,ez,,abcdez,6,99,\"x/y\",0,true");
    }
}
