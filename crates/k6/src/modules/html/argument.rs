//! What scripts give to the methods of selections and elements: selectors, selections, functions.

use rquickjs::function::Function;
use rquickjs::{Class, Coerced, Ctx, Exception, Value};

use super::Selection;
use crate::html::{self, Selector};
use crate::vu::Vu;

/// Something to look for nodes with.
pub(super) enum Wanted<'js> {
    Selector(Selector),
    Selection(html::Selection),
    Function(Function<'js>),
}

impl<'js> Wanted<'js> {
    /// A selector, a selection or a function, for `method`.
    pub(super) fn any(
        ctx: &Ctx<'js>,
        method: &str,
        value: Option<Value<'js>>,
    ) -> rquickjs::Result<Self> {
        match value.as_ref().and_then(Value::as_function) {
            Some(function) => Ok(Self::Function(function.clone())),
            None => Self::read(ctx, value)?.ok_or_else(|| {
                let words = format!(
                    "the argument to {method}() must be a function, a selector or a selection"
                );
                Exception::throw_type(ctx, &words)
            }),
        }
    }

    /// A selector or a selection.
    pub(super) fn nodes(
        ctx: &Ctx<'js>,
        method: &str,
        value: Option<Value<'js>>,
    ) -> rquickjs::Result<Self> {
        Self::read(ctx, value)?.ok_or_else(|| {
            Exception::throw_type(
                ctx,
                &format!("the argument to {method}() must be a selector or a selection"),
            )
        })
    }

    fn read(ctx: &Ctx<'js>, value: Option<Value<'js>>) -> rquickjs::Result<Option<Self>> {
        let Some(value) = value else { return Ok(None) };
        if value.is_string() {
            return Ok(Some(Self::Selector(text_selector(ctx, &value)?)));
        }
        let selection = Class::<Selection>::from_value(&value).ok();
        Ok(selection.map(|selection| Self::Selection(selection.borrow().inner().clone())))
    }
}

/// Any value as a selector. What is none matches nothing, as in k6; that is said once.
pub(super) fn text_selector(ctx: &Ctx<'_>, value: &Value<'_>) -> rquickjs::Result<Selector> {
    selector(ctx, &value.get::<Coerced<String>>()?.0)
}

pub(super) fn selector(ctx: &Ctx<'_>, text: &str) -> rquickjs::Result<Selector> {
    Selector::parse(text).or_else(|error| {
        Vu::of(ctx)?.shared.warn_once(&format!("{error}; it matches nothing"));
        Ok(Selector::nothing())
    })
}

/// A selector, if one is given.
pub(super) fn filter(
    ctx: &Ctx<'_>,
    value: Option<Value<'_>>,
) -> rquickjs::Result<Option<Selector>> {
    value.map(|value| text_selector(ctx, &value)).transpose()
}

/// A number as JavaScript makes an integer of it.
pub(super) fn integer(value: &Coerced<f64>) -> i64 {
    // Saturating, and 0 for NaN.
    value.0 as i64
}

/// A callback, for `method`.
pub(super) fn function<'js>(
    ctx: &Ctx<'js>,
    method: &str,
    value: Option<Value<'js>>,
) -> rquickjs::Result<Function<'js>> {
    value.and_then(Value::into_function).ok_or_else(|| {
        Exception::throw_type(ctx, &format!("the argument to {method}() must be a function"))
    })
}
