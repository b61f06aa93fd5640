//! Form bodies: `application/x-www-form-urlencoded` and `multipart/form-data`.

use std::fmt::Write as _;

use bytes::Bytes;
use http::HeaderValue;

/// The content type of [`urlencode`]'s bodies.
pub const URLENCODED: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// Names and values as a browser sends them (the WHATWG URL standard's serializer): a space is `+`,
/// and of the rest all but ASCII letters, digits and `*-._` is percent-encoded.
pub fn urlencode<N: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (N, V)>) -> Bytes {
    let mut text = String::new();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        percent_encode(&mut text, name.as_ref());
        text.push('=');
        percent_encode(&mut text, value.as_ref());
    }
    Bytes::from(text)
}

/// A part of a `multipart/form-data` body.
#[derive(Clone, Debug)]
pub struct Part {
    /// The field's name.
    pub name: String,
    /// The file's name, if the part is a file.
    pub file: Option<String>,
    /// The part's content type; without one none is written.
    pub content_type: Option<HeaderValue>,
    /// What is in it.
    pub body: Bytes,
}

impl Part {
    /// A text field.
    pub fn text(name: impl Into<String>, value: impl Into<Bytes>) -> Self {
        Self { name: name.into(), file: None, content_type: None, body: value.into() }
    }

    /// A file.
    pub fn file(
        name: impl Into<String>,
        file: impl Into<String>,
        content_type: HeaderValue,
        body: impl Into<Bytes>,
    ) -> Self {
        Self {
            name: name.into(),
            file: Some(file.into()),
            content_type: Some(content_type),
            body: body.into(),
        }
    }
}

/// A body of `parts` (RFC 7578) and its content type. In names of fields and files `"` and line
/// breaks are percent-encoded, as browsers do.
///
/// `boundary` is a suggestion: of its letters and digits at most 60 are taken, and while they occur
/// in a part a number is put behind them.
pub fn multipart(parts: &[Part], boundary: &str) -> (HeaderValue, Bytes) {
    let mut heads = Vec::with_capacity(parts.len());
    for part in parts {
        let mut head = b"Content-Disposition: form-data; name=\"".to_vec();
        escape(&mut head, &part.name);
        head.push(b'"');
        if let Some(file) = &part.file {
            head.extend_from_slice(b"; filename=\"");
            escape(&mut head, file);
            head.push(b'"');
        }
        head.extend_from_slice(b"\r\n");
        if let Some(kind) = &part.content_type {
            head.extend_from_slice(b"Content-Type: ");
            head.extend_from_slice(kind.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
        heads.push(head);
    }
    let stem: String = boundary.chars().filter(char::is_ascii_alphanumeric).take(60).collect();
    let taken = |text: &str| {
        let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|found| found == text.as_bytes());
        text.is_empty()
            || heads.iter().any(|head| holds(head))
            || parts.iter().any(|part| holds(&part.body))
    };
    let mut boundary = stem.clone();
    let mut number = 0_u64;
    while taken(&boundary) {
        number += 1;
        boundary = format!("{stem}{number}");
    }
    let length: usize = heads.iter().map(Vec::len).sum::<usize>()
        + parts.iter().map(|part| part.body.len()).sum::<usize>()
        + (parts.len() + 1) * (boundary.len() + 6);
    let mut body = Vec::with_capacity(length);
    for (head, part) in heads.iter().zip(parts) {
        for piece in [b"--", boundary.as_bytes(), b"\r\n", head, &part.body, b"\r\n"] {
            body.extend_from_slice(piece);
        }
    }
    for piece in [b"--", boundary.as_bytes(), b"--\r\n"] {
        body.extend_from_slice(piece);
    }
    let kind = format!("multipart/form-data; boundary={boundary}");
    let kind = HeaderValue::try_from(kind).expect("a boundary has only letters and digits");
    (kind, Bytes::from(body))
}

fn percent_encode(text: &mut String, raw: &str) {
    for byte in raw.bytes() {
        match byte {
            b' ' => text.push('+'),
            b'*' | b'-' | b'.' | b'_' => text.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => text.push(char::from(byte)),
            // Writing to a string does not fail.
            byte => _ = write!(text, "%{byte:02X}"),
        }
    }
}

fn escape(head: &mut Vec<u8>, name: &str) {
    for byte in name.bytes() {
        match byte {
            b'"' => head.extend_from_slice(b"%22"),
            b'\r' => head.extend_from_slice(b"%0D"),
            b'\n' => head.extend_from_slice(b"%0A"),
            byte => head.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pairs_are_written_as_browsers_do() {
        let pairs = [("a b", "1&2=3"), ("ü*-._~", "\u{1f6a2}\r\n"), ("", "")];
        assert_eq!(urlencode(pairs), "a+b=1%262%3D3&%C3%BC*-._%7E=%F0%9F%9A%A2%0D%0A&=");
        assert_eq!(urlencode::<&str, &str>([]), "");
    }

    #[test]
    fn parts_are_written_as_rfc_7578_has_them() {
        let png = HeaderValue::from_static("image/png");
        let parts = [
            Part::text("title", "two\r\nlines"),
            Part::file("pic\"ture", "a\"b\r\nc.png", png, &b"\x89PNG\0"[..]),
        ];
        let (kind, body) = multipart(&parts, "sea-9");
        assert_eq!(kind, "multipart/form-data; boundary=sea9");
        assert_eq!(
            body,
            &b"--sea9\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\ntwo\r\nlines\r\n\
            --sea9\r\nContent-Disposition: form-data; name=\"pic%22ture\"; \
            filename=\"a%22b%0D%0Ac.png\"\r\nContent-Type: image/png\r\n\r\n\x89PNG\0\r\n\
            --sea9--\r\n"[..]
        );
        let (kind, body) = multipart(&[], "");
        assert_eq!(kind, "multipart/form-data; boundary=1");
        assert_eq!(body, "--1--\r\n");
    }

    proptest! {
        #[test]
        fn a_boundary_stands_in_no_part(
            bodies in prop::collection::vec("[a-c1-3\r\n-]{0,40}", 0..5),
            name in "\\PC{0,8}",
            boundary in "[a-c1-3\"\r\n\\PC-]{0,80}",
        ) {
            let parts: Vec<_> =
                bodies.iter().map(|body| Part::text(name.clone(), body.clone())).collect();
            let (kind, body) = multipart(&parts, &boundary);
            let kind = kind.to_str().unwrap();
            let used = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
            prop_assert!(!used.is_empty() && used.len() <= 70);
            let text = String::from_utf8(body.to_vec()).unwrap();
            prop_assert_eq!(text.matches(used).count(), parts.len() + 1);
            for (piece, body) in text.split(&format!("--{used}\r\n")).skip(1).zip(&bodies) {
                let (head, rest) = piece.split_once("\r\n\r\n").unwrap();
                let dispositions = head.matches("Content-Disposition").count();
                prop_assert!(head.lines().count() == 1 && dispositions == 1);
                let held = rest.strip_prefix(body.as_str()).is_some_and(|it| it.starts_with("\r\n"));
                prop_assert!(held);
            }
        }
    }
}
