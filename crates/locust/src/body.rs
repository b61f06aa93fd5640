//! Bodies: JSON, text, forms, and parts with files.

use ruff_python_ast::Expr;
use serde_json::{Map, Value as Json, json};

use crate::interpreter::Interpreter;
use crate::plan::Body;
use crate::value::Value;

/// A part of a body that is a file, or passes for one.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) filename: Option<String>,
    pub(crate) media: Option<String>,
    pub(crate) path: Option<String>,
    pub(crate) text: Option<String>,
}

impl<'a> Interpreter<'_, 'a> {
    /// What a request carries.
    pub(crate) fn body(
        &mut self,
        json: Option<Value<'a>>,
        data: Option<Value<'a>>,
        files: Option<Value<'a>>,
        headers: &mut Map<String, Json>,
        at: &'a Expr,
    ) -> Result<Body, String> {
        let given = |value: &Value<'a>| !matches!(value, Value::Data(Json::Null));
        let (json, data) = (json.filter(given), data.filter(given));
        if let Some(files) = files {
            let mut parts = Vec::new();
            for (name, value) in data.map(|data| self.pairs(&data)).transpose()?.unwrap_or_default()
            {
                let name = crate::value::plain(&name).ok_or("a part's name is no template")?;
                parts.push(Map::from_iter([
                    ("name".into(), json!(name)),
                    ("value".into(), json!(value)),
                ]));
            }
            for file in self.parts(&files, at)? {
                parts.push(part(file)?);
            }
            if parts.is_empty() {
                return Ok(Body::None);
            }
            headers.retain(|name, _| !name.eq_ignore_ascii_case("content-type"));
            return Ok(Body::Parts(parts));
        }
        match (data, json) {
            // As requests has it: `json` counts only where there is no `data`.
            (Some(Value::Dumped(json)), _) => Ok(Body::Json(json)),
            (Some(Value::File(path)), _) => Err(format!(
                "a step sends the file `{path}` as a part of a body, not as the whole of it"
            )),
            (Some(data), _) => self.form_or_text(&data),
            (None, Some(json)) => Ok(Body::Json(self.data(&json, "body")?)),
            (None, None) => Ok(Body::None),
        }
    }

    fn form_or_text(&mut self, data: &Value<'a>) -> Result<Body, String> {
        match self.data(data, "data")? {
            Json::String(text) if text.is_empty() => Ok(Body::None),
            Json::String(text) => Ok(Body::Text(text)),
            Json::Object(fields) if fields.is_empty() => Ok(Body::None),
            Json::Object(_) | Json::Array(_) => {
                let mut form: Map<String, Json> = Map::new();
                for (name, value) in self.pairs(data)? {
                    let name = crate::value::plain(&name).ok_or("a field's name is no template")?;
                    let value = json!(value);
                    match form.get_mut(&name) {
                        None => {
                            form.insert(name, value);
                        }
                        Some(Json::Array(values)) => values.push(value),
                        Some(first) => *first = json!([first.clone(), value]),
                    }
                }
                Ok(Body::Form(form))
            }
            _ => Err("`data` is no text and no object".to_owned()),
        }
    }
}

fn part(file: File) -> Result<Map<String, Json>, String> {
    let sound = |text: &String| !text.is_empty() && !text.chars().any(char::is_control);
    if !sound(&file.name) || file.filename.as_ref().is_some_and(|name| !sound(name)) {
        return Err("a part's name is empty or has a control character".to_owned());
    }
    let mut part = Map::from_iter([("name".to_owned(), json!(file.name))]);
    let fields = [
        ("file", file.path),
        ("value", file.text),
        ("filename", file.filename),
        ("contentType", file.media.filter(|media| media.contains('/'))),
    ];
    for (field, value) in fields {
        if let Some(value) = value {
            part.insert(field.to_owned(), json!(value));
        }
    }
    Ok(part)
}
