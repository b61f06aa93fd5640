//! Templates: text with `${name}` in it, read once; and JSON values whose strings are such texts.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::path::Path;

/// A text with names to be filled in. `$${` stands for a literal `${`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Literal(String),
    Name(Reference),
}

/// A name and, for a name that stands for an object or a list, the path into it: `case.items[0]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) name: String,
    pub(crate) path: Path,
}

/// Why a text is not a template, or cannot be filled in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct InvalidTemplate {
    /// What is wrong.
    pub reason: String,
    /// How to mend it.
    pub hint: &'static str,
}

impl Template {
    /// Reads a text.
    ///
    /// # Errors
    /// A brace that is not closed, or a name that cannot be one.
    pub fn parse(text: &str) -> Result<Self, InvalidTemplate> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(position) = rest.find("${") {
            let (before, tail) = rest.split_at(position);
            if let Some(kept) = before.strip_suffix('$') {
                literal.push_str(kept);
                literal.push_str("${");
                rest = &tail[2..];
                continue;
            }
            literal.push_str(before);
            let (inside, tail) = tail[2..].split_once('}').ok_or_else(|| InvalidTemplate {
                reason: "a `${` is not closed".to_owned(),
                hint: "close it with `}`, or write `$${` for a literal `${`",
            })?;
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(Part::Name(Reference::parse(inside.trim())?));
            rest = tail;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self { parts })
    }

    /// The names the text uses, in order, without the paths into them.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Name(reference) => Some(reference.name.as_str()),
            Part::Literal(_) => None,
        })
    }

    /// The text with every name filled in: strings as they are, other values as JSON.
    ///
    /// # Errors
    /// A name, or a path into its value, that is not there.
    pub fn render(&self, values: &BTreeMap<String, Value>) -> Result<String, InvalidTemplate> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Name(reference) => push_value(&mut text, reference.find(values)?),
            }
        }
        Ok(text)
    }

    /// The names with the paths into them.
    pub(crate) fn references(&self) -> impl Iterator<Item = &Reference> {
        self.parts.iter().filter_map(|part| match part {
            Part::Name(reference) => Some(reference),
            Part::Literal(_) => None,
        })
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The name, when the text is exactly one `${name}` and nothing else.
    pub(crate) fn exact(&self) -> Option<&Reference> {
        match self.parts.as_slice() {
            [Part::Name(reference)] => Some(reference),
            _ => None,
        }
    }
}

impl Reference {
    fn parse(text: &str) -> Result<Self, InvalidTemplate> {
        let invalid = |reason: String| InvalidTemplate {
            reason,
            hint: "a name is letters, digits, `_` and `-`, then perhaps a path: `${case.items[0]}`",
        };
        let end = text.find(['.', '[']).unwrap_or(text.len());
        let (name, path) = text.split_at(end);
        if !is_name(name) {
            return Err(invalid(format!("`${{{text}}}` does not hold a name")));
        }
        let path = Path::segments(path)
            .map_err(|reason| invalid(format!("in `${{{text}}}`, {reason}")))?;
        Ok(Self { name: name.to_owned(), path })
    }

    pub(crate) fn find<'a>(
        &self,
        values: &'a BTreeMap<String, Value>,
    ) -> Result<&'a Value, InvalidTemplate> {
        let value = values.get(&self.name).ok_or_else(|| InvalidTemplate {
            reason: format!("nothing is named `{}`", self.name),
            hint: "define it as a variable, a secret, or by `extract` in an earlier step",
        })?;
        self.path.get(value).ok_or_else(|| InvalidTemplate {
            reason: format!("`{}` has nothing at `{}`", self.name, self.path),
            hint: "check the path",
        })
    }
}

/// Whether `text` can name a variable: a letter or `_`, then letters, digits, `_` and `-`.
pub fn is_name(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|letter| letter.is_ascii_alphabetic() || letter == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-')
}

/// Appends a value as text: strings as they are, other values as JSON.
pub(crate) fn push_value(text: &mut String, value: &Value) {
    match value {
        Value::String(string) => text.push_str(string),
        other => text.push_str(&other.to_string()),
    }
}

