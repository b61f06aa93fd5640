//! How an answer looks to a script: an object whose fields are its own, can be listed and written
//! over, and are made when they are first asked for.

use std::rc::Rc;

use rquickjs::class::{ClassKind, JsCell, JsClass, PropertyDescriptor, PropertyName, Readable};
use rquickjs::function::{Constructor, Func, Opt, This};
use rquickjs::{Atom, Class, Coerced, Ctx, Exception, IntoJs, JsLifetime, Object, Value};
use seaworthy_script::lent;

use super::page;
use super::response::Response;

/// The fields and functions of an answer, in the order in which k6 lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Field {
    RemoteIp,
    RemotePort,
    Url,
    Status,
    StatusText,
    Proto,
    Headers,
    Cookies,
    Body,
    Timings,
    TlsVersion,
    TlsCipherSuite,
    Ocsp,
    Error,
    ErrorCode,
    Request,
    ClickLink,
    Html,
    Json,
    SubmitForm,
}

/// How many of them hold a value; the rest are functions.
pub(super) const VALUES: usize = 16;

const FIELDS: [(Field, &str); 20] = [
    (Field::RemoteIp, "remote_ip"),
    (Field::RemotePort, "remote_port"),
    (Field::Url, "url"),
    (Field::Status, "status"),
    (Field::StatusText, "status_text"),
    (Field::Proto, "proto"),
    (Field::Headers, "headers"),
    (Field::Cookies, "cookies"),
    (Field::Body, "body"),
    (Field::Timings, "timings"),
    (Field::TlsVersion, "tls_version"),
    (Field::TlsCipherSuite, "tls_cipher_suite"),
    (Field::Ocsp, "ocsp"),
    (Field::Error, "error"),
    (Field::ErrorCode, "error_code"),
    (Field::Request, "request"),
    (Field::ClickLink, "clickLink"),
    (Field::Html, "html"),
    (Field::Json, "json"),
    (Field::SubmitForm, "submitForm"),
];

impl Field {
    fn is_function(self) -> bool {
        self as usize >= VALUES
    }
}

/// The names of the fields as this engine has them.
#[derive(Clone, JsLifetime)]
struct Names<'js>(Rc<Vec<Atom<'js>>>);

impl<'js> Names<'js> {
    fn of(ctx: &Ctx<'js>) -> rquickjs::Result<Rc<Vec<Atom<'js>>>> {
        if let Some(known) = ctx.userdata::<Self>() {
            return Ok(Rc::clone(&known.0));
        }
        let atoms = FIELDS.iter().map(|(_, name)| Atom::from_str(ctx.clone(), name));
        let names = Rc::new(atoms.collect::<rquickjs::Result<Vec<_>>>()?);
        // Where they cannot be kept, they are looked up again next time.
        drop(ctx.store_userdata(Self(Rc::clone(&names))));
        Ok(names)
    }
}

fn field<'js>(ctx: &Ctx<'js>, name: &Atom<'js>) -> rquickjs::Result<Option<Field>> {
    let names = Names::of(ctx)?;
    let position = names.iter().position(|known| known == name);
    Ok(position.map(|position| FIELDS[position].0))
}

/// The object that has the functions, and `toJSON`.
fn functions<'js>(ctx: &Ctx<'js>) -> rquickjs::Result<Object<'js>> {
    match Class::<Response<'js>>::prototype(ctx)? {
        Some(prototype) => Ok(prototype),
        None => Object::new(ctx.clone()),
    }
}

