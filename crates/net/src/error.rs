//! What can go wrong with a request, each with a stable code, and a failure with its timings.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::peer::Peer;
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
        /// Whether it said that there is no such name, or no address of the wanted kind; otherwise
        /// it could not tell.
        missing: bool,
    },
    /// The options forbid requests to this host.
    #[error("the host `{host}` is blocked by `{pattern}`")]
    HostBlocked {
        /// The host.
        host: String,
        /// The pattern that fits it.
        pattern: String,
    },
    /// The options forbid connections to this address.
    #[error("the address {ip} is blocked by {range}")]
    AddressBlocked {
        /// The address.
        ip: IpAddr,
        /// The range it is in.
        range: String,
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
    /// The proxy did not open a tunnel.
    #[error("the proxy {proxy} did not open a tunnel: status {status}")]
    ProxyRefused {
        /// Its host and port.
        proxy: String,
        /// What it answered.
        status: u16,
    },
    /// Looking up, connecting and the TLS handshake took too long together.
    #[error("no connection within {after:?}")]
    ConnectTimeout {
        /// The limit.
        after: Duration,
    },
    /// The TLS handshake or a TLS record failed.
    #[error("TLS failed: {reason}")]
    TlsFailed {
        /// What TLS has to say about it.
        reason: String,
        /// What kind of trouble it is.
        trouble: Trouble,
    },
    /// The whole request, body included, took too long.
    #[error("no complete answer within {after:?}")]
    Timeout {
        /// The limit.
        after: Duration,
    },
    /// The peer reset the connection.
    #[error("the connection was reset")]
    ConnectionReset,
    /// The peer had closed its side when something was written.
    #[error("the connection was reset while the request was written")]
    BrokenPipe,
    /// The peer closed the connection before a whole answer.
    #[error("the connection was closed before the whole answer had come")]
    ConnectionClosed,
    /// The server gave up the request, but not the connection it came on (HTTP/2).
    #[error("the server reset the stream: {reason}")]
    StreamReset {
        /// The server's reason (RFC 9113 §7).
        code: u32,
        /// The same in words.
        reason: String,
    },
    /// The server gave the request back undone: it was about to close the connection, or takes no
    /// more requests for now (HTTP/2).
    #[error("the server gave the request back undone")]
    RequestRefused(Refusal),
    /// The connection broke, for a reason that HTTP/2 has a number for.
    #[error("the server broke the protocol: {reason}")]
    Http2Failed {
        /// The reason (RFC 9113 §7).
        code: u32,
        /// The same in words.
        reason: String,
    },
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
    /// The server did not take the credentials, or asks for them in a way that is not known here.
    #[error("authentication failed: {0}")]
    AuthenticationFailed(String),
    /// An option that makes no sense.
    #[error("the {what} `{text}` cannot be used: {reason}")]
    InvalidSetting {
        /// Which one.
        what: &'static str,
        /// What was written.
        text: String,
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

/// What kind of trouble TLS is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trouble {
    /// Nobody we trust vouches for the server's certificate.
    UnknownIssuer,
    /// The certificate is for other hosts.
    WrongHost,
    /// Anything else that is wrong with the certificate: expired, say.
    Certificate,
    /// The server broke off with an alert.
    Alert,
    /// What came is no TLS.
    NoTls,
    /// The server closed the connection in the middle of the handshake.
    Closed,
    /// What came is wrong, or nothing could be agreed on.
    Handshake,
}

/// How a request was given back undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The server refused this stream.
    Stream,
    /// The server is about to close the connection, for this reason (RFC 9113 §7).
    GoAway(u32),
    /// The connection was over before the request was on its way.
    Unsent,
}

impl Error {
    /// Every code [`Error::code`] can give, for documents and tests.
    pub const CODES: [&'static str; 30] = [
        "invalid_url",
        "invalid_request",
        "lookup_failed",
        "host_blocked",
        "address_blocked",
        "connection_refused",
        "unreachable",
        "too_many_open_files",
        "no_local_port",
        "connect_failed",
        "proxy_refused",
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
        "authentication_failed",
        "invalid_setting",
        "not_an_event_stream",
        "event_too_large",
        "not_a_websocket",
        "message_too_large",
    ];

