//! Any body under any codings is decoded within the limit or an error.
#![no_main]

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use seaworthy_net::coding::{Coding, decode};

fuzz_target!(|input: (u8, &[u8])| {
    let (choice, bytes) = input;
    let first = Coding::ALL[usize::from(choice) % 4];
    let mut named = first.as_str().to_owned();
    if choice >= 128 {
        let second = Coding::ALL[usize::from(choice) / 4 % 4];
        named = format!("{named}, {}", second.as_str());
    }
    let value = HeaderValue::try_from(named).expect("names are header values");
    let headers = HeaderMap::from_iter([(CONTENT_ENCODING, value)]);
    if let Ok(body) = decode(&headers, Bytes::copy_from_slice(bytes), 1 << 16) {
        assert!(body.len() <= 1 << 16);
    }
});
