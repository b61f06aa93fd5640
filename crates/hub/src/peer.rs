//! Calls from one role to another, over HTTP or within the process: guarded, with the caller's identity,
//! trace and deadline handed on, problems passed on.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::uri::Scheme;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::service::TowerToHyperService;
use seaworthy_base::Clock;
use seaworthy_resilience::outcome::{Outcome, Safety};
use seaworthy_resilience::{Deadline, Dependency};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::options::{Limits, Role};
use crate::problem::Problem;

mod circuits;
mod door;
mod ending;
mod trail;

pub(crate) use circuits::{Circuits, dependency};
pub(crate) use door::{Door, FromInside};
use ending::{Failure, Why, judge, ran_out_of_time};
pub use trail::{REQUEST_ID, Trail};

/// Longest answer read from a peer.
const ANSWER: usize = 16 << 20;

/// A base URL that cannot be called.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a peer's base URL: write it as `http://host:port`")]
pub struct InvalidBase(String);

/// A client for one role, with its own pool of connections. Cheap to clone.
///
/// Each call goes through the role's [`Dependency`]: a bulkhead, a circuit, retries of what is safe to
/// repeat (by method, by an `Idempotency-Key`, or because [`post_idempotent`](Self::post_idempotent) says
/// so), and the deadline of the request that it is made for. What the peer answers is not retried but
/// passed on, whatever it is: it knows best when to come back.
#[derive(Clone, Debug)]
pub struct Client(Arc<Line>);

#[derive(Debug)]
struct Line {
    role: Role,
    /// Where it answers, for people to read.
    place: String,
    dependency: Dependency,
    fair: Duration,
    clock: Clock,
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

/// A call: one request, which may be sent more than once.
struct Call<'a> {
    trail: &'a Trail,
    safety: Safety,
    method: Method,
    path: &'a str,
    headers: HeaderMap,
    body: Bytes,
}

impl Client {
    /// A client for `role` at `base`; every call ends within `deadline`.
    ///
    /// # Errors
    /// When `base` is not an `http` URL of host and port.
    pub fn new(role: Role, base: &str, deadline: Duration) -> Result<Self, InvalidBase> {
        let limits = Limits { peer_timeout: deadline, ..Limits::default() };
        Self::over(role, base, &limits, &Clock::system())
    }

