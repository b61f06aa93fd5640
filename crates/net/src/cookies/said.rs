//! What a `Set-Cookie` header says, before anybody believes it.

use std::time::Duration;

use seaworthy_base::Timestamp;

use crate::cookies::date;

/// Longest name and value together (RFC 6265bis §5.6).
const LONGEST_PAIR: usize = 4096;
/// Longest attribute value; a longer one is as good as not there.
const LONGEST_ATTRIBUTE: usize = 1024;
/// Longest `Set-Cookie` header that is looked at.
const LONGEST_HEADER: usize = 8192;
/// No cookie lives longer than 400 days.
const LONGEST_LIFE: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// A `Set-Cookie` header, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetCookie {
    /// The name; may be empty.
    pub name: String,
    /// The value, with its quotes if it has some.
    pub value: String,
    /// `Domain`, as it was written.
    pub domain: Option<String>,
    /// `Path`; one that does not begin with `/` is none.
    pub path: Option<String>,
    /// `Max-Age`, in seconds; zero or less is at once.
    pub max_age: Option<i64>,
    /// `Expires`.
    pub expires: Option<Timestamp>,
    /// `Secure`.
    pub secure: bool,
    /// `HttpOnly`, which means nothing here.
    pub http_only: bool,
}

impl SetCookie {
    /// Reads a `Set-Cookie` header (RFC 6265bis §5.6); `None` for one that sets no cookie.
    /// `HttpOnly` and `SameSite` keep scripts and other sites' pages from a cookie, of which there
    /// are none here.
    pub fn parse(text: &str) -> Option<Self> {
        let control = |byte: u8| (byte < 0x20 && byte != b'\t') || byte == 0x7f;
        if text.len() > LONGEST_HEADER || text.bytes().any(control) {
            return None;
        }
        let mut fields = text.split(';');
        let pair = fields.next()?;
        let (name, value) = pair.split_once('=').unwrap_or(("", pair));
        let (name, value) = (trimmed(name), trimmed(value));
        if (name.is_empty() && value.is_empty()) || name.len() + value.len() > LONGEST_PAIR {
            return None;
        }
        let mut said = Self { name: name.to_owned(), value: value.to_owned(), ..Self::default() };
        for field in fields {
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            let (name, value) = (trimmed(name), trimmed(value));
            if value.len() > LONGEST_ATTRIBUTE {
                continue;
            }
            match name.to_ascii_lowercase().as_str() {
                "expires" => said.expires = date::parse(value).or(said.expires),
                "max-age" => said.max_age = seconds(value).or(said.max_age),
                "domain" => said.domain = Some(value.to_owned()),
                "path" => said.path = value.starts_with('/').then(|| value.to_owned()),
                "secure" => said.secure = true,
                "httponly" => said.http_only = true,
                _ => {}
            }
        }
        Some(said)
    }

    /// When the cookie ends; `None` for one that lives as long as its jar.
    pub(super) fn ends(&self, now: Timestamp) -> Option<Timestamp> {
        let latest = now.plus(LONGEST_LIFE);
        match self.max_age.map(u64::try_from) {
            Some(Ok(age)) if age > 0 => Some(now.plus(Duration::from_secs(age)).min(latest)),
            Some(_) => Some(Timestamp::from_nanos(0)),
            None => self.expires.map(|expires| expires.min(latest)),
        }
    }
}

/// `Max-Age`. What does not fit is a very long time, or long over.
fn seconds(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(if text.starts_with('-') { i64::MIN } else { i64::MAX }))
}

fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_whole() {
        let said = SetCookie::parse(
            "a=\"b=c\" ; Path=/x; Domain=.Example.com;secure; HttpOnly; Max-Age=-5; \
            Expires=Thu, 01 Jan 1970 00:00:01 GMT; SameSite=None",
        );
        let expected = SetCookie {
            name: "a".to_owned(),
            value: "\"b=c\"".to_owned(),
            domain: Some(".Example.com".to_owned()),
            path: Some("/x".to_owned()),
            max_age: Some(-5),
            expires: Some(Timestamp::from_nanos(1_000_000_000)),
            secure: true,
            http_only: true,
        };
        assert_eq!(said, Some(expected));
        let age = |text: &str| SetCookie::parse(&format!("a=b; max-age={text}")).unwrap().max_age;
        assert_eq!(
            (age("99999999999999999999"), age("0"), age("+1"), age("1x")),
            (Some(i64::MAX), Some(0), None, None)
        );
        assert_eq!((SetCookie::parse("="), SetCookie::parse("a=\u{1}")), (None, None));
    }
}
