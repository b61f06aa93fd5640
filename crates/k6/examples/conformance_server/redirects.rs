//! Redirects: relative, absolute, many in a row, of every kind.

use http::header::LOCATION;
use http::{HeaderValue, StatusCode};

use crate::answer::{self, Answer};
use crate::seen::Seen;

/// To `location`, with a status of 300 to 399.
pub(crate) fn to(location: &str, status: u16) -> Answer {
    let status = StatusCode::from_u16(status).ok().filter(StatusCode::is_redirection);
    let (Some(status), Ok(location)) = (status, HeaderValue::from_str(location)) else {
        return answer::status(StatusCode::BAD_REQUEST);
    };
    let mut answer = answer::status(status);
    answer.headers_mut().insert(LOCATION, location);
    answer
}

/// `count` hops and then `/get`; with the host in each, or without.
pub(crate) fn chain(seen: &Seen, count: u32, absolute: bool) -> Answer {
    let name = if absolute { "absolute-redirect" } else { "redirect" };
    let path = match count {
        0 | 1 => "/get".to_owned(),
        _ => format!("/{name}/{}", count - 1),
    };
    to(&if absolute { format!("{}{path}", seen.origin()) } else { path }, 302)
}

/// Where the query says: `url`, `status` (302).
pub(crate) fn wanted(seen: &Seen) -> Answer {
    let status = seen.parameter("status").and_then(|text| text.parse().ok()).unwrap_or(302);
    match seen.parameter("url") {
        Some(url) => to(&url, status),
        None => answer::status(StatusCode::BAD_REQUEST),
    }
}
