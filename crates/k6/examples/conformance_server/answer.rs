//! Answers: text, JSON, bytes, what is packed, and bodies that come in pieces or break off.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use seaworthy_net::coding::{self, Coding};
use serde_json::Value;

/// An answer with any kind of body.
pub(crate) type Answer = Response<BoxBody<Bytes, io::Error>>;

/// Bytes of a content type.
pub(crate) fn typed(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let never = |never: Infallible| match never {};
    let mut answer = Response::new(Full::new(body.into()).map_err(never).boxed());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

pub(crate) fn text(body: impl Into<Bytes>) -> Answer {
    typed(StatusCode::OK, "text/plain; charset=utf-8", body)
}

pub(crate) fn html(body: impl Into<Bytes>) -> Answer {
    typed(StatusCode::OK, "text/html; charset=utf-8", body)
}

pub(crate) fn json(value: &Value) -> Answer {
    typed(StatusCode::OK, "application/json", value.to_string())
}

/// Nothing but a status; its name as the body where one is allowed.
pub(crate) fn status(status: StatusCode) -> Answer {
    let bare = status.is_informational() || [204, 205, 304].contains(&status.as_u16());
    let body = if bare { "" } else { status.canonical_reason().unwrap_or("no name") };
    typed(status, "text/plain; charset=utf-8", body)
}

/// `body`, packed.
pub(crate) fn packed(coding: Coding, body: &[u8]) -> Answer {
    let mut answer = typed(StatusCode::OK, "application/json", coding::encode(coding, body));
    answer.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(coding.as_str()));
    answer
}

/// Pieces, each after a pause.
pub(crate) fn pieces(pieces: Vec<Bytes>, pause: Duration) -> Answer {
    let pieces = stream::unfold(pieces.into_iter(), move |mut rest| async move {
        let piece = rest.next()?;
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        Some((Ok(Frame::data(piece)), rest))
    });
    let mut answer = Response::new(BodyExt::boxed(StreamBody::new(pieces)));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    answer
}

/// A body that promises more than comes: the connection ends in its middle.
pub(crate) fn broken_off() -> Answer {
    let promised = 1000;
    let end = io::Error::other("cut off on purpose");
    let frames = stream::iter([Ok(Frame::data(Bytes::from_static(b"the beginning"))), Err(end)]);
    let mut answer = Response::new(BodyExt::boxed(StreamBody::new(frames)));
    answer.headers_mut().insert(http::header::CONTENT_LENGTH, HeaderValue::from(promised));
    answer
}

/// Bytes that are the same each time and compress badly.
pub(crate) fn noise(count: usize) -> Vec<u8> {
    let mut state = 12_345_u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..count).map(next).collect()
}
