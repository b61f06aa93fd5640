//! `res.submitForm` and `res.clickLink`: from a page and a script's wishes to a request.

use std::rc::Rc;

use rquickjs::{Coerced, Ctx, Exception, Object, Value};

use super::selection::field_value;
use super::thrown;
use crate::html::{self, DEFAULT_FORM, DEFAULT_LINK, DEFAULT_SUBMIT, Document, Field, Submission};

/// A request that a page leads to.
pub(crate) struct Sending<'js> {
    pub(crate) method: String,
    pub(crate) url: String,
    /// The fields, as an object that a body is made of; none where they are in the URL.
    pub(crate) body: Option<Value<'js>>,
    /// What the script gave as `params`.
    pub(crate) params: Option<Value<'js>>,
}

/// The request that `res.submitForm(arguments)` makes.
pub(crate) fn submitted<'js>(
    ctx: &Ctx<'js>,
    page: &Rc<Document>,
    arguments: Option<Value<'js>>,
) -> rquickjs::Result<Sending<'js>> {
    let arguments = wishes(ctx, "submitForm", arguments)?;
    let form = wish(arguments.as_ref(), "formSelector", DEFAULT_FORM)?;
    let submit = wish(arguments.as_ref(), "submitSelector", DEFAULT_SUBMIT)?;
    let page = html::Selection::of(page);
    let mut submission =
        Submission::of(&page, &form, &submit).map_err(|error| thrown(ctx, &error))?;
    let fields = Object::new(ctx.clone())?;
    for Field { name, value } in std::mem::take(&mut submission.fields) {
        fields.set(name, field_value(ctx, value)?)?;
    }
    let own =
        arguments.as_ref().map(|arguments| arguments.get::<_, Value<'js>>("fields")).transpose()?;
    if let Some(own) = own.as_ref().and_then(Value::as_object) {
        for field in own.props::<String, Value<'js>>() {
            let (name, value) = field?;
            fields.set(name, value)?;
        }
    }
    let params = params(arguments.as_ref())?;
    if !submission.is_get() {
        let (url, body) = (submission.url(), Some(fields.into_value()));
        return Ok(Sending { method: submission.method, url, body, params });
    }
    // Several values of one name are joined with commas, as in k6: they are the text of an array.
    let pairs: Vec<(String, Coerced<String>)> = fields.props().collect::<rquickjs::Result<_>>()?;
    let url = submission.url_with(pairs.iter().map(|(name, value)| (&**name, &*value.0)));
    Ok(Sending { method: submission.method, url, body: None, params })
}

/// The request that `res.clickLink(arguments)` makes.
pub(crate) fn clicked<'js>(
    ctx: &Ctx<'js>,
    page: &Rc<Document>,
    arguments: Option<Value<'js>>,
) -> rquickjs::Result<Sending<'js>> {
    let arguments = wishes(ctx, "clickLink", arguments)?;
    let selector = wish(arguments.as_ref(), "selector", DEFAULT_LINK)?;
    let page = html::Selection::of(page);
    let url = html::link(&page, &selector).map_err(|error| thrown(ctx, &error))?;
    Ok(Sending { method: "GET".to_owned(), url, body: None, params: params(arguments.as_ref())? })
}

fn wishes<'js>(
    ctx: &Ctx<'js>,
    method: &str,
    arguments: Option<Value<'js>>,
) -> rquickjs::Result<Option<Object<'js>>> {
    match arguments {
        None => Ok(None),
        Some(given) if given.is_undefined() || given.is_null() => Err(Exception::throw_type(
            ctx,
            &format!("the argument to {method}() must be an object"),
        )),
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
