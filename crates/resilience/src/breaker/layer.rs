//! The breaker around a tower service.

use std::task::{Context, Poll};

use tower_service::Service;

use super::{Breaker, Permit};
use crate::error::BoxError;
use crate::outcome::{ByResult, Classify};
use crate::watched::{Gate, Watched};

/// Puts a breaker around services.
#[derive(Clone, Debug)]
pub struct Layer<C = ByResult> {
    breaker: Breaker,
    classify: C,
}

impl Layer {
    /// Any error of the service is a failure.
    pub fn new(breaker: Breaker) -> Self {
        Self { breaker, classify: ByResult }
    }
}

impl<C> Layer<C> {
    /// Judges results another way.
    #[must_use]
    pub fn judged_by<D>(self, classify: D) -> Layer<D> {
        Layer { breaker: self.breaker, classify }
    }
}

impl<S, C: Clone> tower_layer::Layer<S> for Layer<C> {
    type Service = Guarded<S, C>;

    fn layer(&self, inner: S) -> Guarded<S, C> {
        Guarded { inner, breaker: self.breaker.clone(), classify: self.classify.clone() }
    }
}

/// A service behind a breaker.
#[derive(Clone, Debug)]
pub struct Guarded<S, C = ByResult> {
    inner: S,
    breaker: Breaker,
    classify: C,
}

impl<S, C, R> Service<R> for Guarded<S, C>
where
    S: Service<R>,
    S::Error: Into<BoxError>,
    C: Classify<S::Response, S::Error>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Watched<S::Future, Watch<C>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: R) -> Self::Future {
        match self.breaker.admit() {
            Ok(permit) => {
                let classify = self.classify.clone();
                Watched::new(self.inner.call(request), Watch { permit, classify })
            }
            Err(error) => Watched::refused(error),
        }
    }
}

/// What waits for the call to end.
#[derive(Debug)]
pub struct Watch<C> {
    permit: Permit,
    classify: C,
}

impl<T, E, C: Classify<T, E>> Gate<T, E> for Watch<C> {
    fn ended(self, result: &Result<T, E>) {
        self.permit.ended(self.classify.classify(result));
    }
}
