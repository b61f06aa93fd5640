//! Server-Sent Events: a stream that is opened once and read event by event.

use std::collections::VecDeque;
use std::time::Duration;

use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Version};

use crate::client::{Http, Keep, Options, Request};
use crate::error::{Error, Failure};
use crate::headers::Headers;
use crate::meter::Meter;
use crate::opening::Opening;
use crate::peer::Peer;
use crate::timings::Timings;
use crate::url::Url;
use crate::{http1, http2};

mod parser;

pub use parser::{Event, Parser};

/// Sends `request` to `origin` on a connection of its own and takes the head of the answer, within
/// the request's time limit. `Accept: text/event-stream` is added when missing. Redirects are not
/// followed and no content coding is taken.
///
/// # Errors
/// Besides a request's own: `not_an_event_stream` unless the answer is a 200 of type
/// `text/event-stream`.
pub async fn open(options: &Options, origin: &Url, request: Request) -> Result<Events, Failure> {
    let mut opening = Opening::new(options, request.timeout);
    // Large while it runs, and an open stream is to be small.
    match Box::pin(begin(&mut opening, origin, request)).await {
        Ok((source, version, headers)) => Ok(Events {
            status: 200,
            version,
            headers,
            timings: opening.finish(),
            peer: opening.peer(),
            source,
            meter: opening.meter,
            parser: Parser::new(options.max_message),
            ready: VecDeque::new(),
            broken: None,
        }),
        Err(error) => Err(opening.failed(error)),
    }
}

/// An open stream of events. Dropping it closes its connection.
#[derive(Debug)]
pub struct Events {
    /// The answer's status; 200.
    pub status: u16,
    /// The version of HTTP it came in.
    pub version: Version,
    /// The answer's headers.
    pub headers: Headers,
    /// Where the time of the opening went, up to the answer's head.
    pub timings: Timings,
    /// Whom the events come from.
    pub peer: Peer,
    source: Source,
    meter: Meter,
    parser: Parser,
    ready: VecDeque<Event>,
    /// What ended the stream, once all events before it have been handed on.
    broken: Option<Error>,
}

#[derive(Debug)]
enum Source {
    One(Box<(http1::Connection, http1::Begun)>),
    Two(Box<(http2::Connection, http2::Begun)>),
    Ended,
}

impl Events {
    /// Waits for the next event, without a limit; `None` when the server has ended the stream. A
    /// call that is dropped loses nothing.
    ///
    /// # Errors
    /// `event_too_large` beyond [`Options::max_message`], and what breaks a connection. After an error
    /// the stream has ended.
    pub async fn next(&mut self) -> Result<Option<Event>, Error> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                if self.ready.is_empty() {
                    self.ready.shrink_to(4);
                }
                return Ok(Some(event));
            }
            if let Some(error) = self.broken.take() {
                return Err(error);
            }
            let piece = match &mut self.source {
                Source::One(stream) => {
                    let (connection, begun) = &mut **stream;
                    connection.piece(begun, &mut self.meter).await
                }
                Source::Two(stream) => {
                    let (connection, begun) = &mut **stream;
                    connection.read(begun, &mut self.meter).await
                }
                Source::Ended => return Ok(None),
            };
            let ready = &mut self.ready;
            match piece {
                Ok(Some(bytes)) => {
                    if let Err(error) = self.parser.feed(&bytes, |event| ready.push_back(event)) {
                        self.end(Some(error));
                    }
                }
                Ok(None) => self.end(None),
                Err(error) => self.end(Some(error)),
            }
        }
    }

    /// How long the server asks clients to wait before they connect anew, if it does.
    pub fn retry(&self) -> Option<Duration> {
        self.parser.retry()
    }

    /// The last id the stream has named, for `Last-Event-ID` when connecting anew.
    pub fn last_id(&self) -> &str {
        self.parser.last_id()
    }

    /// Bytes written, headers included (before TLS).
    pub fn bytes_sent(&self) -> u64 {
        self.meter.sent
    }

    /// Bytes read so far, headers included (after TLS).
    pub fn bytes_received(&self) -> u64 {
        self.meter.received
    }

    fn end(&mut self, error: Option<Error>) {
        self.source = Source::Ended;
        self.broken = error;
    }
}

async fn begin(
    opening: &mut Opening<'_>,
    origin: &Url,
    mut request: Request,
) -> Result<(Source, Version, Headers), Error> {
    request.keep = Keep::Everything;
    if !request.headers.iter().any(|(name, _)| name == ACCEPT) {
        request.headers.push((ACCEPT, HeaderValue::from_static(KIND)));
    }
    let Opening { options, limit, .. } = *opening;
    let http = options.http_with(origin);
    let wire = opening.dial(origin, http).await?;
    if http == Http::Two || wire.chose_http2() {
        let begun = async {
            let mut connection = http2::Connection::open(wire, options).await?;
            let begun = connection.ask(origin, &request, options, &mut opening.meter).await?;
            Ok((connection, begun))
        };
        let (connection, mut begun) = limit.hold(begun).await?;
        check(begun.status, &begun.headers)?;
        let headers = std::mem::take(&mut begun.headers);
        return Ok((Source::Two(Box::new((connection, begun))), Version::HTTP_2, headers));
    }
    let mut connection = http1::Connection::new(wire);
    let message = http1::Message::new(origin, &request)?;
    let limits = options.limits(limit);
    let mut begun = connection.begin(message, limits, &mut opening.meter).await?;
    check(begun.status, &begun.headers)?;
    let (version, headers) = (begun.version, std::mem::take(&mut begun.headers));
    Ok((Source::One(Box::new((connection, begun))), version, headers))
}

const KIND: &str = "text/event-stream";

fn check(status: u16, headers: &HeaderMap) -> Result<(), Error> {
    let said = |name| {
        let value = headers.get(name).map(HeaderValue::as_bytes).unwrap_or_default();
        String::from_utf8_lossy(value).trim().to_owned()
    };
    let kind = said(CONTENT_TYPE);
    let coding = said(CONTENT_ENCODING);
    let essence = kind.split(';').next().unwrap_or_default().trim();
    let reason = match (essence.eq_ignore_ascii_case(KIND), coding.as_str()) {
        (true, "" | "identity") if status == 200 => return Ok(()),
        (true, "" | "identity") => "the right content type".to_owned(),
        (true, coding) => format!("the content coding `{coding}`"),
        (false, _) if kind.is_empty() => "no content type".to_owned(),
        (false, _) => format!("the content type `{kind}`"),
    };
    Err(Error::NotAnEventStream { status, reason })
}
