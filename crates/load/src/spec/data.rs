//! The plan's section `data`: files of rows for templates, as it is typed.

use schemars::JsonSchema;
use seaworthy_document::Located;
use serde::Deserialize;

/// A file of rows. `${name.column}` stands for a value of the row an iteration was given.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Data {
    /// The name templates use.
    pub name: Located<String>,
    /// The file, counted from the plan's folder.
    pub file: Located<String>,
    /// What the file holds; told by its ending when not given.
    pub format: Option<Located<Format>>,
    /// How rows are handed out; `iteration` when not given.
    pub per: Option<Located<Per>>,
    /// What happens when the rows run out; `recycle` when not given, and `stop` for `per: unique`.
    pub on_end: Option<Located<OnEnd>>,
}

/// What a data file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Comma-separated values in UTF-8; the first row names the columns.
    Csv,
    /// A list of objects.
    Json,
}

/// How rows are handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Per {
    /// The flow's first iteration in a phase gets the first row, the next one the second.
    Iteration,
    /// The first virtual user of a phase has the first row in all its iterations, and so on.
    Vu,
    /// Each iteration draws one, each as likely.
    Random,
    /// Each iteration gets a row that no other iteration of the trial, in any flow, gets.
    Unique,
}

/// What happens when the rows run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnEnd {
    /// They are handed out again from the first one on.
    Recycle,
    /// The iteration is not done, and its virtual user does no more.
    Stop,
}
