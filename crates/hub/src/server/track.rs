//! What surrounds every route: request id, time limit, metrics, and problems for all that fails.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use futures_util::FutureExt;
use http::{HeaderValue, StatusCode};
use seaworthy_base::{Clock, id};
use seaworthy_resilience::{Deadline, Error};

use super::health::{self, Vitals};
use super::trace::{self, TRACERESPONSE};
use super::{Context, Part};
use crate::auth::AnonymousTenant;
use crate::limits::{Gate, HEADERS, Slip};
use crate::metrics::Metrics;
use crate::options::Role;
use crate::peer::REQUEST_ID;
use crate::problem::{Limit, Problem};

struct Track {
    clock: Clock,
    metrics: Metrics,
    timeout: Duration,
}

/// The part's routes and its probes, with everything that surrounds them.
pub(super) fn wrap(part: Part, context: &Context) -> Router {
    let limits = &context.options.limits;
    let vitals = Vitals {
        role: context.role,
        metrics: context.metrics.clone(),
        store: part.store,
        needs: part.needs.into(),
        ailment: part.ailment,
        circuits: context.circuits.clone(),
        stop: context.stop.clone(),
    };
    let track = Track {
        clock: context.clock.clone(),
        metrics: context.metrics.clone(),
        timeout: limits.request_timeout,
    };
    let mut routes = health::routes(part.routes, vitals)
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(Extension(part.authenticator))
        .layer(Extension(Limit { bytes: limits.body, time: limits.body_timeout }));
    // Where clients begin something; what that takes of other roles is not counted again.
    if matches!(context.role, Role::Gateway | Role::Orchestrator) {
        let gate = Gate::new(context.clock.clone(), context.options.allowances());
        routes = routes.layer(Extension(gate));
    }
    if let Some(anonymous) = &context.options.anonymous {
        let tenant = AnonymousTenant(anonymous.tenant.as_str().into());
        routes = routes.layer(Extension(tenant));
    }
    routes.layer(middleware::from_fn_with_state(Arc::new(track), follow))
}

async fn no_route() -> Problem {
    Problem::not_found("no_route", "there is nothing at this path")
}

async fn no_method() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "no_method",
        "this path does not take the method; `Allow` lists those it takes",
    )
}

async fn follow(State(track): State<Arc<Track>>, mut request: Request, next: Next) -> Response {
    let start = track.clock.now();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |route| route.as_str().to_owned());
    let request_id = match request.headers().get(REQUEST_ID) {
        Some(value) if acceptable(value) => value.clone(),
        _ => HeaderValue::from_str(&id::uuid(track.clock.wall()).to_string())
            .expect("a UUID's text is letters, digits and hyphens"),
    };
    request.headers_mut().insert(REQUEST_ID, request_id.clone());
    let span = trace::enter(request.headers_mut());
    let slip = Slip::default();
    request.extensions_mut().insert(slip.clone());

    let own = Deadline::after(&track.clock, track.timeout);
    let told = Deadline::of(request.headers(), &track.clock);
    let deadline = told.map_or(own, |told| told.sooner(own));
    // Other roles are called until a little earlier, so that there is time to say which did not answer.
    let calls = Deadline::after(&track.clock, deadline.handed_on(&track.clock));
    request.extensions_mut().insert(calls);
    let answer = async {
        // Made in here, so that of a request without any time left nothing is begun.
        Whole::new(AssertUnwindSafe(next.run(request)).catch_unwind()).await
    };
    let mut response = match deadline.bound(&track.clock, answer).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => Problem::internal(&"the handler panicked").into_response(),
        Err(Error::DeadlinePassed) => {
            let detail = "the request's deadline had passed when it arrived";
            Problem::unavailable("deadline_passed", detail).into_response()
        }
        Err(_) => Problem::unavailable("timed_out", "the request took too long").into_response(),
    };
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let allow = response.headers().get(http::header::ALLOW).cloned();
        track.metrics.refused(&problem.code);
        response = problem.render(Some(&path));
        if let Some(allow) = allow {
            response.headers_mut().insert(http::header::ALLOW, allow);
        }
    }
    if let Some(quota) = slip.read().filter(|_| !response.headers().contains_key(&HEADERS[0])) {
        quota.write(response.headers_mut());
    }
    let status = response.status();
    if status.is_server_error() {
        tracing::warn!(%method, route, status = status.as_u16(), ?request_id, ?span, "answered");
    } else {
        tracing::debug!(%method, route, status = status.as_u16(), ?request_id, ?span, "answered");
    }
    response.headers_mut().insert(REQUEST_ID, request_id);
    response.headers_mut().insert(TRACERESPONSE, span);
    track.metrics.answered(&method, &route, status, track.clock.now() - start);
    response
}

/// A handler's work, which goes on by itself when nobody waits for it any more: a client that hangs
/// up must not leave it half done, such as a change committed whose cached copy was never dropped.
struct Whole<F: Future + Send + 'static>(Option<Pin<Box<F>>>)
where
    F::Output: Send;

impl<F: Future + Send + 'static> Whole<F>
where
    F::Output: Send,
{
    fn new(work: F) -> Self {
        Self(Some(Box::pin(work)))
    }
}

impl<F: Future + Send + 'static> Future for Whole<F>
where
    F::Output: Send,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut task::Context<'_>) -> Poll<F::Output> {
        let Some(work) = self.0.as_mut() else { return Poll::Pending };
        let done = work.as_mut().poll(context);
        if done.is_ready() {
            self.0 = None;
        }
        done
    }
}

impl<F: Future + Send + 'static> Drop for Whole<F>
where
    F::Output: Send,
{
    fn drop(&mut self) {
        let runtime = tokio::runtime::Handle::try_current();
        if let (Some(work), Ok(runtime)) = (self.0.take(), runtime) {
            runtime.spawn(work);
        }
    }
}

/// An id we may write to a log and send back: short, visible ASCII.
fn acceptable(id: &HeaderValue) -> bool {
    (1..=128).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic)
}
