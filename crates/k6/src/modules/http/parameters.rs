//! What a script says about a request: URL, body and parameters, read into an [`Order`].

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use rquickjs::function::Rest;
use rquickjs::{Array, Coerced, Ctx, Exception, Object, Value};
use seaworthy_net::auth::{self, Login};
use seaworthy_net::cookies::Jar;
use seaworthy_net::{Request, coding, form};
use seaworthy_script::copy_bytes;

use super::exchange::Order;
use super::expected;
use super::response::Form;
use crate::modules::core::with_tags;
use crate::options::duration;
use crate::shared::Settled;
use crate::vu::Vu;

/// The names of a request's parameters.
const NAMES: &[&str] = &[
    "auth",
    "compression",
    "cookies",
    "headers",
    "jar",
    "redirects",
    "responseCallback",
    "responseType",
    "tags",
    "throw",
    "timeout",
];

/// A request that can be sent, and what is wanted of its answer.
pub(crate) struct Read {
    pub(crate) order: Order,
    pub(crate) form: Form,
    pub(crate) throws: bool,
}

/// Why there is no request.
pub(crate) enum Refused {
    /// The script did something wrong: an exception.
    Thrown(rquickjs::Error),
    /// The URL cannot be called: k6 answers with status 0, unless `throw` is set.
    Url { url: String, error: seaworthy_net::Error, throws: bool },
}

impl From<rquickjs::Error> for Refused {
    fn from(error: rquickjs::Error) -> Self {
        Self::Thrown(error)
    }
}

/// The text of a URL, and the name it gives the request (`` http.url`…` ``).
pub(crate) fn url_of<'js>(value: &Value<'js>) -> rquickjs::Result<(String, Option<String>)> {
    if let Some(object) = value.as_object() {
        let url: Option<String> = object.get("url").ok();
        if let Some(url) = url {
            return Ok((url, object.get::<_, Option<String>>("name")?));
        }
    }
    Ok((value.get::<Coerced<String>>()?.0, None))
}

/// `` http.url`https://host/${id}` ``: a URL whose name has no values in it.
pub(crate) fn url_template<'js>(
    ctx: Ctx<'js>,
    parts: Array<'js>,
    values: Rest<Coerced<String>>,
) -> rquickjs::Result<Object<'js>> {
    let (mut url, mut name) = (String::new(), String::new());
    for (position, part) in parts.iter::<String>().enumerate() {
        let part = part?;
        url.push_str(&part);
        name.push_str(&part);
        if let Some(value) = values.0.get(position) {
            url.push_str(&value.0);
            name.push_str("${}");
        }
    }
    let object = Object::new(ctx)?;
    object.set("url", url)?;
    object.set("name", name)?;
    Ok(object)
}

/// Reads a request.
pub(crate) fn read<'js>(
    ctx: &Ctx<'js>,
    vu: &Vu,
    settled: &Settled,
    method: &str,
    url: &Value<'js>,
    body: Option<&Value<'js>>,
    parameters: Option<&Value<'js>>,
) -> Result<Read, Refused> {
    let options = &settled.options;
    let mut throws = options.throw == Some(true);
    let parameters = parameters.filter(|value| !value.is_undefined() && !value.is_null());
    let given = match parameters {
        None => None,
        Some(value) => match value.as_object() {
            Some(object) => Some(object),
            None => {
                let words = "a request's parameters must be an object";
                return Err(Exception::throw_type(ctx, words).into());
            }
        },
    };
    let (text, name) = url_of(url)?;
    if let Some(throw) = given.map(|given| given.get::<_, Option<Coerced<bool>>>("throw")) {
        throws = throw?.map_or(throws, |throw| throw.0);
    }
    let worker = vu.worker.as_ref();
    let address = match worker {
        Some(worker) => worker.addresses.find(&text),
        None => crate::address::Address::parse(&text).map(Rc::new),
    };
    let address = address.map_err(|error| Refused::Url { url: text, error, throws })?;
    let method = Method::from_bytes(method.as_bytes())
        .map_err(|_| Exception::throw_message(ctx, &format!("{method:?} is no HTTP method")))?;
    let mut request = Request::new(method, address.target.clone());
    if let Some(agent) = options.user_agent.as_deref().and_then(|it| HeaderValue::from_str(it).ok()) {
        request.headers.push((USER_AGENT, agent));
    }
    let form = match options.discard_response_bodies {
        Some(true) => Form::None,
        _ => Form::Text,
    };
    let login = address.login.clone();
    let order = Order {
        request,
        address,
        name,
        tags: vu.tags(),
        redirects: u8::try_from(options.max_redirects()).unwrap_or(u8::MAX),
        expected: vu.expected.borrow().clone(),
        jar: Rc::clone(&vu.jar),
        cookies: Vec::new(),
        login: None,
        keeps_body: true,
    };
    let mut reading = Reading { ctx, vu, order, form, compression: Vec::new(), basic: login };
    if let Some(body) = body {
        reading.body(body)?;
    }
    if let Some(given) = given {
        reading.all(given)?;
    }
    let Reading { mut order, form, compression, basic, .. } = reading;
    compress(&mut order.request, &compression);
    if order.login.is_none()
        && let Some(login) = basic
        && !order.request.headers.iter().any(|(name, _)| name == http::header::AUTHORIZATION)
    {
        let pair = format!("{}:{}", login.user, login.password);
        let pair = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, pair);
        if let Ok(value) = HeaderValue::from_str(&format!("Basic {pair}")) {
            order.request.headers.push((http::header::AUTHORIZATION, value));
        }
    }
    order.keeps_body = form != Form::None;
    Ok(Read { order, form, throws })
}

