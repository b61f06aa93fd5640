//! What `setup` hands on: JSON, made of its value as k6 makes it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rquickjs::function::Func;
use rquickjs::{CatchResultExt as _, CaughtError, Ctx, Function, Value};
use seaworthy_script::{Error, copy_bytes, to_json};
use serde_json::Value as Json;

/// Makes of a value one that JSON can say, and throws for what it cannot. Where `JSON.stringify` leaves
/// out or replaces, k6 goes by its own rules: what is undefined is null, a Map is a list of pairs, bytes
/// are base64, a time has no digits that say nothing, and a `toJSON` of the script's is not called.
const SAYABLE: &str = r#"(function (value, base64) {
  'use strict';
  const kind = (v) => Object.prototype.toString.call(v).slice(8, -1);
  const wrong = (at, what) => { throw new TypeError(`${at} is ${what}, which JSON cannot say`); };
  const native = (f) => typeof f === 'function' && /\[native code\]/.test(Function.prototype.toString.call(f));
  const list = (values, at, over) => Array.from(values, (it, position) => plain(it, `${at}[${position}]`, over));
  const plain = (v, at, outer) => {
    switch (typeof v) {
      case 'undefined': return null;
      case 'function': return wrong(at, 'a function');
      case 'number': return Number.isFinite(v) ? v : wrong(at, String(v));
      case 'bigint': return Number(v);
      case 'symbol': return v.description ?? '';
      case 'object': break;
      default: return v;
    }
    if (v === null) return null;
    if (outer.includes(v)) return wrong(at, 'a part of itself');
    if (outer.length > 1000) return wrong(at, 'too deep');
    const over = [...outer, v];
    switch (kind(v)) {
      case 'Date': return Number.isNaN(v.getTime()) ? wrong(at, 'no time') : v.toISOString().replace(/\.?0+Z$/, 'Z');
      case 'Number': case 'Boolean': return plain(v.valueOf(), at, over);
      case 'Array': case 'Map': case 'Set': return list(v, at, over);
      case 'Uint8Array': case 'Uint8ClampedArray': return base64(v);
      case 'String': case 'ArrayBuffer': return {};
    }
    if (ArrayBuffer.isView(v) && typeof v.length === 'number') return list(v, at, over);
    if (!Object.hasOwn(v, 'toJSON') && native(v.toJSON)) return v.toJSON();
    return Object.fromEntries(Object.keys(v).map((name) => [name, plain(v[name], `${at}.${name}`, over)]));
  };
  return plain(value, 'the value', []);
})"#;

/// The value as JSON; `None` for nothing at all.
///
/// # Errors
/// JSON cannot say it.
pub(crate) fn on<'js>(ctx: &Ctx<'js>, value: Value<'js>) -> Result<Option<Json>, Error> {
    if value.is_undefined() {
        return Ok(None);
    }
    let base64 = |bytes: Value<'js>| STANDARD.encode(copy_bytes(&bytes).unwrap_or_default());
    let told = ctx
        .eval::<Function<'js>, _>(SAYABLE)
        .and_then(|sayable| sayable.call::<_, Value<'js>>((value, Func::from(base64))))
        .and_then(|sayable| to_json(ctx, sayable))
        .catch(ctx);
    told.map_err(|caught| {
        let why = match &caught {
            CaughtError::Exception(exception) => exception.message().unwrap_or_default(),
            other => other.to_string(),
        };
        Error::NotJson(format!("setup() returned what cannot be handed on: {why}"))
    })
}
