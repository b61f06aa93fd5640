//! What a script gets back from a request. Its parts are made when they are first asked for.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

use http::header::{CONNECTION, HeaderMap, HeaderName, TRAILER, TRANSFER_ENCODING};
use rquickjs::class::{Trace, Tracer};
use rquickjs::function::Opt;
use rquickjs::{
    ArrayBuffer, Class, Coerced, Ctx, Exception, Function, IntoJs, JsLifetime, Object, Value,
};

use super::exchange::{Outcome, ms, protocol};
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
#[rquickjs::class]
pub(crate) struct Response<'js> {
    #[qjs(skip_trace)]
    pub(crate) outcome: Rc<Outcome>,
    #[qjs(skip_trace)]
    form: Form,
    made: RefCell<Option<Box<Made<'js>>>>,
}

/// Parts that were made.
#[derive(Default, JsLifetime)]
struct Made<'js> {
    body: Option<Value<'js>>,
    headers: Option<Value<'js>>,
    cookies: Option<Value<'js>>,
    timings: Option<Value<'js>>,
    request: Option<Value<'js>>,
    json: Option<Value<'js>>,
}

impl<'js> Trace<'js> for Response<'js> {
    fn trace<'a>(&self, tracer: Tracer<'a, 'js>) {
        let made = self.made.borrow();
        let Some(made) = made.as_deref() else { return };
        let Made { body, headers, cookies, timings, request, json } = made;
        for part in [body, headers, cookies, timings, request, json] {
            part.trace(tracer);
        }
    }
}

impl<'js> Response<'js> {
    pub(crate) fn new(outcome: Outcome, form: Form) -> Self {
        Self { outcome: Rc::new(outcome), form, made: RefCell::default() }
    }

    /// The body as text, whatever form it has.
    pub(crate) fn text(&self) -> Cow<'_, str> {
        lossy(self.outcome.body.as_deref().unwrap_or_default())
    }

    /// Takes a part, or makes it.
    fn part(
        &self,
        which: impl for<'m> Fn(&'m mut Made<'js>) -> &'m mut Option<Value<'js>>,
        make: impl FnOnce() -> rquickjs::Result<Value<'js>>,
    ) -> rquickjs::Result<Value<'js>> {
        if let Some(known) = which(self.made.borrow_mut().get_or_insert_default()) {
            return Ok(known.clone());
        }
        let value = make()?;
        *which(self.made.borrow_mut().get_or_insert_default()) = Some(value.clone());
        Ok(value)
    }
}

#[rquickjs::methods(rename_all = "snake_case")]
impl<'js> Response<'js> {
    #[qjs(get, enumerable)]
    fn status(&self) -> u16 {
        self.outcome.status
    }

    #[qjs(get, enumerable)]
    fn status_text(&self) -> String {
        match &self.outcome.reason {
            Some(reason) => format!("{} {reason}", self.outcome.status),
            None => status_text(self.outcome.status),
        }
    }

    #[qjs(get, enumerable)]
    fn url(&self) -> String {
        self.outcome.url.to_string()
    }

