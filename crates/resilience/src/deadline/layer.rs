//! Deadlines around a tower service: read, kept and handed on.

use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::Request;
use seaworthy_base::Clock;
use tower_service::Service;

use super::Deadline;
use crate::error::BoxError;

/// For servers: each request ends when its caller stops waiting, or after `limit`. The [`Deadline`] is
/// put in the request's extensions.
#[derive(Clone, Debug)]
pub struct Layer {
    limit: Duration,
    clock: Clock,
}

impl Layer {
    /// No request takes longer than `limit`, whatever its caller says.
    pub fn new(limit: Duration, clock: Clock) -> Self {
        Self { limit, clock }
    }
}

impl<S> tower_layer::Layer<S> for Layer {
    type Service = Bounded<S>;

    fn layer(&self, inner: S) -> Bounded<S> {
        Bounded { inner, limit: self.limit, clock: self.clock.clone() }
    }
}

/// A service whose requests end in time.
#[derive(Clone, Debug)]
pub struct Bounded<S> {
    inner: S,
    limit: Duration,
    clock: Clock,
}

impl<S, B> Service<Request<B>> for Bounded<S>
where
    S: Service<Request<B>>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<S::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let clock = self.clock.clone();
        let own = Deadline::after(&clock, self.limit);
        let said = Deadline::of(request.headers(), &clock);
        let deadline = said.map_or(own, |said| said.sooner(own));
        request.extensions_mut().insert(deadline);
        let work = self.inner.call(request);
        async move { deadline.bound(&clock, work).await?.map_err(Into::into) }.boxed()
    }
}

/// For clients: each request carries what is left of its deadline, and is waited for until then. The
/// deadline is the one in the request's extensions, but `limit` at most.
#[derive(Clone, Debug)]
pub struct HandOn {
    limit: Duration,
    clock: Clock,
}

impl HandOn {
    /// No request is waited for longer than `limit`.
    pub fn new(limit: Duration, clock: Clock) -> Self {
        Self { limit, clock }
    }
}

impl<S> tower_layer::Layer<S> for HandOn {
    type Service = HandsOn<S>;

    fn layer(&self, inner: S) -> HandsOn<S> {
        HandsOn { inner, limit: self.limit, clock: self.clock.clone() }
    }
}

/// A client's service that hands deadlines on.
#[derive(Clone, Debug)]
pub struct HandsOn<S> {
    inner: S,
    limit: Duration,
    clock: Clock,
}

impl<S, B> Service<Request<B>> for HandsOn<S>
where
    S: Service<Request<B>>,
    S::Response: Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<S::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let clock = self.clock.clone();
        let own = Deadline::after(&clock, self.limit);
        let given = request.extensions().get::<Deadline>().copied();
        let deadline = given.map_or(own, |given| given.sooner(own));
        if let Err(error) = deadline.hand_on(&clock, request.headers_mut()) {
            return std::future::ready(Err(error.into())).boxed();
        }
        let work = self.inner.call(request);
        async move { deadline.bound(&clock, work).await?.map_err(Into::into) }.boxed()
    }
}