/// The body packed by each coding in turn.
fn compress(request: &mut Request, codings: &[coding::Coding]) {
    if codings.is_empty() || request.body.is_empty() {
        return;
    }
    let (header, body) = coding::encode_all(codings, std::mem::take(&mut request.body));
    request.body = body;
    if let Some(header) = header {
        request.headers.retain(|(name, _)| name != CONTENT_ENCODING);
        request.headers.push((CONTENT_ENCODING, header));
    }
}

struct Reading<'r, 'js> {
    ctx: &'r Ctx<'js>,
    vu: &'r Vu,
    order: Order,
    form: Form,
    compression: Vec<coding::Coding>,
    basic: Option<Login>,
}

impl<'js> Reading<'_, 'js> {
    fn all(&mut self, given: &Object<'js>) -> rquickjs::Result<()> {
        let mut scheme = None;
        for entry in given.props::<String, Value<'js>>() {
            let (name, value) = entry?;
            if value.is_undefined() {
                continue;
            }
            match name.as_str() {
                "headers" => self.headers(&value)?,
                "tags" => self.tags(&value)?,
                "timeout" => self.timeout(&value)?,
                "redirects" => {
                    let most = value.get::<Coerced<f64>>()?.0;
                    self.order.redirects = most.clamp(0.0, 255.0) as u8;
                }
                "responseType" => {
                    let text = value.get::<Coerced<String>>()?.0;
                    self.form = match text.as_str() {
                        "text" | "" => Form::Text,
                        "binary" => Form::Binary,
                        "none" => Form::None,
                        other => {
                            let words = format!(
                                "responseType is \"text\", \"binary\" or \"none\", not {other:?}"
                            );
                            return self.throw(&words);
                        }
                    };
                }
                "responseCallback" => self.order.expected = expected::read(self.ctx, &value)?,
                "cookies" => self.cookies(&value)?,
                "jar" => self.jar(&value)?,
                "compression" => {
                    let text = value.get::<Coerced<String>>()?.0;
                    self.compression = match coding::Coding::list(&text) {
                        Ok(list) => list,
                        Err(error) => return self.throw(&error.to_string()),
                    };
                }
                "auth" => {
                    let text = value.get::<Coerced<String>>()?.0;
                    scheme = match text.as_str() {
                        "basic" | "" => None,
                        "digest" => Some(auth::Scheme::Digest),
                        "ntlm" => Some(auth::Scheme::Ntlm),
                        other => {
                            let words =
                                format!("auth is \"basic\", \"digest\" or \"ntlm\", not {other:?}");
                            return self.throw(&words);
                        }
                    };
                }
                "throw" => {}
                other => self.unknown(other),
            }
        }
        if let (Some(scheme), Some(login)) = (scheme, self.basic.clone()) {
            self.order.login = Some((scheme, login));
        }
        Ok(())
    }

    fn throw<T>(&self, words: &str) -> rquickjs::Result<T> {
        Err(Exception::throw_message(self.ctx, words))
    }

    /// k6 passes over what it does not know; here it is said once for each name.
    fn unknown(&self, name: &str) {
        let nearest = NAMES.iter().min_by_key(|known| distance(known, name));
        let hint = nearest.filter(|known| distance(known, name) <= 3);
        let hint = hint.map(|known| format!("; did you mean `{known}`?")).unwrap_or_default();
        self.vu.shared.warn_once(&format!("requests have no parameter `{name}`{hint}"));
    }

    fn headers(&mut self, value: &Value<'js>) -> rquickjs::Result<()> {
        let Some(headers) = value.as_object() else { return self.throw("headers must be an object") };
        for entry in headers.props::<String, Value<'js>>() {
            let (name, value) = entry?;
            if value.is_undefined() || value.is_null() {
                continue;
            }
            let text = value.get::<Coerced<String>>()?.0;
            let parsed = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(&text));
            let (Ok(header), Ok(value)) = parsed else {
                return self.throw(&format!("the header {name:?} cannot be sent: {text:?}"));
            };
            if header == CONTENT_LENGTH {
                self.vu.shared.warn_once(
                    "a Content-Length header of the script's own is not sent: the body's length is",
                );
                continue;
            }
            self.order.request.headers.retain(|(known, _)| *known != header);
            self.order.request.headers.push((header, value));
        }
        Ok(())
    }

    fn tags(&mut self, value: &Value<'js>) -> rquickjs::Result<()> {
        let Some(tags) = value.as_object() else { return self.throw("tags must be an object") };
        // A request that is named has that name for a URL too.
        if let Some(name) = tags.get::<_, Option<Coerced<String>>>("name")? {
            self.order.name = Some(name.0);
        }
        self.order.tags = with_tags(self.ctx, self.vu, tags)?;
        Ok(())
    }

    fn timeout(&mut self, value: &Value<'js>) -> rquickjs::Result<()> {
        let length = match value.as_number() {
            Some(ms) => Duration::try_from_secs_f64(ms / 1e3).ok(),
            None => {
                let text = value.get::<Coerced<String>>()?.0;
                let nanos = duration::lenient(&text).and_then(|nanos| u64::try_from(nanos).ok());
                nanos.map(Duration::from_nanos)
            }
        };
        match length {
            // No limit is what an hour-long request has.
            Some(length) if length.is_zero() => self.order.request.timeout = Some(Duration::from_secs(86_400)),
            Some(length) => self.order.request.timeout = Some(length),
            None => return self.throw("timeout is a number of milliseconds or a length of time like \"30s\""),
        }
        Ok(())
    }

    fn cookies(&mut self, value: &Value<'js>) -> rquickjs::Result<()> {
        let Some(cookies) = value.as_object() else { return self.throw("cookies must be an object") };
        for entry in cookies.props::<String, Value<'js>>() {
            let (name, value) = entry?;
            let (value, replace) = match value.as_object() {
                Some(cookie) => (
                    cookie.get::<_, Coerced<String>>("value")?.0,
                    cookie.get::<_, Option<Coerced<bool>>>("replace")?.is_some_and(|it| it.0),
                ),
                None => (value.get::<Coerced<String>>()?.0, false),
            };
            self.order.cookies.push((name, value, replace));
        }
        Ok(())
    }

    fn jar(&mut self, value: &Value<'js>) -> rquickjs::Result<()> {
        let Some(jar) = super::jar::of_value(value) else {
            return self.throw("jar must be a CookieJar");
        };
        let jar: Rc<RefCell<Jar>> = jar;
        self.order.jar = jar;
        Ok(())
    }

    fn body(&mut self, value: &Value<'js>) -> rquickjs::Result<()> {
        if value.is_null() || value.is_undefined() {
            return Ok(());
        }
        if let Some(bytes) = bytes_of(value) {
            self.order.request.body = bytes;
            return Ok(());
        }
        let Some(object) = value.as_object().filter(|_| !value.is_function()) else {
            self.order.request.body = Bytes::from(value.get::<Coerced<String>>()?.0);
            return Ok(());
        };
        let mut parts = Vec::new();
        let mut fields = Vec::new();
        let mut files = false;
        for entry in object.props::<String, Value<'js>>() {
            let (name, value) = entry?;
            if let Some(file) = super::file::of_value(&value)? {
                files = true;
                let kind = HeaderValue::from_str(&file.media_type);
                let kind = kind.unwrap_or(HeaderValue::from_static("application/octet-stream"));
                parts.push(form::Part::file(&name, &file.name, kind, file.data));
                continue;
            }
            let values = match value.as_array() {
                Some(list) => list.iter::<Value<'js>>().collect::<Result<Vec<_>, _>>()?,
                None => vec![value],
            };
            for value in values {
                let text = value.get::<Coerced<String>>()?.0;
                parts.push(form::Part::text(&name, text.clone()));
                fields.push((name.clone(), text));
            }
        }
        let (media_type, body) = if files {
            let boundary = format!("{:016x}{:016x}", self.vu.draw().to_bits(), self.vu.draw().to_bits());
            form::multipart(&parts, &boundary)
        } else {
            // As Go encodes forms: by name.
            fields.sort_by(|(a, _), (b, _)| a.cmp(b));
            let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
            (kind, form::urlencode(fields))
        };
        self.order.request.body = body;
        self.order.request.headers.push((CONTENT_TYPE, media_type));
        Ok(())
    }
}

/// The bytes of a binary value.
pub(crate) fn bytes_of(value: &Value<'_>) -> Option<Bytes> {
    if let Some(text) = value.as_string() {
        return text.to_string().ok().map(Bytes::from);
    }
    let object = value.as_object()?;
    if let Some(buffer) = object.as_array_buffer() {
        return copy_bytes(buffer).map(Bytes::from);
    }
    let view: Option<Object<'_>> = object.get("buffer").ok();
    let buffer = view.as_ref().and_then(|view| view.as_array_buffer())?;
    let from: usize = object.get("byteOffset").ok()?;
    let length: usize = object.get("byteLength").ok()?;
    copy_bytes(buffer)?.get(from..from.checked_add(length)?).map(Bytes::copy_from_slice)
}

/// How many letters two words differ in (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let next = (corner + usize::from(x != *y)).min(row[j] + 1).min(row[j + 1] + 1);
            corner = std::mem::replace(&mut row[j + 1], next);
        }
    }
    row[b.len()]
}