impl<'js> JsClass<'js> for Response<'js> {
    const NAME: &'static str = "Response";
    const KIND: ClassKind = ClassKind::Exotic;
    type Mutable = Readable;

    fn prototype(ctx: &Ctx<'js>) -> rquickjs::Result<Option<Object<'js>>> {
        let object = Object::new(ctx.clone())?;
        object.set("clickLink", Func::from(click_link))?;
        object.set("html", Func::from(html))?;
        object.set("json", Func::from(json))?;
        object.set("submitForm", Func::from(submit_form))?;
        object.set("toJSON", Func::from(to_json))?;
        Ok(Some(object))
    }

    fn constructor(_: &Ctx<'js>) -> rquickjs::Result<Option<Constructor<'js>>> {
        Ok(None)
    }

    fn exotic_get_property(
        this: &JsCell<'js, Self>,
        ctx: &Ctx<'js>,
        name: Atom<'js>,
        _: Value<'js>,
    ) -> rquickjs::Result<Value<'js>> {
        match field(ctx, &name)? {
            Some(field) if !field.is_function() => this.borrow().value(ctx, field),
            _ => functions(ctx)?.get(name),
        }
    }

    fn exotic_set_property(
        this: &JsCell<'js, Self>,
        ctx: &Ctx<'js>,
        name: Atom<'js>,
        _: Value<'js>,
        value: Value<'js>,
    ) -> rquickjs::Result<bool> {
        lent(&value);
        match field(ctx, &name)? {
            Some(field) if !field.is_function() => {
                let value = coerced(ctx, field, value)?;
                this.borrow().write(field, value);
                Ok(true)
            }
            Some(_) => {
                let words = format!("a response's function {:?} is read-only", name.to_string()?);
                Err(Exception::throw_type(ctx, &words))
            }
            None => {
                let words = format!("a response has no field {:?} to write to", name.to_string()?);
                Err(Exception::throw_type(ctx, &words))
            }
        }
    }

    fn exotic_delete_property(
        _: &JsCell<'js, Self>,
        ctx: &Ctx<'js>,
        name: Atom<'js>,
    ) -> rquickjs::Result<bool> {
        Ok(field(ctx, &name)?.is_none())
    }

    fn exotic_has_property(
        _: &JsCell<'js, Self>,
        ctx: &Ctx<'js>,
        name: Atom<'js>,
    ) -> rquickjs::Result<bool> {
        Ok(field(ctx, &name)?.is_some() || functions(ctx)?.contains_key(name)?)
    }

    fn exotic_get_own_property(
        this: &JsCell<'js, Self>,
        ctx: &Ctx<'js>,
        name: Atom<'js>,
    ) -> rquickjs::Result<Option<PropertyDescriptor<'js>>> {
        let Some(field) = field(ctx, &name)? else { return Ok(None) };
        let value = match field.is_function() {
            true => functions(ctx)?.get(name)?,
            false => this.borrow().value(ctx, field)?,
        };
        Ok(Some(PropertyDescriptor::new_value(value, false, true, !field.is_function())))
    }

    fn exotic_get_own_property_names(
        _: &JsCell<'js, Self>,
        ctx: &Ctx<'js>,
    ) -> rquickjs::Result<Vec<PropertyName<'js>>> {
        let names = Names::of(ctx)?;
        let names =
            names.iter().map(|atom| PropertyName { atom: atom.clone(), is_enumerable: true });
        Ok(names.collect())
    }
}

impl<'js> IntoJs<'js> for Response<'js> {
    fn into_js(self, ctx: &Ctx<'js>) -> rquickjs::Result<Value<'js>> {
        Class::instance(ctx.clone(), self)?.into_js(ctx)
    }
}

/// A value as its field has it: numbers stay numbers and texts texts, as in k6.
fn coerced<'js>(ctx: &Ctx<'js>, field: Field, value: Value<'js>) -> rquickjs::Result<Value<'js>> {
    match field {
        Field::RemotePort | Field::Status | Field::ErrorCode => {
            value.get::<Coerced<i32>>()?.0.into_js(ctx)
        }
        Field::Body
        | Field::Headers
        | Field::Cookies
        | Field::Timings
        | Field::Ocsp
        | Field::Request => Ok(value),
        _ => Ok(value.get::<Coerced<rquickjs::String<'js>>>()?.0.into_value()),
    }
}

fn json<'js>(
    ctx: Ctx<'js>,
    this: This<Class<'js, Response<'js>>>,
    selector: Opt<Coerced<String>>,
) -> rquickjs::Result<Value<'js>> {
    this.borrow().json(&ctx, selector.0.map(|selector| selector.0))
}

fn html<'js>(
    ctx: Ctx<'js>,
    this: This<Class<'js, Response<'js>>>,
    selector: Opt<Value<'js>>,
) -> rquickjs::Result<Class<'js, crate::modules::html::Selection>> {
    page::selection(&ctx, &this.borrow(), selector.0)
}

fn submit_form<'js>(
    ctx: Ctx<'js>,
    this: This<Class<'js, Response<'js>>>,
    arguments: Opt<Value<'js>>,
) -> rquickjs::Result<Value<'js>> {
    page::submit_form(&ctx, &this.borrow(), arguments.0)
}

fn click_link<'js>(
    ctx: Ctx<'js>,
    this: This<Class<'js, Response<'js>>>,
    arguments: Opt<Value<'js>>,
) -> rquickjs::Result<Value<'js>> {
    page::click_link(&ctx, &this.borrow(), arguments.0)
}

fn to_json<'js>(
    ctx: Ctx<'js>,
    this: This<Class<'js, Response<'js>>>,
) -> rquickjs::Result<Object<'js>> {
    let object = Object::new(ctx.clone())?;
    for (field, name) in &FIELDS[..VALUES] {
        object.set(*name, this.borrow().value(&ctx, *field)?)?;
    }
    Ok(object)
}
