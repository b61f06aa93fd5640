//! Extractors that read JSON bodies, paths and queries, and answer with a problem when they cannot.

use std::collections::HashSet;
use std::fmt::{self, Write as _};
use std::time::Duration;

use axum::body::HttpBody;
use axum::extract::{FromRequest, FromRequestParts, OptionalFromRequest, Request};
use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use serde::de::{DeserializeOwned, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_path_to_error::Segment;

use super::Problem;

/// A JSON body of type `T`, bounded, with no key written twice.
///
/// Types that refuse unknown fields say so with `#[serde(deny_unknown_fields)]`.
#[derive(Clone, Copy, Debug)]
pub struct Body<T>(pub T);

/// The longest body the role accepts and how long it waits for it, as a request extension.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub(crate) bytes: usize,
    pub(crate) time: Duration,
}

/// A body past the limit is still read up to this much, so that the client gets to see the answer
/// rather than a reset connection.
const DRAINED: usize = 8 << 20;

impl<T, S> FromRequest<S> for Body<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let Some(limit) = request.extensions().get::<Limit>().copied() else {
            return Err(Problem::internal(&"the route has no limit on bodies"));
        };
        json_declared(request.headers())?;
        let body = collect(request.into_body(), limit.bytes);
        let bytes = tokio::time::timeout(limit.time, body).await.unwrap_or_else(|_| {
            Err(Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "body_too_slow",
                format!("the body did not arrive within {} s", limit.time.as_secs_f64()),
            ))
        })?;
        parse(&bytes).map(Self)
    }
}

/// A body that may be left out: without bytes there is none, whatever its type is said to be.
impl<T, S> OptionalFromRequest<S> for Body<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, Problem> {
        if request.body().is_end_stream() {
            return Ok(None);
        }
        <Self as FromRequest<S>>::from_request(request, state).await.map(Some)
    }
}

fn json_declared(headers: &HeaderMap) -> Result<(), Problem> {
    let media = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(|value| value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    match media.as_deref() {
        Some("application/json") => Ok(()),
        Some(media) if media.starts_with("application/") && media.ends_with("+json") => Ok(()),
        _ => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "not_json",
            "the body must be JSON, sent with `Content-Type: application/json`",
        )),
    }
}

async fn collect(mut body: axum::body::Body, limit: usize) -> Result<Bytes, Problem> {
    let mut bytes = BytesMut::new();
    let mut seen = 0_usize;
    // What says itself that it is far too long is not waited for.
    let far = (limit + DRAINED) as u64;
    if body.size_hint().lower() > far {
        return Err(too_large(limit));
    }
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "body_cut_off",
                "the body ended before it was complete",
            )
        })?;
        let Ok(data) = frame.into_data() else { continue };
        seen += data.len();
        if seen <= limit {
            bytes.extend_from_slice(&data);
        } else if seen > limit + DRAINED {
            break;
        }
    }
    if seen > limit {
        return Err(too_large(limit));
    }
    Ok(bytes.freeze())
}

fn too_large(limit: usize) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body_too_large",
        format!("the body is longer than {limit} bytes"),
    )
}

/// Reads `bytes` as one JSON document without duplicate keys.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    read::<Unique>(bytes)?;
    read(bytes)
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| refusal(&pointer(error.path()), error.inner()))?;
    json.end().map_err(|error| refusal("", &error))?;
    Ok(value)
}

