//! The last head this thread has read: a server mostly says the same thing again.

use std::cell::Cell;

use crate::error::Error;
use crate::http1::Rules;
use crate::http1::head::{self, Head};

/// Heads longer than this are not remembered, in bytes.
const LONGEST: usize = 4 << 10;

thread_local! {
    static LAST: Cell<Option<Box<Seen>>> = const { Cell::new(None) };
}

/// A head that was seen, and what it was read as once it was seen twice in a row. One that no two
/// answers share costs only the comparison.
#[derive(Debug)]
struct Seen {
    bytes: Vec<u8>,
    rules: Rules,
    longest: usize,
    head: Option<Head>,
}

/// As [`head::read`]: what that gives depends on nothing but the bytes of the head, the rules and
/// the limit, so for the same it is given again without being worked out.
#[inline]
pub(super) fn read(bytes: &[u8], rules: Rules, longest: usize) -> Result<Option<Head>, Error> {
    let last = LAST.take();
    if let Some(seen) = &last
        && let Some(head) = &seen.head
        && bytes.starts_with(&seen.bytes)
        && (seen.rules, seen.longest) == (rules, longest)
    {
        let headers = head.headers.clone();
        let (framing, reason) = (head.framing.clone(), head.reason.clone());
        let Head { length, status, version, lasts, keeps, .. } = *head;
        LAST.set(last);
        return Ok(Some(Head { length, status, reason, version, framing, lasts, keeps, headers }));
    }
    read_anew(last, bytes, rules, longest)
}

#[cold]
fn read_anew(
    last: Option<Box<Seen>>,
    bytes: &[u8],
    rules: Rules,
    longest: usize,
) -> Result<Option<Head>, Error> {
    let read = head::read(bytes, rules, longest);
    let Ok(Some(head)) = &read else {
        LAST.set(last);
        return read;
    };
    let bytes = &bytes[..head.length];
    if bytes.len() > LONGEST {
        LAST.set(last);
        return read;
    }
    let mut seen =
        last.unwrap_or_else(|| Box::new(Seen { bytes: Vec::new(), rules, longest, head: None }));
    let twice = seen.bytes == bytes && (seen.rules, seen.longest) == (rules, longest);
    if twice {
        seen.head = Some(head.clone());
    } else {
        seen.bytes.clear();
        seen.bytes.extend_from_slice(bytes);
        (seen.rules, seen.longest, seen.head) = (rules, longest, None);
    }
    LAST.set(Some(seen));
    read
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Keep;
    use proptest::prelude::*;

    #[test]
    fn a_head_that_is_remembered_reads_as_one_that_is_read() {
        let rules = Rules { head: false, connect: false, closes: false, keep: Keep::Everything };
        let texts: [&[u8]; 6] = [
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx: y\r\n\r\nok",
            b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\nx: y\r\n\r\nok!",
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n",
            b"HTTP/1.1 500 No\r\ntransfer-encoding: chunked\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: -\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-le",
        ];
        let kinds = [rules, Rules { keep: Keep::Failures, ..rules }, Rules { head: true, ..rules }];
        proptest!(|(order in prop::collection::vec((0..texts.len(), 0..kinds.len(), 1_usize..5), 1..40))| {
            for (text, kind, times) in order {
                for _ in 0..times {
                    let anew = head::read(texts[text], kinds[kind], 50);
                    let again = read(texts[text], kinds[kind], 50);
                    prop_assert_eq!(format!("{anew:?}"), format!("{again:?}"));
                }
            }
        });
    }
}
