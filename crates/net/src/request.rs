//! Requests: what is to be sent, what is kept of the answer, and the bytes that go on the wire.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderName, HeaderValue, PROXY_AUTHORIZATION,
    TRANSFER_ENCODING, USER_AGENT,
};
use http::{Method, Uri};

use crate::error::Error;
use crate::http1::Rules;
use crate::proxy::Proxy;
use crate::url::Url;

/// What is to be sent. `Host` and `User-Agent` are added when missing; `Content-Length` is always
/// the body's own.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Path and query as they go on the wire, beginning with `/`.
    pub target: String,
    /// Headers, in order.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body; empty for none.
    pub body: Bytes,
    /// Limit on this request, in place of [`Options::request_timeout`].
    ///
    /// [`Options::request_timeout`]: crate::Options::request_timeout
    pub timeout: Option<Duration>,
    /// What of the answer is handed on.
    pub keep: Keep,
    /// How the names of headers are written over HTTP/1.1.
    pub names: Names,
}

/// How the names of headers are written over HTTP/1.1, where servers must not care but some do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Names {
    /// `content-type`, as over HTTP/2.
    #[default]
    Lower,
    /// `Content-Type`, as Go's client and k6 write it.
    Canonical,
}

/// What of an answer is handed on. Its status, counts and timings always are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// Headers and body.
    #[default]
    Everything,
    /// Headers and body only when the status is 400 or more; else both are read, checked against
    /// the limits, and left empty.
    Failures,
    /// As with [`Keep::Failures`], but also when the status is 300 or more or a cookie is set: what
    /// a session needs to follow.
    Leads,
}

impl Keep {
    /// Whether headers and body of an answer are kept.
    pub(crate) fn keeps(self, status: u16, sets_cookie: bool) -> bool {
        match self {
            Self::Everything => true,
            Self::Failures => status >= 400,
            Self::Leads => status >= 300 || sets_cookie,
        }
    }
}

/// A request written out once for one origin, to be sent again and again without formatting it
/// anew. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Prepared(Arc<Written>);

#[derive(Debug)]
struct Written {
    origin: Url,
    request: Request,
    /// The head, and the body behind it unless it is long.
    bytes: Vec<u8>,
    rules: Rules,
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: Method, target: impl Into<String>) -> Self {
        Self {
            method,
            target: target.into(),
            headers: Vec::new(),
            body: Bytes::new(),
            timeout: None,
            keep: Keep::Everything,
            names: Names::Lower,
        }
    }

    /// A `GET`.
    pub fn get(target: impl Into<String>) -> Self {
        Self::new(Method::GET, target)
    }

    /// Writes the request out for `origin` (any URL of it), for [`Client::repeat`].
    ///
    /// [`Client::repeat`]: crate::Client::repeat
    ///
    /// # Errors
    /// `invalid_request` when it may not go on the wire.
    pub fn prepare(&self, origin: &Url) -> Result<Prepared, Error> {
        let mut bytes = Vec::new();
        self.write(origin, None, &mut bytes)?;
        let (origin, request, rules) = (origin.clone(), self.clone(), self.rules());
        Ok(Prepared(Arc::new(Written { origin, request, bytes, rules })))
    }

    /// What the request says about reading its answer.
    pub(crate) fn rules(&self) -> Rules {
        let closes = |(name, value): &(HeaderName, HeaderValue)| {
            name == CONNECTION && tokens(value.as_bytes()).any(|token| is(token, b"close"))
        };
        Rules {
            head: self.method == Method::HEAD,
            connect: self.method == Method::CONNECT,
            closes: self.headers.iter().any(closes),
            keep: self.keep,
        }
    }

    /// Appends the head to `out`, and the body if it is short: most requests are one write of one
    /// buffer.
    /// For a proxy that is to forward it, it says where to and by whose leave.
    pub(crate) fn write(
        &self,
        origin: &Url,
        proxy: Option<&Proxy>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let target = wire_target(&self.target)?;
        out.extend_from_slice(self.method.as_str().as_bytes());
        out.push(b' ');
        if proxy.is_some() {
            let named = self.headers.iter().find(|(name, _)| name == HOST);
            let authority = named.map_or(origin.authority(), |(_, value)| value);
            out.extend_from_slice(b"http://");
            out.extend_from_slice(authority.as_bytes());
        }
        out.extend_from_slice(target.as_bytes());
        out.extend_from_slice(b" HTTP/1.1\r\n");
        let has = |name| self.headers.iter().any(|(given, _)| given == name);
        if !has(HOST) {
            self.line(out, &HOST, origin.authority());
        }
        if !has(USER_AGENT) {
            self.line(out, &USER_AGENT, &AGENT);
        }
        for (name, value) in &self.headers {
            // The body's length is known, and a wrong one would garble the next request.
            if name != CONTENT_LENGTH && name != TRANSFER_ENCODING {
                self.line(out, name, value);
            }
        }
        if let Some(authorization) = proxy.and_then(|proxy| proxy.authorization.as_ref())
            && !has(PROXY_AUTHORIZATION)
        {
            self.line(out, &PROXY_AUTHORIZATION, authorization);
        }
        // RFC 9110 §8.6: said even when nothing follows, if the method has a use for a body.
        let expected = [Method::POST, Method::PUT, Method::PATCH].contains(&self.method);
        if expected || !self.body.is_empty() {
            self.line(out, &CONTENT_LENGTH, &HeaderValue::from(self.body.len()));
        }
        out.extend_from_slice(b"\r\n");
        if self.is_joined() {
            out.extend_from_slice(&self.body);
        }
        Ok(())
    }

    fn line(&self, out: &mut Vec<u8>, name: &HeaderName, value: &HeaderValue) {
        let start = out.len();
        out.extend_from_slice(name.as_str().as_bytes());
        if self.names == Names::Canonical {
            capitalise(&mut out[start..]);
        }
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }

    /// The part of the body that [`Request::write`] leaves to be written from where it lies.
    pub(crate) fn apart(&self) -> &[u8] {
        if self.is_joined() { &[] } else { &self.body }
    }

    fn is_joined(&self) -> bool {
        const LONGEST: usize = 16 << 10;
        self.body.len() <= LONGEST
    }

    /// RFC 9110 §9.2.2.
    pub(crate) fn is_idempotent(&self) -> bool {
        [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE, Method::PUT, Method::DELETE]
            .contains(&self.method)
    }
}

