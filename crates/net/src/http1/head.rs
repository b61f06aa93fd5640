//! The head of an answer: status, how its body is framed, whether the connection lives on, headers.

use std::mem::MaybeUninit;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{StatusCode, Version};
use httparse::{ParserConfig, Status};

use crate::error::Error;
use crate::headers::Headers;
use crate::http1::Rules;
use crate::http1::body::{Chunked, Framing};
use crate::request::{is, tokens};

/// As many headers as a head may have.
pub(crate) const MOST_HEADERS: usize = 100;

/// A whole head.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    /// How many bytes it took.
    pub(crate) length: usize,
    pub(crate) status: u16,
    /// What the server calls the status, where that is not its usual name.
    pub(crate) reason: Option<Arc<str>>,
    pub(crate) version: Version,
    pub(crate) framing: Framing,
    /// Whether another request may follow on the connection, as far as the head says.
    pub(crate) lasts: bool,
    /// Whether headers and body are to be kept.
    pub(crate) keeps: bool,
    /// Empty unless they are to be kept.
    pub(crate) headers: Headers,
}

/// Reads a head from the beginning of `bytes`; `None` when it is not whole yet.
///
/// Line ends without a carriage return are taken, folded lines are not (RFC 9112 §2.2, §5.2).
pub(crate) fn read(bytes: &[u8], rules: Rules, longest: usize) -> Result<Option<Head>, Error> {
    let mut lines = [const { MaybeUninit::uninit() }; MOST_HEADERS];
    let mut response = httparse::Response::new(&mut []);
    let parsed = ParserConfig::default().parse_response_with_uninit_headers(
        &mut response,
        bytes,
        &mut lines,
    );
    let length = match parsed {
        Ok(Status::Complete(length)) if length <= longest => length,
        Ok(Status::Partial) if bytes.len() < longest => return Ok(None),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(Error::HeadersTooLarge),
        Err(error) => return Err(Error::ProtocolError(error.to_string())),
    };
    let status = match response.code.map(StatusCode::from_u16) {
        Some(Ok(status)) => status,
        _ => return Err(wrong("its status is out of range")),
    };
    let reason =
        response.reason.filter(|it| !it.is_empty() && Some(*it) != status.canonical_reason());
    let (status, reason) = (status.as_u16(), reason.map(Arc::from));
    let version = if response.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
    let said = Said::from(response.headers);
    let framing = said.framing(status, version, rules)?;
    let keeps = rules.keep.keeps(status, said.sets_cookie);
    let headers =
        if keeps { headers(&bytes[..length], response.headers)? } else { Headers::default() };
    let lasts = said.lasts(version) && !matches!(framing, Framing::UntilClose);
    Ok(Some(Head { length, status, reason, version, framing, lasts, keeps, headers }))
}

/// What the headers say about the connection.
#[derive(Debug, Default)]
struct Said {
    length: Option<u64>,
    /// Whether there is a transfer coding, and whether the last one is `chunked`.
    coded: bool,
    chunked: bool,
    /// Whether a transfer coding has a byte that no name has.
    garbled: bool,
    close: bool,
    keep_alive: bool,
    sets_cookie: bool,
    /// Why the stated length is none. Wrong only where it counts.
    mistake: Option<&'static str>,
}

