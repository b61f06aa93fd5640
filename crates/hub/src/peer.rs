//! Calls from one role to another, over HTTP or within the process: deadline, forwarded identity and
//! trace, problems passed on.

use std::convert::Infallible;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::FromRequestParts;
use bytes::Bytes;
use http::request::Parts;
use http::uri::Scheme;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header,
};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::options::Role;
use crate::problem::{self, Problem};
use crate::server::{TRACEPARENT, TRACESTATE};

/// Longest answer read from a peer.
const ANSWER: usize = 16 << 20;

/// Who asked and which request it belongs to: the headers that go along with every call.
#[derive(Clone, Debug, Default)]
pub struct Trail(Vec<(HeaderName, HeaderValue)>);

impl Trail {
    /// Takes `Authorization`, `X-Request-ID`, `traceparent` and `tracestate` from a request.
    pub fn of(headers: &HeaderMap) -> Self {
        let names = [header::AUTHORIZATION, REQUEST_ID, TRACEPARENT, TRACESTATE];
        let mut kept = Vec::new();
        for name in names {
            if let Some(value) = headers.get(&name) {
                let mut value = value.clone();
                value.set_sensitive(name == header::AUTHORIZATION);
                kept.push((name, value));
            }
        }
        Self(kept)
    }

    /// A trail of the service's own, in the name of whoever `authorization` is of; without one, as a
    /// request without a token. None when one of the two is no header.
    pub(crate) fn in_the_name_of(authorization: Option<&str>, request_id: &str) -> Option<Self> {
        let mut kept = vec![(REQUEST_ID, HeaderValue::from_str(request_id).ok()?)];
        if let Some(authorization) = authorization {
            let mut value = HeaderValue::from_str(authorization).ok()?;
            value.set_sensitive(true);
            kept.push((header::AUTHORIZATION, value));
        }
        Some(Self(kept))
    }

    /// The `Authorization` header, to be used again in the sender's name, never logged.
    pub(crate) fn authorization(&self) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(name, _)| name == header::AUTHORIZATION)?;
        value.to_str().ok()
    }
}

/// The header that names a request in logs and answers.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

impl<S: Send + Sync> FromRequestParts<S> for Trail {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

/// A base URL that cannot be called.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a peer's base URL: write it as `http://host:port`")]
pub struct InvalidBase(String);

/// A client for one role, with its own pool of connections. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client(Arc<Line>);

#[derive(Debug)]
struct Line {
    role: Role,
    /// Where it answers, for people to read.
    place: String,
    deadline: Duration,
    way: Way,
    /// Whether the last call got no answer: said once in the log, not with each call.
    lost: AtomicBool,
}

#[derive(Debug)]
enum Way {
    /// Over the network.
    Wire { base: Uri, http: Box<legacy::Client<HttpConnector, Full<Bytes>>> },
    /// The role is played by this process: its routes are called as the network would call them,
    /// with the same authentication and the same checks.
    Inside(Door),
}

/// A role's routes, once it is open, for others in the same process.
#[derive(Clone, Default)]
pub(crate) struct Door(Arc<RwLock<Option<Router>>>);

impl Door {
    /// From here on calls come in.
    pub(crate) fn open(&self, routes: Router) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(routes);
    }

    /// No more calls. Routes hold clients that hold doors: unless closed they would hold each other
    /// for ever.
    pub(crate) fn close(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn routes(&self) -> Option<Router> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Door(..)")
    }
}

/// In a request's extensions when it came from another role in this process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FromInside;

