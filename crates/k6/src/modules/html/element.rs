//! `Element` as scripts have it: what every node has, and, by its tag, what only some have.

use rquickjs::class::Trace;
use rquickjs::function::{Func, Opt, This};
use rquickjs::object::Property as Described;
use rquickjs::{Array, Class, Coerced, Ctx, Exception, IntoJs, JsLifetime, Object, Value};

use super::argument::selector;
use super::attribute::Attribute;
use super::selection::Selection;
use crate::html::{self, Kind, NodeType, Property, kind_of};

/// A node of a page.
#[derive(Trace, JsLifetime)]
#[rquickjs::class]
pub(super) struct Element {
    #[qjs(skip_trace)]
    inner: html::Element,
}

/// Where the prototypes of the kinds are kept, on the prototype of all: a name no script can write
/// as a property by accident.
const KINDS: &str = "\u{1}kinds";

/// An element as a value of the script.
pub(super) fn value<'js>(ctx: &Ctx<'js>, inner: html::Element) -> rquickjs::Result<Value<'js>> {
    let kind = match inner.node_type() {
        NodeType::Element => kind_of(inner.node_name()),
        _ => None,
    };
    let element = Element { inner };
    match kind {
        Some(kind) => Class::instance_proto(element, prototype(ctx, kind)?)?.into_js(ctx),
        None => Class::instance(ctx.clone(), element)?.into_js(ctx),
    }
}

pub(super) fn or_undefined<'js>(
    ctx: &Ctx<'js>,
    inner: Option<html::Element>,
) -> rquickjs::Result<Value<'js>> {
    inner.map_or_else(|| Ok(Value::new_undefined(ctx.clone())), |inner| value(ctx, inner))
}

pub(super) fn list<'js>(
    ctx: &Ctx<'js>,
    all: impl IntoIterator<Item = html::Element>,
) -> rquickjs::Result<Value<'js>> {
    let array = Array::new(ctx.clone())?;
    for (at, inner) in all.into_iter().enumerate() {
        array.set(at, value(ctx, inner)?)?;
    }
    array.into_js(ctx)
}

/// The prototype of a kind, made when its first element is.
fn prototype<'js>(ctx: &Ctx<'js>, kind: &'static Kind) -> rquickjs::Result<Object<'js>> {
    let Some(base) = Class::<Element>::prototype(ctx)? else {
        return Err(Exception::throw_message(ctx, "elements have no prototype"));
    };
    let known: Option<Object<'js>> = base.get(KINDS)?;
    let kinds = match known {
        Some(kinds) => kinds,
        None => {
            let kinds = Object::new(ctx.clone())?;
            base.prop(KINDS, Described::from(kinds.clone()))?;
            kinds
        }
    };
    let key = kind.tags[0];
    if let Some(made) = kinds.get(key)? {
        return Ok(made);
    }
    let made = Object::new(ctx.clone())?;
    made.set_prototype(Some(&base))?;
    for name in kind.names() {
        let read = move |ctx: Ctx<'js>, this: This<Class<'js, Element>>| {
            property(&ctx, this.0.borrow().inner.property(name))
        };
        made.set(name, Func::from(read))?;
    }
    kinds.set(key, made.clone())?;
    Ok(made)
}

fn property<'js>(ctx: &Ctx<'js>, property: Option<Property>) -> rquickjs::Result<Value<'js>> {
    match property {
        None | Some(Property::Undefined) => Ok(Value::new_undefined(ctx.clone())),
        Some(Property::Bool(flag)) => flag.into_js(ctx),
        Some(Property::Number(number)) => number.into_js(ctx),
        Some(Property::Text(text)) => text.into_js(ctx),
        Some(Property::Texts(texts)) => texts.into_js(ctx),
        Some(Property::Element(element)) => value(ctx, element),
        Some(Property::Elements(elements)) => list(ctx, elements),
    }
}

/// The node that a script gives, if it is one.
fn given<'js>(other: Opt<Value<'js>>) -> Option<html::Element> {
    let class = Class::<Element>::from_value(&other.0?).ok()?;
    let element = class.borrow();
    Some(element.inner.clone())
}

type Text = Opt<Coerced<String>>;

fn text(text: Text) -> String {
    text.0.map(|text| text.0).unwrap_or_default()
}

#[rquickjs::methods(rename_all = "camelCase")]
impl Element {
    fn selection(&self) -> Selection {
        self.inner.selection().into()
    }

    fn node_name(&self) -> String {
        self.inner.node_name().to_owned()
    }

    fn node_type(&self) -> u8 {
        self.inner.node_type().number()
    }

    fn node_value(&self) -> Option<String> {
        self.inner.node_value()
    }

    fn text_content(&self) -> String {
        self.inner.text_content()
    }

    #[qjs(rename = "innerHTML")]
    fn inner_html(&self) -> String {
        self.inner.inner_html()
    }

    fn id(&self) -> String {
        self.inner.id().to_owned()
    }

    fn class_name(&self) -> Option<String> {
        self.inner.class_name().map(str::to_owned)
    }

    fn class_list(&self) -> Vec<String> {
        self.inner.class_list().into_iter().map(str::to_owned).collect()
    }

    fn lang(&self) -> Option<String> {
        self.inner.lang().map(str::to_owned)
    }

    #[qjs(rename = "toString")]
    fn describe(&self) -> String {
        self.inner.describe()
    }

    fn get_attribute(&self, name: Text) -> Option<String> {
        self.inner.attribute(&text(name)).map(str::to_owned)
    }

