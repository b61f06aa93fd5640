//! Think time, as a plan types it: a length, a range, or a distribution.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use seaworthy_base::Span;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Think time after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// Drawn evenly between two lengths; one length when both are the same.
    Uniform(Span, Span),
    /// Drawn from a distribution.
    Drawn(Drawn),
}

/// A distribution of think times; a draw is never below zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Drawn {
    /// Exponential with this mean, capped at ten times the mean.
    Exponential(Span),
    /// Normal; draws below zero become zero, draws above the mean and ten deviations become that.
    Normal(Normal),
    /// Lognormal, capped at ten times `p95`.
    Lognormal(Lognormal),
}

/// A normal distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Normal {
    /// Its mean.
    pub mean: Span,
    /// Its standard deviation.
    pub deviation: Span,
}

/// A lognormal distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lognormal {
    /// Half of the pauses are shorter.
    pub median: Span,
    /// 95 % of the pauses are shorter; longer than the median.
    pub p95: Span,
}

impl<'de> Deserialize<'de> for Pause {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Pause;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(
                    "a length of time such as 100ms, [shortest, longest], or one of {exponential: 2s}, {normal: {mean: 2s, deviation: 500ms}} and {lognormal: {median: 2s, p95: 10s}}",
                )
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Pause, E> {
                text.parse().map(|span| Pause::Uniform(span, span)).map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Pause, A::Error> {
                let [from, to] = <[Span; 2]>::deserialize(SeqAccessDeserializer::new(list))?;
                Ok(Pause::Uniform(from, to))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Pause, A::Error> {
                Drawn::deserialize(MapAccessDeserializer::new(map)).map(Pause::Drawn)
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
        let drawn = generator.subschema_for::<Drawn>();
        json_schema!({"anyOf": [
            span,
            {"type": "array", "items": span, "minItems": 2, "maxItems": 2},
            drawn,
        ]})
    }
}
