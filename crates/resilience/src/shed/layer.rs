//! Load shedding around a tower service.

use std::task::{Context, Poll};

use tower_service::Service;

use super::{Priority, Shedder, Ticket};
use crate::error::BoxError;
use crate::watched::{Gate, Watched};

/// Says how much a request matters. Closures from a request to a [`Priority`] do.
pub trait Urgency<R>: Clone {
    /// How much it matters.
    fn priority(&self, request: &R) -> Priority;
}

impl<R, F: Fn(&R) -> Priority + Clone> Urgency<R> for F {
    fn priority(&self, request: &R) -> Priority {
        self(request)
    }
}

/// Every request matters as much as any other.
impl<R> Urgency<R> for Priority {
    fn priority(&self, _: &R) -> Priority {
        *self
    }
}

/// Has services shed load.
#[derive(Clone, Debug)]
pub struct Layer<U = Priority> {
    shedder: Shedder,
    urgency: U,
}

impl Layer {
    /// All requests are [`Priority::Normal`].
    pub fn new(shedder: Shedder) -> Self {
        Self { shedder, urgency: Priority::Normal }
    }
}

impl<U> Layer<U> {
    /// Asks each request how much it matters.
    #[must_use]
    pub fn ranked_by<V>(self, urgency: V) -> Layer<V> {
        Layer { shedder: self.shedder, urgency }
    }
}

impl<S, U: Clone> tower_layer::Layer<S> for Layer<U> {
    type Service = Shielded<S, U>;

    fn layer(&self, inner: S) -> Shielded<S, U> {
        Shielded { inner, shedder: self.shedder.clone(), urgency: self.urgency.clone() }
    }
}

/// A service that sheds load.
#[derive(Clone, Debug)]
pub struct Shielded<S, U = Priority> {
    inner: S,
    shedder: Shedder,
    urgency: U,
}

impl<S, U, R> Service<R> for Shielded<S, U>
where
    S: Service<R>,
    S::Error: Into<BoxError>,
    U: Urgency<R>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Watched<S::Future, Ticket>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: R) -> Self::Future {
        match self.shedder.admit(self.urgency.priority(&request)) {
            Ok(ticket) => Watched::new(self.inner.call(request), ticket),
            Err(error) => Watched::refused(error),
        }
    }
}

impl<T, E> Gate<T, E> for Ticket {
    fn ended(self, _: &Result<T, E>) {
        Self::ended(self);
    }
}
