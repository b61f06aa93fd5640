//! Data files: rows that iterations fill their templates from, held once for all virtual users.
//!
//! A [`Table`] is what a file holds; [`Data`] is a table with the rule by which rows are handed out.
//! Both are cheap to clone: clones share the rows, and what was handed out.

mod csv;
mod json;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use seaworthy_base::chance::Chance;
use seaworthy_document::{Finding, nearest};
use serde_json::{Map, Value};

use crate::path::Path;
use crate::spec::{OnEnd, Per};

/// The largest data file that is read, in bytes.
pub const MAX_BYTES: usize = 256 << 20;

/// The rows of a data file.
#[derive(Clone, Debug)]
pub struct Table(Arc<Rows>);

#[derive(Debug)]
enum Rows {
    Text(Cells),
    Values(Vec<Value>),
}

/// Cells of text: every one a slice of one buffer, so that a cell costs four bytes beside its own.
#[derive(Debug)]
struct Cells {
    columns: Vec<String>,
    buffer: String,
    /// Where each cell ends, row by row; it begins where the one before it ends.
    ends: Vec<u32>,
}

/// Where in a row a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    /// The row itself: an object.
    Whole,
    /// A column of text.
    Column(usize),
    /// A path into a row that was JSON.
    Path(Path),
}

impl Table {
    /// Reads comma-separated values. The first row names the columns; cells are text.
    ///
    /// # Errors
    /// Rows that have more or fewer cells than there are columns, columns without a name of their
    /// own, bytes that are not UTF-8, or no row at all: a finding each, with `file` and line.
    pub fn csv(file: &str, bytes: &[u8]) -> Result<Self, Vec<Finding>> {
        csv::read(file, bytes).map(|cells| Self(Arc::new(Rows::Text(cells))))
    }

    /// Reads a JSON list of objects; values keep their types.
    ///
    /// # Errors
    /// Text that is not such a list, or an empty one, as a finding with `file` and line.
    pub fn json(file: &str, bytes: &[u8]) -> Result<Self, Vec<Finding>> {
        json::read(file, bytes).map(|rows| Self(Arc::new(Rows::Values(rows))))
    }

    /// How many rows there are; at least one.
    pub fn rows(&self) -> usize {
        match self.0.as_ref() {
            Rows::Text(cells) => cells.ends.len() / cells.columns.len(),
            Rows::Values(rows) => rows.len(),
        }
    }

    /// Bytes the rows take, about.
    pub fn bytes(&self) -> usize {
        match self.0.as_ref() {
            Rows::Text(cells) => cells.buffer.capacity() + cells.ends.capacity() * 4,
            Rows::Values(rows) => rows.iter().map(json::bytes).sum(),
        }
    }

    /// Where in every row the path leads; a reason and a hint when it leads nowhere.
    pub(crate) fn field(&self, path: &Path) -> Result<Field, (String, String)> {
        match self.0.as_ref() {
            _ if path.is_whole() => Ok(Field::Whole),
            Rows::Text(cells) => {
                let column = path
                    .only_key()
                    .and_then(|key| cells.columns.iter().position(|column| column == key));
                column.map(Field::Column).ok_or_else(|| {
                    let columns = cells.columns.iter().map(String::as_str);
                    let wanted = path.first_key().unwrap_or_default();
                    (format!("there is no column at `{path}`"), known(wanted, columns))
                })
            }
            Rows::Values(rows) => match rows.iter().position(|row| path.get(row).is_none()) {
                None => Ok(Field::Path(path.clone())),
                Some(row) => {
                    let keys = rows[row].as_object().into_iter().flatten();
                    let wanted = path.first_key().unwrap_or_default();
                    let hint = known(wanted, keys.map(|(key, _)| key.as_str()));
                    Err((format!("row {} has nothing at `{path}`", row + 1), hint))
                }
            },
        }
    }

    /// The value in a row; `None` when there is no such row.
    pub(crate) fn get(&self, row: usize, field: &Field) -> Option<Cow<'_, Value>> {
        match (self.0.as_ref(), field) {
            (Rows::Text(cells), Field::Column(column)) => {
                Some(Cow::Owned(Value::String(cells.cell(row, *column)?.to_owned())))
            }
            (Rows::Text(cells), _) => {
                let cell = |(position, column): (usize, &String)| {
                    Some((column.clone(), Value::String(cells.cell(row, position)?.to_owned())))
                };
                let object =
                    cells.columns.iter().enumerate().map(cell).collect::<Option<Map<_, _>>>();
                object.map(|object| Cow::Owned(Value::Object(object)))
            }
            (Rows::Values(rows), Field::Path(path)) => path.get(rows.get(row)?).map(Cow::Borrowed),
            (Rows::Values(rows), _) => rows.get(row).map(Cow::Borrowed),
        }
    }

    /// The text in a row, where it is text.
    pub(crate) fn text(&self, row: usize, field: &Field) -> Option<&str> {
        match (self.0.as_ref(), field) {
            (Rows::Text(cells), Field::Column(column)) => cells.cell(row, *column),
            (Rows::Values(rows), Field::Path(path)) => path.get(rows.get(row)?)?.as_str(),
            _ => None,
        }
    }
}

impl Cells {
    fn cell(&self, row: usize, column: usize) -> Option<&str> {
        self.buffer.get(self.range(row.checked_mul(self.columns.len())?.checked_add(column)?)?)
    }

    fn range(&self, cell: usize) -> Option<Range<usize>> {
        let start = match cell.checked_sub(1) {
            Some(before) => *self.ends.get(before)? as usize,
            None => 0,
        };
        Some(start..*self.ends.get(cell)? as usize)
    }
}

fn known<'a>(wanted: &str, names: impl Iterator<Item = &'a str> + Clone) -> String {
    match nearest(wanted, names.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known: {}", names.take(12).collect::<Vec<_>>().join(", ")),
    }
}

/// A table and the rule by which its rows are handed out.
#[derive(Clone, Debug)]
pub struct Data {
    pub(crate) name: String,
    pub(crate) table: Table,
    pub(crate) per: Per,
    pub(crate) on_end: OnEnd,
    /// How many rows were handed out, where none may be handed out twice.
    taken: Arc<AtomicU64>,
}

/// Who asks for a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker {
    /// The virtual user, from 1.
    pub(crate) vu: u64,
    /// The flow's iteration, from 0.
    pub(crate) index: u64,
}

impl Data {
    pub(crate) fn new(name: String, table: Table, per: Per, on_end: OnEnd) -> Self {
        Self { name, table, per, on_end, taken: Arc::default() }
    }

    /// The rows.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The row for an iteration; `None` when there is none left.
    pub(crate) fn row(&self, asker: Asker, chance: impl FnOnce() -> usize) -> Option<usize> {
        let rows = self.table.rows();
        let number = match self.per {
            Per::Random => return Some(chance().min(rows - 1)),
            Per::Iteration => asker.index,
            Per::Vu => asker.vu.saturating_sub(1),
            Per::Unique => {
                let count = rows as u64;
                // Counting stops at the end, so that no number of askers makes it begin anew.
                let next = |taken: u64| (taken < count).then_some(taken + 1);
                let taken = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
                return taken.ok().and_then(|taken| usize::try_from(taken).ok());
            }
        };
        let within = match self.on_end {
            OnEnd::Recycle => number % rows as u64,
            OnEnd::Stop => number,
        };
        usize::try_from(within).ok().filter(|row| *row < rows)
    }

    /// A row by chance, each as likely.
    pub(crate) fn any(&self, chance: &mut Chance) -> usize {
        chance.index(self.table.rows())
    }
}

#[cfg(test)]
mod tests;
