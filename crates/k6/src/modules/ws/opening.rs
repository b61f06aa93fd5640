//! What a script says about a WebSocket, and how one is opened.

use std::cell::RefCell;
use std::rc::Rc;

use http::header::{
    COOKIE, HeaderName, HeaderValue, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL, USER_AGENT,
};
use rquickjs::{Coerced, Ctx, Object, Value};
use seaworthy_metrics::TagSet;
use seaworthy_net::cookies::Jar;
use seaworthy_net::websocket::{self, Answer};
use seaworthy_net::{Error, Headers};

use super::go_error;
use super::line::{Line, ms};
use crate::address::Address;
use crate::modules::core::with_tags;
use crate::modules::http::{error_words, jar_of_value};
use crate::shared::Settled;
use crate::vu::Vu;

/// Whose parameters they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// `ws.connect`: what is unknown is passed over, with a warning.
    Blocking,
    /// `new WebSocket`: what is unknown is an exception; samples have a name as requests do.
    Events,
}

/// A socket as a script wants it.
pub(crate) struct Wanted {
    /// As the script wrote it.
    pub(crate) url: String,
    /// The virtual user's tags and the socket's own.
    tags: TagSet,
    name: Option<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
    jar: Rc<RefCell<Jar>>,
    style: Style,
}

/// One that opened.
pub(crate) struct Opened {
    pub(crate) line: Line,
    pub(crate) headers: Headers,
}

/// One that did not.
pub(crate) struct Refused {
    pub(crate) words: String,
    pub(crate) answer: Option<Box<Answer>>,
    pub(crate) tags: TagSet,
}

impl Wanted {
    /// Reads a script's parameters.
    pub(crate) fn read<'js>(
        ctx: &Ctx<'js>,
        vu: &Vu,
        settled: &Settled,
        url: String,
        parameters: Option<&Value<'js>>,
        style: Style,
    ) -> rquickjs::Result<Self> {
        let agent = settled.options.user_agent.as_deref();
        let agent = agent.and_then(|agent| HeaderValue::from_str(agent).ok());
        let mut wanted = Self {
            url,
            tags: vu.tags(),
            name: None,
            headers: agent.into_iter().map(|agent| (USER_AGENT, agent)).collect(),
            jar: Rc::clone(&vu.jar),
            style,
        };
        if let Some(given) = parameters.and_then(Value::as_object) {
            for entry in given.props::<String, Value<'js>>() {
                let (name, value) = entry?;
                wanted.parameter(ctx, vu, &name, &value)?;
            }
        }
        Ok(wanted)
    }

    /// Offers subprotocols.
    ///
    /// # Errors
    /// An exception for what cannot be sent, and where the script's headers offer some already.
    pub(crate) fn offer(&mut self, ctx: &Ctx<'_>, protocols: &str) -> rquickjs::Result<()> {
        if self.headers.iter().any(|(name, _)| name == SEC_WEBSOCKET_PROTOCOL) {
            let words = "subprotocols are given twice: as an argument and as a header";
            return Err(go_error(ctx, words));
        }
        let Ok(value) = HeaderValue::from_str(protocols) else {
            return Err(go_error(ctx, &format!("{protocols:?} cannot be sent as a subprotocol")));
        };
        self.headers.push((SEC_WEBSOCKET_PROTOCOL, value));
        Ok(())
    }

    fn parameter<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        vu: &Vu,
        name: &str,
        value: &Value<'js>,
    ) -> rquickjs::Result<()> {
        match name {
            "headers" => {
                if let Some(headers) = value.as_object() {
                    self.headers(ctx, headers)?;
                }
            }
            "tags" => {
                if let Some(tags) = value.as_object() {
                    self.name = tags.get::<_, Option<Coerced<String>>>("name")?.map(|it| it.0);
                    self.tags = with_tags(ctx, vu, tags)?;
                }
            }
            "jar" => match jar_of_value(value) {
                Some(jar) => self.jar = jar,
                None if value.is_null() || value.is_undefined() => {}
                None => vu.shared.warn_once(
                    "a WebSocket's `jar` is no CookieJar: the virtual user's own is used",
                ),
            },
            "compression" => {
                let text = value.get::<Coerced<String>>()?.0;
                match (text.as_str(), self.style) {
                    ("", Style::Blocking) => {}
                    ("deflate", _) => {
                        let words = "compression of WebSockets comes in a later version; leave \
                            `compression: 'deflate'` out";
                        return Err(go_error(ctx, words));
                    }
                    _ => {
                        let words = format!(
                            "unsupported compression algorithm '{text}', supported algorithm is 'deflate'"
                        );
                        return Err(go_error(ctx, &words));
                    }
                }
            }
            other if self.style == Style::Events => {
                return Err(go_error(ctx, &format!("unknown WebSocket's option {other}")));
            }
            other => vu.shared.warn_once(&format!("ws.connect has no parameter `{other}`")),
        }
        Ok(())
    }

    fn headers<'js>(&mut self, ctx: &Ctx<'js>, given: &Object<'js>) -> rquickjs::Result<()> {
        for entry in given.props::<String, Value<'js>>() {
            let (name, value) = entry?;
            let text = value.get::<Coerced<String>>()?.0;
            let parsed = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(&text));
            let (Ok(header), Ok(value)) = parsed else {
                let words = format!("the header {name:?} cannot be sent: {text:?}");
                return Err(go_error(ctx, &words));
            };
            if header == SEC_WEBSOCKET_EXTENSIONS {
                let words = "extensions of WebSockets come in a later version; leave the header \
                    Sec-WebSocket-Extensions out";
                return Err(go_error(ctx, words));
            }
            self.headers.retain(|(known, _)| *known != header);
            self.headers.push((header, value));
        }
        Ok(())
    }

    fn address(&self) -> Result<Address, Error> {
        let scheme = |scheme: &str| {
            let begin = self.url.get(..scheme.len());
            begin.is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))
        };
        let address = match scheme("ws://") || scheme("wss://") {
            true => Address::parse(&format!("http{}", &self.url[2..]))?,
            false => {
                return Err(malformed(&self.url, "it does not begin with `ws://` or `wss://`"));
            }
        };
        match &address.login {
            Some(_) => Err(malformed(&address.text, "it has a user and a password")),
            None => Ok(address),
        }
    }

    /// The script's headers, and the cookies that go to the address.
    fn headers_for(&self, address: &Address) -> Vec<(HeaderName, HeaderValue)> {
        let mut headers = self.headers.clone();
        let Some((_, jar)) = self.jar.borrow_mut().header(&address.origin, &address.target) else {
            return headers;
        };
        match headers.iter_mut().find(|(name, _)| name == COOKIE) {
            None => headers.push((COOKIE, jar)),
            Some((_, own)) => {
                let both = [own.as_bytes(), b"; ", jar.as_bytes()].concat();
                if let Ok(both) = HeaderValue::from_bytes(&both) {
                    *own = both;
                }
            }
        }
        headers
    }

    /// The tags of the socket's samples. `answered` has status and subprotocol.
    fn tags(&self, vu: &Vu, answered: Option<(&str, &str)>, ip: Option<&str>) -> TagSet {
        let (Some(worker), Some(settled)) = (&vu.worker, vu.shared.settled()) else {
            return self.tags.clone();
        };
        let wanted = settled.system_tags;
        let mut pairs = Vec::new();
        let label = match (self.style, &self.name) {
            (Style::Events, Some(name)) => name,
            _ => &self.url,
        };
        if wanted.url {
            pairs.push(("url", label.as_str()));
        }
        if wanted.name && self.style == Style::Events {
            pairs.push(("name", label));
        }
        if let Some((status, protocol)) = answered {
            if wanted.status {
                pairs.push(("status", status));
            }
            if wanted.subproto {
                pairs.push(("subproto", protocol));
            }
        }
        if let Some(ip) = ip.filter(|_| wanted.ip) {
            pairs.push(("ip", ip));
        }
        worker.interner.borrow_mut().with(&self.tags, &pairs)
    }
}

