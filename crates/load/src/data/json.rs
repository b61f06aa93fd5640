//! A JSON list of objects into rows.

use seaworthy_document::{Finding, Place};
use serde_json::Value;

use super::MAX_BYTES;

pub(super) fn read(file: &str, bytes: &[u8]) -> Result<Vec<Value>, Vec<Finding>> {
    let error = |line: usize, column: usize, reason: String, hint: &str| {
        let narrow = |number: usize| u32::try_from(number).unwrap_or(0);
        let place = Place { file: file.to_owned(), line: narrow(line), column: narrow(column) };
        vec![Finding::error("load-data", reason).at(place).hint(hint).unquoted()]
    };
    const HINT: &str = "write a list of objects, as `[{\"user\": \"a\"}, {\"user\": \"b\"}]`";
    if bytes.len() > MAX_BYTES {
        let reason = format!("the file has {} bytes; at most {MAX_BYTES} are read", bytes.len());
        return Err(error(0, 0, reason, "split it"));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let rows: Vec<Value> = serde_json::from_slice(bytes).map_err(|broken| {
        let said = broken.to_string();
        let reason = said.split(" at line ").next().unwrap_or("unreadable").to_owned();
        error(broken.line(), broken.column(), reason, HINT)
    })?;
    if let Some(row) = rows.iter().position(|row| !row.is_object()) {
        return Err(error(0, 0, format!("row {} is no object", row + 1), HINT));
    }
    if rows.is_empty() {
        return Err(error(0, 0, "the list is empty".to_owned(), HINT));
    }
    Ok(rows)
}

/// Bytes a value takes, about.
pub(super) fn bytes(value: &Value) -> usize {
    let inside = match value {
        Value::String(text) => text.capacity(),
        Value::Array(items) => items.iter().map(bytes).sum(),
        Value::Object(fields) => {
            fields.iter().map(|(key, field)| key.capacity() + bytes(field)).sum()
        }
        _ => 0,
    };
    size_of::<Value>() + inside
}