impl Said {
    fn from(headers: &[httparse::Header<'_>]) -> Self {
        let mut said = Self::default();
        for header in headers {
            // Told apart by length first: nearly every header is skipped by that.
            let (name, value) = (header.name.as_bytes(), header.value);
            match name.len() {
                10 if is(name, b"set-cookie") => said.sets_cookie = true,
                10 if is(name, b"connection") => {
                    for token in tokens(value) {
                        said.close |= is(token, b"close");
                        said.keep_alive |= is(token, b"keep-alive");
                    }
                }
                14 if is(name, b"content-length") => match digits(value) {
                    Some(length) if said.length.is_none() => said.length = Some(length),
                    Some(_) => said.mistake = Some("it states its length twice"),
                    None => said.mistake = Some("its content-length is not a number"),
                },
                17 if is(name, b"transfer-encoding") => {
                    said.coded = true;
                    said.garbled |= !value.is_ascii();
                    said.chunked = tokens(value).last().is_some_and(|last| is(last, b"chunked"));
                }
                _ => {}
            }
        }
        said
    }

    /// RFC 9112 §6.3.
    fn framing(&self, status: u16, version: Version, rules: Rules) -> Result<Framing, Error> {
        let tunnel = rules.connect && (200..300).contains(&status);
        if status < 200 || status == 204 || status == 304 || rules.head || tunnel {
            return Ok(Framing::Length(0));
        }
        if self.coded {
            return match version {
                // §6.1: its framing is faulty, whatever it says.
                Version::HTTP_10 => Err(wrong("HTTP/1.0 has no transfer codings")),
                _ if self.garbled => Err(wrong("its transfer coding is not a name")),
                _ if self.chunked => Ok(Framing::Chunked(Chunked::default())),
                _ => Ok(Framing::UntilClose),
            };
        }
        match (self.mistake, self.length) {
            (Some(mistake), _) => Err(wrong(mistake)),
            (None, Some(length)) => Ok(Framing::Length(length)),
            (None, None) => Ok(Framing::UntilClose),
        }
    }

    /// RFC 9112 §9.3. An answer with both a length and a transfer coding may be somebody's attempt
    /// to slip in another (§6.1): nothing is taken from its connection afterwards.
    fn lasts(&self, version: Version) -> bool {
        let smuggles = self.coded && (self.length.is_some() || self.mistake.is_some());
        !self.close && !smuggles && (version == Version::HTTP_11 || self.keep_alive)
    }
}

/// Digits and nothing else: no sign, no space, no list.
fn digits(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// All values share one copy of the head.
fn headers(head: &[u8], parsed: &[httparse::Header<'_>]) -> Result<Headers, Error> {
    let shared = Bytes::copy_from_slice(head);
    let mut headers = HeaderMap::with_capacity(parsed.len());
    for header in parsed {
        let name = HeaderName::from_bytes(header.name.as_bytes())
            .map_err(|error| Error::ProtocolError(error.to_string()))?;
        // The parser's slices lie in the head, but for empty ones, which lie anywhere.
        let start = (header.value.as_ptr() as usize).wrapping_sub(head.as_ptr() as usize);
        let value = match start.checked_add(header.value.len()) {
            Some(end) if end <= head.len() && start < end => shared.slice(start..end),
            _ => Bytes::copy_from_slice(header.value),
        };
        let value = HeaderValue::from_maybe_shared(value)
            .map_err(|error| Error::ProtocolError(error.to_string()))?;
        headers.append(name, value);
    }
    Ok(headers.into())
}

fn wrong(reason: &str) -> Error {
    Error::ProtocolError(reason.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Keep;

    const RULES: Rules =
        Rules { head: false, connect: false, closes: false, keep: Keep::Everything };

    fn whole(text: &str, rules: Rules) -> Result<Head, Error> {
        read(text.as_bytes(), rules, 8192).map(|head| head.expect("the head is whole"))
    }

    #[test]
    fn framing_follows_the_standard() {
        let cases = [
            ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", Framing::Length(5), true),
            ("HTTP/1.1 200 OK\nContent-Length:\t 007 \n\n", Framing::Length(7), true),
            ("HTTP/1.1 200 OK\r\n\r\n", Framing::UntilClose, false),
            ("HTTP/1.1 204 No\r\ncontent-length: 5\r\n\r\n", Framing::Length(0), true),
            ("HTTP/1.1 304 No\r\ncontent-length: 5\r\n\r\n", Framing::Length(0), true),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, Chunked\r\n\r\n",
                Framing::Chunked(Chunked::default()),
                true,
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n",
                Framing::Chunked(Chunked::default()),
                false,
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, gzip\r\n\r\n",
                Framing::UntilClose,
                false,
            ),
            (
                "HTTP/1.1 200 OK\r\nconnection: x, Close\r\ncontent-length: 0\r\n\r\n",
                Framing::Length(0),
                false,
            ),
            ("HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\n", Framing::Length(1), false),
            (
                "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 1\r\n\r\n",
                Framing::Length(1),
                true,
            ),
        ];
        for (text, framing, lasts) in cases {
            let head = whole(text, RULES).unwrap();
            assert_eq!((head.framing, head.lasts), (framing, lasts), "{text}");
            assert_eq!(head.length, text.len());
        }
        let head = Rules { head: true, ..RULES };
        let text = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n";
        assert_eq!(whole(text, head).unwrap().framing, Framing::Length(0));
    }

    #[test]
    fn what_cannot_be_framed_is_refused() {
        for lines in [
            "content-length: -5",
            "content-length: +5",
            "content-length: 5, 5",
            "content-length: 5\r\ncontent-length: 5",
            "content-length: 5\r\ncontent-length: 6",
            "content-length: 0x5",
            "content-length:",
            "content-length: 99999999999999999999",
            "x: one\r\n folded",
            "content-length : 5",
            "transfer-encoding: \u{e9}, chunked",
        ] {
            let text = format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\n");
            let error = read(text.as_bytes(), RULES, 8192).unwrap_err();
            assert_eq!(error.code(), "protocol_error", "{lines}");
        }
        let text = "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        assert_eq!(whole(text, RULES).unwrap_err().code(), "protocol_error");
        assert_eq!(whole("HTTP/1.1 099 X\r\n\r\n", RULES).unwrap_err().code(), "protocol_error");
    }

    #[test]
    fn heads_have_a_longest_and_headers_a_most() {
        let short = "HTTP/1.1 200 OK\r\nx: y\r\n";
        assert!(read(short.as_bytes(), RULES, 100).unwrap().is_none());
        assert!(read(short.as_bytes(), RULES, short.len()).is_err());
        let lines = |count: usize| format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(count));
        assert_eq!(whole(&lines(100), RULES).unwrap().headers.len(), 100);
        assert_eq!(whole(&lines(101), RULES).unwrap_err().code(), "headers_too_large");
    }

    #[test]
    fn headers_are_kept_as_told() {
        let text = "HTTP/1.1 200 OK\r\nEmpty:\r\nTwo: b\r\ntwo: \t\u{e9} \r\n\r\n";
        let head = whole(text, RULES).unwrap();
        assert_eq!(head.headers["empty"], "");
        let two: Vec<&[u8]> =
            head.headers.get_all("two").iter().map(HeaderValue::as_bytes).collect();
        assert_eq!(two, [&b"b"[..], "\u{e9}".as_bytes()]);
        let failures = Rules { keep: Keep::Failures, ..RULES };
        assert!(whole(text, failures).unwrap().headers.is_empty());
        let leads = Rules { keep: Keep::Leads, ..RULES };
        assert!(whole(text, leads).unwrap().headers.is_empty());
        assert_eq!(whole(&text.replace("200", "302"), leads).unwrap().headers.len(), 3);
        assert_eq!(whole(&text.replace("Empty", "Set-Cookie"), leads).unwrap().headers.len(), 3);
        assert_eq!(whole(&text.replace("200", "500"), failures).unwrap().headers.len(), 3);
    }
}
