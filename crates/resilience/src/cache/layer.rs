//! The cache around a tower service.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tower_service::Service;

use super::{Cache, Found};
use crate::error::BoxError;

/// An error that all who waited for one load are given.
#[derive(Clone, Debug)]
pub struct SharedError(Arc<dyn std::error::Error + Send + Sync>);

impl From<BoxError> for SharedError {
    fn from(error: BoxError) -> Self {
        Self(Arc::from(error))
    }
}

impl fmt::Display for SharedError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

impl std::error::Error for SharedError {
    /// The error itself: what is asked for by type is found there.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.0)
    }
}

/// Caches what services answer.
#[derive(Debug)]
pub struct Layer<K, V, F> {
    cache: Cache<K, V, SharedError>,
    key: F,
    keep: fn(&V) -> bool,
    stale: Option<fn(&mut V, Duration)>,
}

impl<K, V, F> Layer<K, V, F> {
    /// `key` names what a request asks for; a request without one is passed by. Everything that is no
    /// error is kept.
    pub fn new(cache: Cache<K, V, SharedError>, key: F) -> Self {
        Self { cache, key, keep: |_| true, stale: None }
    }

    /// Keeps only the answers that `keep` picks.
    #[must_use]
    pub fn keep_if(self, keep: fn(&V) -> bool) -> Self {
        Self { keep, ..self }
    }

    /// When the service fails, answers with what is kept from before, once `mark` has told the receiver how
    /// old it is.
    #[must_use]
    pub fn stale_if_error(self, mark: fn(&mut V, Duration)) -> Self {
        Self { stale: Some(mark), ..self }
    }
}

impl<K, V, F: Clone> Clone for Layer<K, V, F> {
    fn clone(&self) -> Self {
        let (cache, key) = (self.cache.clone(), self.key.clone());
        Self { cache, key, keep: self.keep, stale: self.stale }
    }
}

impl<S, K, V, F: Clone> tower_layer::Layer<S> for Layer<K, V, F> {
    type Service = Cached<S, K, V, F>;

    fn layer(&self, inner: S) -> Cached<S, K, V, F> {
        Cached { inner, layer: self.clone() }
    }
}

/// A service with a cache before it.
#[derive(Clone, Debug)]
pub struct Cached<S, K, V, F> {
    inner: S,
    layer: Layer<K, V, F>,
}

impl<S, K, F, R> Service<R> for Cached<S, K, S::Response, F>
where
    R: Send + 'static,
    S: Service<R> + Clone + Send + 'static,
    S::Response: Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    K: Hash + Eq + Clone + Send + Sync + 'static,
    F: Fn(&R) -> Option<K>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<S::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        let Some(key) = (self.layer.key)(&request) else {
            return async move { inner.call(request).await.map_err(Into::into) }.boxed();
        };
        let Layer { cache, keep, stale, .. } = &self.layer;
        let (cache, keep, stale) = (cache.clone(), *keep, *stale);
        async move {
            let load = move || async move {
                inner.call(request).await.map_err(|error| SharedError::from(error.into()))
            };
            let error = match cache.get_or_load_if(&key, keep, load).await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            match (stale, stale.and_then(|_| cache.stale(&key))) {
                (Some(mark), Some(Found::Stale { mut value, age })) => {
                    mark(&mut value, age);
                    Ok(value)
                }
                _ => Err(error.into()),
            }
        }
        .boxed()
    }
}
