//! What a script gets back from a request. Its parts are made when they are first asked for.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

use http::header::{CONNECTION, HeaderMap, HeaderName, TRAILER, TRANSFER_ENCODING};
use rquickjs::class::{Trace, Tracer};
use rquickjs::{ArrayBuffer, Ctx, Exception, Function, IntoJs, JsLifetime, Object, Value};
use seaworthy_script::{Text, copy_bytes};

use super::exchange::{Outcome, ms, protocol};
use super::fields::Field;
use super::parameters::AGENT;
use crate::vu::Vu;

/// In which form a script wants a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Form {
    #[default]
    Text,
    Binary,
    /// Not at all.
    None,
}

/// An answer, or what came in its place.
#[derive(JsLifetime)]
pub(crate) struct Response<'js> {
    pub(crate) outcome: Rc<Outcome>,
    form: Form,
    made: RefCell<Option<Box<Made<'js>>>>,
}

/// Fields that were made or written to.
#[derive(Default, JsLifetime)]
struct Made<'js> {
    /// By field; as long as the last of them needs.
    values: Vec<Option<Value<'js>>>,
    /// The script has put another body in place of the one that came.
    other_body: bool,
    json: Option<Value<'js>>,
}

impl<'js> Made<'js> {
    fn keep(&mut self, field: Field, value: Value<'js>) {
        if self.values.len() <= field as usize {
            self.values.resize(field as usize + 1, None);
        }
        self.values[field as usize] = Some(value);
    }
}

impl<'js> Trace<'js> for Response<'js> {
    fn trace<'a>(&self, tracer: Tracer<'a, 'js>) {
        let made = self.made.borrow();
        let Some(made) = made.as_deref() else { return };
        made.values.iter().chain([&made.json]).for_each(|part| part.trace(tracer));
    }
}

impl<'js> Response<'js> {
    pub(crate) fn new(outcome: Outcome, form: Form) -> Self {
        Self { outcome: Rc::new(outcome), form, made: RefCell::default() }
    }

