//! What a script says about a request: URL, body and parameters, read into an [`Order`].

use std::rc::Rc;
use std::time::Duration;

use http::Method;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderName, HeaderValue, USER_AGENT};
use rquickjs::function::Rest;
use rquickjs::{Array, Coerced, Ctx, Object, Value};
use seaworthy_metrics::TagSet;
use seaworthy_net::auth::{self, Login};
use seaworthy_net::{Names, Request, Url, coding};
use seaworthy_script::{Entries, Text};

use super::exchange::Order;
use super::expected::{self, Expected};
use super::response::Form;
use crate::modules::core::tags_with;
use crate::options::duration;
use crate::shared::Settled;
use crate::vu::Vu;

/// What requests call themselves where neither script nor options say.
pub(crate) const AGENT: &str = concat!("seaworthy/", env!("CARGO_PKG_VERSION"));

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
    /// The script threw while it was read.
    Thrown(rquickjs::Error),
    /// What the script says makes no request. As in k6 it gets an answer with status 0 that is not
    /// measured, or an exception where it wants these.
    Unmade { words: String, error_code: u32, throws: bool },
    /// The URL is none that is called by HTTP: to k6 that is a request that failed, and measured.
    Unspoken(Box<Unspoken>),
}

/// A request to a URL of another scheme, or of none.
pub(crate) struct Unspoken {
    pub(crate) url: String,
    pub(crate) words: String,
    pub(crate) error_code: u32,
    pub(crate) name: Option<String>,
    pub(crate) tags: TagSet,
    pub(crate) expected: Expected,
    pub(crate) throws: bool,
}

impl From<rquickjs::Error> for Refused {
    fn from(error: rquickjs::Error) -> Self {
        Self::Thrown(error)
    }
}

/// The text of a URL, and the name it gives the request (`` http.url`…` ``); `None` for what is no
/// URL at all.
fn url_of<'js>(value: &Value<'js>) -> rquickjs::Result<Option<(String, Option<String>)>> {
    if let Some(text) = value.as_string() {
        return Ok(Some((text.to_string()?, None)));
    }
    let Some(object) = value.as_object() else { return Ok(None) };
    let url: Value<'js> = object.get("url")?;
    if let Some(url) = url.as_string() {
        return Ok(Some((url.to_string()?, object.get::<_, Option<String>>("name")?)));
    }
    Ok(Some((value.get::<Coerced<String>>()?.0, None)))
}

/// Why a URL is not called, with k6's number for that, if it is not for how it is written but for its
/// scheme, its lack of a host or a port there is not.
fn unspoken(text: &str) -> Option<(u32, String)> {
    let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let named = scheme.starts_with(|it: char| it.is_ascii_alphabetic());
    let scheme = if named && scheme.bytes().all(letters) { scheme } else { "" };
    if scheme.is_empty() && text.split('/').next().is_some_and(|it| it.contains(':')) {
        return None;
    }
    if !["http", "https"].iter().any(|spoken| spoken.eq_ignore_ascii_case(scheme)) {
        return Some((1000, format!("unsupported protocol scheme {scheme:?}")));
    }
    let rest = text.get(scheme.len() + 1..).unwrap_or_default();
    let rest = rest.strip_prefix("//").unwrap_or_default();
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() {
        return Some((1000, "there is no host in the URL".to_owned()));
    }
    let (host, port) = authority.rsplit_once(':')?;
    if port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if host.is_empty() {
        return Some((1101, "lookup: no such host".to_owned()));
    }
    // Somebody may have a password there.
    let plain = !host.contains(['@', '[']) && Url::typed(&format!("http://{host}/")).is_ok();
    let beyond = plain && port.parse::<u16>().is_err();
    beyond.then(|| (1210, format!("dial tcp: address {port}: invalid port")))
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
    let clean = clean(&url);
    object.set("name", if name == url { &clean } else { &name })?;
    object.set("clean_url", clean.as_str())?;
    object.set("url", url)?;
    Ok(object)
}

/// The tags of a request, which is not made with others than tags can be.
fn tagged(vu: &Vu, given: &Object<'_>, throws: bool) -> Result<TagSet, Refused> {
    tags_with(vu, given)?.map_err(|words| {
        let words = format!("invalid HTTP request metric tags: {words}");
        Refused::Unmade { words, error_code: 0, throws }
    })
}

