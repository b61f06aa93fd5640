//! Canonical JSON (RFC 8785), and a reader that refuses what two readers could understand differently.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// The largest whole number a receipt may hold as a JSON number (RFC 7493): 2^53 - 1.
const LARGEST: u64 = 9_007_199_254_740_991;
/// How deeply a receipt may nest.
const DEEPEST: usize = 64;

/// The canonical bytes of a value; an error names what canonical JSON would round or cut.
pub(crate) fn canonical(value: &Value) -> Result<Vec<u8>, String> {
    check(value, 0).map_err(|(mut path, reason)| {
        path.reverse();
        format!("{reason} (at `${}`)", path.concat())
    })?;
    serde_json_canonicalizer::to_vec(value).map_err(|error| error.to_string())
}

/// Reads one JSON value: no duplicate keys, no numbers that would be rounded, bounded depth.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, String> {
    let Strict(value) = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    Ok(value)
}

fn check(value: &Value, depth: usize) -> Result<(), (Vec<String>, String)> {
    if depth > DEEPEST {
        return Err((Vec::new(), format!("nested deeper than {DEEPEST} levels")));
    }
    match value {
        Value::Number(number) => {
            number_fits(number).map_err(|reason| (Vec::new(), reason))?;
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                check(item, depth + 1).map_err(|(mut path, reason)| {
                    path.push(format!("[{index}]"));
                    (path, reason)
                })?;
            }
        }
        Value::Object(map) => {
            for (key, item) in map {
                check(item, depth + 1).map_err(|(mut path, reason)| {
                    path.push(format!(".{key}"));
                    (path, reason)
                })?;
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
    Ok(())
}

fn number_fits(number: &Number) -> Result<(), String> {
    let fits = if let Some(whole) = number.as_u64() {
        whole <= LARGEST
    } else if let Some(whole) = number.as_i64() {
        whole.unsigned_abs() <= LARGEST
    } else {
        // Below 2^53 a float with no fraction is exact; beyond, it stands for many whole numbers.
        number.as_f64().is_some_and(|float| float.fract() != 0.0 || float.abs() <= LARGEST as f64)
    };
    if fits {
        Ok(())
    } else {
        Err(format!("the number {number} is beyond 2^53-1 and must be a string"))
    }
}

/// A value read strictly.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Value, E> {
        whole(Number::from(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        whole(Number::from(value))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        whole(Number::from_f64(value).ok_or_else(|| E::custom("a number that is not finite"))?)
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Strict(item)) = access.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            if map.contains_key(&key) {
                return Err(A::Error::custom(format!("the key `{key}` appears twice")));
            }
            let Strict(item) = access.next_value()?;
            map.insert(key, item);
        }
        Ok(Value::Object(map))
    }
}

fn whole<E: serde::de::Error>(number: Number) -> Result<Value, E> {
    number_fits(&number).map_err(E::custom)?;
    Ok(Value::Number(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn keys_sort_by_utf_16_and_numbers_read_as_rfc_8785_says() {
        // RFC 8785, sections 3.2.2 and 3.2.3.
        let value = parse(
            br#"{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],
                "string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}"#,
        );
        assert!(
            value.unwrap_err().contains("must be a string"),
            "1E30 stands for many whole numbers"
        );
        let value = parse(
            br#"{"numbers":[333333333.33333329,4.50,2e-3,0.000000000000000000000000001],
                "string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}"#,
        )
        .unwrap();
        assert_eq!(
            String::from_utf8(canonical(&value).unwrap()).unwrap(),
            "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,4.5,0.002,1e-27],\
             \"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}"
        );
        let value = json!({"\u{fb33}": 1, "\u{1f600}": 2, "\u{20ac}": 3, "\r": 4, "1": 5, "ö": 6});
        assert_eq!(
            String::from_utf8(canonical(&value).unwrap()).unwrap(),
            "{\"\\r\":4,\"1\":5,\"ö\":6,\"€\":3,\"😀\":2,\"\u{fb33}\":1}"
        );
    }

    #[test]
    fn numbers_that_would_round_are_refused_with_their_place() {
        for (value, good) in [
            (json!(9_007_199_254_740_991_u64), true),
            (json!(9_007_199_254_740_992_u64), false),
            (json!(-9_007_199_254_740_991_i64), true),
            (json!(i64::MIN), false),
            (json!(u64::MAX), false),
            (json!(1e300), false),
            (json!(0.1), true),
            (json!(-0.0), true),
        ] {
            assert_eq!(canonical(&value).is_ok(), good, "{value}");
        }
        let reason = canonical(&json!({"a": [0, {"b": u64::MAX}]})).unwrap_err();
        assert!(reason.ends_with("(at `$.a[1].b`)"), "{reason}");
    }

    #[test]
    fn duplicates_and_depth_are_refused() {
        assert!(parse(br#"{"a":1,"a":1}"#).unwrap_err().contains("`a` appears twice"));
        assert!(parse(br#"[{"b":{"a":1,"\u0061":2}}]"#).unwrap_err().contains("twice"));
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(parse(deep.as_bytes()).is_err());
        let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
        assert!(canonical(&parse(deep.as_bytes()).unwrap()).unwrap_err().contains("deeper"));
    }

    proptest! {
        #[test]
        fn canonical_bytes_are_read_back_to_the_same_bytes(text in "\\PC*", number in any::<f64>(), whole in -(1_i64 << 53) + 1..(1 << 53)) {
            let value = json!({text.clone(): [whole, text], "number": number});
            if let Ok(bytes) = canonical(&value) {
                prop_assert_eq!(canonical(&parse(&bytes).unwrap()).unwrap(), bytes);
            }
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }
    }
}