    /// The body's bytes: those that came, or what the script has written over them.
    pub(super) fn bytes(&self) -> rquickjs::Result<Option<Cow<'_, [u8]>>> {
        let made = self.made.borrow();
        let written = made.as_deref().filter(|made| made.other_body);
        let Some(body) = written.and_then(|made| made.values.get(Field::Body as usize)?.as_ref())
        else {
            return Ok(self.outcome.body.as_deref().map(Cow::Borrowed));
        };
        if body.is_null() || body.is_undefined() {
            return Ok(None);
        }
        match copy_bytes(body) {
            Some(bytes) => Ok(Some(bytes.into())),
            None => Ok(Some(Text::of(body)?.as_bytes().to_vec().into())),
        }
    }

    /// A field's value.
    pub(super) fn value(&self, ctx: &Ctx<'js>, field: Field) -> rquickjs::Result<Value<'js>> {
        let known = |made: &Made<'js>| made.values.get(field as usize).cloned().flatten();
        if let Some(known) = self.made.borrow().as_deref().and_then(known) {
            return Ok(known);
        }
        let outcome = &*self.outcome;
        let value = match field {
            // Not worth keeping.
            Field::Status => return outcome.status.into_js(ctx),
            Field::ErrorCode => return outcome.error_code.into_js(ctx),
            Field::Error => return outcome.error.as_str().into_js(ctx),
            Field::Url => return outcome.url.into_js(ctx),
            Field::StatusText => return self.status_text().into_js(ctx),
            Field::Proto => {
                let proto = if outcome.status == 0 { "" } else { protocol(outcome.version) };
                return proto.into_js(ctx);
            }
            Field::RemoteIp => {
                let ip = outcome.peer.address().map(|address| address.ip().to_string());
                return ip.unwrap_or_default().into_js(ctx);
            }
            Field::RemotePort => {
                return outcome.peer.address().map_or(0, |address| address.port()).into_js(ctx);
            }
            Field::TlsVersion => {
                return outcome.peer.tls_version().map_or("", |it| it.as_str()).into_js(ctx);
            }
            Field::TlsCipherSuite => {
                return outcome.peer.tls_suite().map_or("", |it| it.as_str()).into_js(ctx);
            }
            Field::Ocsp => self.ocsp(ctx)?,
            Field::Body => self.body(ctx)?,
            Field::Headers => self.headers(ctx)?,
            Field::Cookies => {
                super::cookies::of_response(ctx, &outcome.headers).map(Object::into_value)?
            }
            Field::Timings => self.timings(ctx)?,
            Field::Request => self.request(ctx)?,
            Field::ClickLink | Field::Html | Field::Json | Field::SubmitForm => {
                return Ok(Value::new_undefined(ctx.clone()));
            }
        };
        self.made.borrow_mut().get_or_insert_default().keep(field, value.clone());
        Ok(value)
    }

    /// Writes over a field.
    pub(super) fn write(&self, field: Field, value: Value<'js>) {
        let mut made = self.made.borrow_mut();
        let made = made.get_or_insert_default();
        made.keep(field, value);
        if field == Field::Body {
            made.other_body = true;
            made.json = None;
        }
    }

    fn status_text(&self) -> String {
        match &self.outcome.reason {
            Some(reason) => format!("{} {reason}", self.outcome.status),
            None => status_text(self.outcome.status),
        }
    }

    /// No status of a certificate is asked for: k6's values for that.
    fn ocsp(&self, ctx: &Ctx<'js>) -> rquickjs::Result<Value<'js>> {
        let ocsp = Object::new(ctx.clone())?;
        for name in ["produced_at", "this_update", "next_update", "revoked_at"] {
            ocsp.set(name, 0)?;
        }
        ocsp.set("revocation_reason", "")?;
        // Without TLS there is nobody to ask.
        let status = self.outcome.peer.tls_version().map_or("", |_| "unknown");
        ocsp.set("status", status)?;
        Ok(ocsp.into_value())
    }

    fn body(&self, ctx: &Ctx<'js>) -> rquickjs::Result<Value<'js>> {
        match (&self.outcome.body, self.form) {
            (None, _) | (_, Form::None) => Ok(Value::new_null(ctx.clone())),
            (Some(body), Form::Text) => lossy(body).as_ref().into_js(ctx),
            (Some(body), Form::Binary) => {
                ArrayBuffer::new(ctx.clone(), body.to_vec())?.into_js(ctx)
            }
        }
    }

    fn headers(&self, ctx: &Ctx<'js>) -> rquickjs::Result<Value<'js>> {
        let object = Object::new(ctx.clone())?;
        let headers = &self.outcome.headers;
        for name in headers.keys() {
            if between_hops(name, headers) {
                continue;
            }
            let mut values = headers.get_all(name).iter();
            let first = values.next().map_or(&b""[..], |value| value.as_bytes());
            let mut joined = lossy(first);
            for value in values {
                joined = format!("{joined}, {}", lossy(value.as_bytes())).into();
            }
            object.set(canonical(name.as_str()), &*joined)?;
        }
        Ok(object.into_value())
    }

    fn timings(&self, ctx: &Ctx<'js>) -> rquickjs::Result<Value<'js>> {
        let timings = &self.outcome.timings;
        let times = (
            ms(timings.service()),
            ms(timings.blocked + timings.looking_up),
            ms(timings.connecting),
            ms(timings.tls),
            ms(timings.sending),
            ms(timings.waiting),
            ms(timings.receiving),
        );
        maker(ctx)?.call(times)
    }

    fn request(&self, ctx: &Ctx<'js>) -> rquickjs::Result<Value<'js>> {
        let sent = &self.outcome.sent;
        if sent.method.is_empty() {
            // There was none.
            return Ok(Value::new_null(ctx.clone()));
        }
        let object = Object::new(ctx.clone())?;
        object.set("method", sent.method.as_str())?;
        object.set("url", &*sent.url)?;
        object.set("body", String::from_utf8_lossy(&sent.body).as_ref())?;
        let headers = Object::new(ctx.clone())?;
        if !sent.headers.iter().any(|(name, _)| name == http::header::USER_AGENT) {
            super::cookies::add(ctx, &headers, "User-Agent", AGENT)?;
        }
        for (name, value) in &sent.headers {
            let name = canonical(name.as_str());
            let value = String::from_utf8_lossy(value.as_bytes());
            super::cookies::add(ctx, &headers, &name, value.as_ref())?;
        }
        object.set("headers", headers)?;
        let cookies = Object::new(ctx.clone())?;
        for (name, value) in &sent.cookies {
            let cookie = Object::new(ctx.clone())?;
            cookie.set("name", name.as_str())?;
            cookie.set("value", value.as_str())?;
            cookie.set("replace", false)?;
            super::cookies::add(ctx, &cookies, name, cookie)?;
        }
        object.set("cookies", cookies)?;
        Ok(object.into_value())
    }

    /// The body as JSON, or what of it a selector names.
    pub(super) fn json(
        &self,
        ctx: &Ctx<'js>,
        selector: Option<String>,
    ) -> rquickjs::Result<Value<'js>> {
        if selector.is_none()
            && let Some(known) = self.made.borrow().as_deref().and_then(|made| made.json.clone())
        {
            return Ok(known);
        }
        let Some(body) = self.bytes()? else {
            return Err(Exception::throw_message(
                ctx,
                "the body is null so we can't transform it to JSON - this likely was because of a request error getting the response",
            ));
        };
        if let Some(selector) = selector {
            let text = lossy(&body);
            let Some(found) = super::select::select(&text, &selector) else {
                return Ok(Value::new_undefined(ctx.clone()));
            };
            // What is found in a body that is broken further on may be broken itself.
            return ctx.json_parse(found).or_else(|_| {
                drop(ctx.catch());
                Ok(Value::new_undefined(ctx.clone()))
            });
        }
        let Ok(value) = ctx.json_parse(&body[..]) else {
            drop(ctx.catch());
            return Err(Exception::throw_message(ctx, &why_not(&body)));
        };
        self.made.borrow_mut().get_or_insert_default().json = Some(value.clone());
        Ok(value)
    }
}

/// Makes an object of times. As a function of the engine's own it knows the object's shape.
#[derive(Clone, JsLifetime)]
struct Maker<'js>(Function<'js>);

const MAKER: &str = "(duration, blocked, connecting, tls_handshaking, sending, waiting, receiving) => \
    ({ duration, blocked, looking_up: 0, connecting, tls_handshaking, sending, waiting, receiving })";

fn maker<'js>(ctx: &Ctx<'js>) -> rquickjs::Result<Function<'js>> {
    if let Some(known) = ctx.userdata::<Maker<'js>>() {
        return Ok(known.0.clone());
    }
    let maker: Function<'js> = ctx.eval(MAKER)?;
    // Where it cannot be kept, another one is made next time.
    drop(ctx.store_userdata(Maker(maker.clone())));
    Ok(maker)
}

