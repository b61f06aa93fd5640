//! What a request looked like from here, as JSON.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use seaworthy_net::coding;
use serde_json::{Value, json};

use crate::multipart;
use crate::seen::{Seen, pairs};

/// Everything: method, path, query, headers, cookies, body and what it means.
pub(crate) fn whole(seen: &Seen) -> Value {
    let body = unpacked(seen);
    let kind = seen.header("content-type").unwrap_or_default();
    let form = kind.starts_with("application/x-www-form-urlencoded");
    let text = std::str::from_utf8(&body);
    json!({
        "method": seen.head.method.as_str(),
        "path": seen.head.uri.path(),
        "query": grouped(seen.query()),
        "headers": headers(seen),
        "cookies": cookies(seen),
        "length": body.len(),
        "body": text.ok(),
        "base64": text.is_err().then(|| STANDARD.encode(&body)),
        "json": serde_json::from_slice::<Value>(&body).unwrap_or(Value::Null),
        "form": form.then(|| grouped(pairs(text.unwrap_or_default()))),
        "parts": multipart::boundary(kind).map(|it| multipart::parts(&body, &it)),
        "protocol": format!("{:?}", seen.head.version),
    })
}

/// The headers, sorted by name, several of one name as a list.
pub(crate) fn headers(seen: &Seen) -> Value {
    let pair = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    grouped(seen.head.headers.iter().map(pair).collect())
}

/// The cookies that were sent.
pub(crate) fn cookies(seen: &Seen) -> Value {
    let values = seen.head.headers.get_all("cookie").iter().filter_map(|it| it.to_str().ok());
    let pairs =
        values.flat_map(|value| value.split(';')).filter_map(|it| it.trim().split_once('='));
    grouped(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// What is known of the connection.
pub(crate) fn channel(seen: &Seen) -> Value {
    let tls = seen.channel.tls.as_ref().map(|tls| {
        json!({
            "version": tls.version,
            "cipher": tls.cipher,
            "protocol": tls.protocol,
            "serverName": tls.server_name,
            "clientCertificate": tls.client_certificate,
        })
    });
    json!({
        "ip": seen.channel.peer.ip().to_string(),
        "protocol": format!("{:?}", seen.head.version),
        "host": seen.host(),
        "tls": tls,
    })
}

/// The body as it was before it was packed; as it came when it cannot be unpacked.
fn unpacked(seen: &Seen) -> bytes::Bytes {
    const MOST: usize = 64 * 1024 * 1024;
    let body = coding::decode(&seen.head.headers, seen.body.clone(), MOST);
    body.unwrap_or_else(|_| seen.body.clone())
}

fn grouped(pairs: Vec<(String, String)>) -> Value {
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in pairs {
        groups.entry(name).or_default().push(value);
    }
    let value = |mut values: Vec<String>| match values.len() {
        1 => Value::from(values.remove(0)),
        _ => Value::from(values),
    };
    groups.into_iter().map(|(name, values)| (name, value(values))).collect()
}
