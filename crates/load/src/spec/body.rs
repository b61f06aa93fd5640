//! Bodies of requests in parts, and how bodies are compressed, as a plan types them.

use schemars::JsonSchema;
use seaworthy_document::Located;
use serde::Deserialize;

/// A part of a `multipart/form-data` body; exactly one of `value` and `file`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Part {
    /// The field's name.
    pub name: Located<String>,
    /// The field's value, a template.
    pub value: Option<Located<String>>,
    /// A file whose bytes are sent, counted from the plan's folder; read when the plan is checked.
    pub file: Option<Located<String>>,
    /// The file name that is sent; that of `file` when not given.
    pub filename: Option<Located<String>>,
    /// The part's content type; `application/octet-stream` for a file when not given.
    pub content_type: Option<Located<String>>,
}

/// Content codings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compress {
    /// RFC 1952.
    Gzip,
    /// RFC 1950, as HTTP means it.
    Deflate,
    /// RFC 7932.
    Br,
    /// RFC 8878.
    Zstd,
}
