//! The bulkhead around a tower service.

use std::task::{Context, Poll};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tower_service::Service;

use super::Bulkhead;
use crate::error::BoxError;

/// Puts a bulkhead around services.
#[derive(Clone, Debug)]
pub struct Layer(Bulkhead);

impl Layer {
    /// All services it is put around share the bulkhead's room.
    pub fn new(bulkhead: Bulkhead) -> Self {
        Self(bulkhead)
    }
}

impl<S> tower_layer::Layer<S> for Layer {
    type Service = Partitioned<S>;

    fn layer(&self, inner: S) -> Partitioned<S> {
        Partitioned { inner, bulkhead: self.0.clone() }
    }
}

/// A service behind a bulkhead. The place is given up when the response is there: with a streamed body,
/// when its head is.
#[derive(Clone, Debug)]
pub struct Partitioned<S> {
    inner: S,
    bulkhead: Bulkhead,
}

impl<S, R> Service<R> for Partitioned<S>
where
    R: Send + 'static,
    S: Service<R> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
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
        let bulkhead = self.bulkhead.clone();
        async move {
            let place = bulkhead.enter(None).await?;
            let result = inner.call(request).await.map_err(Into::into);
            drop(place);
            result
        }
        .boxed()
    }
}
