//! Any text is a URL or an error; a URL reads as the same from its own text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use seaworthy_net::Url;

fuzz_target!(|text: &str| {
    if let Ok(url) = Url::parse(text) {
        let again = Url::parse(&url.to_string()).expect("its own text is a URL");
        assert_eq!(url.to_string(), again.to_string());
        assert!(url.same_origin(&again));
    }
});
