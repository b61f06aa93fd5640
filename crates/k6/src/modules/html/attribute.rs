//! `Attribute` as scripts have it.

use rquickjs::class::Trace;
use rquickjs::{Ctx, JsLifetime, Object, Value};

use super::element;
use crate::html;

/// An attribute of an element.
#[derive(Trace, JsLifetime)]
#[rquickjs::class]
pub(super) struct Attribute {
    #[qjs(skip_trace)]
    owner: html::Element,
    #[qjs(skip_trace)]
    inner: html::Attribute,
}

impl Attribute {
    pub(super) fn of(owner: &html::Element, inner: html::Attribute) -> Self {
        Self { owner: owner.clone(), inner }
    }
}

#[rquickjs::methods(rename_all = "camelCase")]
impl Attribute {
    #[qjs(get, enumerable)]
    fn name(&self) -> String {
        self.inner.name.clone()
    }

    #[qjs(get, enumerable)]
    fn value(&self) -> String {
        self.inner.value.clone()
    }

    #[qjs(get, enumerable, rename = "owner_element")]
    fn owner_element<'js>(&self, ctx: Ctx<'js>) -> rquickjs::Result<Value<'js>> {
        element::value(&ctx, self.owner.clone())
    }

    fn local_name(&self) -> String {
        self.inner.name.clone()
    }

    fn prefix(&self) -> String {
        self.inner.prefix.clone()
    }

    /// Of the owner's language unless it is a foreign one: k6 knows no other.
    #[qjs(rename = "namespaceURI")]
    fn namespace_uri(&self) -> &'static str {
        "http://www.w3.org/1999/xhtml"
    }

    #[qjs(rename = "toJSON")]
    fn to_json<'js>(&self, ctx: Ctx<'js>) -> rquickjs::Result<Object<'js>> {
        let object = Object::new(ctx.clone())?;
        object.set("owner_element", Object::new(ctx)?)?;
        object.set("name", self.name())?;
        object.set("value", self.value())?;
        Ok(object)
    }
}
