//! Texts with `{name}` in them, and the parameters of tasks that are made of such texts. A name is a
//! question or the output of a module.

use serde_json::Value;

use crate::answer::Answers;

/// What stands in the place of a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Filling {
    /// Where a text is nothing but the name.
    pub whole: Value,
    /// Within a longer text.
    pub within: String,
}

/// The names in braces, in every text of `value`. Other braces are only braces.
pub fn names(value: &Value) -> Vec<&str> {
    let mut found = Vec::new();
    gather(value, &mut found);
    found
}

fn gather<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => {
            found.extend(parts(text).filter_map(|part| match part {
                Part::Name(name) => Some(name),
                Part::Text(_) => None,
            }));
        }
        Value::Array(entries) => entries.iter().for_each(|entry| gather(entry, found)),
        Value::Object(entries) => entries.values().for_each(|entry| gather(entry, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

impl Filling {
    /// What a JSON value stands for: itself, and within a text its [`words`].
    pub fn of(value: &Value) -> Self {
        Self { whole: value.clone(), within: words(value) }
    }
}

/// A JSON value as it stands in a sentence.
pub fn words(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(truth) => if *truth { "yes" } else { "no" }.to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(entries) => entries.iter().map(words).collect::<Vec<_>>().join(", "),
        Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

/// `value` with the answers in place of their questions. A text that is nothing but one name becomes
/// the answer itself, as a list or a number; a name that is no question stays as it is.
pub(crate) fn answered(value: &Value, answers: &Answers) -> Value {
    fill(value, &|name| answers.get(name).map(|answer| Filling::of(&answer.to_json())))
}

/// `value` with what `find` says in place of names; a name it knows nothing of stays as it is.
pub fn fill(value: &Value, find: &dyn Fn(&str) -> Option<Filling>) -> Value {
    match value {
        Value::String(text) => fill_text(text, find),
        Value::Array(entries) => entries.iter().map(|entry| fill(entry, find)).collect(),
        Value::Object(entries) => {
            entries.iter().map(|(key, entry)| (key.clone(), fill(entry, find))).collect()
        }
        other => other.clone(),
    }
}

fn fill_text(text: &str, find: &dyn Fn(&str) -> Option<Filling>) -> Value {
    let mut filled = String::new();
    for part in parts(text) {
        match part {
            Part::Text(text) => filled.push_str(text),
            Part::Name(name) => match find(name) {
                Some(found) if text.len() == name.len() + 2 => return found.whole,
                Some(found) => filled.push_str(&found.within),
                None => filled.extend(["{", name, "}"]),
            },
        }
    }
    filled.into()
}

enum Part<'t> {
    Text(&'t str),
    Name(&'t str),
}

fn parts(text: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if let Some(name) = name(rest) {
            rest = &rest[name.len() + 2..];
            return Some(Part::Name(name));
        }
        // At least one character, so that a brace that opens no name is passed over.
        let first = rest.chars().next().map_or(1, char::len_utf8);
        let end = rest[first..].find('{').map_or(rest.len(), |end| first + end);
        let (text, tail) = rest.split_at(end);
        rest = tail;
        Some(Part::Text(text))
    })
}

/// The name when the text begins with `{name}`.
fn name(text: &str) -> Option<&str> {
    let (name, _) = text.strip_prefix('{')?.split_once('}')?;
    let inside =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    (name.starts_with(|letter: char| letter.is_ascii_lowercase()) && name.chars().all(inside))
        .then_some(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::answer::Answer;

    fn answers() -> Answers {
        [
            ("name".to_owned(), Answer::Text("Spring {budget}".to_owned())),
            ("channels".to_owned(), Answer::List(vec!["email".to_owned(), "blog".to_owned()])),
            ("budget".to_owned(), Answer::Number(0.0)),
        ]
        .into_iter()
        .collect()
    }

    #[test]
    fn answers_take_the_place_of_their_questions() {
        let params = json!({"a": "Campaign {name}: {channels}, {drafts}", "b": ["{channels}", "{budget}", 1], "c": "{ x {} {{name}"});
        assert_eq!(names(&params), ["name", "channels", "drafts", "channels", "budget", "name"]);
        assert_eq!(
            answered(&params, &answers()),
            json!({"a": "Campaign Spring {budget}: email, blog, {drafts}", "b": [["email", "blog"], 0, 1], "c": "{ x {} {Spring {budget}"})
        );
    }

    proptest! {
        #[test]
        fn text_without_known_names_stays(text in "(\\{[a-z]{0,3}\\}|\\{|\\}|[a-zé ]){0,12}") {
            let value = json!(text);
            prop_assert_eq!(answered(&value, &Answers::default()), value);
        }
    }
}
