//! Any challenge is answered or refused, and the answer is a header.
#![no_main]

use http::Method;
use http::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use libfuzzer_sys::fuzz_target;
use seaworthy_base::Timestamp;
use seaworthy_net::auth::{Login, digest, ntlm};

fuzz_target!(|bytes: &[u8]| {
    let Ok(value) = HeaderValue::from_bytes(bytes) else { return };
    let headers = HeaderMap::from_iter([(WWW_AUTHENTICATE, value)]);
    let login = Login { user: "A\\b".to_owned(), password: "c".to_owned() };
    if let Ok(Some(challenge)) = digest::Challenge::find(&headers) {
        let _ = challenge.answer(&login, &Method::GET, "/", b"body", "nonce", 1);
    }
    if let Ok(Some(challenge)) = ntlm::Challenge::find(&headers, "NTLM") {
        let answer = challenge.answer(&login, &ntlm::negotiate(), [1; 8], Timestamp::default());
        let _ = ntlm::header("NTLM", &answer);
    }
});
