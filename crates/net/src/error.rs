//! What can go wrong with a request, each with a stable code, and a failure with its timings.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::timings::Timings;

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Text that is not a URL this client can call.
    #[error("`{text}` is not a usable URL: {reason}")]
    InvalidUrl {
        /// What was written.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
        /// How to mend it.
        hint: &'static str,
    },
    /// A method, path, header name or header value that may not go on the wire.
    #[error("the request cannot be sent: {0}")]
    InvalidRequest(String),
    /// The host's name has no address.
    #[error("looking up `{host}` failed: {reason}")]
    LookupFailed {
        /// The name.
        host: String,
        /// What the resolver said.
        reason: String,
    },
    /// Nothing listens there.
    #[error("{0} refused the connection")]
    ConnectionRefused(SocketAddr),
    /// No route to the host or its network.
    #[error("{0} is unreachable")]
    Unreachable(SocketAddr),
    /// This process or machine has no file descriptor left for a connection.
    #[error("no file descriptor is left for a connection to {0}")]
    TooManyOpenFiles(SocketAddr),
    /// This machine has no local port left for a connection.
    #[error("no local port is left for a connection to {0}")]
    NoLocalPort(SocketAddr),
    /// Any other reason why no connection came about.
    #[error("connecting to {address} failed: {reason}")]
    ConnectFailed {
        /// The last address tried.
        address: SocketAddr,
        /// What the operating system said.
        reason: String,
    },
    /// Looking up, connecting and the TLS handshake took too long together.
    #[error("no connection within {after:?}")]
    ConnectTimeout {
        /// The limit.
        after: Duration,
    },
    /// The TLS handshake or a TLS record failed.
    #[error("TLS failed: {0}")]
    TlsFailed(String),
    /// The whole request, body included, took too long.
    #[error("no complete answer within {after:?}")]
    Timeout {
        /// The limit.
        after: Duration,
    },
    /// The peer reset the connection.
    #[error("the connection was reset")]
    ConnectionReset,
    /// The peer closed the connection before a whole answer.
    #[error("the connection was closed before the whole answer had come")]
    ConnectionClosed,
    /// The server gave up the request, but not the connection it came on (HTTP/2).
    #[error("the server reset the stream: {0}")]
    StreamReset(String),
    /// The server gave the request back undone: it was about to close the connection, or takes no
    /// more requests for now (HTTP/2).
    #[error("the server gave the request back undone")]
    RequestRefused,
    /// What came is not what the protocol allows.
    #[error("the server broke the protocol: {0}")]
    ProtocolError(String),
    /// The answer's head is longer than the client takes.
    #[error("the answer's headers are too large or too many")]
    HeadersTooLarge,
    /// The answer's body is longer than the client takes.
    #[error("the answer's body is larger than {limit} bytes")]
    BodyTooLarge {
        /// The limit.
        limit: usize,
    },
    /// The answer's body is not what its `Content-Encoding` says, or that names an unknown coding.
    #[error("the answer's body cannot be decoded as `{coding}`: {reason}")]
    BodyUndecodable {
        /// The coding, as the header names it.
        coding: String,
        /// What is wrong.
        reason: String,
    },
    /// Redirect after redirect, or in a circle.
    #[error("redirected more than {limit} times")]
    TooManyRedirects {
        /// How many are followed.
        limit: u8,
    },
    /// A redirect to what is no `http` or `https` URL.
    #[error("redirected to `{location}`, which cannot be followed: {reason}")]
    InvalidRedirect {
        /// The `Location` header.
        location: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The answer does not begin an event stream.
    #[error("status {status} with {reason} does not begin an event stream")]
    NotAnEventStream {
        /// The answer's status.
        status: u16,
        /// The content type, or what else is wrong.
        reason: String,
    },
    /// An event, or a line of one, longer than the client takes.
    #[error("an event is larger than {limit} bytes")]
    EventTooLarge {
        /// The limit.
        limit: usize,
    },
    /// The server did not agree to speak WebSocket.
    #[error("the server did not open a WebSocket: status {status}, {reason}")]
    NotAWebSocket {
        /// The answer's status.
        status: u16,
        /// What is missing or wrong.
        reason: String,
    },
    /// A WebSocket message longer than the client takes.
    #[error("a message is larger than {limit} bytes")]
    MessageTooLarge {
        /// The limit.
        limit: usize,
    },
}

