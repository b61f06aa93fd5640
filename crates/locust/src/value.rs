//! What a Python expression comes to, as far as a plan can say it.

use ruff_python_ast::{Expr, StmtClassDef, StmtFunctionDef};
use serde_json::{Map, Value as Json};

use crate::wait::Wait;

/// A value. Strings in [`Value::Data`] are templates of a plan: a literal `${` is `$${`.
#[derive(Clone, Debug)]
pub(crate) enum Value<'a> {
    /// Text, numbers, lists, objects, with `${names}` where they are drawn or extracted.
    Data(Json),
    /// A name of a module, or what stands in it, as `random.choice`.
    Known(String),
    /// `self`, or a user seen from a task set.
    Me,
    /// The client requests are made with.
    Client,
    /// The headers of the client, sent with every request.
    ClientHeaders,
    /// A function of the file.
    Function(&'a StmtFunctionDef),
    /// A lambda.
    Lambda(&'a Expr),
    /// A class of the file.
    Class(&'a StmtClassDef),
    /// A method of a value, not yet called.
    Method(Box<Value<'a>>, String),
    /// An open file, or its content.
    File(String),
    /// The answer of a step.
    Answer(usize),
    /// A part of a step's answer.
    Part(usize, Part),
    /// Whether something holds for an answer.
    Test(Test),
    /// Rows of a file: the file's name.
    Rows(String),
    /// Several values, of which one at least is no data.
    Several(Vec<Value<'a>>),
    /// An object of which one value at least is no data.
    Table(Vec<(String, Value<'a>)>),
    /// Data written as JSON text.
    Dumped(Json),
    /// A class's time between tasks.
    Wait(Wait),
    /// The answer of a request that is not in the plan, which was said already.
    Missing,
    /// What a plan cannot say, and why.
    Opaque(String),
}

/// A part of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part {
    Status,
    Ok,
    Text,
    Headers,
    Header(String),
    /// A JSON path into the body.
    Json(String),
    /// Seconds until the answer was there.
    Elapsed,
    /// The lines of a stream.
    Lines,
}

/// Something that holds for an answer, or does not.
#[derive(Clone, Debug)]
pub(crate) enum Test {
    Status(usize, Compare, Vec<u16>),
    Ok,
    /// The value at a path is (or is not) this.
    Json(usize, String, bool, Json),
    /// There is (or is not) a value at a path.
    Has(usize, String, bool),
    /// A header is this.
    Header(usize, String, bool, String),
    /// The answer came within some seconds.
    Elapsed(usize, f64),
    /// Something about an answer's text.
    Text,
    Not(Box<Test>),
    All(Vec<Test>),
    Any(Vec<Test>),
    /// What was drawn decides.
    Chance,
}

/// How numbers are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compare {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Value<'_> {
    /// A literal text.
    pub(crate) fn text(text: &str) -> Self {
        Self::Data(Json::String(escaped(text)))
    }

    pub(crate) fn null() -> Self {
        Self::Data(Json::Null)
    }

    pub(crate) fn opaque(reason: impl Into<String>) -> Self {
        Self::Opaque(reason.into())
    }

    /// The data it is, if it is data without any name in it.
    pub(crate) fn constant(&self) -> Option<Json> {
        match self {
            Self::Data(json) => unescaped(json),
            _ => None,
        }
    }

    /// The literal text it is.
    pub(crate) fn literal(&self) -> Option<String> {
        match self.constant()? {
            Json::String(text) => Some(text),
            _ => None,
        }
    }

    /// The literal number it is.
    pub(crate) fn number(&self) -> Option<f64> {
        self.constant()?.as_f64()
    }

    /// Whether it holds, when that is known beforehand.
    pub(crate) fn truth(&self) -> Option<bool> {
        match self {
            Self::Me | Self::Client | Self::Function(_) | Self::Class(_) => Some(true),
            _ => self.constant().map(|json| is_true(&json)),
        }
    }
}

/// Python's idea of true.
pub(crate) fn is_true(json: &Json) -> bool {
    match json {
        Json::Null => false,
        Json::Bool(flag) => *flag,
        Json::Number(number) => number.as_f64() != Some(0.0),
        Json::String(text) => !text.is_empty(),
        Json::Array(items) => !items.is_empty(),
        Json::Object(fields) => !fields.is_empty(),
    }
}

/// A text in which nothing is a template.
pub(crate) fn escaped(text: &str) -> String {
    text.replace("${", "$${")
}

/// The text a template stands for, when it holds no name.
pub(crate) fn plain(template: &str) -> Option<String> {
    let mut text = String::new();
    let mut rest = template;
    while let Some(at) = rest.find("${") {
        let kept = rest[..at].strip_suffix('$')?;
        text.push_str(kept);
        text.push_str("${");
        rest = &rest[at + 2..];
    }
    text.push_str(rest);
    Some(text)
}

fn unescaped(json: &Json) -> Option<Json> {
    Some(match json {
        Json::String(text) => Json::String(plain(text)?),
        Json::Array(items) => Json::Array(items.iter().map(unescaped).collect::<Option<_>>()?),
        Json::Object(fields) => {
            let fields = fields.iter().map(|(key, value)| Some((key.clone(), unescaped(value)?)));
            Json::Object(fields.collect::<Option<Map<_, _>>>()?)
        }
        other => other.clone(),
    })
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Text as it is sent.
    Text(String),
    /// What stands between `${` and `}`.
    Name(String),
}

/// A template in pieces.
pub(crate) fn pieces(template: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = template;
    while let Some(at) = rest.find("${") {
        let (before, tail) = (&rest[..at], &rest[at + 2..]);
        if let Some(kept) = before.strip_suffix('$') {
            text.push_str(kept);
            text.push_str("${");
            rest = tail;
            continue;
        }
        text.push_str(before);
        let Some((name, tail)) = tail.split_once('}') else {
            rest = tail;
            continue;
        };
        if !text.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut text)));
        }
        pieces.push(Piece::Name(name.to_owned()));
        rest = tail;
    }
    text.push_str(rest);
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    pieces
}