    #[qjs(get, enumerable)]
    fn proto(&self) -> &'static str {
        if self.outcome.status == 0 { "" } else { protocol(self.outcome.version) }
    }

    #[qjs(get, enumerable)]
    fn error(&self) -> String {
        self.outcome.error.clone()
    }

    #[qjs(get, enumerable)]
    fn error_code(&self) -> u32 {
        self.outcome.error_code
    }

    #[qjs(get, enumerable)]
    fn remote_ip(&self) -> String {
        self.outcome.peer.address().map(|address| address.ip().to_string()).unwrap_or_default()
    }

    #[qjs(get, enumerable)]
    fn remote_port(&self) -> u16 {
        self.outcome.peer.address().map_or(0, |address| address.port())
    }

    #[qjs(get, enumerable)]
    fn tls_version(&self) -> &'static str {
        self.outcome.peer.tls_version().map_or("", |version| version.as_str())
    }

    #[qjs(get, enumerable)]
    fn tls_cipher_suite(&self) -> &'static str {
        self.outcome.peer.tls_suite().map_or("", |suite| suite.as_str())
    }

    /// No status of a certificate is asked for: k6's values for that.
    #[qjs(get, enumerable)]
    fn ocsp(&self, ctx: Ctx<'js>) -> rquickjs::Result<Object<'js>> {
        let ocsp = Object::new(ctx)?;
        for name in ["produced_at", "this_update", "next_update", "revoked_at"] {
            ocsp.set(name, 0)?;
        }
        ocsp.set("revocation_reason", "")?;
        // Without TLS there is nobody to ask.
        let status = self.outcome.peer.tls_version().map_or("", |_| "unknown");
        ocsp.set("status", status)?;
        Ok(ocsp)
    }

    #[qjs(get, enumerable)]
    fn body(&self, ctx: Ctx<'js>) -> rquickjs::Result<Value<'js>> {
        self.part(
            |made| &mut made.body,
            || match (&self.outcome.body, self.form) {
                (None, _) | (_, Form::None) => Ok(Value::new_null(ctx.clone())),
                (Some(_), Form::Text) => self.text().as_ref().into_js(&ctx),
                (Some(body), Form::Binary) => {
                    ArrayBuffer::new(ctx.clone(), body.to_vec())?.into_js(&ctx)
                }
            },
        )
    }

    #[qjs(get, enumerable)]
    fn headers(&self, ctx: Ctx<'js>) -> rquickjs::Result<Value<'js>> {
        self.part(
            |made| &mut made.headers,
            || {
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
            },
        )
    }

    #[qjs(get, enumerable)]
    fn cookies(&self, ctx: Ctx<'js>) -> rquickjs::Result<Value<'js>> {
        self.part(
            |made| &mut made.cookies,
            || super::cookies::of_response(&ctx, &self.outcome.headers).map(Object::into_value),
        )
    }

    #[qjs(get, enumerable)]
    fn timings(&self, ctx: Ctx<'js>) -> rquickjs::Result<Value<'js>> {
        self.part(
            |made| &mut made.timings,
            || {
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
                maker(&ctx)?.call(times)
            },
        )
    }

    #[qjs(get, enumerable)]
    fn request(&self, ctx: Ctx<'js>) -> rquickjs::Result<Value<'js>> {
        self.part(
            |made| &mut made.request,
            || {
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
                    super::cookies::add(&ctx, &headers, "User-Agent", AGENT)?;
                }
                for (name, value) in &sent.headers {
                    let name = canonical(name.as_str());
                    let value = String::from_utf8_lossy(value.as_bytes());
                    super::cookies::add(&ctx, &headers, &name, value.as_ref())?;
                }
                object.set("headers", headers)?;
                let cookies = Object::new(ctx.clone())?;
                for (name, value) in &sent.cookies {
                    let cookie = Object::new(ctx.clone())?;
                    cookie.set("name", name.as_str())?;
                    cookie.set("value", value.as_str())?;
                    cookie.set("replace", false)?;
                    super::cookies::add(&ctx, &cookies, name, cookie)?;
                }
                object.set("cookies", cookies)?;
                Ok(object.into_value())
            },
        )
    }

    /// The body as JSON, or what of it a selector names.
    fn json(&self, ctx: Ctx<'js>, selector: Opt<Coerced<String>>) -> rquickjs::Result<Value<'js>> {
        let throw = |words: &str| Err(Exception::throw_message(&ctx, words));
        let Some(body) = &self.outcome.body else {
            return throw(
                "the body is null so we can't transform it to JSON - this likely was because of a request error getting the response",
            );
        };
        if let Some(Coerced(selector)) = selector.0 {
            let text = lossy(body);
            let found = gjson::get(&text, &selector);
            if !found.exists() {
                return Ok(Value::new_undefined(ctx));
            }
            // What is found in a body that is broken further on may be broken itself.
            return ctx.json_parse(found.json()).or_else(|_| {
                drop(ctx.catch());
                Ok(Value::new_undefined(ctx))
            });
        }
        let parse = || match ctx.json_parse(&body[..]) {
            Ok(value) => Ok(value),
            Err(_) => {
                drop(ctx.catch());
                Err(Exception::throw_message(&ctx, &why_not(body)))
            }
        };
        self.part(|made| &mut made.json, parse)
    }

    /// The body as a page, or what a selector finds in it.
    fn html(
        &self,
        ctx: Ctx<'js>,
        selector: Opt<Value<'js>>,
    ) -> rquickjs::Result<Class<'js, crate::modules::html::Selection>> {
        super::page::selection(&ctx, &self.outcome, selector.0)
    }

    #[qjs(rename = "submitForm")]
    fn submit_form(
        &self,
        ctx: Ctx<'js>,
        arguments: Opt<Value<'js>>,
    ) -> rquickjs::Result<Value<'js>> {
        super::page::submit_form(&ctx, &self.outcome, arguments.0)
    }

    #[qjs(rename = "clickLink")]
    fn click_link(
        &self,
        ctx: Ctx<'js>,
        arguments: Opt<Value<'js>>,
    ) -> rquickjs::Result<Value<'js>> {
        super::page::click_link(&ctx, &self.outcome, arguments.0)
    }

    #[qjs(rename = "toJSON")]
    fn to_json(&self, ctx: Ctx<'js>) -> rquickjs::Result<Object<'js>> {
        let object = Object::new(ctx.clone())?;
        object.set("remote_ip", self.remote_ip())?;
        object.set("remote_port", self.remote_port())?;
        object.set("url", self.url())?;
        object.set("status", self.status())?;
        object.set("status_text", self.status_text())?;
        object.set("proto", self.proto())?;
        object.set("headers", self.headers(ctx.clone())?)?;
        object.set("cookies", self.cookies(ctx.clone())?)?;
        object.set("body", self.body(ctx.clone())?)?;
        object.set("timings", self.timings(ctx.clone())?)?;
        object.set("tls_version", self.tls_version())?;
        object.set("tls_cipher_suite", self.tls_cipher_suite())?;
        object.set("ocsp", self.ocsp(ctx.clone())?)?;
        object.set("error", self.error())?;
        object.set("error_code", self.error_code())?;
        object.set("request", self.request(ctx)?)?;
        Ok(object)
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
    Class::instance(ctx.clone(), Response::new(outcome, form))?.into_js(ctx)
}
