//! Reads `multipart/form-data` and describes its parts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// The boundary that a content type names.
pub(crate) fn boundary(kind: &str) -> Option<String> {
    let rest = kind.strip_prefix("multipart/form-data")?;
    let parameter = rest.split(';').find_map(|part| part.trim().strip_prefix("boundary="))?;
    Some(parameter.trim_matches('"').to_owned())
}

/// Name, file name, type, size and text (or base64) of every part.
pub(crate) fn parts(body: &[u8], boundary: &str) -> Vec<Value> {
    let delimiter = format!("--{boundary}");
    let mut result = Vec::new();
    let mut rest = body;
    while let Some(start) = find(rest, delimiter.as_bytes()) {
        let after = &rest[start + delimiter.len()..];
        let Some(after) = after.strip_prefix(b"\r\n") else { break };
        let end = find(after, format!("\r\n{delimiter}").as_bytes()).unwrap_or(after.len());
        result.push(part(&after[..end]));
        rest = &after[(end + 2).min(after.len())..];
    }
    result
}

fn part(bytes: &[u8]) -> Value {
    let split = find(bytes, b"\r\n\r\n").unwrap_or(bytes.len());
    let head = String::from_utf8_lossy(&bytes[..split]);
    let content = bytes.get(split + 4..).unwrap_or_default();
    let header = |name: &str| {
        head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    };
    let disposition = header("content-disposition").unwrap_or_default();
    let field = |name: &str| {
        let start = disposition.find(&format!("; {name}=\""))? + name.len() + 4;
        let end = disposition[start..].find('"')?;
        Some(disposition[start..start + end].to_owned())
    };
    let text = std::str::from_utf8(content);
    json!({
        "name": field("name"),
        "filename": field("filename"),
        "type": header("content-type"),
        "size": content.len(),
        "text": text.ok(),
        "base64": text.is_err().then(|| STANDARD.encode(content)),
    })
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