/// Two templates in a row. A `$` right before a name would make the name literal.
pub(crate) fn joined(first: &str, second: &str) -> Option<String> {
    let clash = first.ends_with('$') && second.starts_with('{')
        || first.ends_with('$') && second.starts_with("${");
    (!clash).then(|| format!("{first}{second}"))
}

/// The name, when a template is one name and nothing else.
pub(crate) fn exact(template: &str) -> Option<&str> {
    let name = template.strip_prefix("${")?.strip_suffix('}')?;
    (!name.contains(['$', '{', '}'])).then_some(name)
}

/// A number as Python prints it.
pub(crate) fn printed(json: &Json) -> Option<String> {
    Some(match json {
        Json::Null => "None".to_owned(),
        Json::Bool(true) => "True".to_owned(),
        Json::Bool(false) => "False".to_owned(),
        Json::String(text) => text.clone(),
        Json::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 1e16 => {
                format!("{float:.1}")
            }
            _ => number.to_string(),
        },
        Json::Array(_) | Json::Object(_) => return None,
    })
}

/// A JSON path, one key longer.
pub(crate) fn below(path: &str, key: &str) -> String {
    if !key.is_empty() && !key.contains(|letter: char| ".[]\"'* ".contains(letter)) {
        return format!("{path}.{key}");
    }
    let quote = if key.contains('"') { '\'' } else { '"' };
    format!("{path}[{quote}{key}{quote}]")
}

/// A name that a plan's templates can use, made of any text.
pub(crate) fn name(text: &str) -> String {
    let letters = text.chars().map(|letter| match letter {
        letter if letter.is_ascii_alphanumeric() || letter == '_' => letter,
        _ => '_',
    });
    let name: String = letters.take(60).collect();
    let name = name.trim_matches('_');
    match name.chars().next() {
        Some(first) if first.is_ascii_alphabetic() => name.to_owned(),
        Some(_) => format!("value_{name}"),
        None => "value".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seaworthy_load::path::Path;
    use seaworthy_load::template::Template;

    #[test]
    fn literals_are_never_templates() {
        for text in ["a ${b} c", "$", "$$", "${", "$${x}", "plain"] {
            let template = escaped(text);
            let rendered = Template::parse(&template).unwrap().render(&Default::default()).unwrap();
            assert_eq!(rendered, text);
            assert_eq!(plain(&template).as_deref(), Some(text));
        }
        assert_eq!(plain("a ${b}"), None);
    }

    #[test]
    fn paths_are_ones_a_plan_reads() {
        for key in ["id", "odd key", "", "a.b", "it's", "say \"hi\""] {
            assert!(Path::parse(&below("$", key)).is_ok(), "{key}");
        }
        assert_eq!(name("user-id"), "user_id");
        assert_eq!(name("9 lives"), "value_9_lives");
        assert_eq!(name("é"), "value");
    }
}
