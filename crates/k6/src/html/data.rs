//! `data-` attributes, with the types jQuery gives them.

/// What a `data-` attribute says.
#[derive(Clone, Debug, PartialEq)]
pub enum Datum {
    /// `undefined`: no such attribute, an empty one, or one that says `null` or `undefined`.
    Undefined,
    /// `true` or `false`.
    Bool(bool),
    /// A number that prints as it was written.
    Number(f64),
    /// JSON of an object or an array, as it was written.
    Json(String),
    /// Anything else.
    Text(String),
}

impl Datum {
    pub(super) fn read(text: &str) -> Self {
        match text {
            "" | "null" | "undefined" => return Self::Undefined,
            "true" => return Self::Bool(true),
            "false" => return Self::Bool(false),
            _ => {}
        }
        if text.starts_with(['{', '['])
            && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
        {
            return Self::Json(text.to_owned());
        }
        match text.parse::<f64>() {
            // A number that prints, without an exponent, as it is written.
            Ok(number) if number.is_finite() && number.to_string() == text => Self::Number(number),
            _ => Self::Text(text.to_owned()),
        }
    }
}

/// Words that stay in capitals inside a name: `data-test-id` is `testID`.
const INITIALISMS: [&str; 38] = [
    "ACL", "API", "ASCII", "CPU", "CSS", "DNS", "EOF", "GUID", "HTML", "HTTP", "HTTPS", "ID", "IP",
    "JSON", "LHS", "QPS", "RAM", "RHS", "RPC", "SLA", "SMTP", "SQL", "SSH", "TCP", "TLS", "TTL",
    "UDP", "UI", "UID", "URI", "URL", "UTF8", "UUID", "VM", "XML", "XMPP", "XSRF", "XSS",
];

/// `num-a`, `numA`, `testId` or `testID` to what follows `data-` in the attribute's name.
pub(super) fn attribute_name(key: &str) -> String {
    if key.contains('-') || !key.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return format!("data-{key}");
    }
    let mut words: Vec<String> = Vec::new();
    let mut rest = key;
    while let Some(first) = rest.chars().next() {
        let capitals = rest
            .bytes()
            .take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
            .count();
        let whole =
            INITIALISMS.iter().filter(|word| word.len() <= capitals && rest.starts_with(**word));
        let length = match whole.map(|word| word.len()).max() {
            Some(length) if first.is_ascii_uppercase() => length,
            _ => {
                let after = first.len_utf8();
                rest[after..]
                    .find(|next: char| next.is_ascii_uppercase())
                    .map_or(rest.len(), |at| after + at)
            }
        };
        words.push(rest[..length].to_ascii_lowercase());
        rest = &rest[length..];
    }
    format!("data-{}", words.join("-"))
}

/// `data-num-a` to `numA`, `data-test-id` to `testID`; nothing for attributes that are not data.
pub(super) fn property_name(attribute: &str) -> Option<String> {
    let mut words = attribute.strip_prefix("data-")?.split('-');
    let mut name = words.next().unwrap_or_default().to_owned();
    for word in words {
        let capitals = word.to_ascii_uppercase();
        if INITIALISMS.contains(&&*capitals) {
            name.push_str(&capitals);
        } else if word == "oauth" {
            name.push_str("OAuth");
        } else {
            let mut letters = word.chars();
            name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
            name.push_str(letters.as_str());
        }
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_numbers_only_if_they_print_the_same() {
        for text in ["0", "123", "1.5", "-2", "0.0000001", "1000000000000000000000"] {
            assert_eq!(Datum::read(text), Datum::Number(text.parse().unwrap()), "{text}");
        }
        for text in ["1.50", "1.1e02", "007", "1e21", "inf", "NaN", " 1", "12345678901234567890"] {
            assert_eq!(Datum::read(text), Datum::Text(text.to_owned()), "{text}");
        }
    }

    #[test]
    fn words_and_json() {
        assert_eq!(Datum::read("true"), Datum::Bool(true));
        assert_eq!(Datum::read("null"), Datum::Undefined);
        assert_eq!(Datum::read(""), Datum::Undefined);
        assert_eq!(Datum::read(r#"{"id":101}"#), Datum::Json(r#"{"id":101}"#.to_owned()));
        assert_eq!(Datum::read("{id}"), Datum::Text("{id}".to_owned()));
    }

    #[test]
    fn names_go_both_ways() {
        assert_eq!(attribute_name("num-a"), "data-num-a");
        assert_eq!(attribute_name("numA"), "data-num-a");
        for key in ["test-id", "testID", "testId"] {
            assert_eq!(attribute_name(key), "data-test-id");
        }
        assert_eq!(attribute_name("testIDX"), "data-test-id-x");
        assert_eq!(attribute_name("xHTTPS"), "data-x-https");
        assert_eq!(attribute_name("x1"), "data-x1");
        for (attribute, name) in [
            ("data-not-num-a", "notNumA"),
            ("data-test-id", "testID"),
            ("data-id-s", "idS"),
            ("data-user-ids", "userIds"),
            ("data-x-y1-z", "xY1Z"),
            ("data-a--b", "aB"),
            ("data--x", "X"),
            ("data-a.b", "a.b"),
        ] {
            assert_eq!(property_name(attribute).as_deref(), Some(name));
        }
        assert_eq!(property_name("class"), None);
    }
}
