//! Whether an expression makes sense of a wizard's questions: names, types, and values that exist.

use std::collections::BTreeMap;
use std::fmt;

use seaworthy_document::nearest;

use super::Fault;
use super::tree::{Comparison, Form, Literal, Node};

/// What kind of value an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Yes or no.
    Truth,
    /// A number.
    Number,
    /// One text.
    Text,
    /// A day.
    Day,
    /// Any number of texts.
    List,
}

impl fmt::Display for Type {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Truth => "yes or no",
            Self::Number => "a number",
            Self::Text => "a text",
            Self::Day => "a day",
            Self::List => "a list of texts",
        })
    }
}

/// The questions an expression may speak of.
#[derive(Clone, Debug, Default)]
pub struct Names(BTreeMap<String, (Type, Option<Vec<String>>)>);

impl Names {
    /// Adds a question. With `options`, its answers are among them.
    pub fn add(&mut self, name: &str, kind: Type, options: Option<Vec<String>>) {
        self.0.insert(name.to_owned(), (kind, options));
    }

    fn options(&self, node: &Node) -> Option<(&str, &[String])> {
        let Form::Name(name) = &node.form else { return None };
        let (name, (_, options)) = self.0.get_key_value(name)?;
        Some((name, options.as_deref()?))
    }
}

/// Checks a part that must be true or false.
pub(super) fn truth(node: &Node, names: &Names, faults: &mut Vec<Fault>) {
    let before = faults.len();
    match kind(node, names, faults) {
        Some(Type::Truth) => {}
        Some(other) => {
            let fault = Fault::new(node.at, format!("`{node}` is {other}, not yes or no"));
            faults.push(match (&node.form, other) {
                (Form::Name(name), Type::Number) => fault.hint(format!("as `{name} > 0`")),
                (Form::Name(name), _) => fault.hint(format!("as `answered({name})`")),
                _ => fault.hint("compare it with something"),
            });
        }
        None => debug_assert!(faults.len() > before, "a part without a type has a fault"),
    }
}

/// What kind of value a part is; none when it has a fault.
fn kind(node: &Node, names: &Names, faults: &mut Vec<Fault>) -> Option<Type> {
    match &node.form {
        Form::Literal(Literal::Truth(_)) => Some(Type::Truth),
        Form::Literal(Literal::Number(_)) => Some(Type::Number),
        Form::Literal(Literal::Text(_)) => Some(Type::Text),
        Form::Literal(Literal::Day(_)) | Form::Today => Some(Type::Day),
        Form::List(_) => Some(Type::List),
        Form::Name(name) => known(node, name, names, faults),
        Form::Count(name) => match known(node, name, names, faults)? {
            Type::List => Some(Type::Number),
            other => {
                let reason = format!("`{name}` is {other}: only lists are counted");
                faults.push(Fault::new(node.at, reason).hint(format!("as `answered({name})`")));
                None
            }
        },
        Form::Answered(name) => known(node, name, names, faults).map(|_| Type::Truth),
        Form::Shift(day, ..) => match kind(day, names, faults)? {
            Type::Day => Some(Type::Day),
            other => {
                let reason = format!("`{day}` is {other}: only days are moved");
                faults.push(Fault::new(day.at, reason));
                None
            }
        },
        Form::Compare(left, comparison, right) => {
            let kinds = (kind(left, names, faults), kind(right, names, faults));
            comparable(node, (left, *comparison, right), kinds, names, faults);
            Some(Type::Truth)
        }
        Form::In(item, among) => {
            let kinds = (kind(item, names, faults), kind(among, names, faults));
            inside(item, among, kinds, names, faults);
            Some(Type::Truth)
        }
        Form::Not(inner) => {
            truth(inner, names, faults);
            Some(Type::Truth)
        }
        Form::All(parts) | Form::Any(parts) => {
            parts.iter().for_each(|part| truth(part, names, faults));
            Some(Type::Truth)
        }
        Form::Implies(first, second) => {
            truth(first, names, faults);
            truth(second, names, faults);
            Some(Type::Truth)
        }
    }
}

fn known(node: &Node, name: &str, names: &Names, faults: &mut Vec<Fault>) -> Option<Type> {
    if let Some((kind, _)) = names.0.get(name) {
        return Some(*kind);
    }
    let fault = Fault::new(node.at, format!("no question has the id `{name}`"));
    faults.push(match nearest(name, names.0.keys().map(String::as_str)) {
        Some(near) => fault.hint(format!("did you mean `{near}`?")),
        None => fault.hint("a text stands in quotes, a name without is a question's id"),
    });
    None
}

fn comparable(
    node: &Node,
    (left, comparison, right): (&Node, Comparison, &Node),
    kinds: (Option<Type>, Option<Type>),
    names: &Names,
    faults: &mut Vec<Fault>,
) {
    let (Some(one), Some(other)) = kinds else { return };
    if one != other {
        let reason = format!("`{left}` is {one} and `{right}` is {other}");
        let fault = Fault::new(node.at, reason);
        faults.push(match (one, other) {
            (Type::List, Type::Text) => fault.hint(format!("as `{right} in {left}`")),
            (Type::Text, Type::List) => fault.hint(format!("as `{left} in {right}`")),
            _ => fault.hint("compare what is of one kind"),
        });
        return;
    }
    match one {
        Type::List => {
            let reason = "two lists cannot be compared";
            faults.push(Fault::new(node.at, reason).hint("ask with `in` for one of their texts"));
        }
        Type::Text | Type::Truth if comparison.orders() => {
            let reason = format!("`{}` compares numbers and days only", comparison.sign());
            faults.push(Fault::new(node.at, reason).hint("use `==`, `!=` or `in`"));
        }
        _ => {
            exists(left, right, names, faults);
            exists(right, left, names, faults);
        }
    }
}

fn inside(
    item: &Node,
    among: &Node,
    kinds: (Option<Type>, Option<Type>),
    names: &Names,
    faults: &mut Vec<Fault>,
) {
    let (item_kind, among_kind) = kinds;
    if let Some(kind) = item_kind
        && kind != Type::Text
    {
        faults.push(Fault::new(item.at, format!("`{item}` is {kind}: lists hold texts")));
    }
    if let Some(kind) = among_kind
        && kind != Type::List
    {
        let fault = Fault::new(among.at, format!("`{among}` is {kind}, not a list"));
        faults.push(fault.hint("compare with `==`"));
    }
    if item_kind == Some(Type::Text) && among_kind == Some(Type::List) {
        exists(among, item, names, faults);
        exists(item, among, names, faults);
    }
}

/// What is written out and compared with a question that has options must be among them: anything
/// else can never be true.
fn exists(question: &Node, written: &Node, names: &Names, faults: &mut Vec<Fault>) {
    let Some((name, options)) = names.options(question) else { return };
    let texts = match &written.form {
        Form::Literal(Literal::Text(text)) => std::slice::from_ref(text),
        Form::List(texts) => texts.as_slice(),
        _ => return,
    };
    for text in texts.iter().filter(|text| !options.contains(text)) {
        let fault = Fault::new(written.at, format!("`{text}` is not an option of `{name}`"));
        faults.push(match nearest(text, options.iter().map(String::as_str)) {
            Some(near) => fault.hint(format!("did you mean `{near}`?")),
            None => fault.hint(format!("its options are {}", options.join(", "))),
        });
    }
}
