//! A definition as it is typed in YAML, with the place of everything a finding may point at.

use std::collections::BTreeMap;
use std::fmt;

use seaworthy_document::Located;
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

/// A whole definition.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wizard {
    pub(crate) wizard_id: Located<String>,
    pub(crate) title: Located<String>,
    #[serde(default)]
    pub(crate) description: Option<String>,
    pub(crate) version: Located<String>,
    #[serde(default)]
    pub(crate) agents: Vec<Agent>,
    pub(crate) questions: Vec<Question>,
    #[serde(default)]
    pub(crate) modules: Vec<Module>,
    #[serde(default)]
    pub(crate) validation: Vec<Rule>,
    #[serde(default)]
    pub(crate) tool_recommendations: BTreeMap<String, Recommendation>,
    #[serde(default)]
    pub(crate) success_criteria: Vec<Criterion>,
    #[serde(default)]
    pub(crate) estimated_duration: BTreeMap<String, Located<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Agent {
    pub(crate) role: Located<String>,
    pub(crate) responsibility: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Question {
    pub(crate) id: Located<String>,
    #[serde(default)]
    pub(crate) step: Option<Located<u32>>,
    pub(crate) prompt: Located<String>,
    #[serde(rename = "type")]
    pub(crate) kind: Located<Kind>,
    #[serde(default)]
    pub(crate) required: bool,
    #[serde(default)]
    pub(crate) options: Option<Vec<Choice>>,
    #[serde(default)]
    pub(crate) validation: Bounds,
    #[serde(default)]
    pub(crate) default: Option<Located<Value>>,
    #[serde(default)]
    pub(crate) placeholder: Option<String>,
    #[serde(default)]
    pub(crate) help: Option<String>,
    #[serde(default)]
    pub(crate) unit: Option<Located<String>>,
    #[serde(default)]
    pub(crate) rows: Option<Located<u32>>,
    #[serde(default)]
    pub(crate) min_selections: Option<Located<u32>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Text,
    Select,
    MultiText,
    MultiSelect,
    Date,
    Number,
    LongText,
    Boolean,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Choice {
    pub(crate) value: Located<String>,
    #[serde(default)]
    pub(crate) label: Option<String>,
    #[serde(default)]
    pub(crate) description: Option<String>,
    #[serde(default)]
    pub(crate) tools: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bounds {
    #[serde(default)]
    pub(crate) min_length: Option<Located<u32>>,
    #[serde(default)]
    pub(crate) max_length: Option<Located<u32>>,
    #[serde(default)]
    pub(crate) min: Option<Located<f64>>,
    #[serde(default)]
    pub(crate) max: Option<Located<f64>>,
    #[serde(default)]
    pub(crate) min_date: Option<Located<String>>,
    #[serde(default)]
    pub(crate) max_date: Option<Located<String>>,
    #[serde(default)]
    pub(crate) min_selections: Option<Located<u32>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Module {
    pub(crate) id: Located<String>,
    pub(crate) title: String,
    pub(crate) agent: Located<String>,
    #[serde(default)]
    pub(crate) dependencies: Vec<Located<String>>,
    #[serde(default)]
    pub(crate) condition: Option<Located<String>>,
    #[serde(default)]
    pub(crate) tasks: Vec<Task>,
    #[serde(default)]
    pub(crate) outputs: Vec<Located<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Task {
    pub(crate) action: Located<String>,
    #[serde(default)]
    pub(crate) description: Option<String>,
    #[serde(default)]
    pub(crate) params: Option<Located<Value>>,
    #[serde(default)]
    pub(crate) logic: Vec<Choose>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Choose {
    #[serde(rename = "if")]
    pub(crate) condition: Located<String>,
    pub(crate) then: Located<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    pub(crate) rule: Located<String>,
    #[serde(default)]
    pub(crate) expression: Option<Located<String>>,
    pub(crate) error: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recommendation {
    pub(crate) preferred: String,
    #[serde(default)]
    pub(crate) alternatives: Vec<String>,
    #[serde(default)]
    pub(crate) oss_option: Option<String>,
}

/// `name: true`, or `criterion:` with a `condition:` under which it counts.
#[derive(Debug)]
pub(crate) struct Criterion {
    pub(crate) name: String,
    pub(crate) condition: Option<Located<String>>,
}

impl<'de> Deserialize<'de> for Criterion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(CriterionReader)
    }
}

struct CriterionReader;

impl<'de> Visitor<'de> for CriterionReader {
    type Value = Criterion;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("`name: true`, or `criterion: name` with a `condition:`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Criterion, A::Error> {
        let (mut name, mut condition) = (None, None);
        while let Some(key) = entries.next_key::<String>()? {
            match key.as_str() {
                "criterion" => name = Some(entries.next_value()?),
                "condition" => condition = Some(entries.next_value()?),
                _ if name.is_some() || condition.is_some() => {
                    entries.next_value::<IgnoredAny>()?;
                    return Err(A::Error::custom(format!(
                        "unknown field `{key}`, expected one of `criterion`, `condition`"
                    )));
                }
                _ => {
                    if !entries.next_value::<bool>()? {
                        return Err(A::Error::custom(format!("`{key}: false` asks for nothing")));
                    }
                    name = Some(key);
                }
            }
        }
        let name = name.ok_or_else(|| A::Error::missing_field("criterion"))?;
        Ok(Criterion { name, condition })
    }
}