    /// A client for `role` at `base`, within `limits`.
    pub(crate) fn over(
        role: Role,
        base: &str,
        limits: &Limits,
        clock: &Clock,
    ) -> Result<Self, InvalidBase> {
        let invalid = || InvalidBase(base.to_owned());
        let uri: Uri = base.parse().map_err(|_| invalid())?;
        let plain = uri.scheme() == Some(&Scheme::HTTP) && uri.path() == "/";
        if !plain || uri.query().is_some() || uri.authority().is_none() {
            return Err(invalid());
        }
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(limits.peer_timeout.min(Duration::from_secs(2))));
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            // Shorter than the server keeps an idle connection, so that a call never meets one
            // that is just being closed.
            .pool_idle_timeout(Duration::from_secs(20))
            .build(connector);
        let way = Way::Wire { base: uri, http: Box::new(http) };
        Ok(Self::by(way, role, base.to_owned(), limits, clock))
    }

    /// A client for `role` behind a door of this process.
    pub(crate) fn inside(role: Role, door: Door, limits: &Limits, clock: &Clock) -> Self {
        Self::by(Way::Inside(door), role, "this process".to_owned(), limits, clock)
    }

    fn by(way: Way, role: Role, place: String, limits: &Limits, clock: &Clock) -> Self {
        Self(Arc::new(Line {
            role,
            place,
            dependency: dependency(role, limits, clock),
            fair: circuits::fair(limits.peer_timeout),
            clock: clock.clone(),
            way,
            lost: AtomicBool::new(false),
        }))
    }

    /// Whether the role is played by this process.
    pub(crate) fn is_inside(&self) -> bool {
        matches!(self.0.way, Way::Inside(_))
    }

    /// What stands between this process and the role.
    pub(crate) fn dependency(&self) -> &Dependency {
        &self.0.dependency
    }

    /// `GET path`, read as JSON.
    ///
    /// # Errors
    /// The peer's own problem, or 503 when it is not called, or does not answer in time.
    pub async fn get<T: DeserializeOwned>(&self, trail: &Trail, path: &str) -> Result<T, Problem> {
        self.call(trail, Method::GET, path, None).await
    }

    /// `POST path` with a JSON body, answered with JSON. Sent again only if it never got there.
    ///
    /// # Errors
    /// The peer's own problem, or 503 when it is not called, or does not answer in time.
    pub async fn post<B, T>(&self, trail: &Trail, path: &str, body: &B) -> Result<T, Problem>
    where
        B: Serialize + ?Sized,
        T: DeserializeOwned,
    {
        self.post_as(Safety::Once, trail, path, body).await
    }

    /// As [`post`](Self::post), for a request that may be repeated: one that only asks, or that names what it
    /// writes, so that writing it twice is the same.
    ///
    /// # Errors
    /// The peer's own problem, or 503 when it is not called, or does not answer in time.
    pub async fn post_idempotent<B, T>(
        &self,
        trail: &Trail,
        path: &str,
        body: &B,
    ) -> Result<T, Problem>
    where
        B: Serialize + ?Sized,
        T: DeserializeOwned,
    {
        self.post_as(Safety::Idempotent, trail, path, body).await
    }

    /// Any method with an optional JSON body, answered with JSON.
    ///
    /// # Errors
    /// The peer's own problem, or 503 when it is not called, or does not answer in time.
    pub async fn call<T: DeserializeOwned>(
        &self,
        trail: &Trail,
        method: Method,
        path: &str,
        body: Option<Bytes>,
    ) -> Result<T, Problem> {
        let mut headers = HeaderMap::new();
        if body.is_some() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let safety = Safety::of(&method, &headers);
        let body = body.unwrap_or_default();
        self.ask(Call { trail, safety, method, path, headers, body }).await
    }

    /// Sends a request and hands back the response with its body still to come, for streams. The
    /// deadline covers the head only. It is repeated if its method or an `Idempotency-Key` among `headers`
    /// allows it.
    ///
    /// # Errors
    /// 503 when the peer is not called, or does not answer in time; a refusal is a response, not an error.
    pub async fn open(
        &self,
        trail: &Trail,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Body>, Problem> {
        let safety = Safety::of(&method, &headers);
        let call = Call { trail, safety, method, path, headers, body };
        self.guarded(&call, async |deadline| {
            let response = self.send(self.request(&call, deadline)?).await?;
            let outcome = judge(response.status());
            Ok((outcome, response))
        })
        .await
    }

    /// Whether the peer could serve reads, were those it needs itself there; in words when not.
    pub(crate) async fn reach(&self) -> Result<(), String> {
        let Line { role, place, clock, .. } = &*self.0;
        let (trail, headers) = (Trail::default(), HeaderMap::new());
        let (method, path, body) = (Method::GET, "/ready?reads=true", Bytes::new());
        // Not repeated: whoever asks whether a role is there asks again.
        let call = Call { trail: &trail, safety: Safety::Once, method, path, headers, body };
        let patience = Deadline::after(clock, Duration::from_secs(1));
        match patience.bound(clock, self.exchange(&call)).await {
            Ok(Ok((parts, _))) if parts.status.is_success() => Ok(()),
            Ok(Ok((parts, _))) => Err(format!("{role} is not ready ({})", parts.status)),
            Ok(Err(_)) | Err(_) => Err(format!("{role} cannot be reached at {place}")),
        }
    }

    async fn post_as<B, T>(
        &self,
        safety: Safety,
        trail: &Trail,
        path: &str,
        body: &B,
    ) -> Result<T, Problem>
    where
        B: Serialize + ?Sized,
        T: DeserializeOwned,
    {
        let body = serde_json::to_vec(body).map_err(|error| Problem::internal(&error))?.into();
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.ask(Call { trail, safety, method: Method::POST, path, headers, body }).await
    }

    async fn ask<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<T, Problem> {
        let (parts, bytes) = self.exchange(&call).await?;
        if !parts.status.is_success() {
            return Err(self.passed_on(&parts, &bytes));
        }
        serde_json::from_slice(&bytes).map_err(|error| self.unreadable(&error.to_string()))
    }

    async fn exchange(&self, call: &Call<'_>) -> Result<(http::response::Parts, Bytes), Problem> {
        self.guarded(call, async |deadline| {
            let given = deadline.remaining(&self.0.clock);
            let request = self.request(call, deadline)?;
            let (parts, body) = self.send(request).await?.into_parts();
            let bytes = Limited::new(body, ANSWER).collect().await.map_err(|error| Failure {
                outcome: Outcome::Failed,
                why: Why::Problem(self.unreadable(&error.to_string())),
            })?;
            let bytes = bytes.to_bytes();
            let outcome = match judge(parts.status) {
                _ if ran_out_of_time(&parts, &bytes) => {
                    if given < self.0.fair {
                        Outcome::Unjudged
                    } else {
                        Outcome::Broken
                    }
                }
                outcome => outcome,
            };
            Ok((outcome, (parts, bytes)))
        })
        .await
    }

    /// Makes a call through all that stands before the role.
    async fn guarded<T, F>(
        &self,
        call: &Call<'_>,
        attempt: impl Fn(Deadline) -> F,
    ) -> Result<T, Problem>
    where
        F: Future<Output = Result<(Outcome, T), Failure>>,
    {
        let judge = |result: &Result<(Outcome, T), Failure>| match result {
            Ok((outcome, _)) => *outcome,
            Err(failure) => failure.outcome,
        };
        let deadline = call.trail.deadline();
        match self.0.dependency.call(call.safety, deadline, judge, attempt).await {
            Ok((_, answer)) => Ok(answer),
            Err(Failure { why: Why::Problem(problem), .. }) => Err(problem),
            Err(Failure { why: Why::Refused(error), .. }) => Err(self.refused(&error)),
        }
    }

    fn request(
        &self,
        call: &Call<'_>,
        deadline: Deadline,
    ) -> Result<Request<Full<Bytes>>, Failure> {
        let ours = |error: &dyn fmt::Display| Failure {
            outcome: Outcome::Unjudged,
            why: Why::Problem(Problem::internal(error)),
        };
        let path = call.path.parse().map_err(|error: http::uri::InvalidUri| ours(&error))?;
        let mut parts = match &self.0.way {
            Way::Wire { base, .. } => base.clone().into_parts(),
            Way::Inside(_) => http::uri::Parts::default(),
        };
        parts.path_and_query = Some(path);
        let uri = Uri::from_parts(parts).map_err(|error| ours(&error))?;
        let mut request = Request::new(Full::new(call.body.clone()));
        *request.method_mut() = call.method.clone();
        *request.uri_mut() = uri;
        call.trail.write(request.headers_mut());
        for (name, value) in &call.headers {
            request.headers_mut().insert(name, value.clone());
        }
        deadline.hand_on(&self.0.clock, request.headers_mut())?;
        Ok(request)
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Body>, Failure> {
        match &self.0.way {
            Way::Wire { http, .. } => match http.request(request).await {
                Ok(response) => {
                    if self.0.lost.swap(false, Ordering::Relaxed) {
                        tracing::info!(role = %self.0.role, place = self.0.place, "peer answers again");
                    }
                    Ok(response.map(Body::new))
                }
                Err(error) => Err(self.unreachable(&error, error.is_connect())),
            },
            Way::Inside(door) => {
                let routes =
                    door.routes().ok_or_else(|| self.unreachable(&"it is closed", true))?;
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
