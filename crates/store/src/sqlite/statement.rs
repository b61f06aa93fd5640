//! Statements on an SQLite connection.

use std::ops::ControlFlow;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, ffi, params_from_iter};

use crate::error::{Error, Kind, Result};
use crate::tx::{Columns, Failure, Row};
use crate::value::Value;

pub(crate) fn execute(
    connection: &Connection,
    sql: &str,
    values: &[Value<'_>],
) -> std::result::Result<u64, Failure> {
    let mut statement = connection.prepare_cached(sql)?;
    Ok(statement.execute(params_from_iter(values))? as u64)
}

pub(crate) fn each<F>(
    connection: &Connection,
    sql: &str,
    values: &[Value<'_>],
    mut each: F,
) -> std::result::Result<(), Failure>
where
    F: FnMut(&Row<'_>) -> Result<ControlFlow<()>>,
{
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    while let Some(row) = rows.next()? {
        if each(&Row(Columns::Sqlite(row)))?.is_break() {
            break;
        }
    }
    Ok(())
}

pub(crate) fn value<'a>(row: &'a rusqlite::Row<'_>, column: usize) -> Result<Value<'a>> {
    let value = row.get_ref(column).map_err(|error| Error::column(column, error))?;
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Text(text) => {
            Value::Text(std::str::from_utf8(text).map_err(|error| Error::column(column, error))?)
        }
        ValueRef::Blob(bytes) => Value::Bytes(bytes),
    })
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let value = match *self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(number),
            Self::TooLarge(number) => {
                let error = format!("{number} is larger than 2^63 - 1").into();
                return Err(rusqlite::Error::ToSqlConversionFailure(error));
            }
            Self::Real(number) => ValueRef::Real(number),
            Self::Bool(truth) => ValueRef::Integer(i64::from(truth)),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        };
        Ok(ToSqlOutput::Borrowed(value))
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        let fatal = is_fatal(&error);
        Self { error: Error::statement(kind(&error), error), fatal }
    }
}

fn kind(error: &rusqlite::Error) -> Kind {
    let Some(error) = error.sqlite_error() else { return Kind::Other };
    match error.extended_code {
        ffi::SQLITE_CONSTRAINT_UNIQUE
        | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
        | ffi::SQLITE_CONSTRAINT_ROWID => Kind::Unique,
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => Kind::ForeignKey,
        ffi::SQLITE_CONSTRAINT_NOTNULL
        | ffi::SQLITE_CONSTRAINT_CHECK
        | ffi::SQLITE_CONSTRAINT_DATATYPE => Kind::Check,
        _ => Kind::Other,
    }
}

/// Whether the file can no longer be trusted after this error.
fn is_fatal(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode as Code;
    // What a reading connection says to a write, which says nothing of the file. A file that cannot be
    // written stops the writer when it begins its transaction.
    if error.sqlite_error().is_some_and(|error| error.extended_code == ffi::SQLITE_READONLY) {
        return false;
    }
    matches!(
        error.sqlite_error_code(),
        Some(
            Code::SystemIoFailure
                | Code::DatabaseCorrupt
                | Code::NotADatabase
                | Code::DiskFull
                | Code::ReadOnly
                | Code::CannotOpen
                | Code::FileLockingProtocolFailed
                | Code::OutOfMemory
        )
    )
}