impl Client {
    /// A client for `role` at `base`; every call ends within `deadline`.
    ///
    /// # Errors
    /// When `base` is not an `http` URL of host and port.
    pub fn new(role: Role, base: &str, deadline: Duration) -> Result<Self, InvalidBase> {
        let invalid = || InvalidBase(base.to_owned());
        let uri: Uri = base.parse().map_err(|_| invalid())?;
        let plain = uri.scheme() == Some(&Scheme::HTTP) && uri.path() == "/";
        if !plain || uri.query().is_some() || uri.authority().is_none() {
            return Err(invalid());
        }
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(deadline.min(Duration::from_secs(2))));
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            // Shorter than the server keeps an idle connection, so that a call never meets one
            // that is just being closed.
            .pool_idle_timeout(Duration::from_secs(20))
            .build(connector);
        let way = Way::Wire { base: uri, http: Box::new(http) };
        let (place, lost) = (base.to_owned(), AtomicBool::new(false));
        Ok(Self(Arc::new(Line { role, place, deadline, way, lost })))
    }

    /// A client for `role` behind a door of this process.
    pub(crate) fn inside(role: Role, door: Door, deadline: Duration) -> Self {
        let place = "this process".to_owned();
        let (way, lost) = (Way::Inside(door), AtomicBool::new(false));
        Self(Arc::new(Line { role, place, deadline, way, lost }))
    }

    /// Whether the role is played by this process.
    pub(crate) fn is_inside(&self) -> bool {
        matches!(self.0.way, Way::Inside(_))
    }

    /// `GET path`, read as JSON.
    ///
    /// # Errors
    /// The peer's own problem, or 503 when it cannot be reached in time.
    pub async fn get<T: DeserializeOwned>(&self, trail: &Trail, path: &str) -> Result<T, Problem> {
        self.call(trail, Method::GET, path, None).await
    }

    /// `POST path` with a JSON body, answered with JSON.
    ///
    /// # Errors
    /// The peer's own problem, or 503 when it cannot be reached in time.
    pub async fn post<B, T>(&self, trail: &Trail, path: &str, body: &B) -> Result<T, Problem>
    where
        B: Serialize + ?Sized,
        T: DeserializeOwned,
    {
        let body = serde_json::to_vec(body).map_err(|error| Problem::internal(&error))?;
        self.call(trail, Method::POST, path, Some(body.into())).await
    }

    /// Any method with an optional JSON body, answered with JSON.
    ///
    /// # Errors
    /// The peer's own problem, or 503 when it cannot be reached in time.
    pub async fn call<T: DeserializeOwned>(
        &self,
        trail: &Trail,
        method: Method,
        path: &str,
        body: Option<Bytes>,
    ) -> Result<T, Problem> {
        let (parts, bytes) = self.within(self.exchange(trail, method, path, body)).await?;
        if !parts.status.is_success() {
            return Err(self.passed_on(&parts, &bytes));
        }
        serde_json::from_slice(&bytes).map_err(|error| self.unreadable(&error.to_string()))
    }

    /// Sends a request and hands back the response with its body still to come, for streams. The
    /// deadline covers the head only.
    ///
    /// # Errors
    /// 503 when the peer cannot be reached in time; a refusal is a response, not an error.
    pub async fn open(
        &self,
        trail: &Trail,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Body>, Problem> {
        let mut request = self.request(trail, method, path, body)?;
        for (name, value) in &headers {
            request.headers_mut().insert(name, value.clone());
        }
        self.within(self.send(request)).await
    }

    /// Whether the peer's process answers at all, in words when it does not.
    pub(crate) async fn reach(&self) -> Result<(), String> {
        let trail = Trail::default();
        let ask = self.exchange(&trail, Method::GET, "/live", None);
        match tokio::time::timeout(self.0.deadline.min(Duration::from_secs(1)), ask).await {
            Ok(Ok((parts, _))) if parts.status.is_success() => Ok(()),
            Ok(Ok((parts, _))) => Err(format!("{} answers {}", self.0.role, parts.status)),
            Ok(Err(_)) | Err(_) => {
                Err(format!("{} cannot be reached at {}", self.0.role, self.0.place))
            }
        }
    }

    async fn exchange(
        &self,
        trail: &Trail,
        method: Method,
        path: &str,
        body: Option<Bytes>,
    ) -> Result<(http::response::Parts, Bytes), Problem> {
        let json = body.is_some();
        let mut request = self.request(trail, method, path, body.unwrap_or_default())?;
        if json {
            let media = HeaderValue::from_static("application/json");
            request.headers_mut().insert(header::CONTENT_TYPE, media);
        }
        let (parts, body) = self.send(request).await?.into_parts();
        let bytes = Limited::new(body, ANSWER)
            .collect()
            .await
            .map_err(|error| self.unreadable(&error.to_string()))?
            .to_bytes();
        Ok((parts, bytes))
    }

    fn request(
        &self,
        trail: &Trail,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, Problem> {
        let path =
            path.parse().map_err(|error: http::uri::InvalidUri| Problem::internal(&error))?;
        let mut parts = match &self.0.way {
            Way::Wire { base, .. } => base.clone().into_parts(),
            Way::Inside(_) => http::uri::Parts::default(),
        };
        parts.path_and_query = Some(path);
        let uri = Uri::from_parts(parts).map_err(|error| Problem::internal(&error))?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        for (name, value) in &trail.0 {
            request.headers_mut().insert(name, value.clone());
        }
        Ok(request)
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Body>, Problem> {
        match &self.0.way {
            Way::Wire { http, .. } => match http.request(request).await {
                Ok(response) => {
                    if self.0.lost.swap(false, Ordering::Relaxed) {
                        tracing::info!(role = %self.0.role, place = self.0.place, "peer answers again");
                    }
                    Ok(response.map(Body::new))
                }
                Err(error) => Err(self.unreachable(&error)),
            },
            Way::Inside(door) => {
                let routes = door.routes().ok_or_else(|| self.unreachable(&"it is closed"))?;
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(FromInside);
                let service = TowerToHyperService::new(routes);
                match hyper::service::Service::call(&service, request).await {
                    Ok(response) => Ok(response),
                    Err(never) => match never {},
                }
            }
        }
    }

    fn unreachable(&self, error: &dyn fmt::Display) -> Problem {
        self.lose(error);
        Problem::unavailable("peer_unreachable", format!("{} cannot be reached", self.0.role))
    }

    fn lose(&self, reason: &dyn fmt::Display) {
        let Line { role, place, lost, .. } = &*self.0;
        if lost.swap(true, Ordering::Relaxed) {
            tracing::debug!(%role, place, %reason, "peer does not answer");
        } else {
            tracing::warn!(%role, place, %reason, "peer does not answer");
        }
    }

    async fn within<T>(
        &self,
        call: impl Future<Output = Result<T, Problem>>,
    ) -> Result<T, Problem> {
        tokio::time::timeout(self.0.deadline, call).await.unwrap_or_else(|_| {
            self.lose(&"not in time");
            Err(Problem::unavailable(
                "peer_timeout",
                format!("{} did not answer in time", self.0.role),
            ))
        })
    }

    /// The peer's problem as it sent it, but for the path, which is ours.
    fn passed_on(&self, parts: &http::response::Parts, bytes: &[u8]) -> Problem {
        let typed = parts
            .headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().starts_with(problem::MEDIA_TYPE.as_bytes()));
        let problem: Option<Problem> = typed.then(|| serde_json::from_slice(bytes).ok()).flatten();
        match problem {
            Some(problem) if problem.status() == parts.status && !parts.status.is_success() => {
                let problem = problem.adopted();
                let retry = parts
                    .headers
                    .get(header::RETRY_AFTER)
                    .and_then(|value| value.to_str().ok()?.parse().ok());
                match retry {
                    Some(seconds) => problem.retry_after(seconds),
                    None => problem,
                }
            }
            _ => self.unreadable(&format!("status {} without a problem document", parts.status)),
        }
    }

    fn unreadable(&self, reason: &str) -> Problem {
        tracing::warn!(role = %self.0.role, place = self.0.place, reason, "peer's answer is unreadable");
        Problem::new(
            StatusCode::BAD_GATEWAY,
            "peer_unreadable",
            format!("the answer of {} cannot be read", self.0.role),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_base_urls_are_taken() {
        let client = |base| Client::new(Role::Memory, base, Duration::from_secs(1));
        assert!(client("http://127.0.0.1:10021").is_ok());
        assert!(client("http://localhost:1/").is_ok());
        for wrong in ["", "localhost:1", "https://localhost:1", "http://x/path", "ftp://x", "/x"] {
            assert!(client(wrong).is_err(), "{wrong}");
        }
    }
}