/// A URL without the name and the password in it.
fn clean(url: &str) -> String {
    let plain = || url.to_owned();
    let Some((scheme, rest)) = url.split_once("://") else { return plain() };
    let (authority, _) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let Some(at) = authority.rfind('@') else { return plain() };
    let stars = if authority[..at].contains(':') { "****:****" } else { "****" };
    format!("{scheme}://{stars}{}", &rest[at..])
}

/// Reads a request.
pub(crate) fn read<'js>(
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
    let given = parameters.and_then(Value::as_object);
    if parameters.is_some() && given.is_none() {
        vu.shared.warn_once("a request's parameters must be an object; others are left out");
    }
    if let Some(throw) = given.map(|given| given.get::<_, Option<Coerced<bool>>>("throw")) {
        throws = throw?.map_or(throws, |throw| throw.0);
    }
    let Some((text, name)) = url_of(url)? else {
        let words = format!("invalid URL: {}", url.get::<Coerced<String>>()?.0);
        return Err(Refused::Unmade { words, error_code: 1020, throws });
    };
    let worker = vu.worker.as_ref();
    let address = match worker {
        Some(worker) => worker.addresses.find(&text),
        None => crate::address::Address::parse(&text).map(Rc::new),
    };
    let address = match address {
        Ok(address) => address,
        Err(error) => {
            let Some((error_code, words)) = unspoken(&text) else {
                let words = format!("invalid URL: {error}");
                return Err(Refused::Unmade { words, error_code: 1020, throws });
            };
            let mut refused = Unspoken {
                url: text,
                words,
                error_code,
                name,
                tags: vu.tags(),
                expected: vu.expected.borrow().clone(),
                throws,
            };
            if let Some(tags) = given.and_then(|given| given.get::<_, Object<'js>>("tags").ok()) {
                refused.tags = tagged(vu, &tags, throws)?;
            }
            return Err(Refused::Unspoken(Box::new(refused)));
        }
    };
    let Ok(method) = Method::from_bytes(method.as_bytes()) else {
        let words = format!("{method:?} is no HTTP method");
        return Err(Refused::Unmade { words, error_code: 1000, throws });
    };
    let mut request = Request::new(method, address.target.clone());
    // As k6 writes them: some servers care.
    request.names = Names::Canonical;
    if let Some(agent) = options.user_agent.as_deref().and_then(|it| HeaderValue::from_str(it).ok())
    {
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
        redirects_said: options.max_redirects.is_some(),
        expected: vu.expected.borrow().clone(),
        jar: Rc::clone(&vu.jar),
        cookies: Vec::new(),
        login: None,
        keeps_body: true,
    };
    let compression = Vec::new();
    let mut reading = Reading { vu, order, form, throws, compression, basic: login };
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

pub(super) struct Reading<'r> {
    pub(super) vu: &'r Vu,
    pub(super) order: Order,
    form: Form,
    throws: bool,
    compression: Vec<coding::Coding>,
    basic: Option<Login>,
}

