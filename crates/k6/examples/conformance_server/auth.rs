//! Basic and digest authentication, checked in earnest.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, StatusCode};
use md5::{Digest, Md5};
use serde_json::json;

use crate::answer::{self, Answer};
use crate::seen::Seen;

const REALM: &str = "harbour";
/// Replays are not what is tested here.
const NONCE: &str = "6d61726b2074776169";

/// RFC 7617.
pub(crate) fn basic(seen: &Seen, user: &str, password: &str) -> Answer {
    let expected = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    if seen.header("authorization") == Some(&expected) {
        return answer::json(&json!({ "authenticated": true, "user": user }));
    }
    refused(format!("Basic realm=\"{REALM}\""))
}

/// A bearer token, handed back.
pub(crate) fn bearer(seen: &Seen) -> Answer {
    match seen.header("authorization").and_then(|value| value.strip_prefix("Bearer ")) {
        Some(token) => answer::json(&json!({ "authenticated": true, "token": token })),
        None => refused("Bearer".to_owned()),
    }
}

/// RFC 7616 with MD5 and `qop=auth`.
pub(crate) fn digest(seen: &Seen, user: &str, password: &str) -> Answer {
    let header = seen.header("authorization").and_then(|value| value.strip_prefix("Digest "));
    if header.is_some_and(|header| proves(header, seen.head.method.as_str(), user, password)) {
        return answer::json(&json!({ "authenticated": true, "user": user }));
    }
    refused(format!(
        "Digest realm=\"{REALM}\", qop=\"auth\", nonce=\"{NONCE}\", opaque=\"7368\", algorithm=MD5"
    ))
}

fn proves(header: &str, method: &str, user: &str, password: &str) -> bool {
    let field = |name: &str| {
        header.split(',').find_map(|part| {
            let (key, value) = part.trim().split_once('=')?;
            (key == name).then(|| value.trim_matches('"').to_owned())
        })
    };
    let (Some(uri), Some(response)) = (field("uri"), field("response")) else { return false };
    if field("username").as_deref() != Some(user) || field("nonce").as_deref() != Some(NONCE) {
        return false;
    }
    let secret = hash(&format!("{user}:{REALM}:{password}"));
    let target = hash(&format!("{method}:{uri}"));
    let expected = match (field("qop"), field("nc"), field("cnonce")) {
        (Some(qop), Some(count), Some(own)) => {
            hash(&format!("{secret}:{NONCE}:{count}:{own}:{qop}:{target}"))
        }
        _ => hash(&format!("{secret}:{NONCE}:{target}")),
    };
    expected == response
}

fn hash(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn refused(challenge: String) -> Answer {
    let mut answer = answer::status(StatusCode::UNAUTHORIZED);
    if let Ok(challenge) = HeaderValue::from_str(&challenge) {
        answer.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    answer
}
