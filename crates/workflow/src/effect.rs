//! What a step does, as a value that can be begun again, and what each attempt at it is told.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::failure::Failure;

/// One attempt at a step.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The step's key: the same for every attempt at it, also after a crash, and no other step's. Hand
    /// it to whatever the step changes, so that what was done twice counts once.
    pub key: String,
    /// Which attempt it is, from 1.
    pub number: u32,
    /// Grows whenever the workflow changes hands: whoever sees a smaller one than before may refuse it.
    pub fence: u64,
}

/// The work of an effect under way.
pub(crate) type Work = Pin<Box<dyn Future<Output = Result<Box<RawValue>, Failure>> + Send>>;

/// What a step does. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Effect(Arc<dyn Fn(Attempt) -> Work + Send + Sync>);

impl Effect {
    pub(crate) fn new<T, F, Fut>(code: F) -> Self
    where
        T: Serialize,
        F: Fn(Attempt) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        Self(Arc::new(move |attempt| {
            let work = code(attempt);
            Box::pin(async move { written(&work.await?) })
        }))
    }

    pub(crate) fn begin(&self, attempt: Attempt) -> Work {
        (self.0)(attempt)
    }
}

impl fmt::Debug for Effect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Effect(..)")
    }
}

/// A value as the journal keeps it.
pub(crate) fn written<T: Serialize>(value: &T) -> Result<Box<RawValue>, Failure> {
    let text = serde_json::to_string(value)
        .map_err(|error| Failure::lasting("not_json", error.to_string()))?;
    if text.len() > crate::LONGEST_VALUE {
        let message = format!("the value has more than {} bytes as JSON", crate::LONGEST_VALUE);
        return Err(Failure::lasting("value_too_long", message));
    }
    RawValue::from_string(text).map_err(|error| Failure::lasting("not_json", error.to_string()))
}
