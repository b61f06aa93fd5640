//! Any `Set-Cookie` is taken or refused, and what the jar sends is a header.
#![no_main]

use http::header::{HeaderMap, HeaderValue, SET_COOKIE};
use libfuzzer_sys::fuzz_target;
use seaworthy_base::Clock;
use seaworthy_net::{Url, cookies::Jar};

fuzz_target!(|bytes: &[u8]| {
    let url = Url::parse("https://a.example/").expect("it is a URL");
    let mut jar = Jar::new(Clock::default());
    let mut headers = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(SET_COOKIE, value);
        }
        if headers.len() == 1000 {
            break;
        }
    }
    jar.store(&url, "/a/b?c", &headers);
    assert!(jar.len() <= 50);
    let _ = jar.header(&url, "/a/b");
});
