//! Cookies as scripts see them: those an answer sets, by name.

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
