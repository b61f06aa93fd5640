//! Any bytes are events or an error; in which pieces they come makes no difference.
#![no_main]

use libfuzzer_sys::fuzz_target;
use seaworthy_net::sse::{Event, Parser};

fn read(bytes: &[u8], size: usize) -> (Vec<Event>, bool) {
    let mut parser = Parser::new(256);
    let mut events = Vec::new();
    for piece in bytes.chunks(size) {
        if parser.feed(piece, |event| events.push(event)).is_err() {
            return (events, false);
        }
    }
    (events, true)
}

fuzz_target!(|input: (u8, &[u8])| {
    let (size, bytes) = input;
    let whole = read(bytes, bytes.len().max(1));
    assert_eq!(whole, read(bytes, usize::from(size).max(1)));
    assert!(whole.0.iter().all(|event| event.data.len() <= 3 * 256));
});
