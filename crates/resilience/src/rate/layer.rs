//! Rate limits around a tower service.

use std::hash::Hash;
use std::marker::PhantomData;
use std::task::{Context, Poll};

use tower_service::Service;

use super::Limiter;
use crate::error::BoxError;
use crate::watched::{Gate, Watched};

/// Limits the rate of services, by a key that each request is asked for.
#[derive(Debug)]
pub struct Layer<K, F> {
    limiter: Limiter<K>,
    key: F,
}

impl<K, F> Layer<K, F> {
    /// `key` says whose request it is.
    pub fn new(limiter: Limiter<K>, key: F) -> Self {
        Self { limiter, key }
    }
}

impl<K, F: Clone> Clone for Layer<K, F> {
    fn clone(&self) -> Self {
        Self { limiter: Limiter(std::sync::Arc::clone(&self.limiter.0)), key: self.key.clone() }
    }
}

impl<S, K, F: Clone> tower_layer::Layer<S> for Layer<K, F> {
    type Service = Limited<S, K, F>;

    fn layer(&self, inner: S) -> Limited<S, K, F> {
        Limited { inner, layer: self.clone() }
    }
}

/// A service whose rate is limited.
#[derive(Clone, Debug)]
pub struct Limited<S, K, F> {
    inner: S,
    layer: Layer<K, F>,
}

impl<S, K, F, R> Service<R> for Limited<S, K, F>
where
    S: Service<R>,
    S::Error: Into<BoxError>,
    K: Hash + Eq + Clone,
    F: Fn(&R) -> K,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Watched<S::Future, Open>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let Layer { limiter, key } = &self.layer;
        match limiter.take(&key(&request)) {
            Ok(_) => Watched::new(self.inner.call(request), Open(PhantomData)),
            Err(error) => Watched::refused(error),
        }
    }
}

/// A gate that nobody waits at: a rate limit does not care how a call ends.
#[derive(Debug)]
pub struct Open(PhantomData<()>);

impl<T, E> Gate<T, E> for Open {
    fn ended(self, _: &Result<T, E>) {}
}
