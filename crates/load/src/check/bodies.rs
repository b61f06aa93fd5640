//! Checks of bodies: one kind at a time, forms, parts, and whether there is something to compress.

use http::HeaderValue;
use http::header::CONTENT_ENCODING;
use seaworthy_document::{Located, Place};
use serde_json::Value;

use super::Findings;
use super::names::Names;
use crate::flow::{Body, Content, Part};
use crate::spec;
use crate::template::Template;

pub(super) fn body(
    findings: &mut Findings<'_>,
    names: &Names<'_>,
    typed: &spec::Step,
) -> Option<Body> {
    let file = findings.known.file;
    let given = [
        ("body", typed.body.as_ref().map(|it| it.place(file))),
        ("text", typed.text.as_ref().map(|it| it.place(file))),
        ("form", typed.form.as_ref().map(|it| it.place(file))),
        ("multipart", typed.multipart.as_ref().map(|it| it.place(file))),
    ];
    let mut given = given.into_iter().filter_map(|(field, place)| Some((field, place?)));
    let first = given.next();
    if let (Some((first, _)), Some((second, place))) = (first, given.next()) {
        let named =
            |field| if field == "body" { "`body` (JSON)".to_owned() } else { format!("`{field}`") };
        let reason = format!("a step has {} or {}, not both", named(first), named(second));
        findings.error("load-body", place, reason, "keep one of them");
        return None;
    }
    if let Some(body) = &typed.body {
        return names.tree(findings, &body.place(file), body).map(Body::Json);
    }
    if let Some(text) = &typed.text {
        return names.template(findings, &text.place(file), text).map(Body::Text);
    }
    if let Some(form) = &typed.form {
        return self::form(findings, names, form).map(Body::Form);
    }
    match &typed.multipart {
        Some(parts) => {
            let own = typed.headers.keys().any(|name| name.eq_ignore_ascii_case("content-type"));
            if own {
                let reason = "`multipart` writes the header `Content-Type` itself".to_owned();
                let place = parts.place(file);
                findings.error("load-body", place, reason, "leave the header out");
            }
            multipart(findings, names, parts).map(Body::Multipart)
        }
        None => Some(Body::None),
    }
}

/// What is sent over a WebSocket: text as it is, anything else as JSON.
pub(super) fn message(
    findings: &mut Findings<'_>,
    names: &Names<'_>,
    typed: &Located<Value>,
) -> Option<Body> {
    let place = typed.place(findings.known.file);
    match &typed.value {
        Value::String(text) => names.template(findings, &place, text).map(Body::Text),
        value => names.tree(findings, &place, value).map(Body::Json),
    }
}

/// A body is compressed once, and there must be one.
pub(super) fn compressed(findings: &mut Findings<'_>, typed: &spec::Step) {
    let Some(compress) = &typed.compress else { return };
    let place = compress.place(findings.known.file);
    let bodies = [typed.body.is_some(), typed.text.is_some(), typed.form.is_some()];
    if !bodies.contains(&true) && typed.multipart.is_none() {
        let reason = "there is no body to compress".to_owned();
        findings.error("load-body", place, reason, "add a body, or leave out `compress`");
    } else if typed.headers.keys().any(|name| name.eq_ignore_ascii_case(CONTENT_ENCODING.as_str()))
    {
        let reason = "`compress` writes the header `Content-Encoding` itself".to_owned();
        findings.error("load-body", place, reason, "leave out one of them");
    }
}

fn form(
    findings: &mut Findings<'_>,
    names: &Names<'_>,
    typed: &Located<std::collections::BTreeMap<String, Value>>,
) -> Option<Vec<(String, Template)>> {
    let place = typed.place(findings.known.file);
    let mut fields = Vec::new();
    let mut sound = true;
    for (name, value) in &typed.value {
        let values = match value {
            Value::Array(values) => values.as_slice(),
            value => std::slice::from_ref(value),
        };
        for value in values {
            match scalar(value) {
                Some(text) => match names.template(findings, &place, &text) {
                    Some(template) => fields.push((name.clone(), template)),
                    None => sound = false,
                },
                None => {
                    sound = false;
                    let reason = format!("the form's field `{name}` is no text, number or flag");
                    let hint = "write one, or a list of these to send the field more than once";
                    findings.error("load-body", place.clone(), reason, hint);
                }
            }
        }
    }
    sound.then_some(fields)
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

fn multipart(
    findings: &mut Findings<'_>,
    names: &Names<'_>,
    typed: &Located<Vec<spec::Part>>,
) -> Option<Vec<Part>> {
    let place = typed.place(findings.known.file);
    if typed.is_empty() {
        let reason = "the body has no parts".to_owned();
        findings.error("load-body", place, reason, "add `- {name: a, value: b}`");
        return None;
    }
    let parts: Vec<Option<Part>> =
        typed.value.iter().map(|typed| part(findings, names, typed)).collect();
    parts.into_iter().collect()
}

fn part(findings: &mut Findings<'_>, names: &Names<'_>, typed: &spec::Part) -> Option<Part> {
    let known = findings.known;
    let file = known.file;
    let content = match (&typed.value, &typed.file) {
        (Some(value), None) => {
            Content::Text(names.template(findings, &value.place(file), value)?)
        }
        // A file that could not be read is a finding already.
        (None, Some(path)) => Content::File(known.files.get(path.as_str())?.clone()),
        _ => {
            let reason = format!("part `{}` needs exactly one of `value` and `file`", typed.name);
            findings.error("load-body", typed.name.place(file), reason, "keep one of them");
            return None;
        }
    };
    let content_type = match &typed.content_type {
        Some(media) => Some(media_type(findings, media.place(file), media)?),
        None => typed.file.as_ref().map(|_| HeaderValue::from_static("application/octet-stream")),
    };
    let own = || typed.file.as_ref().map(|path| path.rsplit(['/', '\\']).next().unwrap_or(path));
    let filename = typed.filename.as_ref().map(|name| name.as_str()).or_else(own);
    for text in [Some(typed.name.as_str()), filename].into_iter().flatten() {
        if text.is_empty() || text.chars().any(char::is_control) {
            let reason = "a part's name is empty or has a control character".to_owned();
            findings.error("load-body", typed.name.place(file), reason, "write a plain name");
            return None;
        }
    }
    Some(Part {
        name: typed.name.value.clone(),
        filename: filename.map(str::to_owned),
        content_type,
        content,
    })
}

fn media_type(findings: &mut Findings<'_>, place: Place, text: &str) -> Option<HeaderValue> {
    let value = HeaderValue::from_str(text).ok().filter(|_| text.contains('/'));
    if value.is_none() {
        let reason = format!("`{text}` is no content type");
        findings.error("load-body", place, reason, "write one as `image/png`");
    }
    value
}
