//! The W3C trace context of a request: continued when it is sound, begun anew when it is not.

use http::{HeaderMap, HeaderName, HeaderValue};
use seaworthy_base::chance;

/// Which trace a request belongs to, and who caused it.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What tracing systems add for themselves.
pub(crate) const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Which span of ours answered.
pub(crate) const TRACERESPONSE: HeaderName = HeaderName::from_static("traceresponse");

/// Most members of a trace state, and most bytes in all, that are passed on.
const MEMBERS: usize = 32;
const STATE: usize = 2_048;

/// The flags that mean something: sampled, and random trace id.
const FLAGS: u8 = 0b11;

/// Puts this request's own span in the place of its caller's, so that calls to other roles name it,
/// and gives it back for the log and the answer.
///
/// A trace context that is malformed, or there twice, is dropped whole, as the standard asks: a new
/// trace begins. A trace state that is malformed is dropped alone.
pub(super) fn enter(headers: &mut HeaderMap) -> HeaderValue {
    let caller = only(headers, &TRACEPARENT).and_then(parse);
    let state = caller.is_some().then(|| state(headers)).flatten();
    let mut random = [0_u8; 24];
    chance::fill_secret(&mut random);
    // An id of zeros only would be no id: the odds are those of guessing a key.
    let (trace, flags) = match &caller {
        Some((trace, flags)) => (trace.to_string(), *flags),
        None => (hex(&random[..16]), FLAGS & 0b10),
    };
    let own = HeaderValue::from_str(&format!("00-{trace}-{}-{flags:02x}", hex(&random[16..])))
        .expect("hexadecimal digits and hyphens are a header value");
    headers.insert(TRACEPARENT, own.clone());
    headers.remove(TRACESTATE);
    if let Some(state) = state {
        headers.insert(TRACESTATE, state);
    }
    own
}

/// The value of a header that must be there once.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// The trace id and the flags of a `traceparent`.
fn parse(text: &str) -> Option<(&str, u8)> {
    let mut parts = text.splitn(5, '-');
    let (version, trace) = (parts.next()?, parts.next()?);
    let (parent, flags, rest) = (parts.next()?, parts.next()?, parts.next());
    let sound = digits(version, 2)
        && version != "ff"
        && digits(trace, 32)
        && digits(parent, 16)
        && digits(flags, 2)
        // Later versions may add more after what is known of this one.
        && (version != "00" || rest.is_none());
    let empty = |id: &str| id.bytes().all(|byte| byte == b'0');
    if !sound || empty(trace) || empty(parent) {
        return None;
    }
    Some((trace, u8::from_str_radix(flags, 16).ok()? & FLAGS))
}

fn digits(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The trace state of all its headers together; none when it is empty, malformed or too long.
fn state(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut members = Vec::new();
    for value in headers.get_all(&TRACESTATE) {
        members.extend(value.to_str().ok()?.split(',').map(str::trim));
    }
    members.retain(|member| !member.is_empty());
    if members.is_empty() || members.len() > MEMBERS || !members.iter().all(|one| member(one)) {
        return None;
    }
    let text = members.join(",");
    if text.len() > STATE { None } else { HeaderValue::from_str(&text).ok() }
}

fn member(text: &str) -> bool {
    let Some((key, value)) = text.split_once('=') else { return false };
    let letter = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9');
    let key_letter = |byte: u8| letter(byte) || b"_-*/@".contains(&byte);
    let value_letter = |byte: u8| matches!(byte, 0x20..=0x7e) && byte != b',' && byte != b'=';
    (1..=256).contains(&key.len())
        && letter(key.as_bytes()[0])
        && key.bytes().all(key_letter)
        && (1..=256).contains(&value.len())
        && value.bytes().all(value_letter)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const PARENT: &str = "00f067aa0ba902b7";

    fn entered(lines: &[(HeaderName, &str)]) -> (String, Option<String>) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let own = enter(&mut headers);
        assert_eq!(headers[TRACEPARENT], own);
        let own = own.to_str().unwrap().to_owned();
        assert!(parse(&own).is_some(), "{own}");
        assert!(!own.contains(PARENT), "the span is ours: {own}");
        (own, headers.get(TRACESTATE).map(|state| state.to_str().unwrap().to_owned()))
    }

    #[test]
    fn a_sound_context_is_continued() {
        let (own, state) = entered(&[
            (TRACEPARENT, &format!("00-{TRACE}-{PARENT}-01")),
            (TRACESTATE, "rojo=00f067aa0ba902b7, congo=t61rcWkgMzE"),
            (TRACESTATE, "tenant@vendor=a b"),
        ]);
        assert!(own.starts_with(&format!("00-{TRACE}-")) && own.ends_with("-01"), "{own}");
        let whole = "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE,tenant@vendor=a b";
        assert_eq!(state.as_deref(), Some(whole));
        let later = format!("cc-{TRACE}-{PARENT}-ff-what the future brings");
        let (own, _) = entered(&[(TRACEPARENT, &later)]);
        assert!(own.starts_with(&format!("00-{TRACE}-")) && own.ends_with("-03"), "{own}");
    }

    #[test]
    fn a_malformed_context_is_begun_anew_without_its_state() {
        let upper = TRACE.to_uppercase();
        let (zeros, short) = ("0".repeat(32), &TRACE[1..]);
        for wrong in [
            String::new(),
            "x".to_owned(),
            format!("00-{TRACE}-{PARENT}"),
            format!("00-{TRACE}-{PARENT}-01-more"),
            format!("ff-{TRACE}-{PARENT}-01"),
            format!("00-{upper}-{PARENT}-01"),
            format!("00-{zeros}-{PARENT}-01"),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{short}-{PARENT}-01"),
            format!("00-{TRACE}-{PARENT}-0g"),
        ] {
            let (own, state) = entered(&[(TRACEPARENT, &wrong), (TRACESTATE, "a=b")]);
            assert!(!own.contains(TRACE), "{wrong}: {own}");
            assert_eq!(state, None, "{wrong}");
        }
        let good = format!("00-{TRACE}-{PARENT}-01");
        let (own, _) = entered(&[(TRACEPARENT, &good), (TRACEPARENT, &good)]);
        assert!(!own.contains(TRACE), "{own}");
    }

    #[test]
    fn a_malformed_state_is_dropped_alone() {
        let many = vec!["a=b"; 33].join(",");
        let long = vec![format!("a={}", "b".repeat(255)); 9].join(",");
        for wrong in ["a", "=b", "A=b", "a=", "a=b=c", &many, &long] {
            let good = format!("00-{TRACE}-{PARENT}-00");
            let (own, state) = entered(&[(TRACEPARENT, &good), (TRACESTATE, wrong)]);
            assert!(own.contains(TRACE), "{own}");
            assert_eq!(state, None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_header_panics(parent in "[\\x20-\\xff]{0,80}", state in "[\\x20-\\xff]{0,80}") {
            let mut headers = HeaderMap::new();
            for (name, text) in [(TRACEPARENT, parent), (TRACESTATE, state)] {
                if let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) {
                    headers.insert(name, value);
                }
            }
            let own = enter(&mut headers);
            prop_assert!(parse(own.to_str().unwrap()).is_some());
        }
    }
}
