//! `Selection` as scripts have it.

use rquickjs::class::Trace;
use rquickjs::function::Opt;
use rquickjs::{Array, Class, Coerced, Ctx, IntoJs, JsLifetime, Object, Value};

use super::argument::{self, Wanted, filter, integer};
use super::element;
use crate::html::{self, Datum, Field, FieldValue, Stop};
use crate::modules::core::truthy;
use crate::vu::Vu;

/// Nodes of a page.
#[derive(Trace, JsLifetime)]
#[rquickjs::class]
pub(crate) struct Selection {
    #[qjs(skip_trace)]
    inner: html::Selection,
}

impl From<html::Selection> for Selection {
    fn from(inner: html::Selection) -> Self {
        Self { inner }
    }
}

type One<'js> = Opt<Value<'js>>;

/// A way that stops somewhere, for those who pass a filter.
type Walk = fn(&html::Selection, Stop<'_>, Option<&html::Selector>) -> html::Selection;

impl Selection {
    pub(crate) const fn inner(&self) -> &html::Selection {
        &self.inner
    }

    /// Whether each node passes a script's test.
    fn flags<'js>(
        &self,
        ctx: &Ctx<'js>,
        test: &rquickjs::Function<'js>,
    ) -> rquickjs::Result<Vec<bool>> {
        let each = self.inner.singles().enumerate().map(|(at, one)| {
            let one = Class::instance(ctx.clone(), Self::from(one))?;
            Ok(truthy(&test.call::<_, Value<'js>>((at, one))?))
        });
        each.collect()
    }

    fn until<'js>(
        &self,
        ctx: &Ctx<'js>,
        (method, walk): (&str, Walk),
        stop: Option<Value<'js>>,
        only: Option<Value<'js>>,
    ) -> rquickjs::Result<Self> {
        // Without a filter all are taken; `null` is no filter here, unlike elsewhere.
        let only = filter(ctx, only.filter(|only| !only.is_null() && !only.is_undefined()))?;
        let stop = stop.filter(|stop| !stop.is_null() && !stop.is_undefined());
        let Some(stop) = stop else {
            return Ok(walk(&self.inner, Stop::Never, only.as_ref()).into());
        };
        let found = match Wanted::nodes(ctx, method, Some(stop))? {
            Wanted::Selector(selector) => walk(&self.inner, Stop::At(&selector), only.as_ref()),
            Wanted::Selection(selection) => walk(&self.inner, Stop::In(&selection), only.as_ref()),
            Wanted::Function(_) => walk(&self.inner, Stop::Never, only.as_ref()),
        };
        Ok(found.into())
    }
}

#[rquickjs::methods(rename_all = "camelCase")]
impl Selection {
    fn find<'js>(&self, ctx: Ctx<'js>, wanted: One<'js>) -> rquickjs::Result<Self> {
        Ok(match Wanted::nodes(&ctx, "find", wanted.0)? {
            Wanted::Selector(selector) => self.inner.find(&selector),
            Wanted::Selection(selection) => self.inner.find_selection(&selection),
            Wanted::Function(_) => self.inner.find(&html::Selector::nothing()),
        }
        .into())
    }

    fn single<'js>(&self, ctx: Ctx<'js>, wanted: One<'js>) -> rquickjs::Result<Self> {
        let wanted = filter(&ctx, wanted.0)?.unwrap_or(html::Selector::nothing());
        Ok(self.inner.single(&wanted).into())
    }

    fn add<'js>(&self, ctx: Ctx<'js>, wanted: One<'js>) -> rquickjs::Result<Self> {
        Ok(match Wanted::nodes(&ctx, "add", wanted.0)? {
            Wanted::Selector(selector) => self.inner.add(&selector),
            Wanted::Selection(selection) => self.inner.add_selection(&selection),
            Wanted::Function(_) => self.inner.clone(),
        }
        .into())
    }

    fn closest<'js>(&self, ctx: Ctx<'js>, wanted: One<'js>) -> rquickjs::Result<Self> {
        Ok(match Wanted::nodes(&ctx, "closest", wanted.0)? {
            Wanted::Selector(selector) => self.inner.closest(&selector),
            Wanted::Selection(selection) => self.inner.closest_selection(&selection),
            Wanted::Function(_) => self.inner.closest(&html::Selector::nothing()),
        }
        .into())
    }

    fn has<'js>(&self, ctx: Ctx<'js>, wanted: One<'js>) -> rquickjs::Result<Self> {
        Ok(match Wanted::nodes(&ctx, "has", wanted.0)? {
            Wanted::Selector(selector) => self.inner.has(&selector),
            Wanted::Selection(selection) => self.inner.has_selection(&selection),
            Wanted::Function(_) => self.inner.filter_flags(&[]),
        }
        .into())
    }

    fn filter<'js>(&self, ctx: Ctx<'js>, wanted: One<'js>) -> rquickjs::Result<Self> {
        Ok(match Wanted::any(&ctx, "filter", wanted.0)? {
            Wanted::Selector(selector) => self.inner.filter(&selector),
            Wanted::Selection(selection) => self.inner.filter_selection(&selection),
            Wanted::Function(test) => self.inner.filter_flags(&self.flags(&ctx, &test)?),
        }
        .into())
    }

    fn not<'js>(&self, ctx: Ctx<'js>, wanted: One<'js>) -> rquickjs::Result<Self> {
        Ok(match Wanted::any(&ctx, "not", wanted.0)? {
            Wanted::Selector(selector) => self.inner.not(&selector),
            Wanted::Selection(selection) => self.inner.not_selection(&selection),
            Wanted::Function(test) => {
                let others: Vec<bool> =
                    self.flags(&ctx, &test)?.into_iter().map(|flag| !flag).collect();
                self.inner.filter_flags(&others)
            }
        }
        .into())
    }

    fn is<'js>(&self, ctx: Ctx<'js>, wanted: One<'js>) -> rquickjs::Result<bool> {
        Ok(match Wanted::any(&ctx, "is", wanted.0)? {
            Wanted::Selector(selector) => self.inner.is(&selector),
            Wanted::Selection(selection) => self.inner.is_selection(&selection),
            Wanted::Function(test) => self.flags(&ctx, &test)?.contains(&true),
        })
    }

    fn children<'js>(&self, ctx: Ctx<'js>, only: One<'js>) -> rquickjs::Result<Self> {
        Ok(self.inner.children(filter(&ctx, only.0)?.as_ref()).into())
    }

    fn contents(&self) -> Self {
        self.inner.contents().into()
    }

    fn parent<'js>(&self, ctx: Ctx<'js>, only: One<'js>) -> rquickjs::Result<Self> {
        Ok(self.inner.parent(filter(&ctx, only.0)?.as_ref()).into())
    }

    fn parents<'js>(&self, ctx: Ctx<'js>, only: One<'js>) -> rquickjs::Result<Self> {
        Ok(self.inner.parents(filter(&ctx, only.0)?.as_ref()).into())
    }

    fn parents_until<'js>(
        &self,
        ctx: Ctx<'js>,
        stop: One<'js>,
        only: One<'js>,
    ) -> rquickjs::Result<Self> {
        self.until(&ctx, ("parentsUntil", html::Selection::parents_until), stop.0, only.0)
    }

    fn next<'js>(&self, ctx: Ctx<'js>, only: One<'js>) -> rquickjs::Result<Self> {
        Ok(self.inner.next(filter(&ctx, only.0)?.as_ref()).into())
    }

    fn next_all<'js>(&self, ctx: Ctx<'js>, only: One<'js>) -> rquickjs::Result<Self> {
        Ok(self.inner.next_all(filter(&ctx, only.0)?.as_ref()).into())
    }

    fn next_until<'js>(
        &self,
        ctx: Ctx<'js>,
        stop: One<'js>,
        only: One<'js>,
    ) -> rquickjs::Result<Self> {
        self.until(&ctx, ("nextUntil", html::Selection::next_until), stop.0, only.0)
    }

    fn prev<'js>(&self, ctx: Ctx<'js>, only: One<'js>) -> rquickjs::Result<Self> {
        Ok(self.inner.prev(filter(&ctx, only.0)?.as_ref()).into())
    }

    fn prev_all<'js>(&self, ctx: Ctx<'js>, only: One<'js>) -> rquickjs::Result<Self> {
        Ok(self.inner.prev_all(filter(&ctx, only.0)?.as_ref()).into())
    }

    fn prev_until<'js>(
        &self,
        ctx: Ctx<'js>,
        stop: One<'js>,
        only: One<'js>,
    ) -> rquickjs::Result<Self> {
        self.until(&ctx, ("prevUntil", html::Selection::prev_until), stop.0, only.0)
    }

    fn siblings<'js>(&self, ctx: Ctx<'js>, only: One<'js>) -> rquickjs::Result<Self> {
        Ok(self.inner.siblings(filter(&ctx, only.0)?.as_ref()).into())
    }

    fn end(&self) -> Self {
        self.inner.end().into()
    }

    fn eq(&self, at: Opt<Coerced<f64>>) -> Self {
        self.inner.eq(at.0.as_ref().map_or(0, integer)).into()
    }

    fn first(&self) -> Self {
        self.inner.first().into()
    }

    fn last(&self) -> Self {
        self.inner.last().into()
    }

    fn slice<'js>(&self, start: Opt<Coerced<f64>>, end: One<'js>) -> rquickjs::Result<Self> {
        let start = start.0.as_ref().map_or(0, integer);
        let end = end
            .0
            .filter(|end| !end.is_undefined())
            .map(|end| end.get::<Coerced<f64>>())
            .transpose()?;
        Ok(self.inner.slice(start, end.as_ref().map(integer)).into())
    }

    fn size(&self) -> usize {
        self.inner.size()
    }

    fn get<'js>(&self, ctx: Ctx<'js>, at: Opt<Coerced<f64>>) -> rquickjs::Result<Value<'js>> {
        match at.0 {
            Some(at) => element::or_undefined(&ctx, self.inner.get(integer(&at))),
            None => element::list(&ctx, self.inner.elements()),
        }
    }

    fn to_array<'js>(&self, ctx: Ctx<'js>) -> rquickjs::Result<Array<'js>> {
        let array = Array::new(ctx)?;
        for (at, one) in self.inner.to_array().enumerate() {
            array.set(at, Self::from(one))?;
        }
        Ok(array)
    }

    fn index<'js>(&self, ctx: Ctx<'js>, wanted: One<'js>) -> rquickjs::Result<f64> {
        let place = match wanted.0 {
            None => self.inner.index(),
            Some(value) if value.is_string() => {
                self.inner.index_in(&argument::text_selector(&ctx, &value)?)
            }
            Some(value) => Class::<Self>::from_value(&value)
                .ok()
                .and_then(|other| self.inner.index_of(&other.borrow().inner)),
        };
        Ok(place.map_or(-1.0, |place| place as f64))
    }

    fn each<'js>(&self, ctx: Ctx<'js>, call: One<'js>) -> rquickjs::Result<Self> {
        let call = argument::function(&ctx, "each", call.0)?;
        for (at, one) in self.inner.elements().enumerate() {
            call.call::<_, Value<'js>>((at, element::value(&ctx, one)?))?;
        }
        Ok(self.inner.clone().into())
    }

    /// What the callback returns for each node. Where it throws there is no result, as in k6; that is
    /// said once.
    fn map<'js>(&self, ctx: Ctx<'js>, call: One<'js>) -> rquickjs::Result<Array<'js>> {
        let call = argument::function(&ctx, "map", call.0)?;
        let results = Array::new(ctx.clone())?;
        for (at, one) in self.inner.singles().enumerate() {
            let one = Class::instance(ctx.clone(), Self::from(one))?;
            match call.call::<_, Value<'js>>((at, one)) {
                Ok(result) => results.set(results.len(), result)?,
                Err(rquickjs::Error::Exception) => {
                    let thrown = ctx.catch();
                    if thrown.is_uncatchable_error() {
                        return Err(ctx.throw(thrown));
                    }
                    let words = thrown.get::<Coerced<String>>()?.0;
                    let words = format!(
                        "the function passed to map() threw, which leaves its result out: {words}"
                    );
                    Vu::of(&ctx)?.shared.warn_once(&words);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(results)
    }

    fn text(&self) -> String {
        self.inner.text()
    }

    fn html(&self) -> String {
        self.inner.html()
    }

    fn attr<'js>(
        &self,
        ctx: Ctx<'js>,
        name: Opt<Coerced<String>>,
        default: One<'js>,
    ) -> rquickjs::Result<Value<'js>> {
        match name.0.and_then(|name| self.inner.attr(&name.0)) {
            Some(value) => value.into_js(&ctx),
            None => Ok(default.0.unwrap_or_else(|| Value::new_undefined(ctx))),
        }
    }

    fn val<'js>(&self, ctx: Ctx<'js>) -> rquickjs::Result<Value<'js>> {
        field_value(&ctx, self.inner.val())
    }

    fn data<'js>(&self, ctx: Ctx<'js>, key: Opt<Coerced<String>>) -> rquickjs::Result<Value<'js>> {
        if let Some(key) = key.0 {
            return datum(&ctx, self.inner.data(&key.0));
        }
        if self.inner.size() == 0 {
            return Ok(Value::new_undefined(ctx));
        }
        let object = Object::new(ctx.clone())?;
        for (name, value) in self.inner.data_all() {
            object.set(name, datum(&ctx, value)?)?;
        }
        object.into_js(&ctx)
    }

    fn serialize(&self) -> String {
        self.inner.serialize()
    }

    fn serialize_array<'js>(&self, ctx: Ctx<'js>) -> rquickjs::Result<Array<'js>> {
        let array = Array::new(ctx.clone())?;
        for (at, Field { name, value }) in self.inner.serialize_array().into_iter().enumerate() {
            let field = Object::new(ctx.clone())?;
            field.set("name", name)?;
            field.set("value", field_value(&ctx, value)?)?;
            array.set(at, field)?;
        }
        Ok(array)
    }

    fn serialize_object<'js>(&self, ctx: Ctx<'js>) -> rquickjs::Result<Object<'js>> {
        let object = Object::new(ctx.clone())?;
        for Field { name, value } in self.inner.serialize_object() {
            object.set(name, field_value(&ctx, value)?)?;
        }
        Ok(object)
    }

    #[qjs(get, enumerable)]
    fn url(&self) -> String {
        self.inner.document().url().unwrap_or_default().to_owned()
    }

    #[qjs(rename = "toJSON")]
    fn to_json<'js>(&self, ctx: Ctx<'js>) -> rquickjs::Result<Object<'js>> {
        let object = Object::new(ctx)?;
        object.set("url", self.url())?;
        Ok(object)
    }
}

pub(super) fn field_value<'js>(
    ctx: &Ctx<'js>,
    value: Option<FieldValue>,
) -> rquickjs::Result<Value<'js>> {
    match value {
        None => Ok(Value::new_undefined(ctx.clone())),
        Some(FieldValue::One(text)) => text.into_js(ctx),
        Some(FieldValue::Many(texts)) => texts.into_js(ctx),
    }
}

fn datum<'js>(ctx: &Ctx<'js>, datum: Datum) -> rquickjs::Result<Value<'js>> {
    match datum {
        Datum::Undefined => Ok(Value::new_undefined(ctx.clone())),
        Datum::Bool(flag) => flag.into_js(ctx),
        Datum::Number(number) => number.into_js(ctx),
        Datum::Json(text) => ctx.json_parse(text),
        Datum::Text(text) => text.into_js(ctx),
    }
}
