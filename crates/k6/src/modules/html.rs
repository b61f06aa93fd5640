//! `k6/html`: `parseHTML`, and what `k6/http` needs of pages: `res.html`, `res.submitForm`, `res.clickLink`.

mod argument;
mod attribute;
mod element;
mod selection;
mod sending;

use std::rc::Rc;

use rquickjs::function::{Func, Opt};
use rquickjs::{Class, Coerced, Ctx, Exception, Object, Value};

use super::Exported;
use crate::html::{self, Document};
pub(crate) use selection::Selection;
pub(crate) use sending::{Sending, clicked, submitted};

pub(crate) struct Html;

impl Exported for Html {
    const NAMES: &'static [&'static str] = &["parseHTML"];

    fn build<'js>(ctx: &Ctx<'js>) -> rquickjs::Result<Object<'js>> {
        let object = Object::new(ctx.clone())?;
        object.set("parseHTML", Func::from(parse_html))?;
        Ok(object)
    }
}

/// A page from the text of an answer, with the URL it came from.
pub(crate) fn page(ctx: &Ctx<'_>, text: &str, url: &str) -> rquickjs::Result<Rc<Document>> {
    Document::parse_from(text, url).map_err(|error| thrown(ctx, &error))
}

/// `res.html()` of a page, `res.html(selector)` with one.
pub(crate) fn select<'js>(
    ctx: &Ctx<'js>,
    page: &Rc<Document>,
    selector: Option<Value<'js>>,
) -> rquickjs::Result<Class<'js, Selection>> {
    let whole = html::Selection::of(page);
    let found = match selector.filter(|selector| !selector.is_undefined()) {
        Some(selector) => whole.find(&argument::text_selector(ctx, &selector)?),
        None => whole,
    };
    Class::instance(ctx.clone(), Selection::from(found))
}

fn parse_html<'js>(
    ctx: Ctx<'js>,
    source: Opt<Value<'js>>,
) -> rquickjs::Result<Class<'js, Selection>> {
    let source = source.0.filter(|source| !source.is_undefined() && !source.is_null());
    let text = match source {
        Some(source) => source.get::<Coerced<String>>()?.0,
        None => String::new(),
    };
    let document = Document::parse(&text).map_err(|error| thrown(&ctx, &error))?;
    Class::instance(ctx, Selection::from(html::Selection::of(&document)))
}

/// An error of the page as the script's exception.
fn thrown(ctx: &Ctx<'_>, error: &html::Error) -> rquickjs::Error {
    Exception::throw_message(ctx, &error.to_string())
}