fn malformed(text: &str, reason: &'static str) -> Error {
    Error::InvalidUrl {
        text: text.to_owned(),
        reason,
        hint: "write it as `ws://host/path`, and send a login as a header",
    }
}

/// Opens a socket, and records that.
pub(crate) async fn open(vu: &Rc<Vu>, wanted: &Wanted) -> Result<Opened, Refused> {
    let began = vu.shared.clock.now();
    let asked = match (wanted.address(), &vu.pool) {
        (Ok(address), Some(pool)) => {
            let headers = wanted.headers_for(&address);
            let (origin, target) = (&address.origin, address.target.clone());
            let asked = websocket::ask(pool.options(), origin, target, headers, None).await;
            let answer = match &asked {
                Ok(socket) => Some(&socket.headers),
                Err(declined) => declined.answer.as_ref().map(|answer| &answer.headers),
            };
            if let Some(headers) = answer {
                wanted.jar.borrow_mut().store(origin, &address.target, headers);
            }
            asked.map_err(|declined| {
                (
                    declined.failure.error,
                    declined.answer,
                    (declined.failure.bytes_sent, declined.failure.bytes_received),
                )
            })
        }
        (Err(error), _) => Err((error, None, (0, 0))),
        // Nobody opens sockets in the first init context.
        (Ok(_), None) => Err((Error::ConnectionClosed, None, (0, 0))),
    };
    let builtin = vu.shared.registry.builtin();
    let connecting = ms(vu, began);
    let samples = [(&builtin.ws_sessions, 1.0), (&builtin.ws_connecting, connecting)];
    match asked {
        Ok(socket) => {
            let protocol = socket.protocol.clone().unwrap_or_default();
            let ip = socket.peer.address().map(|address| address.ip().to_string());
            let tags = wanted.tags(vu, Some(("101", &protocol)), ip.as_deref());
            vu.record(&tags, &samples);
            let headers = socket.headers.clone();
            Ok(Opened { line: Line::new(Rc::clone(vu), socket, tags), headers })
        }
        Err((error, answer, (sent, received))) => {
            vu.passed(sent, received);
            let status = answer.as_ref().map(|answer| answer.status.to_string());
            let protocol = answer.as_ref().and_then(|it| it.headers.get(SEC_WEBSOCKET_PROTOCOL));
            let protocol = protocol.and_then(|it| it.to_str().ok()).unwrap_or_default();
            let tags = wanted.tags(vu, status.as_deref().map(|it| (it, protocol)), None);
            vu.record(&tags, &samples);
            Err(Refused { words: error_words(&error), answer, tags })
        }
    }
}