impl Prepared {
    /// The request, as it was before it was written out.
    pub fn request(&self) -> &Request {
        &self.0.request
    }

    pub(crate) fn origin(&self) -> &Url {
        &self.0.origin
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    pub(crate) fn rules(&self) -> Rules {
        self.0.rules
    }
}

pub(crate) const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("seaworthy/", env!("CARGO_PKG_VERSION")));

/// The target as it may go on the wire: no byte in it ends the request line or a header.
pub(crate) fn wire_target(target: &str) -> Result<Cow<'_, str>, Error> {
    if !target.starts_with('/') {
        let reason = format!("its path `{target}` does not begin with `/`");
        return Err(Error::InvalidRequest(reason));
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/?&=%-._~+,;:@!$'()*".contains(&byte);
    if target.bytes().all(plain) {
        return Ok(Cow::Borrowed(target));
    }
    if !target.is_ascii() {
        let reason = format!("its path `{target}` is not ASCII; percent-encode it");
        return Err(Error::InvalidRequest(reason));
    }
    // The rarer letters are left to the `http` crate, which also cuts off a fragment.
    let uri: Uri = target
        .parse()
        .map_err(|error| Error::InvalidRequest(format!("its path `{target}` is wrong: {error}")))?;
    Ok(Cow::Owned(uri.path_and_query().map_or("/", |path| path.as_str()).to_owned()))
}

/// The parts of a comma-separated list.
pub(crate) fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

/// Equal but for the case of letters.
pub(crate) fn is(token: &[u8], name: &[u8]) -> bool {
    token.eq_ignore_ascii_case(name)
}

/// Puts the first letter and those behind a hyphen into upper case.
fn capitalise(name: &mut [u8]) {
    let mut first = true;
    for byte in name {
        if first {
            byte.make_ascii_uppercase();
        }
        first = *byte == b'-';
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(request: &Request) -> String {
        let mut bytes = Vec::new();
        request.write(&Url::parse("http://host:81/").unwrap(), None, &mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_request_says_what_it_must_and_no_more() {
        let agent = AGENT;
        let agent = agent.to_str().unwrap();
        assert_eq!(
            written(&Request::get("/a?b=c")),
            format!("GET /a?b=c HTTP/1.1\r\nhost: host:81\r\nuser-agent: {agent}\r\n\r\n")
        );
        let mut request = Request::new(Method::POST, "/{\"x\"}#part");
        request.headers = vec![
            (CONTENT_LENGTH, HeaderValue::from_static("9")),
            (TRANSFER_ENCODING, HeaderValue::from_static("chunked")),
            (HOST, HeaderValue::from_static("other")),
            (USER_AGENT, HeaderValue::from_static("me")),
        ];
        let head = "POST /{\"x\"} HTTP/1.1\r\nhost: other\r\nuser-agent: me\r\n";
        assert_eq!(written(&request), format!("{head}content-length: 0\r\n\r\n"));
        request.body = Bytes::from_static(b"body");
        assert_eq!(written(&request), format!("{head}content-length: 4\r\n\r\nbody"));
        request.names = Names::Canonical;
        request.headers.push((HeaderName::from_static("x--1a-b"), HeaderValue::from_static("c")));
        let head = "POST /{\"x\"} HTTP/1.1\r\nHost: other\r\nUser-Agent: me\r\nX--1a-B: c\r\n";
        assert_eq!(written(&request), format!("{head}Content-Length: 4\r\n\r\nbody"));
        request.names = Names::Lower;
        request.headers.pop();
        let head = "POST /{\"x\"} HTTP/1.1\r\nhost: other\r\nuser-agent: me\r\n";
        request.body = Bytes::from(vec![b'x'; 20_000]);
        assert_eq!(written(&request), format!("{head}content-length: 20000\r\n\r\n"));
        assert_eq!(request.apart().len(), 20_000);
    }

    proptest! {
        #[test]
        fn no_target_and_no_header_begins_a_second_line(
            target in "/[ -~\\r\\n\\t\u{e9}#]{0,12}",
            value in prop::collection::vec(any::<u8>(), 0..12),
        ) {
            let mut request = Request::get(target);
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                request.headers.push((HeaderName::from_static("x-one"), value));
            }
            let mut bytes = Vec::new();
            let lines = 4 + request.headers.len();
            let origin = Url::parse("http://host/").unwrap();
            if request.write(&origin, None, &mut bytes).is_ok() {
                let is_end = |byte: &&u8| matches!(**byte, b'\r' | b'\n');
                prop_assert_eq!(bytes.iter().filter(is_end).count(), 2 * lines);
                let first = bytes.split(|byte| *byte == b'\r').next().unwrap();
                prop_assert_eq!(first.iter().filter(|byte| **byte == b' ').count(), 2);
            }
        }
    }
}