    /// A stable name for the kind of error; the value of the tag `error`. Some variants share one:
    /// who needs to know more looks at the variant.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidUrl { .. } => "invalid_url",
            Self::InvalidRequest(_) => "invalid_request",
            Self::LookupFailed { .. } => "lookup_failed",
            Self::HostBlocked { .. } => "host_blocked",
            Self::AddressBlocked { .. } => "address_blocked",
            Self::ConnectionRefused(_) => "connection_refused",
            Self::Unreachable(_) => "unreachable",
            Self::TooManyOpenFiles(_) => "too_many_open_files",
            Self::NoLocalPort(_) => "no_local_port",
            Self::ConnectFailed { .. } => "connect_failed",
            Self::ProxyRefused { .. } => "proxy_refused",
            Self::ConnectTimeout { .. } => "connect_timeout",
            Self::TlsFailed { .. } => "tls_failed",
            Self::Timeout { .. } => "timeout",
            Self::ConnectionReset | Self::BrokenPipe => "connection_reset",
            Self::ConnectionClosed => "connection_closed",
            Self::StreamReset { .. } => "stream_reset",
            Self::RequestRefused(_) => "request_refused",
            Self::ProtocolError(_) | Self::Http2Failed { .. } => "protocol_error",
            Self::HeadersTooLarge => "headers_too_large",
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::BodyUndecodable { .. } => "body_undecodable",
            Self::TooManyRedirects { .. } => "too_many_redirects",
            Self::InvalidRedirect { .. } => "invalid_redirect",
            Self::AuthenticationFailed(_) => "authentication_failed",
            Self::InvalidSetting { .. } => "invalid_setting",
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
            Self::TlsFailed { .. } => Some("check the certificate, its host name and its issuer"),
            _ => None,
        }
    }

    /// TLS that failed for no other reason than this.
    pub(crate) fn tls(reason: impl Into<String>) -> Self {
        Self::TlsFailed { reason: reason.into(), trouble: Trouble::Handshake }
    }

    /// An option that makes no sense.
    pub(crate) fn setting(
        what: &'static str,
        text: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        Self::InvalidSetting { what, text: text.into(), reason: reason.into() }
    }

    /// Names the reason why `host` has no address. A network may put an error of ours into its own.
    pub(crate) fn looking_up(host: &str, error: io::Error) -> Self {
        error.downcast().unwrap_or_else(|error| {
            let reason = error.to_string();
            // The resolver's numbers do not come through to here, its words do: glibc's and musl's.
            const MISSING: [&str; 4] = [
                "Name or service not known",
                "No address associated with hostname",
                "Name does not resolve",
                "Name has no usable address",
            ];
            let missing = error.kind() == io::ErrorKind::NotFound
                || MISSING.iter().any(|words| reason.contains(words));
            Self::LookupFailed { host: host.to_owned(), reason, missing }
        })
    }

    /// Names the reason why no stream to `address` came about.
    pub(crate) fn connecting(address: SocketAddr, error: io::Error) -> Self {
        let error = match error.downcast() {
            Ok(error) => return error,
            Err(error) => error,
        };
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
            return Self::TlsFailed { reason: tls.to_string(), trouble: Trouble::of(tls) };
        }
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::ConnectionClosed,
            io::ErrorKind::BrokenPipe => Self::BrokenPipe,
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other => {
                Self::ProtocolError(error.to_string())
            }
            _ => Self::ConnectionReset,
        }
    }
}

impl Trouble {
    fn of(error: &rustls::Error) -> Self {
        use rustls::CertificateError as Wrong;
        match error {
            // A root of the issuer's name that has not signed it is not its issuer.
            rustls::Error::InvalidCertificate(
                Wrong::UnknownIssuer
                | Wrong::BadSignature
                | Wrong::UnsupportedSignatureAlgorithmContext { .. }
                | Wrong::UnsupportedSignatureAlgorithmForPublicKeyContext { .. },
            ) => Self::UnknownIssuer,
            rustls::Error::InvalidCertificate(
                Wrong::NotValidForName | Wrong::NotValidForNameContext { .. },
            ) => Self::WrongHost,
            rustls::Error::InvalidCertificate(_) => Self::Certificate,
            rustls::Error::AlertReceived(_) => Self::Alert,
            rustls::Error::InvalidMessage(
                rustls::InvalidMessage::InvalidContentType
                | rustls::InvalidMessage::UnknownProtocolVersion,
            ) => Self::NoTls,
            _ => Self::Handshake,
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
    /// Whom it was sent to, if a connection came about.
    pub peer: Peer,
}

impl Failure {
    /// The error's stable code.
    pub const fn code(&self) -> &'static str {
        self.error.code()
    }
}
