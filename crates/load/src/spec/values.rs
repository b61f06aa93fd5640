//! Statuses and places of values, as a plan types them.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Statuses that are expected, as ranges of codes, both ends included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statuses(pub Vec<(u16, u16)>);

/// Where an extracted value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extract {
    /// At a JSON path in the body.
    Json(String),
    /// In a header.
    Header(String),
}

impl<'de> Deserialize<'de> for Statuses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Statuses;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a status such as 200, a class such as \"2xx\", or a list")
            }

            fn visit_u64<E: Error>(self, code: u64) -> Result<Statuses, E> {
                match u16::try_from(code) {
                    Ok(code @ 100..=999) => Ok(Statuses(vec![(code, code)])),
                    _ => Err(E::custom(format!("{code} is not an HTTP status (100 to 999)"))),
                }
            }

            fn visit_i64<E: Error>(self, code: i64) -> Result<Statuses, E> {
                self.visit_u64(u64::try_from(code).unwrap_or(0))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Statuses, E> {
                if let [digit @ b'1'..=b'9', b'x' | b'X', b'x' | b'X'] = text.as_bytes() {
                    let first = u16::from(digit - b'0') * 100;
                    return Ok(Statuses(vec![(first, first + 99)]));
                }
                match text.parse() {
                    Ok(code) => self.visit_u64(code),
                    Err(_) => {
                        Err(E::custom(format!("`{text}` is not a status such as 200 or 2xx")))
                    }
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Statuses, A::Error> {
                let mut ranges = Vec::new();
                while let Some(Statuses(more)) = list.next_element()? {
                    ranges.extend(more);
                }
                if ranges.is_empty() {
                    return Err(A::Error::custom("the list of statuses is empty"));
                }
                Ok(Statuses(ranges))
            }
        }
        deserializer.deserialize_any(Read)
    }
}

impl JsonSchema for Statuses {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Statuses".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let one = serde_json::json!({"anyOf": [
            {"type": "integer", "minimum": 100, "maximum": 999},
            {"type": "string", "pattern": "^[1-9](xx|XX|[0-9]{2})$"},
        ]});
        json_schema!({"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]})
    }
}

impl<'de> Deserialize<'de> for Extract {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Header {
            header: String,
        }
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Extract;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a JSON path such as $.id, or {header: name}")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Extract, E> {
                Ok(Extract::Json(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Extract, A::Error> {
                Header::deserialize(MapAccessDeserializer::new(map))
                    .map(|found| Extract::Header(found.header))
            }
        }
        deserializer.deserialize_any(Read)
    }
}

impl JsonSchema for Extract {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Extract".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [
            {"type": "string", "pattern": "^\\$"},
            {
                "type": "object",
                "properties": {"header": {"type": "string"}},
                "required": ["header"],
                "additionalProperties": false,
            },
        ]})
    }
}
