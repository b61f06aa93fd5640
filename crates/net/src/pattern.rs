//! Patterns of host names: a name, or the end of one behind a `*`.

use std::str::FromStr;

use crate::error::Error;

/// `name`, or `*` and what a name ends with: `*.example.com` fits `a.example.com` and
/// `a.b.example.com`, not `example.com`. Letters of either case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pattern {
    /// As it was written, in lower case.
    text: String,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// `invalid_setting` for a `*` that is not the beginning, and for what no host name has.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let name = text.strip_prefix('*').unwrap_or(text);
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
        let reason = if text.is_empty() {
            "it is empty"
        } else if name.contains('*') {
            "only its first character may be a `*`"
        } else if !name.bytes().all(letter) {
            "it has a character that no host has"
        } else {
            return Ok(Self { text: text.to_ascii_lowercase() });
        };
        Err(Error::setting("host pattern", text, reason))
    }

    /// The pattern as text, in lower case.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether `host` is meant.
    pub fn fits(&self, host: &str) -> bool {
        match self.text.strip_prefix('*') {
            None => host.eq_ignore_ascii_case(&self.text),
            Some(end) => host
                .len()
                .checked_sub(end.len())
                .and_then(|start| host.get(start..))
                .is_some_and(|tail| tail.eq_ignore_ascii_case(end)),
        }
    }
}

impl FromStr for Pattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_star_is_for_any_beginning() {
        let fits = |pattern: &str, host: &str| Pattern::parse(pattern).unwrap().fits(host);
        for (pattern, host, expected) in [
            ("example.com", "Example.COM", true),
            ("example.com", "a.example.com", false),
            ("*.example.com", "a.example.com", true),
            ("*.Example.com", "a.b.EXAMPLE.com", true),
            ("*.example.com", "example.com", false),
            ("*example.com", "example.com", true),
            ("*example.com", "myexample.com", true),
            ("*", "anything", true),
            ("::1", "::1", true),
        ] {
            assert_eq!(fits(pattern, host), expected, "{pattern} {host}");
        }
        for pattern in ["", "a*b", "*.a.*", "**", "a b", "a/b", "\u{fc}"] {
            let error = Pattern::parse(pattern).unwrap_err();
            assert_eq!(error.code(), "invalid_setting", "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn a_pattern_fits_whatever_ends_so(start in "\\PC{0,6}", end in "[a-z.]{1,6}") {
            let pattern = Pattern::parse(&format!("*{end}")).unwrap();
            let whole = format!("{start}{end}");
            prop_assert!(pattern.fits(&whole));
            prop_assert_eq!(pattern.fits(&start), start.to_ascii_lowercase().ends_with(&end));
            prop_assert_eq!(Pattern::parse(&end).unwrap().fits(&whole), start.is_empty());
        }
    }
}