fn refusal(pointer: &str, error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    let (status, code) = match error.classify() {
        Category::Data if text.starts_with(DUPLICATE) => (StatusCode::BAD_REQUEST, "duplicate_key"),
        Category::Data if text.starts_with("unknown field") => {
            (StatusCode::UNPROCESSABLE_ENTITY, "unknown_field")
        }
        Category::Data if text.starts_with("missing field") => {
            (StatusCode::UNPROCESSABLE_ENTITY, "missing_field")
        }
        Category::Data => (StatusCode::UNPROCESSABLE_ENTITY, "wrong_type"),
        _ if text.starts_with("recursion limit") => (StatusCode::BAD_REQUEST, "body_too_deep"),
        Category::Syntax | Category::Eof | Category::Io => {
            (StatusCode::BAD_REQUEST, "malformed_json")
        }
    };
    Problem::new(status, code, text).pointer(pointer)
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    let mut text = String::new();
    for segment in path.iter() {
        match segment {
            Segment::Seq { index } => {
                let _ = write!(text, "/{index}");
            }
            Segment::Map { key } => {
                let _ = write!(text, "/{}", key.replace('~', "~0").replace('/', "~1"));
            }
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    text
}

const DUPLICATE: &str = "key written twice";

/// Accepts any JSON in which no object holds a key twice.
struct Unique;

impl<'de> serde::Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = Self;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self, A::Error> {
        let mut keys = HashSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            if keys.contains(&key) {
                return Err(A::Error::custom(format_args!("{DUPLICATE}: `{key}`")));
            }
            entries.next_value::<Self>()?;
            keys.insert(key);
        }
        Ok(self)
    }
}

/// The parameters in a route's path.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

impl<T, S> FromRequestParts<S> for Path<T>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(path) => Ok(Self(path.0)),
            Err(error) => {
                Err(Problem::new(StatusCode::BAD_REQUEST, "invalid_path", error.body_text()))
            }
        }
    }
}

/// The parameters after a path's `?`.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

impl<T, S> FromRequestParts<S> for Query<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(query) => Ok(Self(query.0)),
            Err(error) => {
                Err(Problem::new(StatusCode::BAD_REQUEST, "invalid_query", error.body_text()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Rule {
        weight: f64,
        #[serde(default)]
        metadata: serde_json::Value,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Rules {
        rules: Vec<Rule>,
    }

    fn refused(text: &str) -> (u16, String, Option<String>) {
        let problem = parse::<Rules>(text.as_bytes()).unwrap_err();
        (problem.status, problem.code.to_string(), problem.pointer.clone())
    }

    #[test]
    fn each_fault_has_its_code_and_place() {
        let at = |pointer: &str| Some(pointer.to_owned());
        let rule = |text: &str| refused(&format!(r#"{{"rules":[{{"weight":1}},{text}]}}"#));
        assert_eq!(
            rule(r#"{"weight":"x"}"#),
            (422, "hub.wrong_type".into(), at("/rules/1/weight"))
        );
        assert_eq!(rule("{}"), (422, "hub.missing_field".into(), at("/rules/1")));
        let (status, code, pointer) = rule(r#"{"weight":1,"colour":2}"#);
        assert_eq!((status, code.as_str()), (422, "hub.unknown_field"));
        assert!(pointer.unwrap().starts_with("/rules/1"));
        let (status, code, pointer) = rule(r#"{"weight":1,"metadata":{"a":1,"a":2}}"#);
        assert_eq!((status, code.as_str()), (400, "hub.duplicate_key"));
        assert!(pointer.unwrap().starts_with("/rules/1/metadata"));
        assert_eq!(refused(r#"{"rules":["#).1, "hub.malformed_json");
        assert_eq!(refused(r#"{"rules":[]} trailing"#).1, "hub.malformed_json");
        assert_eq!(refused("").1, "hub.malformed_json");
        let deep = format!("{}{}", "[".repeat(4_000), "]".repeat(4_000));
        assert_eq!(refused(&deep).1, "hub.body_too_deep");
        let good = br#"{"rules":[{"weight":0.5,"metadata":{"a":[1]}}]}"#;
        let rule = &parse::<Rules>(good).unwrap().rules[0];
        assert_eq!((rule.weight, &rule.metadata["a"][0]), (0.5, &serde_json::json!(1)));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse::<Rules>(&bytes);
        }
    }
}
