//! What can go wrong with a script, and exceptions as people read them.

use rquickjs::{CatchResultExt as _, CaughtError, Ctx, Value};

use crate::loader::Bundle;

/// Why a script does not go on.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It threw, and nobody caught it.
    #[error("{0}")]
    Thrown(Thrown),
    /// It was ended from outside.
    #[error("the script was ended")]
    Cut,
    /// There is no memory for its engine.
    #[error("there is no memory left for a virtual user's engine")]
    OutOfMemory,
    /// It returned what JSON cannot say, where that is asked for.
    #[error("{0}")]
    NotJson(String),
    /// A fault of ours.
    #[error("the script's engine is broken: {0}")]
    Internal(String),
}

/// An exception that nobody caught.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thrown {
    /// What it says: `Error: boom`.
    pub message: String,
    /// Where it came from, a line a frame, in the files as they were written; empty for a value that
    /// is no error.
    pub stack: String,
}

/// What the message of an exception begins with that rejected a promise, with nobody to hear of it.
pub const IN_PROMISE: &str = "Uncaught (in promise) ";

impl Error {
    /// The same as the reason of a promise that was rejected.
    #[must_use]
    pub fn in_promise(mut self) -> Self {
        if let Self::Thrown(thrown) = &mut self
            && !thrown.message.starts_with(IN_PROMISE)
        {
            thrown.message.insert_str(0, IN_PROMISE);
        }
        self
    }

    /// A stable name for the kind of error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Thrown(_) => "script_exception",
            Self::Cut => "script_ended",
            Self::OutOfMemory => "script_out_of_memory",
            Self::NotJson(_) => "script_value_not_json",
            Self::Internal(_) => "script_engine",
        }
    }

    /// What came of a call that failed.
    pub fn thrown(ctx: &Ctx<'_>, error: rquickjs::Error, bundle: &Bundle) -> Self {
        match Err::<(), _>(error).catch(ctx) {
            Ok(()) => Self::Internal("nothing was thrown".to_owned()),
            Err(CaughtError::Error(error)) => {
                Self::Thrown(Thrown { message: error.to_string(), stack: String::new() })
            }
            Err(CaughtError::Exception(exception)) => {
                Self::of_value(ctx, exception.into_value(), bundle)
            }
            Err(CaughtError::Value(value)) => Self::of_value(ctx, value, bundle),
        }
    }

    /// An exception, or whatever else was thrown.
    pub fn of_value<'js>(ctx: &Ctx<'js>, value: Value<'js>, bundle: &Bundle) -> Self {
        if crate::sys::is_cut() {
            return Self::Cut;
        }
        Self::Thrown(Thrown::of(ctx, &value, |stack| bundle.map_places(stack)))
    }
}

impl Thrown {
    /// What a thrown value says. `places` rewrites the places in its stack.
    pub fn of<'js>(ctx: &Ctx<'js>, value: &Value<'js>, places: impl Fn(&str) -> String) -> Self {
        let message = match value.is_null() {
            true => "null (a script at its memory limit throws this, too)".to_owned(),
            false => text(ctx, value),
        };
        let stack = value
            .as_object()
            .map(|object| object.get::<_, Option<String>>("stack"))
            .and_then(|stack| stack.inspect_err(|_| drop(ctx.catch())).ok().flatten());
        let stack = stack.map(|stack| places(frames(&stack, &message))).unwrap_or_default();
        Self { message, stack }
    }
}

/// The frames of an error's `stack`, without the line or lines that say what the error does.
pub fn frames<'s>(stack: &'s str, message: &str) -> &'s str {
    const FRAME: &str = "    at ";
    let stack = stack.trim_end();
    let said = stack.strip_prefix(message).and_then(|rest| match rest.is_empty() {
        true => Some(rest),
        false => rest.strip_prefix('\n'),
    });
    match said {
        Some(frames) => frames,
        None if stack.starts_with(FRAME) => stack,
        // The message is another one by now, or written by a `toString` of the script's own.
        None => stack.find(&format!("\n{FRAME}")).map_or(stack, |at| &stack[at + 1..]),
    }
}

/// A value as `String(value)` gives it; objects that say nothing of themselves, as JSON.
fn text<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> String {
    let coerced = value
        .get::<rquickjs::Coerced<String>>()
        .map(|text| text.0)
        .inspect_err(|_| drop(ctx.catch()));
    match coerced {
        Ok(text) if text != "[object Object]" => text,
        Ok(text) => {
            let json = ctx.json_stringify(value.clone()).ok().flatten();
            json.and_then(|json| json.to_string().ok()).unwrap_or(text)
        }
        Err(_) => "a value that cannot be shown".to_owned(),
    }
}

impl std::fmt::Display for Thrown {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.message)?;
        for frame in self.stack.lines() {
            write!(formatter, "\n\t{}", frame.trim_start())?;
        }
        Ok(())
    }
}
