//! Cookies as scripts see them: those an answer sets, by name.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::SET_COOKIE;
use rquickjs::{Array, Ctx, IntoJs, Object};
use seaworthy_net::cookies::SetCookie;

/// The `expires` of a cookie that does not say when it ends: what k6 has there, the milliseconds of a
/// time that overflowed.
const NEVER: i64 = -6_795_364_578_871;

/// The cookies an answer sets: lists of objects, by name.
pub(crate) fn of_response<'js>(
    ctx: &Ctx<'js>,
    headers: &HeaderMap,
) -> rquickjs::Result<Object<'js>> {
    let all = Object::new(ctx.clone())?;
    for value in headers.get_all(SET_COOKIE) {
        let said = SetCookie::parse(&String::from_utf8_lossy(value.as_bytes()));
        // A cookie without a name has no place to be looked up at.
        let Some(said) = said.filter(|said| !said.name.is_empty()) else { continue };
        let cookie = Object::new(ctx.clone())?;
        cookie.set("name", said.name.as_str())?;
        let value = &*said.value;
        let unquoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        cookie.set("value", unquoted.unwrap_or(value))?;
        cookie.set("domain", said.domain.unwrap_or_default())?;
        cookie.set("path", said.path.unwrap_or_default())?;
        cookie.set("http_only", said.http_only)?;
        cookie.set("secure", said.secure)?;
        // At once is -1.
        cookie.set("max_age", said.max_age.map_or(0, |age| if age > 0 { age } else { -1 }))?;
        let expires = said.expires.map(|at| at.as_nanos() / 1_000_000);
        let expires = expires.and_then(|ms| i64::try_from(ms).ok());
        cookie.set("expires", expires.unwrap_or(NEVER))?;
        add(ctx, &all, &said.name, cookie)?;
    }
    Ok(all)
}

/// A cookie's value as it goes out, and whether all of it does: bytes that no cookie may have are left
/// out, and what has a space or a comma stands in quotes, which a server may have set already.
pub(crate) fn on_the_wire(value: &str, set: bool) -> (Cow<'_, str>, bool) {
    let fits = |byte: u8| (b' '..0x7f).contains(&byte) && !b"\";\\".contains(&byte);
    let inside = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    let quoted = inside.is_some() && set;
    let inside = inside.filter(|_| set).unwrap_or(value);
    let whole = inside.bytes().all(fits);
    if whole && !inside.contains([' ', ',']) {
        return (Cow::Borrowed(value), true);
    }
    let kept: String = inside.bytes().filter(|byte| fits(*byte)).map(char::from).collect();
    let quoted = quoted || kept.contains([' ', ',']);
    (Cow::Owned(if quoted { format!("\"{kept}\"") } else { kept }), whole)
}

/// Adds a value to the list of a name.
pub(crate) fn add<'js>(
    ctx: &Ctx<'js>,
    all: &Object<'js>,
    name: &str,
    value: impl IntoJs<'js>,
) -> rquickjs::Result<()> {
    let known: Option<Array<'js>> = all.get(name)?;
    let list = match known {
        Some(list) => list,
        None => {
            let list = Array::new(ctx.clone())?;
            all.set(name, list.clone())?;
            list
        }
    };
    list.set(list.len(), value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_go_out_as_k6_sends_them() {
        let cases = [
            ("plain", "plain", true),
            ("two words", "\"two words\"", true),
            ("a,b", "\"a,b\"", true),
            ("z\u{fc}rich", "zrich", false),
            ("a;b\\c", "abc", false),
            ("", "", true),
        ];
        for (value, sent, whole) in cases {
            for set in [false, true] {
                assert_eq!(on_the_wire(value, set), (Cow::Borrowed(sent), whole), "{value}");
            }
        }
        assert_eq!(on_the_wire("\"q\"", true), (Cow::Borrowed("\"q\""), true));
        assert_eq!(on_the_wire("\"q\"", false), (Cow::Borrowed("q"), false));
    }
}
