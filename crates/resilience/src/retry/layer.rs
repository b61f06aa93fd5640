//! Retries around a tower service.

use std::task::{Context, Poll};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tower_service::Service;

use super::Retry;
use crate::deadline::Deadline;
use crate::error::{BoxError, Error};
use crate::outcome::{ByResult, Classify, Outcome, Safety};

/// What the layer must know of a request to make it again.
pub trait Again: Sized {
    /// Whether making it twice does the same as making it once.
    fn safety(&self) -> Safety;

    /// Until when an answer is of use.
    fn deadline(&self) -> Option<Deadline> {
        None
    }

    /// The request once more.
    fn again(&self) -> Self;
}

/// A request is idempotent by its method or an `Idempotency-Key`; its deadline is in its extensions.
impl<B: Clone> Again for http::Request<B> {
    fn safety(&self) -> Safety {
        Safety::of(self.method(), self.headers())
    }

    fn deadline(&self) -> Option<Deadline> {
        self.extensions().get().copied()
    }

    fn again(&self) -> Self {
        self.clone()
    }
}

/// Has services called again.
#[derive(Clone, Debug)]
pub struct Layer<C = ByResult> {
    retry: Retry,
    classify: C,
}

impl Layer {
    /// Any error of the service is a failure that time may heal.
    pub fn new(retry: Retry) -> Self {
        Self { retry, classify: ByResult }
    }
}

impl<C> Layer<C> {
    /// Judges results another way.
    #[must_use]
    pub fn judged_by<D>(self, classify: D) -> Layer<D> {
        Layer { retry: self.retry, classify }
    }
}

impl<S, C: Clone> tower_layer::Layer<S> for Layer<C> {
    type Service = Retried<S, C>;

    fn layer(&self, inner: S) -> Retried<S, C> {
        Retried { inner, retry: self.retry.clone(), classify: self.classify.clone() }
    }
}

/// A service that is called again.
#[derive(Clone, Debug)]
pub struct Retried<S, C = ByResult> {
    inner: S,
    retry: Retry,
    classify: C,
}

impl<S, C, R> Service<R> for Retried<S, C>
where
    R: Again + Send + 'static,
    S: Service<R> + Clone + Send + 'static,
    S::Response: Send,
    S::Error: Into<BoxError> + Send,
    S::Future: Send,
    C: Classify<S::Response, BoxError> + Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<S::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: R) -> Self::Future {
        // What was made ready is what must be called; the clone takes its place.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        let classify = self.classify.clone();
        let mut attempts = self.retry.begin(request.safety(), request.deadline());
        async move {
            loop {
                let again = request.again();
                let result = inner.call(again).await.map_err(Into::into);
                let delay = attempts.ended(judge(&classify, &result));
                let Some(delay) = delay else { return result };
                tokio::time::sleep(delay).await;
                std::future::poll_fn(|context| inner.poll_ready(context))
                    .await
                    .map_err(Into::into)?;
            }
        }
        .boxed()
    }
}

/// What a layer further in refused has its own judgement: a circuit that is open is not knocked at.
fn judge<T>(classify: &impl Classify<T, BoxError>, result: &Result<T, BoxError>) -> Outcome {
    match result.as_ref().err().and_then(|error| Error::of(&**error)) {
        Some(error) => super::refused(error),
        None => classify.classify(result),
    }
}