impl Error {
    /// Every code [`Error::code`] can give, for documents and tests.
    pub const CODES: [&'static str; 25] = [
        "invalid_url",
        "invalid_request",
        "lookup_failed",
        "connection_refused",
        "unreachable",
        "too_many_open_files",
        "no_local_port",
        "connect_failed",
        "connect_timeout",
        "tls_failed",
        "timeout",
        "connection_reset",
        "connection_closed",
        "stream_reset",
        "request_refused",
        "protocol_error",
        "headers_too_large",
        "body_too_large",
        "body_undecodable",
        "too_many_redirects",
        "invalid_redirect",
        "not_an_event_stream",
        "event_too_large",
        "not_a_websocket",
        "message_too_large",
    ];

    /// A stable name for the kind of error; the value of the tag `error`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidUrl { .. } => "invalid_url",
            Self::InvalidRequest(_) => "invalid_request",
            Self::LookupFailed { .. } => "lookup_failed",
            Self::ConnectionRefused(_) => "connection_refused",
            Self::Unreachable(_) => "unreachable",
            Self::TooManyOpenFiles(_) => "too_many_open_files",
            Self::NoLocalPort(_) => "no_local_port",
            Self::ConnectFailed { .. } => "connect_failed",
            Self::ConnectTimeout { .. } => "connect_timeout",
            Self::TlsFailed(_) => "tls_failed",
            Self::Timeout { .. } => "timeout",
            Self::ConnectionReset => "connection_reset",
            Self::ConnectionClosed => "connection_closed",
            Self::StreamReset(_) => "stream_reset",
            Self::RequestRefused => "request_refused",
            Self::ProtocolError(_) => "protocol_error",
            Self::HeadersTooLarge => "headers_too_large",
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::BodyUndecodable { .. } => "body_undecodable",
            Self::TooManyRedirects { .. } => "too_many_redirects",
            Self::InvalidRedirect { .. } => "invalid_redirect",
            Self::NotAnEventStream { .. } => "not_an_event_stream",
            Self::EventTooLarge { .. } => "event_too_large",
            Self::NotAWebSocket { .. } => "not_a_websocket",
            Self::MessageTooLarge { .. } => "message_too_large",
        }
    }

    /// What the user can do about it, where there is something.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::InvalidUrl { hint, .. } => Some(hint),
            Self::LookupFailed { .. } => Some("check the host's name"),
            Self::ConnectionRefused(_) => {
                Some("check that the service is running and listens on that address and port")
            }
            Self::TooManyOpenFiles(_) => {
                Some("raise the limit (`ulimit -n`) or use fewer virtual users")
            }
            Self::NoLocalPort(_) => {
                Some("let the service keep connections alive, or use fewer virtual users")
            }
            Self::TooManyRedirects { .. } => {
                Some("call the address it ends at, or look for two pages that point at each other")
            }
            Self::TlsFailed(_) => Some("check the certificate, its host name and its issuer"),
            _ => None,
        }
    }

    /// Names the reason why no stream to `address` came about.
    pub(crate) fn connecting(address: SocketAddr, error: &io::Error) -> Self {
        // The numbers are Linux's and the BSDs' alike.
        const ENFILE: i32 = 23;
        const EMFILE: i32 = 24;
        if matches!(error.raw_os_error(), Some(ENFILE | EMFILE)) {
            return Self::TooManyOpenFiles(address);
        }
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::ConnectionRefused(address),
            io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => {
                Self::Unreachable(address)
            }
            io::ErrorKind::AddrNotAvailable => Self::NoLocalPort(address),
            io::ErrorKind::ConnectionReset => Self::ConnectionReset,
            _ => Self::ConnectFailed { address, reason: error.to_string() },
        }
    }

    /// Names the reason why reading or writing failed.
    pub(crate) fn streaming(error: &io::Error) -> Self {
        if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return Self::TlsFailed(tls.to_string());
        }
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::ConnectionClosed,
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other => {
                Self::ProtocolError(error.to_string())
            }
            _ => Self::ConnectionReset,
        }
    }
}

/// A request without an answer: why, where the time went, and what passed on the wire.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Failure {
    /// Why.
    #[source]
    pub error: Error,
    /// Where the time went until the failure.
    pub timings: Timings,
    /// Bytes written on the last connection, headers included.
    pub bytes_sent: u64,
    /// Bytes read on the last connection, headers included.
    pub bytes_received: u64,
}

impl Failure {
    /// The error's stable code.
    pub const fn code(&self) -> &'static str {
        self.error.code()
    }
}
