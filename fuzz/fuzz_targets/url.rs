//! Any text is a URL or an error; the base of a URL reads as the same URL.
#![no_main]

use libfuzzer_sys::fuzz_target;
use seaworthy_net::Url;

fuzz_target!(|text: &str| {
    if let Ok(url) = Url::parse(text) {
        let again = Url::parse(url.base()).expect("a base is a URL");
        assert!(url.same_origin(&again));
    }
});
