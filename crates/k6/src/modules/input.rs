//! What scripts hand over as text or bytes.

use rquickjs::function::{Function, This};
use rquickjs::{Ctx, Error, Exception, Object, String as Text, Value};
use seaworthy_script::copy_bytes;

/// Bytes: those of a text as UTF-8, or those behind an `ArrayBuffer`, a typed array or a
/// `DataView`. Anything else throws, with `what` for its name.
pub(crate) fn bytes(ctx: &Ctx<'_>, value: &Value<'_>, what: &str) -> rquickjs::Result<Vec<u8>> {
    if let Some(text) = value.as_string() {
        return well_formed(text).map(String::into_bytes);
    }
    copy_bytes(value).ok_or_else(|| {
        let kind = value.type_name();
        let words = format!("{what} must be a string, an ArrayBuffer or a view of one, not {kind}");
        Exception::throw_type(ctx, &words)
    })
}

/// The text of any value, as `String(value)`.
pub(crate) fn text<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> rquickjs::Result<String> {
    if let Some(text) = value.as_string() {
        return well_formed(text);
    }
    let convert: Function<'js> = ctx.globals().get("String")?;
    well_formed(&convert.call::<_, Text<'js>>((value.clone(),))?)
}

/// A text in UTF-8. JavaScript's may hold halves of letters; these become U+FFFD.
fn well_formed(text: &Text<'_>) -> rquickjs::Result<String> {
    match text.to_string() {
        Err(Error::Utf8(_)) => {
            let prototype: Object<'_> =
                text.as_value().ctx().globals().get::<_, Object<'_>>("String")?.get("prototype")?;
            let mend: Function<'_> = prototype.get("toWellFormed")?;
            mend.call::<_, Text<'_>>((This(text.clone()),))?.to_string()
        }
        done => done,
    }
}
