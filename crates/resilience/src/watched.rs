//! The future of a service that is watched until it ends, or refused without being called.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::error::{BoxError, Error};

/// Hears how a call ended. Dropped instead when the call was given up.
pub trait Gate<T, E> {
    /// The call ended with this.
    fn ended(self, result: &Result<T, E>);
}

pin_project! {
    /// A service's future with its gate; or a refusal, which is ready at once.
    #[derive(Debug)]
    pub struct Watched<F, G> {
        #[pin]
        inner: Option<F>,
        gate: Option<G>,
        refusal: Option<Error>,
    }
}

impl<F, G> Watched<F, G> {
    pub(crate) fn new(inner: F, gate: G) -> Self {
        Self { inner: Some(inner), gate: Some(gate), refusal: None }
    }

    pub(crate) fn refused(error: Error) -> Self {
        Self { inner: None, gate: None, refusal: Some(error) }
    }
}

impl<F, G, T, E> Future for Watched<F, G>
where
    F: Future<Output = Result<T, E>>,
    G: Gate<T, E>,
    E: Into<BoxError>,
{
    type Output = Result<T, BoxError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(inner) = this.inner.as_pin_mut() else {
            // Polled again after it was ready, which no caller may do, it stays pending.
            return this
                .refusal
                .take()
                .map_or(Poll::Pending, |error| Poll::Ready(Err(error.into())));
        };
        let result = ready!(inner.poll(context));
        if let Some(gate) = this.gate.take() {
            gate.ended(&result);
        }
        Poll::Ready(result.map_err(Into::into))
    }
}
