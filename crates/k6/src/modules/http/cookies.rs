//! Cookies as scripts see them: those an answer sets, by name.

use http::HeaderMap;
use http::header::SET_COOKIE;
use rquickjs::{Array, Ctx, Object};

/// The cookies an answer sets: lists of objects, by name.
pub(crate) fn of_response<'js>(
    ctx: &Ctx<'js>,
    headers: &HeaderMap,
) -> rquickjs::Result<Object<'js>> {
    let all = Object::new(ctx.clone())?;
    for value in headers.get_all(SET_COOKIE) {
        let text = String::from_utf8_lossy(value.as_bytes());
        let mut parts = text.split(';').map(str::trim);
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
            continue;
        };
        let cookie = Object::new(ctx.clone())?;
        cookie.set("name", name)?;
        cookie.set("value", value.trim_matches('"'))?;
        let (mut domain, mut path, mut secure, mut http_only) = ("", "", false, false);
        let (mut max_age, mut expires) = (0_i64, 0_i64);
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            match key.to_ascii_lowercase().as_str() {
                "domain" => domain = value.trim_start_matches('.'),
                "path" => path = value,
                "secure" => secure = true,
                "httponly" => http_only = true,
                "max-age" => max_age = value.parse().unwrap_or(0),
                "expires" => expires = seaworthy_net::cookies::expires_ms(value).unwrap_or(0),
                _ => {}
            }
        }
        cookie.set("domain", domain)?;
        cookie.set("path", path)?;
        cookie.set("http_only", http_only)?;
        cookie.set("secure", secure)?;
        cookie.set("max_age", max_age)?;
        cookie.set("expires", expires)?;
        let known: Option<Array<'js>> = all.get(name)?;
        let list = match known {
            Some(list) => list,
            None => Array::new(ctx.clone())?,
        };
        list.set(list.len(), cookie)?;
        all.set(name, list)?;
    }
    Ok(all)
}