/// A JSON value whose strings are templates. A string that is exactly `${x}` becomes the value of
/// `x` with its type.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tree {
    Leaf(Value),
    Text(Template),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

impl Tree {
    /// Reads a value; an error names where in the value it stands (`$.query`).
    pub(crate) fn parse(value: &Value) -> Result<Self, (String, InvalidTemplate)> {
        Self::parse_at(value, &mut "$".to_owned())
    }

    fn parse_at(value: &Value, place: &mut String) -> Result<Self, (String, InvalidTemplate)> {
        let below = |place: &mut String, step: String, value: &Value| {
            let length = place.len();
            place.push_str(&step);
            let tree = Self::parse_at(value, place);
            place.truncate(length);
            tree
        };
        match value {
            Value::String(text) => {
                let template = Template::parse(text).map_err(|error| (place.clone(), error))?;
                Ok(match template.parts.as_slice() {
                    [] => Self::Leaf(Value::String(String::new())),
                    [Part::Literal(text)] => Self::Leaf(Value::String(text.clone())),
                    _ => Self::Text(template),
                })
            }
            Value::Array(items) => (items.iter().enumerate())
                .map(|(position, item)| below(place, format!("[{position}]"), item))
                .collect::<Result<_, _>>()
                .map(Self::List),
            Value::Object(fields) => fields
                .iter()
                .map(|(key, field)| Ok((key.clone(), below(place, format!(".{key}"), field)?)))
                .collect::<Result<_, _>>()
                .map(Self::Object),
            other => Ok(Self::Leaf(other.clone())),
        }
    }

    /// Calls `visit` with every template in the value.
    pub(crate) fn templates<'a>(&'a self, visit: &mut impl FnMut(&'a Template)) {
        match self {
            Self::Leaf(_) => {}
            Self::Text(template) => visit(template),
            Self::List(items) => items.iter().for_each(|item| item.templates(visit)),
            Self::Object(fields) => fields.iter().for_each(|(_, field)| field.templates(visit)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn values() -> BTreeMap<String, Value> {
        let values = json!({"x": "one", "n": 7, "case": {"items": [true, null]}});
        values.as_object().unwrap().clone().into_iter().collect()
    }

    #[test]
    fn names_are_filled_in() {
        for (text, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("${x}", "one"),
            ("a ${ x } b ${n}", "a one b 7"),
            ("${case.items[0]}${case}", "true{\"items\":[true,null]}"),
            ("$${x} costs $5, ${n}$", "${x} costs $5, 7$"),
            ("$$${x}", "$${x}"),
        ] {
            assert_eq!(Template::parse(text).unwrap().render(&values()).unwrap(), expected);
        }
        let unknown = Template::parse("${y}").unwrap().render(&values()).unwrap_err();
        assert_eq!(unknown.reason, "nothing is named `y`");
        let unknown = Template::parse("${case.item}").unwrap().render(&values()).unwrap_err();
        assert_eq!(unknown.reason, "`case` has nothing at `$.item`");
    }

    #[test]
    fn mistakes_are_named() {
        for (text, reason) in [
            ("${x", "a `${` is not closed"),
            ("${}", "`${}` does not hold a name"),
            ("${1x}", "`${1x}` does not hold a name"),
            ("${a b}", "`${a b}` does not hold a name"),
            ("${a.}", "in `${a.}`, a key is missing after `.`"),
        ] {
            assert_eq!(Template::parse(text).unwrap_err().reason, reason);
        }
        let (place, _) = Tree::parse(&json!({"a": [1, {"b": "${"}]})).unwrap_err();
        assert_eq!(place, "$.a[1].b");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[${}.a-c\\[\\]0-9 \\PC]{0,24}") {
            if let Ok(template) = Template::parse(&text) {
                let _ = template.render(&values());
            }
        }

        #[test]
        fn text_without_names_stays_as_it_is(text in "[^$]{0,24}") {
            let template = Template::parse(&text).unwrap();
            prop_assert_eq!(template.render(&values()).unwrap(), text);
        }
    }
}
