//! A request as the routes see it: read whole, with what is known of its connection.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::Request;
use hyper::body::Incoming;
use tokio_rustls::rustls::ServerConnection;

use crate::socket::Cut;

/// What is known of a connection.
pub(crate) struct Channel {
    pub(crate) peer: SocketAddr,
    pub(crate) cut: Cut,
    pub(crate) tls: Option<Tls>,
}

/// What was agreed on in a TLS handshake.
pub(crate) struct Tls {
    pub(crate) version: String,
    pub(crate) cipher: String,
    pub(crate) protocol: String,
    pub(crate) server_name: Option<String>,
    pub(crate) client_certificate: bool,
}

impl Channel {
    pub(crate) fn plain(peer: SocketAddr, cut: Cut) -> Self {
        Self { peer, cut, tls: None }
    }

    pub(crate) fn secure(peer: SocketAddr, cut: Cut, session: &ServerConnection) -> Self {
        let name = |value: Option<String>| value.unwrap_or_default();
        let tls = Tls {
            version: name(session.protocol_version().map(|it| format!("{it:?}"))),
            cipher: name(session.negotiated_cipher_suite().map(|it| format!("{:?}", it.suite()))),
            protocol: name(
                session.alpn_protocol().map(|it| String::from_utf8_lossy(it).into_owned()),
            ),
            server_name: session.server_name().map(str::to_owned),
            client_certificate: session.peer_certificates().is_some_and(|it| !it.is_empty()),
        };
        Self { peer, cut, tls: Some(tls) }
    }

    pub(crate) fn is_http2(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.protocol == "h2")
    }
}

/// A request, read whole.
pub(crate) struct Seen {
    pub(crate) head: http::request::Parts,
    pub(crate) body: Bytes,
    pub(crate) channel: Arc<Channel>,
}

impl Seen {
    pub(crate) async fn read(
        request: Request<Incoming>,
        channel: Arc<Channel>,
    ) -> Result<Self, hyper::Error> {
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Self { head, body, channel })
    }

    /// The path's parts, decoded.
    pub(crate) fn parts(&self) -> Vec<String> {
        self.head.uri.path().split('/').skip(1).map(decoded).collect()
    }

    /// The query's pairs, decoded, in their order.
    pub(crate) fn query(&self) -> Vec<(String, String)> {
        pairs(self.head.uri.query().unwrap_or_default())
    }

    /// The first value of a parameter.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        self.query().into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name)?.to_str().ok()
    }

    /// The host it was meant for, with the port.
    pub(crate) fn host(&self) -> String {
        let authority = self.head.uri.authority().map(|it| it.as_str());
        authority.or_else(|| self.header("host")).unwrap_or("127.0.0.1").to_owned()
    }

    /// Where this server is, as the client named it.
    pub(crate) fn origin(&self) -> String {
        let scheme = if self.channel.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.host())
    }
}

/// `a=1&b=2`, decoded.
pub(crate) fn pairs(text: &str) -> Vec<(String, String)> {
    let pair = |part: &str| {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        (decoded(&key.replace('+', " ")), decoded(&value.replace('+', " ")))
    };
    text.split('&').filter(|part| !part.is_empty()).map(pair).collect()
}

/// Text without its percent signs.
pub(crate) fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut result = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = bytes.get(at + 1..at + 3).and_then(|code| std::str::from_utf8(code).ok());
        let byte = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        match byte.filter(|_| bytes[at] == b'%') {
            Some(byte) => {
                result.push(byte);
                at += 3;
            }
            None => {
                result.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&result).into_owned()
}
