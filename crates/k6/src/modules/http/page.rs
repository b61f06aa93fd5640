//! What scripts do with an answer that is a page: `html`, `submitForm`, `clickLink`.

use std::rc::Rc;

use rquickjs::{Class, Ctx, Exception, Value};

use super::call;
use super::response::Response;
use crate::html::Document;
use crate::modules::html::{self, Selection, Sending};

/// `res.html(selector)`.
pub(super) fn selection<'js>(
    ctx: &Ctx<'js>,
    response: &Response<'js>,
    selector: Option<Value<'js>>,
) -> rquickjs::Result<Class<'js, Selection>> {
    html::select(ctx, &document(ctx, response)?, selector)
}

/// `res.submitForm(arguments)`: the answer to that.
pub(super) fn submit_form<'js>(
    ctx: &Ctx<'js>,
    response: &Response<'js>,
    arguments: Option<Value<'js>>,
) -> rquickjs::Result<Value<'js>> {
    send(ctx, html::submitted(ctx, &document(ctx, response)?, arguments)?)
}

/// `res.clickLink(arguments)`: the answer to that.
pub(super) fn click_link<'js>(
    ctx: &Ctx<'js>,
    response: &Response<'js>,
    arguments: Option<Value<'js>>,
) -> rquickjs::Result<Value<'js>> {
    send(ctx, html::clicked(ctx, &document(ctx, response)?, arguments)?)
}

fn send<'js>(ctx: &Ctx<'js>, sending: Sending<'js>) -> rquickjs::Result<Value<'js>> {
    let Sending { method, url, body, params } = sending;
    let url = rquickjs::String::from_str(ctx.clone(), &url)?.into_value();
    call::request(ctx, &method, url, body, params)
}

fn document<'js>(ctx: &Ctx<'js>, response: &Response<'js>) -> rquickjs::Result<Rc<Document>> {
    let Some(body) = response.bytes()? else {
        return Err(Exception::throw_message(
            ctx,
            "the body is null so we can't transform it to HTML - this likely was because of a request error getting the response",
        ));
    };
    html::page(ctx, &String::from_utf8_lossy(&body), &response.outcome.url)
}