    fn get_attribute_node<'js>(&self, ctx: Ctx<'js>, name: Text) -> rquickjs::Result<Value<'js>> {
        let name = text(name);
        match self.inner.attributes().into_iter().find(|attribute| attribute.name == name) {
            Some(found) => Attribute::of(&self.inner, found).into_js(&ctx),
            None => Ok(Value::new_undefined(ctx)),
        }
    }

    fn has_attribute(&self, name: Text) -> bool {
        self.inner.has_attribute(&text(name))
    }

    fn has_attributes(&self) -> bool {
        !self.inner.attributes().is_empty()
    }

    fn attributes<'js>(&self, ctx: Ctx<'js>) -> rquickjs::Result<Object<'js>> {
        let object = Object::new(ctx)?;
        for attribute in self.inner.attributes() {
            object.set(attribute.name.clone(), Attribute::of(&self.inner, attribute))?;
        }
        Ok(object)
    }

    #[qjs(rename = "namespaceURI")]
    fn namespace_uri(&self) -> &'static str {
        self.inner.namespace_uri()
    }

    fn is_default_namespace(&self) -> bool {
        self.inner.is_default_namespace()
    }

    fn owner_document<'js>(&self, ctx: Ctx<'js>) -> rquickjs::Result<Value<'js>> {
        value(&ctx, self.inner.owner_document())
    }

    fn parent_node<'js>(&self, ctx: Ctx<'js>) -> rquickjs::Result<Value<'js>> {
        or_undefined(&ctx, self.inner.parent_node())
    }

    fn parent_element<'js>(&self, ctx: Ctx<'js>) -> rquickjs::Result<Value<'js>> {
        or_undefined(&ctx, self.inner.parent_element())
    }

    fn child_nodes<'js>(&self, ctx: Ctx<'js>) -> rquickjs::Result<Value<'js>> {
        list(&ctx, self.inner.child_nodes())
    }

    fn children<'js>(&self, ctx: Ctx<'js>) -> rquickjs::Result<Value<'js>> {
        list(&ctx, self.inner.children())
    }

    fn child_element_count(&self) -> usize {
        self.inner.child_element_count()
    }

    fn has_child_nodes(&self) -> bool {
        self.inner.has_child_nodes()
    }

    fn first_child<'js>(&self, ctx: Ctx<'js>) -> rquickjs::Result<Value<'js>> {
        or_undefined(&ctx, self.inner.first_child())
    }

    fn last_child<'js>(&self, ctx: Ctx<'js>) -> rquickjs::Result<Value<'js>> {
        or_undefined(&ctx, self.inner.last_child())
    }

    fn first_element_child<'js>(&self, ctx: Ctx<'js>) -> rquickjs::Result<Value<'js>> {
        or_undefined(&ctx, self.inner.first_element_child())
    }

    fn last_element_child<'js>(&self, ctx: Ctx<'js>) -> rquickjs::Result<Value<'js>> {
        or_undefined(&ctx, self.inner.last_element_child())
    }

    fn previous_sibling<'js>(&self, ctx: Ctx<'js>) -> rquickjs::Result<Value<'js>> {
        or_undefined(&ctx, self.inner.previous_sibling())
    }

    fn next_sibling<'js>(&self, ctx: Ctx<'js>) -> rquickjs::Result<Value<'js>> {
        or_undefined(&ctx, self.inner.next_sibling())
    }

    fn previous_element_sibling<'js>(&self, ctx: Ctx<'js>) -> rquickjs::Result<Value<'js>> {
        or_undefined(&ctx, self.inner.previous_element_sibling())
    }

    fn next_element_sibling<'js>(&self, ctx: Ctx<'js>) -> rquickjs::Result<Value<'js>> {
        or_undefined(&ctx, self.inner.next_element_sibling())
    }

    fn query_selector<'js>(&self, ctx: Ctx<'js>, wanted: Text) -> rquickjs::Result<Value<'js>> {
        let found = self.inner.query_selector(&selector(&ctx, &text(wanted))?);
        or_undefined(&ctx, found)
    }

    fn query_selector_all<'js>(&self, ctx: Ctx<'js>, wanted: Text) -> rquickjs::Result<Value<'js>> {
        let found = self.inner.query_selector_all(&selector(&ctx, &text(wanted))?);
        list(&ctx, found)
    }

    /// As k6 does it, with the name as part of a selector: `a b` is a `b` in an element of class `a`.
    fn get_elements_by_class_name<'js>(
        &self,
        ctx: Ctx<'js>,
        name: Text,
    ) -> rquickjs::Result<Value<'js>> {
        let found = self.inner.query_selector_all(&selector(&ctx, &format!(".{}", text(name)))?);
        list(&ctx, found)
    }

    fn get_elements_by_tag_name<'js>(
        &self,
        ctx: Ctx<'js>,
        name: Text,
    ) -> rquickjs::Result<Value<'js>> {
        self.query_selector_all(ctx, name)
    }

    fn matches(&self, ctx: Ctx<'_>, wanted: Text) -> rquickjs::Result<bool> {
        Ok(self.inner.matches(&selector(&ctx, &text(wanted))?))
    }

    fn contains<'js>(&self, other: Opt<Value<'js>>) -> bool {
        given(other).is_some_and(|other| self.inner.contains(&other))
    }

    fn is_same_node<'js>(&self, other: Opt<Value<'js>>) -> bool {
        given(other).is_some_and(|other| self.inner.is_same_node(&other))
    }

    fn is_equal_node<'js>(&self, other: Opt<Value<'js>>) -> bool {
        given(other).is_some_and(|other| self.inner.is_equal_node(&other))
    }
}
