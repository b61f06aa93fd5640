//! JSON documents as modules.

use std::sync::Arc;

use serde_json::Value;

use super::commonjs;
use super::exports::Exports;
use super::map::SourceMap;
use super::parse::{Kind, Source, SyntaxError, failure};
use super::place::Place;

/// A JSON document as a module that exports it. The text is parsed by the engine's own
/// `JSON.parse`, which is faster than code and keeps `__proto__` a plain key.
pub(super) fn source(file: &Arc<str>, text: &str) -> Result<Source, SyntaxError> {
    let value: Value = serde_json::from_str(text).map_err(|error| {
        let place = match error.line() {
            0 => Place::file(file.clone()),
            line => {
                let column = u32::try_from(error.column()).unwrap_or(u32::MAX).max(1);
                Place { file: file.clone(), line: u32::try_from(line).unwrap_or(u32::MAX), column }
            }
        };
        let message = error.to_string();
        let reason = message.split(" at line ").next().unwrap_or_default();
        // The parser of JSON counts lines by line feeds alone and columns in bytes.
        let line = text.split('\n').nth(place.line.max(1) as usize - 1).unwrap_or_default();
        let mut end = (place.column as usize).saturating_sub(1).min(line.len());
        while !line.is_char_boundary(end) {
            end -= 1;
        }
        let column = u32::try_from(line[..end].chars().count() + 1).unwrap_or(u32::MAX);
        let place = if place.line == 0 { place } else { Place { column, ..place } };
        failure(place, line, format!("this is not JSON: {reason}"), None)
    })?;
    let mut exports = Exports::default();
    if let Value::Object(entries) = &value {
        exports.names.extend(entries.keys().cloned());
    }
    let code = format!("module.exports = JSON.parse({});", literal(text));
    Ok(Source {
        kind: Kind::Json,
        map: SourceMap::identity(file.clone(), &code).shifted(commonjs::OPENING.len()),
        code: commonjs::wrapped(&code).into(),
        references: Vec::new(),
        exports,
        map_beside: None,
        warnings: Vec::new(),
    })
}

/// A text as a string literal of JavaScript: JSON's, since ECMAScript 2019 a subset.
fn literal(text: &str) -> String {
    Value::from(text).to_string()
}
