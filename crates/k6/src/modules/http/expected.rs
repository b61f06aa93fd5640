//! Which answers count as expected: `expectedStatuses`, `setResponseCallback`.

use rquickjs::class::Trace;
use rquickjs::function::Rest;
use rquickjs::{Class, Ctx, Exception, JsLifetime, Value};

use crate::vu::Vu;

/// Which statuses are expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// These; from and to, both included.
    Statuses(Vec<(u16, u16)>),
    /// Nothing is: `http_req_failed` is not measured.
    Unasked,
}

impl Default for Expected {
    fn default() -> Self {
        Self::Statuses(vec![(200, 399)])
    }
}

impl Expected {
    /// Whether an answer is expected; status 0 is a failure.
    pub(crate) fn holds(&self, status: u16) -> Option<bool> {
        match self {
            Self::Statuses(spans) => {
                Some(spans.iter().any(|(from, to)| (*from..=*to).contains(&status)))
            }
            Self::Unasked => None,
        }
    }
}

/// What `http.expectedStatuses` returns.
#[derive(Clone, Trace, JsLifetime)]
#[rquickjs::class]
pub(crate) struct ExpectedStatuses {
    #[qjs(skip_trace)]
    expected: Expected,
}

#[rquickjs::methods]
impl ExpectedStatuses {}

/// `http.expectedStatuses(200, {min: 300, max: 302}, …)`.
pub(crate) fn expected_statuses<'js>(
    ctx: Ctx<'js>,
    statuses: Rest<Value<'js>>,
) -> rquickjs::Result<Class<'js, ExpectedStatuses>> {
    let throw = |words: &str| Exception::throw_message(&ctx, words);
    if statuses.0.is_empty() {
        return Err(throw("expectedStatuses needs at least one status or {min, max}"));
    }
    let mut spans = Vec::new();
    for (position, value) in statuses.0.iter().enumerate() {
        let words = format!(
            "argument {position} of expectedStatuses is neither a whole number nor an object like {{min: 200, max: 299}}"
        );
        let whole = |value: Value<'js>| {
            let number = value.as_number().filter(|number| number.fract() == 0.0);
            number.filter(|number| (0.0..=999.0).contains(number)).map(|number| number as u16)
        };
        let span = match (whole(value.clone()), value.as_object()) {
            (Some(status), _) => Some((status, status)),
            (None, Some(object)) => {
                let (min, max) = (whole(object.get("min")?), whole(object.get("max")?));
                min.zip(max)
            }
            (None, None) => None,
        };
        spans.push(span.ok_or_else(|| throw(&words))?);
    }
    Class::instance(ctx.clone(), ExpectedStatuses { expected: Expected::Statuses(spans) })
}

/// What is said of a callback that is none.
pub(crate) const UNKNOWN: &str =
    "a response callback is what http.expectedStatuses() returns, or null";

/// The callback a script gave; `null` is none, and `None` is for what is neither.
pub(crate) fn read(value: &Value<'_>) -> Option<Expected> {
    if value.is_null() {
        return Some(Expected::Unasked);
    }
    let statuses = Class::<ExpectedStatuses>::from_value(value).ok()?;
    let expected = statuses.borrow().expected.clone();
    Some(expected)
}

/// `http.setResponseCallback(…)`: for all requests of this virtual user from now on.
pub(crate) fn set_response_callback<'js>(ctx: Ctx<'js>, value: Value<'js>) -> rquickjs::Result<()> {
    let expected = read(&value).ok_or_else(|| Exception::throw_type(&ctx, UNKNOWN))?;
    *Vu::of(&ctx)?.expected.borrow_mut() = expected;
    Ok(())
}
