//! Where a `Location` leads from the page that named it (RFC 3986 §5).

use std::fmt::Write as _;

use crate::error::Error;
use crate::url::Url;

/// The URL that `location` means on the page `target` of `origin`, without its fragment. What may
/// not stand in a URL is percent-encoded, as browsers do.
///
/// # Errors
/// `invalid_redirect`. Credentials in the location are not repeated.
pub(super) fn resolve(origin: &Url, target: &str, location: &[u8]) -> Result<Url, Error> {
    let location = encoded(location.trim_ascii());
    let reference = location.split('#').next().unwrap_or_default();
    let scheme = origin.scheme().as_str();
    let authority = origin.authority().to_str().unwrap_or_default();
    let (page, query) = match target.split_once('?') {
        Some((page, _)) => (page, &target[page.len()..]),
        None => (target, ""),
    };
    let text = if has_scheme(reference) {
        let (scheme, rest) = reference.split_once(':').unwrap_or_default();
        match rest.strip_prefix("//") {
            Some(rest) => absolute(scheme, rest),
            None => reference.to_owned(),
        }
    } else if let Some(rest) = reference.strip_prefix("//") {
        absolute(scheme, rest)
    } else {
        let target = match reference {
            "" => format!("{page}{query}"),
            _ if reference.starts_with('?') => format!("{page}{reference}"),
            _ if reference.starts_with('/') => without_dots(reference),
            _ => {
                let folder = page.rfind('/').map_or("/", |end| &page[..=end]);
                without_dots(&format!("{folder}{reference}"))
            }
        };
        format!("{scheme}://{authority}{target}")
    };
    Url::parse(&text).map_err(|error| match error {
        Error::InvalidUrl { text, reason, .. } => {
            Error::InvalidRedirect { location: text, reason: reason.to_owned() }
        }
        error => error,
    })
}

/// The URL of `target` at `origin`.
pub(super) fn whole(origin: &Url, target: &str) -> Option<Url> {
    let authority = origin.authority().to_str().ok()?;
    Url::parse(&format!("{}://{authority}{target}", origin.scheme().as_str())).ok()
}

fn has_scheme(reference: &str) -> bool {
    let letters = |scheme: &str| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    };
    reference.split_once(':').is_some_and(|(scheme, _)| letters(scheme))
}

/// What follows `scheme://`, its path without dots.
fn absolute(scheme: &str, rest: &str) -> String {
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let path = if path.starts_with('/') { without_dots(path) } else { path.to_owned() };
    format!("{scheme}://{authority}{path}")
}

/// A path without `.` and `..` segments (RFC 3986 §5.2.4); its query stays as it is.
fn without_dots(target: &str) -> String {
    let end = target.find('?').unwrap_or(target.len());
    let (path, query) = target.split_at(end);
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | "%2e" | "%2E" => {}
            ".." | ".%2e" | ".%2E" | "%2e." | "%2E." | "%2e%2e" | "%2E%2E" | "%2e%2E"
            | "%2E%2e" => {
                kept.pop();
            }
            segment => {
                kept.push(segment);
                continue;
            }
        }
        // A folder stays one.
        if last {
            kept.push("");
        }
    }
    format!("/{}{query}", kept.join("/"))
}

/// The bytes as text of a URL: what has no place in one is percent-encoded.
fn encoded(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'!' | b'#'..=b';' | b'=' | b'?'..=b'[' | b']' | b'_' | b'a'..=b'z' | b'~' => {
                text.push(char::from(*byte));
            }
            // Writing to a string does not fail.
            _ => _ = write!(text, "%{byte:02X}"),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn resolved(location: &str) -> String {
        let origin = Url::parse("http://a:81/ignored").unwrap();
        match resolve(&origin, "/b/c/d;p?q", location.as_bytes()) {
            Ok(url) => url.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_examples_of_rfc_3986_hold() {
        for (location, expected) in [
            ("http://g", "http://g/"),
            ("g", "http://a:81/b/c/g"),
            ("./g", "http://a:81/b/c/g"),
            ("g/", "http://a:81/b/c/g/"),
            ("/g", "http://a:81/g"),
            ("//g", "http://g/"),
            ("?y", "http://a:81/b/c/d;p?y"),
            ("g?y", "http://a:81/b/c/g?y"),
            ("#s", "http://a:81/b/c/d;p?q"),
            ("g#s", "http://a:81/b/c/g"),
            ("g?y#s", "http://a:81/b/c/g?y"),
            (";x", "http://a:81/b/c/;x"),
            ("g;x", "http://a:81/b/c/g;x"),
            ("", "http://a:81/b/c/d;p?q"),
            (".", "http://a:81/b/c/"),
            ("./", "http://a:81/b/c/"),
            ("..", "http://a:81/b/"),
            ("../", "http://a:81/b/"),
            ("../g", "http://a:81/b/g"),
            ("../..", "http://a:81/"),
            ("../../g", "http://a:81/g"),
            ("../../../g", "http://a:81/g"),
            ("/./g", "http://a:81/g"),
            ("/../g", "http://a:81/g"),
            ("g.", "http://a:81/b/c/g."),
            ("..g", "http://a:81/b/c/..g"),
            ("./../g", "http://a:81/b/g"),
            ("./g/.", "http://a:81/b/c/g/"),
            ("g/./h", "http://a:81/b/c/g/h"),
            ("g/../h", "http://a:81/b/c/h"),
            ("g;x=1/../y", "http://a:81/b/c/y"),
            ("g?y/../x", "http://a:81/b/c/g?y/../x"),
            // Beyond the standard's: what browsers make of what servers write.
            (
                "  /with space?q=\u{fc}|\"<x>\" ",
                "http://a:81/with%20space?q=%C3%BC%7C%22%3Cx%3E%22",
            ),
            ("HTTPS://G/a/../%2e%2E/b%2fc#x", "https://G/b%2fc"),
            ("http://g?x", "http://g/?x"),
            ("/a:b", "http://a:81/a:b"),
        ] {
            assert_eq!(resolved(location), expected, "{location}");
        }
    }

    #[test]
    fn what_cannot_be_followed_is_told_without_secrets() {
        for location in [
            "mailto:me",
            "javascript:alert(1)",
            "http:g",
            "ftp://g/",
            "http://",
            "//",
            "http://g:0/",
        ] {
            assert!(resolved(location).contains("cannot be followed"), "{location}");
        }
        let told = resolved("https://me:secret@g/");
        assert!(told.contains("holds credentials") && !told.contains("secret"), "{told}");
    }

    proptest! {
        #[test]
        fn no_location_panics_and_every_result_is_a_target(
            location in prop::collection::vec(any::<u8>(), 0..40),
            text in "(http|https|x)?:?/{0,3}[a-z.%2e:@\\[\\]]{0,6}([/.?#]|\\.\\.|[a-z]){0,12}",
            target in "/[a-z/.?%]{0,12}",
        ) {
            let origin = Url::parse("https://[::1]:9/").unwrap();
            for location in [&location[..], text.as_bytes()] {
                if let Ok(url) = resolve(&origin, &target, location) {
                    prop_assert!(url.base().starts_with('/') && !url.base().contains('#'));
                    let path = url.base().split('?').next().unwrap();
                    let own = location.is_empty() || matches!(location[0], b'?' | b'#');
                    let dots = path.split('/').any(|segment| segment == "..");
                    prop_assert!(!dots || own || path == target.split('?').next().unwrap());
                }
            }
        }
    }
}
