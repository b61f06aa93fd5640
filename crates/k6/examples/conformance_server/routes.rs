//! Which path is answered with what.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, SET_COOKIE};
use http::{HeaderName, HeaderValue, StatusCode};
use hyper::Request;
use hyper::body::Incoming;
use seaworthy_net::coding::Coding;
use serde_json::json;

use crate::answer::{self, Answer};
use crate::seen::{Channel, Seen};
use crate::tally::Tally;
use crate::{auth, echo, pages, redirects, websockets};

/// Answers a request; an error ends its connection without an answer.
pub(crate) async fn answer(
    request: Request<Incoming>,
    channel: Arc<Channel>,
    tally: Arc<Tally>,
) -> io::Result<Answer> {
    match request.uri().path() {
        "/__counts" => return Ok(answer::json(&tally.told())),
        "/__reset" => {
            tally.reset();
            return Ok(answer::json(&tally.told()));
        }
        path => tally.request(request.method(), path),
    }
    if request.uri().path().starts_with("/ws/") {
        return Ok(websockets::answer(request));
    }
    let seen = Seen::read(request, channel).await.map_err(io::Error::other)?;
    let parts = seen.parts();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    route(&seen, &parts).await
}

async fn route(seen: &Seen, parts: &[&str]) -> io::Result<Answer> {
    let number = |text: &str| text.parse::<u32>().unwrap_or(0);
    Ok(match *parts {
        [""] => answer::text("ok"),
        ["get" | "post" | "put" | "patch" | "delete" | "anything" | "upload", ..] => {
            answer::json(&echo::whole(seen))
        }
        ["headers"] => answer::json(&echo::headers(seen)),
        ["user-agent"] => answer::json(&json!({ "userAgent": seen.header("user-agent") })),
        ["channel"] => answer::json(&echo::channel(seen)),
        ["status", code] => match StatusCode::from_u16(number(code) as u16) {
            Ok(code) => answer::status(code),
            Err(_) => answer::status(StatusCode::BAD_REQUEST),
        },
        ["response-headers"] => given_headers(seen),
        ["cookies"] => answer::json(&echo::cookies(seen)),
        ["cookies", "set"] => set_cookies(seen),
        ["cookies", "delete"] => delete_cookies(seen),
        ["cookies", "rich"] => rich_cookies(),
        ["redirect", count] => redirects::chain(seen, number(count), false),
        ["absolute-redirect", count] => redirects::chain(seen, number(count), true),
        ["redirect-to"] => redirects::wanted(seen),
        ["redirect-loop"] => redirects::to("/redirect-loop", 302),
        ["basic-auth", user, password] => auth::basic(seen, user, password),
        ["digest-auth", user, password] => auth::digest(seen, user, password),
        ["bearer"] => auth::bearer(seen),
        ["gzip" | "deflate" | "br" | "zstd"] => packed(parts[0]),
        ["bytes", count] => answer::typed(
            StatusCode::OK,
            "application/octet-stream",
            answer::noise(number(count) as usize),
        ),
        ["text", count] => answer::text("abcdefghij".repeat(number(count) as usize / 10)),
        ["delay", millis] => {
            tokio::time::sleep(Duration::from_millis(number(millis).into())).await;
            answer::json(&json!({ "delay": number(millis) }))
        }
        ["stream", count] => answer::pieces(lines(number(count)), Duration::ZERO),
        ["drip", count, millis] => {
            answer::pieces(lines(number(count)), Duration::from_millis(number(millis).into()))
        }
        ["json"] => answer::json(&pages::document()),
        ["json", "array"] => answer::json(&json!([1, "two", { "three": 3 }, null])),
        ["json", "broken"] => {
            answer::typed(StatusCode::OK, "application/json", "{\n  \"open\": [1, 2,\n}")
        }
        ["html"] => answer::html(pages::INDEX),
        ["html", "forms"] => answer::html(pages::FORMS),
        ["html", "shop"] => answer::html(pages::SHOP),
        ["latin1"] => {
            answer::typed(StatusCode::OK, "text/plain; charset=iso-8859-1", &b"caf\xe9"[..])
        }
        ["close"] => return Err(io::Error::other("closed on purpose")),
        ["reset"] => {
            seen.channel.cut.with_reset();
            return Err(io::Error::other("reset on purpose"));
        }
        ["last"] => {
            let mut last = answer::text("no more over this connection");
            last.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            last
        }
        ["broken-off"] => answer::broken_off(),
        _ => answer::status(StatusCode::NOT_FOUND),
    })
}

/// The headers that the query names.
fn given_headers(seen: &Seen) -> Answer {
    let mut answer = answer::json(&json!(seen.query()));
    for (name, value) in seen.query() {
        let name = HeaderName::try_from(name);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(value)) {
            answer.headers_mut().append(name, value);
        }
    }
    answer
}

fn with_cookies(mut answer: Answer, cookies: impl IntoIterator<Item = String>) -> Answer {
    for cookie in cookies {
        if let Ok(cookie) = HeaderValue::try_from(cookie) {
            answer.headers_mut().append(SET_COOKIE, cookie);
        }
    }
    answer
}

/// Sets what the query names, and sends the client to see it.
fn set_cookies(seen: &Seen) -> Answer {
    let cookies = seen.query().into_iter().map(|(name, value)| format!("{name}={value}; Path=/"));
    with_cookies(redirects::to("/cookies", 302), cookies)
}

fn delete_cookies(seen: &Seen) -> Answer {
    let gone =
        |(name, _)| format!("{name}=; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
    with_cookies(redirects::to("/cookies", 302), seen.query().into_iter().map(gone))
}

/// One of each kind.
fn rich_cookies() -> Answer {
    let cookies = [
        "plain=1",
        "everywhere=2; Path=/",
        "elsewhere=3; Path=/somewhere/else",
        "lasting=4; Path=/; Max-Age=3600",
        "dated=5; Path=/; Expires=Fri, 01 Jan 2100 00:00:00 GMT",
        "hidden=6; Path=/; HttpOnly",
        "secret=7; Path=/; Secure",
        "foreign=8; Path=/; Domain=example.com",
    ];
    with_cookies(answer::json(&json!({ "set": cookies.len() })), cookies.map(str::to_owned))
}

fn packed(name: &str) -> Answer {
    let body = json!({ "coding": name, "text": "packed ".repeat(100) }).to_string();
    match Coding::named(name) {
        Some(coding) => answer::packed(coding, body.as_bytes()),
        None => answer::status(StatusCode::NOT_FOUND),
    }
}

/// Lines that are JSON each.
fn lines(count: u32) -> Vec<Bytes> {
    (0..count).map(|line| Bytes::from(format!("{{\"line\":{line}}}\n"))).collect()
}
