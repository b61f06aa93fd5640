//! The event stream grammar of the WHATWG HTML standard, read in pieces of any size.

use std::borrow::Cow;
use std::time::Duration;

use crate::error::Error;

/// One event of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// The last id the stream has named, in this event or before; empty if none yet.
    pub id: String,
    /// The event's type; `message` where the stream names none.
    pub event: String,
    /// The data, its lines joined by `\n`.
    pub data: String,
}

/// Reads events from the bytes of a stream. It keeps what belongs to the event that is being read
/// and no more.
#[derive(Debug)]
pub struct Parser {
    /// Most bytes an event, and a line of one, may have.
    limit: usize,
    /// Bytes of the byte order mark seen at the beginning; `None` once that is over.
    mark: Option<usize>,
    after_return: bool,
    /// The beginning of a line whose end has not come yet.
    line: Vec<u8>,
    event: String,
    /// Each line of data ends in `\n`, so that one empty line is told from none.
    data: String,
    id: String,
    retry: Option<Duration>,
}

const MARK: &[u8] = b"\xef\xbb\xbf";

impl Parser {
    /// A parser for events of at most `limit` bytes, counted over one event's lines.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            mark: Some(0),
            after_return: false,
            line: Vec::new(),
            event: String::new(),
            data: String::new(),
            id: String::new(),
            retry: None,
        }
    }

    /// How long the stream asks clients to wait before they connect anew, if it does.
    pub fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// The last id the stream has named.
    pub fn last_id(&self) -> &str {
        &self.id
    }

    /// Takes the next bytes and hands on the events that end in them.
    ///
    /// # Errors
    /// `event_too_large`. What came before it has been handed on; the stream is of no more use.
    pub fn feed(&mut self, bytes: &[u8], mut event: impl FnMut(Event)) -> Result<(), Error> {
        let mut rest = self.skip_mark(bytes)?;
        loop {
            if self.after_return && !rest.is_empty() {
                self.after_return = false;
                rest = rest.strip_prefix(b"\n").unwrap_or(rest);
            }
            let Some(end) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
                self.fits(rest.len())?;
                self.line.extend_from_slice(rest);
                return Ok(());
            };
            let (line, after) = rest.split_at(end);
            self.fits(line.len())?;
            self.after_return = after.starts_with(b"\r");
            rest = after.get(1..).unwrap_or_default();
            let ended = if self.line.is_empty() {
                self.end_line(line)
            } else {
                let mut begun = std::mem::take(&mut self.line);
                begun.extend_from_slice(line);
                self.end_line(&begun)
            };
            if let Some(ended) = ended {
                event(ended);
            }
        }
    }

    /// Leaves out a byte order mark at the very beginning, also one that comes in pieces.
    fn skip_mark<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b [u8], Error> {
        let Some(mut seen) = self.mark else { return Ok(bytes) };
        for (position, byte) in bytes.iter().enumerate() {
            if Some(byte) != MARK.get(seen) {
                // What looked like the mark is the beginning of the first line.
                self.mark = None;
                self.fits(seen)?;
                self.line.extend_from_slice(&MARK[..seen]);
                return Ok(&bytes[position..]);
            }
            seen += 1;
            if seen == MARK.len() {
                self.mark = None;
                return Ok(&bytes[position + 1..]);
            }
        }
        self.mark = Some(seen);
        Ok(&[])
    }

    fn fits(&self, more: usize) -> Result<(), Error> {
        let length = self.line.len() + self.data.len() + self.event.len() + more;
        if length > self.limit { Err(Error::EventTooLarge { limit: self.limit }) } else { Ok(()) }
    }

    fn end_line(&mut self, line: &[u8]) -> Option<Event> {
        if line.is_empty() {
            return self.end_event();
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let (name, value) = line.split_at(colon.unwrap_or(line.len()));
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        let text = || -> Cow<'_, str> { String::from_utf8_lossy(value) };
        match name {
            b"data" => {
                self.data.push_str(&text());
                self.data.push('\n');
            }
            b"event" => {
                self.event.clear();
                self.event.push_str(&text());
            }
            b"id" if !value.contains(&0) => {
                self.id.clear();
                self.id.push_str(&text());
            }
            b"retry" if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
                // What does not fit is a very long time.
                self.retry = Some(Duration::from_millis(text().parse().unwrap_or(u64::MAX)));
            }
            _ => {}
        }
        None
    }

    fn end_event(&mut self) -> Option<Event> {
        let mut event = std::mem::take(&mut self.event);
        let mut data = std::mem::take(&mut self.data);
        data.pop()?;
        data.shrink_to_fit();
        if event.is_empty() {
            event.push_str("message");
        }
        Some(Event { id: self.id.clone(), event, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMIT: usize = 256;

    /// Events of `bytes`, fed in pieces of `size`, as (id, event, data).
    fn read(bytes: &[u8], size: usize) -> Result<Vec<(String, String, String)>, Error> {
        let mut parser = Parser::new(LIMIT);
        let mut events = Vec::new();
        for piece in bytes.chunks(size) {
            parser.feed(piece, |event| events.push((event.id, event.event, event.data)))?;
            assert!(parser.line.len() + parser.data.len() + parser.event.len() <= 4 * LIMIT);
        }
        Ok(events)
    }

    #[test]
    fn the_standards_examples_are_read() {
        for (text, expected) in [
            ("data: YHOO\ndata: +2\ndata: 10\n\n", &[("", "message", "YHOO\n+2\n10")][..]),
            (
                ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
                &[
                    ("1", "message", "first event"),
                    ("", "message", "second event"),
                    ("", "message", " third event"),
                ],
            ),
            ("data\n\ndata\ndata\n\ndata:", &[("", "message", ""), ("", "message", "\n")]),
            ("data:test\n\ndata: test\n\n", &[("", "message", "test"), ("", "message", "test")]),
            (
                "event: add\r\ndata: 1\r\n\r\nevent: gone\rdata: 2\r\rdata: 3\n\n",
                &[("", "add", "1"), ("", "gone", "2"), ("", "message", "3")],
            ),
            // An event without data is none, and its name does not pass to the next.
            ("event: lost\nid: 4\n\ndata: x\n\n", &[("4", "message", "x")]),
            // An id with a NUL, unknown fields, cases that differ, a field without a name.
            ("id: a\0b\nfoo: 1\nData: 2\n: 3\n:4\ndata: x\n\n", &[("", "message", "x")]),
            ("\u{feff}data: x\n\n\u{feff}data: y\n\n", &[("", "message", "x")]),
            ("data: \u{1f6a2}:\n\n", &[("", "message", "\u{1f6a2}:")]),
            ("\n\n\r\r\n", &[]),
            ("data: unfinished\n", &[]),
        ] {
            let expected: Vec<_> = expected
                .iter()
                .map(|(id, event, data)| (id.to_string(), event.to_string(), data.to_string()))
                .collect();
            for size in 1..=text.len() {
                assert_eq!(read(text.as_bytes(), size).unwrap(), expected, "{text:?} by {size}");
            }
        }
        assert_eq!(read(b"data: \xff\xfe\n\n", 3).unwrap()[0].2, "\u{fffd}\u{fffd}");
        assert_eq!(read(b"\xef\xbbdata: x\n\ndata: y\n\n", 1).unwrap()[0].2, "y");
    }

    #[test]
    fn what_the_stream_asks_for_is_kept() {
        let mut parser = Parser::new(LIMIT);
        parser.feed(b"retry: 1500\nretry: 2s\nretry:\nretry: -1\nid: 7\n", |_| {}).unwrap();
        assert_eq!(parser.retry(), Some(Duration::from_millis(1500)));
        assert_eq!(parser.last_id(), "7");
        parser.feed(b"retry: 99999999999999999999999\n", |_| {}).unwrap();
        assert_eq!(parser.retry(), Some(Duration::from_millis(u64::MAX)));
    }

    #[test]
    fn an_event_without_end_is_refused() {
        let long = "x".repeat(LIMIT + 1);
        for text in [
            long.clone(),
            format!(":{long}"),
            format!("data: {long}\n\n"),
            "data: 0123456789\n".repeat(LIMIT),
            "data\n".repeat(LIMIT + 2),
        ] {
            for size in [1, 100, text.len()] {
                let error = read(text.as_bytes(), size).unwrap_err();
                assert_eq!(error.code(), "event_too_large", "by {size}");
            }
        }
        // Small ones without end are no harm.
        let many = "event: e\ndata: x\n\n".repeat(LIMIT);
        assert_eq!(read(many.as_bytes(), 64).unwrap().len(), LIMIT);
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference_and_nothing_panics(
            bytes in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..200),
                "((data|event|id|retry)?:? ?[a-z\0\u{feff}]{0,3}(\r|\n|\r\n)){0,20}"
                    .prop_map(String::into_bytes),
            ],
            size in 1_usize..40,
        ) {
            let whole = read(&bytes, bytes.len().max(1)).map_err(|error| error.code());
            prop_assert_eq!(whole, read(&bytes, size).map_err(|error| error.code()));
        }
    }
}
