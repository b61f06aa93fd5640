//! Which version of HTTP a target is spoken to in, as a plan types it.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

/// Which version of HTTP is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpVersion {
    /// `1.1`.
    One,
    /// `2`: over TLS the server must agree to it, over plain TCP it is spoken without asking.
    Two,
    /// `auto`: over TLS what the server prefers, over plain TCP HTTP/1.1.
    Auto,
}

impl From<HttpVersion> for seaworthy_net::Http {
    fn from(version: HttpVersion) -> Self {
        match version {
            HttpVersion::One => Self::One,
            HttpVersion::Two => Self::Two,
            HttpVersion::Auto => Self::Auto,
        }
    }
}

impl<'de> Deserialize<'de> for HttpVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = HttpVersion;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("1.1, 2 or auto")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<HttpVersion, E> {
                match text {
                    "1.1" => Ok(HttpVersion::One),
                    "2" => Ok(HttpVersion::Two),
                    "auto" => Ok(HttpVersion::Auto),
                    _ => Err(E::custom(format!("`{text}` is not 1.1, 2 or auto"))),
                }
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<HttpVersion, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<HttpVersion, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<HttpVersion, E> {
                self.visit_str(&number.to_string())
            }
        }
        deserializer.deserialize_any(Read)
    }
}

impl JsonSchema for HttpVersion {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "HttpVersion".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"enum": [1.1, 2, "1.1", "2", "auto"]})
    }
}

#[cfg(test)]
mod tests {
    use super::HttpVersion::{self, Auto, One, Two};

    #[test]
    fn versions_are_read_as_people_write_them() {
        let read = |text: &str| seaworthy_document::yaml::<HttpVersion>("p", text);
        for (text, version) in [("1.1", One), ("2", Two), ("auto", Auto), ("\"1.1\"", One)] {
            assert_eq!(read(text).unwrap(), version, "{text}");
        }
        for text in ["3", "1.0", "yes", "-2", "[]"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
