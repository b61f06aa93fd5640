//! The numbers k6 gives to what went wrong with a request (its documentation lists them).

use seaworthy_net::{Error, Refusal, Trouble};

/// The number and the words of a failure: the tags `error_code` and `error`.
pub(crate) fn of(error: &Error) -> (u32, String) {
    let code = match error {
        Error::InvalidUrl { .. } | Error::InvalidRedirect { .. } => 1020,
        Error::Timeout { .. } => 1050,
        Error::LookupFailed { missing: true, .. } => 1101,
        Error::LookupFailed { .. } => 1100,
        Error::AddressBlocked { .. } => 1110,
        Error::HostBlocked { .. } => 1111,
        Error::BrokenPipe => 1201,
        Error::ConnectTimeout { .. } => 1211,
        Error::ConnectionRefused(_) => 1212,
        Error::Unreachable(_)
        | Error::TooManyOpenFiles(_)
        | Error::NoLocalPort(_)
        | Error::ConnectFailed { .. } => 1210,
        Error::ConnectionReset => 1220,
        Error::TlsFailed { trouble: Trouble::UnknownIssuer, .. } => 1310,
        Error::TlsFailed { trouble: Trouble::WrongHost, .. } => 1311,
        // Found out with k6 v2.2: its list names 1300 alone, which it does not give.
        Error::TlsFailed { trouble: Trouble::NoTls, .. } => 1301,
        Error::TlsFailed { trouble: Trouble::Alert | Trouble::Handshake, .. } => 1010,
        Error::TlsFailed { .. } => 1000,
        Error::StreamReset { .. } | Error::RequestRefused(Refusal::Stream) => 1630,
        Error::RequestRefused(Refusal::GoAway(_)) => 1610,
        Error::Http2Failed { .. } => 1650,
        Error::BodyUndecodable { .. } => 1701,
        _ => 1000,
    };
    (code, words(error, code))
}

/// What k6's users know the failure by, where they do.
fn words(error: &Error, code: u32) -> String {
    match code {
        1050 => "request timeout".to_owned(),
        1101 => "lookup: no such host".to_owned(),
        1110 => "ip is blacklisted".to_owned(),
        1111 => "hostname is blocked".to_owned(),
        1201 => "write: broken pipe".to_owned(),
        1211 => "dial: i/o timeout".to_owned(),
        1212 => "dial: connection refused".to_owned(),
        1220 => "read: connection reset by peer".to_owned(),
        1301 => "tls: first record does not look like a TLS handshake".to_owned(),
        _ => error.to_string(),
    }
}

/// An answer's number: of 400 and more, 1000 and the status.
pub(crate) const fn of_status(status: u16) -> u32 {
    if status >= 400 { 1000 + status as u32 } else { 0 }
}
