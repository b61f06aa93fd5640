//! The plan's sections `flows` and `load`, and the steps of `setup`, as they are typed.

mod load;

use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use seaworthy_base::Span;
use seaworthy_document::Located;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

pub use load::{Executor, Load, Share, Stage};

/// What a virtual user does, again and again: draw the variables, then do the steps in order.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Flow {
    /// The name load entries and objectives use.
    pub name: Located<String>,
    /// The target the steps call, unless a step names its own or writes a full URL.
    pub target: Option<Located<String>>,
    /// Drawn anew for each iteration, in order; later ones may use earlier ones.
    #[serde(default)]
    pub variables: Vec<Variable>,
    /// Done in order. A failed request, an unexpected status or a missing value to extract ends the
    /// iteration.
    pub steps: Vec<Step>,
}

/// Steps that are done for their effect, outside of measurement; any failure stops the trial.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Routine {
    /// What is done, in a few words.
    pub name: Located<String>,
    /// The target the steps call, unless a step names its own or writes a full URL.
    pub target: Option<Located<String>>,
    /// How often; `${index}` counts from 0. What is extracted then becomes a list, in that order.
    pub repeat: Option<Located<u64>>,
    /// How many at a time; 1 when not given.
    pub parallel: Option<Located<u32>>,
    /// Drawn anew for each repetition, in order; later ones may use earlier ones.
    #[serde(default)]
    pub variables: Vec<Variable>,
    /// Done in order.
    pub steps: Vec<Step>,
}

/// A named value; exactly one of `value`, `random`, `cycle` and `choice`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Variable {
    /// Used as `${name}`; a path may follow, as in `${case.items[0]}`.
    pub name: Located<String>,
    /// Any value; strings in it are templates.
    pub value: Option<Located<Value>>,
    /// A whole number between two, both included.
    pub random: Option<Located<[i64; 2]>>,
    /// An element picked by a number, modulo the list's length.
    pub cycle: Option<Cycle>,
    /// One element of a list, each as likely; or a `${name}` that stands for a list.
    pub choice: Option<Located<Value>>,
}

/// An element picked by a number.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cycle {
    /// A template that gives a whole number, as `${index}`.
    pub by: Located<String>,
    /// The list; or a `${name}` that stands for one.
    pub of: Located<Value>,
}

/// One request and what is expected of its answer.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Step {
    /// The name objectives and reports use.
    pub name: Located<String>,
    /// The target this step calls, in place of the flow's.
    pub target: Option<Located<String>>,
    /// Method and path, as `POST /v1/users/${user}`; or method and full URL. Values put into a path
    /// are percent-encoded, unless the path is one `${name}` and nothing else.
    pub request: Located<String>,
    /// Headers; the values are templates.
    #[serde(default)]
    pub headers: BTreeMap<String, Located<String>>,
    /// A JSON body; strings in it are templates, and a string that is exactly `${x}` becomes the
    /// value of `x` with its type.
    pub body: Option<Located<Value>>,
    /// A body of text, a template; instead of `body`.
    pub text: Option<Located<String>>,
    /// Limit on the whole request; 60 s when not given.
    pub timeout: Option<Located<Span>>,
    /// What the answer must be; each expectation is a check.
    #[serde(default)]
    pub expect: Expect,
    /// Values kept for later steps: a JSON path into the body, or `{header: name}`.
    #[serde(default)]
    pub extract: BTreeMap<String, Located<Extract>>,
    /// Think time after the step: a length, or `[shortest, longest]`.
    pub pause: Option<Located<Pause>>,
}

/// What an answer must be.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// A status, a class (`2xx`), or a list of these; 200 to 399 when not given.
    pub status: Option<Located<Statuses>>,
    /// Headers; a value that ends in `*` stands for every value that begins so.
    #[serde(default)]
    pub headers: BTreeMap<String, Located<String>>,
    /// JSON paths into the body and the values that must stand there.
    #[serde(default)]
    pub json: BTreeMap<String, Located<Value>>,
}

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

/// Think time, drawn uniformly between two lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause(pub Span, pub Span);

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

impl<'de> Deserialize<'de> for Pause {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Pause;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a length of time such as 100ms, or [shortest, longest]")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Pause, E> {
                text.parse().map(|span| Pause(span, span)).map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Pause, A::Error> {
                let [from, to] = <[Span; 2]>::deserialize(SeqAccessDeserializer::new(list))?;
                Ok(Pause(from, to))
            }
        }
        deserializer.deserialize_any(Read)
    }
}

impl JsonSchema for Pause {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Pause".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let span = generator.subschema_for::<Span>();
        json_schema!({"anyOf": [
            span,
            {"type": "array", "items": span, "minItems": 2, "maxItems": 2},
        ]})
    }
}
