//! `res.submitForm` and `res.clickLink`: from a page and a script's wishes to a request.

use std::rc::Rc;

use rquickjs::{Coerced, Ctx, Exception, Object, Value};

use super::thrown;
use crate::html::{
    self, DEFAULT_FORM, DEFAULT_LINK, DEFAULT_SUBMIT, Document, FieldValue, Request, Submission,
};
use crate::vu::Vu;

/// The request that `res.submitForm(arguments)` makes, and the `params` it is made with.
pub(crate) fn submitted<'js>(
    ctx: &Ctx<'js>,
    page: &Rc<Document>,
    arguments: Option<Value<'js>>,
) -> rquickjs::Result<(Request, Option<Value<'js>>)> {
    let arguments = wishes(ctx, "submitForm", arguments)?;
    let form = wish(arguments.as_ref(), "formSelector", DEFAULT_FORM)?;
    let submit = wish(arguments.as_ref(), "submitSelector", DEFAULT_SUBMIT)?;
    let page = html::Selection::of(page);
    let mut submission = Submission::of(&page, &form, &submit).map_err(|error| thrown(ctx, &error))?;
    if let Some(arguments) = &arguments {
        let fields: Value<'js> = arguments.get("fields")?;
        for field in fields.as_object().into_iter().flat_map(Object::props::<String, Value<'js>>) {
            let (name, value) = field?;
            let value = field_value(ctx, submission.is_get(), &value)?;
            submission.set(&name, value);
        }
    }
    Ok((submission.into_request(), params(arguments.as_ref())?))
}

/// Where `res.clickLink(arguments)` leads, and the `params` to go there with.
pub(crate) fn clicked<'js>(
    ctx: &Ctx<'js>,
    page: &Rc<Document>,
    arguments: Option<Value<'js>>,
) -> rquickjs::Result<(String, Option<Value<'js>>)> {
    let arguments = wishes(ctx, "clickLink", arguments)?;
    let selector = wish(arguments.as_ref(), "selector", DEFAULT_LINK)?;
    let page = html::Selection::of(page);
    let url = html::link(&page, &selector).map_err(|error| thrown(ctx, &error))?;
    Ok((url, params(arguments.as_ref())?))
}

fn wishes<'js>(
    ctx: &Ctx<'js>,
    method: &str,
    arguments: Option<Value<'js>>,
) -> rquickjs::Result<Option<Object<'js>>> {
    match arguments {
        None => Ok(None),
        Some(given) if given.is_undefined() || given.is_null() => {
            Err(Exception::throw_type(ctx, &format!("the argument to {method}() must be an object")))
        }
        // A text or a number has no wishes.
        Some(given) => Ok(given.into_object()),
    }
}

/// A selector of the arguments. One that is there and undefined is the selector `undefined`, as in k6.
fn wish(arguments: Option<&Object<'_>>, name: &str, default: &str) -> rquickjs::Result<String> {
    match arguments {
        Some(arguments) if arguments.contains_key(name)? => {
            Ok(arguments.get::<_, Coerced<String>>(name)?.0)
        }
        _ => Ok(default.to_owned()),
    }
}

fn params<'js>(arguments: Option<&Object<'js>>) -> rquickjs::Result<Option<Value<'js>>> {
    let params = arguments.map(|arguments| arguments.get::<_, Value<'js>>("params")).transpose()?;
    Ok(params.filter(|params| !params.is_undefined()))
}

/// A field that a script sets: as text in a URL, in a body as forms send it.
fn field_value<'js>(ctx: &Ctx<'js>, in_url: bool, value: &Value<'js>) -> rquickjs::Result<FieldValue> {
    let text = |value: &Value<'js>| Ok::<_, rquickjs::Error>(value.get::<Coerced<String>>()?.0);
    if let Some(array) = value.as_array() {
        let texts = array.iter::<Value<'js>>().map(|value| text(&value?));
        return Ok(FieldValue::Many(texts.collect::<rquickjs::Result<_>>()?));
    }
    if in_url {
        return Ok(FieldValue::One(text(value)?));
    }
    Ok(FieldValue::One(if value.is_null() || value.is_undefined() {
        String::new()
    } else if value.is_object() {
        Vu::of(ctx)?.shared.warn_once(
            "an object cannot be a field of a form; it is sent empty: use JSON.stringify() to send it as text",
        );
        String::new()
    } else {
        text(value)?
    }))
}
