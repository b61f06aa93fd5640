//! Statements and values as PostgreSQL takes them.

use std::error::Error as StdError;

use tokio_postgres::error::{Severity, SqlState};
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::error::{Error, Kind, Result};
use crate::tx::Failure;
use crate::value::Value;

/// The same statement with its parameters spelled `$1`.
pub(super) fn spelled(sql: &str) -> String {
    let mut text = String::with_capacity(sql.len());
    let mut quote = None;
    let mut rest = sql.chars().peekable();
    while let Some(character) = rest.next() {
        match (quote, character) {
            (None, '?') if rest.peek().is_some_and(char::is_ascii_digit) => {
                text.push('$');
                continue;
            }
            (None, '\'' | '"') => quote = Some(character),
            (Some(open), close) if open == close => quote = None,
            _ => {}
        }
        text.push(character);
    }
    text
}

/// A value that does not fit the type of its parameter.
#[derive(Debug, thiserror::Error)]
#[error("a parameter of type {wanted} cannot be {given}")]
struct Mismatch {
    wanted: String,
    given: String,
}

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> std::result::Result<IsNull, Box<dyn StdError + Sync + Send>> {
        let mismatch = || {
            // Its kind alone: a value is nobody's business.
            let given = match self {
                Self::Null => "nothing",
                Self::Integer(_) | Self::TooLarge(_) => "a whole number",
                Self::Real(_) => "a number",
                Self::Bool(_) => "a truth value",
                Self::Text(_) => "a text",
                Self::Bytes(_) => "bytes",
            };
            Box::new(Mismatch { wanted: kind.name().to_owned(), given: given.to_owned() })
        };
        match (*self, kind) {
            (Self::Null, _) => Ok(IsNull::Yes),
            (Self::Bool(truth), &Type::BOOL) => truth.to_sql(kind, out),
            (Self::Bool(truth), &Type::INT8) => i64::from(truth).to_sql(kind, out),
            (Self::Integer(number), &Type::INT8) => number.to_sql(kind, out),
            (Self::Integer(number), &Type::INT4) => {
                i32::try_from(number).map_err(|_| mismatch())?.to_sql(kind, out)
            }
            (Self::Integer(number), &Type::FLOAT8) => (number as f64).to_sql(kind, out),
            (Self::Real(number), &Type::FLOAT8) => number.to_sql(kind, out),
            (Self::Text(text), &Type::TEXT | &Type::VARCHAR | &Type::NAME | &Type::UNKNOWN) => {
                text.to_sql(kind, out)
            }
            (Self::Bytes(bytes), &Type::BYTEA) => bytes.to_sql(kind, out),
            _ => Err(mismatch()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// What a column of a row holds.
pub(crate) fn value(row: &tokio_postgres::Row, column: usize) -> Result<Value<'_>> {
    let wrong = |error: tokio_postgres::Error| Error::column(column, error);
    let Some(kind) = row.columns().get(column).map(tokio_postgres::Column::type_) else {
        return Err(Error::column(column, "there is no such column"));
    };
    let value = match *kind {
        Type::BOOL => row.try_get::<_, Option<bool>>(column).map_err(wrong)?.map(Value::Bool),
        Type::INT8 => row.try_get::<_, Option<i64>>(column).map_err(wrong)?.map(Value::Integer),
        Type::INT4 => row
            .try_get::<_, Option<i32>>(column)
            .map_err(wrong)?
            .map(|number| Value::Integer(i64::from(number))),
        Type::FLOAT8 => row.try_get::<_, Option<f64>>(column).map_err(wrong)?.map(Value::Real),
        Type::TEXT | Type::VARCHAR | Type::NAME => {
            row.try_get::<_, Option<&str>>(column).map_err(wrong)?.map(Value::Text)
        }
        Type::BYTEA => row.try_get::<_, Option<&[u8]>>(column).map_err(wrong)?.map(Value::Bytes),
        _ => {
            let reason = format!("its type is {}, which is none that a store has", kind.name());
            return Err(Error::column(column, reason));
        }
    };
    Ok(value.unwrap_or(Value::Null))
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        if let Some(refused) = error.as_db_error() {
            let fatal = matters_to_more_than_the_statement(refused);
            let reason = format!("{} (SQLSTATE {})", refused.message(), refused.code().code());
            return Self { error: Error::statement(kind(refused.code()), reason), fatal };
        }
        let fits = !error.source().is_some_and(|source| source.is::<Mismatch>());
        Self { fatal: fits, error: Error::statement(Kind::Other, told(&error)) }
    }
}

/// An error with what caused it.
pub(super) fn told(error: &tokio_postgres::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn kind(state: &SqlState) -> Kind {
    match *state {
        SqlState::UNIQUE_VIOLATION => Kind::Unique,
        SqlState::FOREIGN_KEY_VIOLATION => Kind::ForeignKey,
        SqlState::LOCK_NOT_AVAILABLE => Kind::Locked,
        SqlState::NOT_NULL_VIOLATION | SqlState::CHECK_VIOLATION => Kind::Check,
        _ => Kind::Other,
    }
}

/// Whether the connection, the server or its disk are in trouble: then nothing of the batch is kept.
fn matters_to_more_than_the_statement(error: &tokio_postgres::error::DbError) -> bool {
    if matches!(error.parsed_severity(), Some(Severity::Fatal | Severity::Panic)) {
        return true;
    }
    // Connections, resources, operators' interventions, locks and timeouts, the system, corruption.
    let class = error.code().code().get(..2).unwrap_or_default();
    matches!(class, "08" | "53" | "57" | "55" | "58" | "XX" | "40")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_spelled_anew_and_texts_are_left_alone() {
        assert_eq!(spelled("SELECT ?1, ?12 WHERE a = ?2"), "SELECT $1, $12 WHERE a = $2");
        assert_eq!(
            spelled("SELECT '?1', \"?2\", 'it''s ?3', ?4"),
            "SELECT '?1', \"?2\", 'it''s ?3', $4"
        );
        assert_eq!(spelled("a ? b ?"), "a ? b ?");
        assert_eq!(spelled("é ?1"), "é $1");
    }
}