impl<'js> Reading<'_> {
    fn all(&mut self, given: &Object<'js>) -> Result<(), Refused> {
        let mut scheme = None;
        for entry in Entries::of(given)? {
            let (name, value) = entry?;
            if value.is_undefined() {
                continue;
            }
            match &*name {
                "headers" => self.headers(&value)?,
                "tags" => self.tags(&value)?,
                "timeout" => self.timeout(&value)?,
                "redirects" => {
                    let most = value.get::<Coerced<f64>>()?.0;
                    self.order.redirects = most.clamp(0.0, 255.0) as u8;
                    self.order.redirects_said = true;
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
                            return self.refuse(words);
                        }
                    };
                }
                "responseCallback" => match expected::read(&value) {
                    Some(expected) => self.order.expected = expected,
                    None => return self.refuse(expected::UNKNOWN.to_owned()),
                },
                "cookies" => self.cookies(&value)?,
                "jar" => self.jar(&value),
                "compression" => {
                    let text = value.get::<Coerced<String>>()?.0;
                    self.compression = match coding::Coding::list(&text) {
                        Ok(list) => list,
                        Err(error) => return self.refuse(error.to_string()),
                    };
                }
                "auth" => {
                    let text = value.get::<Coerced<String>>()?.0;
                    scheme = match text.as_str() {
                        "basic" | "" => None,
                        "digest" => Some(auth::Scheme::Digest),
                        "ntlm" => Some(auth::Scheme::Ntlm),
                        other => {
                            self.vu.shared.warn_once(&format!(
                                "auth is \"basic\", \"digest\" or \"ntlm\"; {other:?} is taken for \"basic\""
                            ));
                            None
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

    pub(super) fn refuse<T>(&self, words: String) -> Result<T, Refused> {
        Err(Refused::Unmade { words, error_code: 0, throws: self.throws })
    }

    /// A parameter that must be an object. k6 passes over others; here that is said.
    fn object<'v>(&self, name: &str, value: &'v Value<'js>) -> Option<&'v Object<'js>> {
        let object = value.as_object();
        if object.is_none() && !value.is_null() {
            let words = format!("a request's {name} must be an object; others are left out");
            self.vu.shared.warn_once(&words);
        }
        object
    }

    /// k6 passes over what it does not know; here it is said once for each name.
    fn unknown(&self, name: &str) {
        let nearest = NAMES.iter().min_by_key(|known| distance(known, name));
        let hint = nearest.filter(|known| distance(known, name) <= 3);
        let hint = hint.map(|known| format!("; did you mean `{known}`?")).unwrap_or_default();
        self.vu.shared.warn_once(&format!("requests have no parameter `{name}`{hint}"));
    }

    fn headers(&mut self, value: &Value<'js>) -> Result<(), Refused> {
        let Some(headers) = self.object("headers", value) else { return Ok(()) };
        for entry in Entries::of(headers)? {
            let (name, value) = entry?;
            // `undefined` and `null` too are sent as they are written.
            let text = Text::of(&value)?;
            let parsed = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(&text));
            let (Ok(header), Ok(value)) = parsed else {
                let words = format!("the header {:?} cannot be sent: {:?}", &*name, &*text);
                return self.refuse(words);
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

    fn tags(&mut self, value: &Value<'js>) -> Result<(), Refused> {
        let Some(tags) = self.object("tags", value) else { return Ok(()) };
        // A request that is named has that name for a URL too.
        self.order.tags = tagged(self.vu, tags, self.throws)?;
        if let Some(name) = tags.get::<_, Option<Coerced<String>>>("name")? {
            self.order.name = Some(name.0);
        }
        Ok(())
    }

    fn timeout(&mut self, value: &Value<'js>) -> Result<(), Refused> {
        let length = match (value.as_number(), value.as_string()) {
            (Some(ms), _) => Duration::try_from_secs_f64(ms / 1e3).ok(),
            (None, None) => None,
            (None, Some(text)) => {
                let text = text.to_string()?;
                let nanos = duration::lenient(&text).and_then(|nanos| u64::try_from(nanos).ok());
                nanos.map(Duration::from_nanos)
            }
        };
        match length {
            // No limit is what an hour-long request has.
            Some(length) if length.is_zero() => {
                self.order.request.timeout = Some(Duration::from_secs(86_400))
            }
            Some(length) => self.order.request.timeout = Some(length),
            None => {
                let given = value.get::<Coerced<String>>()?.0;
                return self.refuse(format!(
                    "invalid timeout value: {given:?} is neither a number of milliseconds nor a length \
                     of time like \"30s\""
                ));
            }
        }
        Ok(())
    }

    fn cookies(&mut self, value: &Value<'js>) -> rquickjs::Result<()> {
        let Some(cookies) = self.object("cookies", value) else { return Ok(()) };
        for entry in Entries::of(cookies)? {
            let (name, value) = entry?;
            let (value, replace) = match value.as_object() {
                Some(cookie) => (
                    cookie.get::<_, Coerced<String>>("value")?.0,
                    cookie.get::<_, Option<Coerced<bool>>>("replace")?.is_some_and(|it| it.0),
                ),
                None => (value.get::<Coerced<String>>()?.0, false),
            };
            self.order.cookies.push((name.to_owned(), value, replace));
        }
        Ok(())
    }

    fn jar(&mut self, value: &Value<'js>) {
        match super::jar::of_value(value) {
            Some(jar) => self.order.jar = jar,
            None => {
                self.vu
                    .shared
                    .warn_once("a request's jar must be a CookieJar; others are left out");
            }
        }
    }
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