/// A status and its reason: `200 OK`.
pub(crate) fn status_text(status: u16) -> String {
    if status == 0 {
        return String::new();
    }
    let reason = http::StatusCode::from_u16(status).ok();
    let reason = reason.and_then(|status| status.canonical_reason()).unwrap_or_default();
    format!("{status} {reason}").trim_end().to_owned()
}

/// Whether a header speaks of the connection alone. As in k6 scripts do not see it.
fn between_hops(name: &HeaderName, headers: &HeaderMap) -> bool {
    match *name {
        TRANSFER_ENCODING | TRAILER => true,
        CONNECTION => {
            headers.get(name).is_some_and(|it| it.as_bytes().eq_ignore_ascii_case(b"close"))
        }
        _ => false,
    }
}

/// Where a body stops being JSON, and why.
fn why_not(body: &[u8]) -> String {
    let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(body) else {
        return "cannot parse json".to_owned();
    };
    let (line, column, said) = (error.line(), error.column(), error.to_string());
    let reason = said.rsplit_once(" at line ").map_or(&*said, |(reason, _)| reason);
    format!("cannot parse json due to an error at line {line}, character {column}, error: {reason}")
}

/// A header's name as Go writes it: `content-type` is `Content-Type`.
pub(crate) fn canonical(name: &str) -> String {
    let mut shown = name.to_owned();
    let mut first = 0;
    for part in name.split_inclusive('-') {
        if let Some(letter) = shown.get_mut(first..=first) {
            letter.make_ascii_uppercase();
        }
        first += part.len();
    }
    shown
}

/// Bytes as text; what is no UTF-8 is replaced. Nearly all is, which is seen faster than replaced.
fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// What there is to say of a request that failed.
pub(crate) fn failure(outcome: &Outcome) -> Option<String> {
    if outcome.status != 0 || outcome.error.is_empty() {
        return None;
    }
    Some(match &*outcome.url {
        // It never got as far as that.
        "" => outcome.error.clone(),
        url => format!("{} {url:?}: {}", outcome.sent.method, outcome.error),
    })
}

/// Hands the answer to the script, or throws where that is wanted.
pub(crate) fn hand_over<'js>(
    ctx: &Ctx<'js>,
    vu: &Vu,
    outcome: Outcome,
    form: Form,
    throws: bool,
) -> rquickjs::Result<Value<'js>> {
    if let Some(words) = failure(&outcome) {
        if throws {
            return Err(Exception::throw_message(ctx, &words));
        }
        let fields = format!("error={words:?}");
        vu.shared.console.say(crate::console::Level::Warning, "Request Failed", &fields);
    }
    Response::new(outcome, form).into_js(ctx)
}
