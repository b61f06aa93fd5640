//! A transaction as its work sees it: statements, and the rows they find.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::error::{Error, Kind, Result};
use crate::postgres::{self, Link};
use crate::sqlite::statement;
use crate::value::{FromValue, Value};

/// A transaction. What is done through it is there as a whole or not at all.
#[derive(Debug)]
pub struct Tx<'a> {
    source: Source<'a>,
    /// Set by the first statement that failed.
    spoiled: Option<Error>,
    /// Set when the database can no longer be trusted or reached, whatever the work makes of it.
    fatal: Option<Arc<str>>,
}

#[derive(Debug)]
enum Source<'a> {
    Sqlite(&'a rusqlite::Connection),
    Postgres(Link<'a>),
}

impl<'a> Tx<'a> {
    pub(crate) fn sqlite(connection: &'a rusqlite::Connection) -> Self {
        Self { source: Source::Sqlite(connection), spoiled: None, fatal: None }
    }

    pub(crate) fn postgres(link: Link<'a>) -> Self {
        Self { source: Source::Postgres(link), spoiled: None, fatal: None }
    }

    /// The connection, when it is one to PostgreSQL.
    pub(crate) fn link(&mut self) -> Option<&mut Link<'a>> {
        match &mut self.source {
            Source::Sqlite(_) => None,
            Source::Postgres(link) => Some(link),
        }
    }

    /// Begins the next caller's work on the same connection.
    pub(crate) fn afresh(&mut self) {
        self.spoiled = None;
    }

    /// Runs one statement and says how many rows it changed.
    ///
    /// # Errors
    /// When it fails, or one in this transaction has before; [`Error::is_duplicate`] when there is
    /// such a row already.
    pub fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64> {
        self.sound(values)?;
        let result = match &mut self.source {
            Source::Sqlite(connection) => statement::execute(connection, sql, values),
            Source::Postgres(link) => link.execute(sql, values),
        };
        self.keep(result)
    }

    /// Runs one statement, for who does not need to know how many rows it changed. On PostgreSQL it is
    /// sent without waiting: that it failed may be told by a later statement, or by the write as a
    /// whole.
    ///
    /// # Errors
    /// As [`Tx::execute`], now or later.
    pub fn put(&mut self, sql: &str, values: &[Value<'_>]) -> Result<()> {
        self.sound(values)?;
        let result = match &mut self.source {
            Source::Sqlite(connection) => statement::execute(connection, sql, values).map(drop),
            Source::Postgres(link) => link.put(sql, values),
        };
        self.keep(result)
    }

    /// Runs one statement and tells `each` every row it finds, until that breaks off.
    ///
    /// # Errors
    /// When the statement fails, one in this transaction has before, or `each` says no.
    pub fn each<F>(&mut self, sql: &str, values: &[Value<'_>], each: F) -> Result<()>
    where
        F: FnMut(&Row<'_>) -> Result<ControlFlow<()>>,
    {
        self.sound(values)?;
        let result = match &mut self.source {
            Source::Sqlite(connection) => statement::each(connection, sql, values, each),
            Source::Postgres(link) => link.each(sql, values, each),
        };
        self.keep(result)
    }

    /// Runs one statement and reads every row it finds with `read`.
    ///
    /// # Errors
    /// As [`Tx::each`].
    pub fn query<T, F>(&mut self, sql: &str, values: &[Value<'_>], mut read: F) -> Result<Vec<T>>
    where
        F: FnMut(&Row<'_>) -> Result<T>,
    {
        let mut found = Vec::new();
        self.each(sql, values, |row| {
            found.push(read(row)?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(found)
    }

    /// Runs one statement and reads the first row it finds with `read`; none when it finds none.
    ///
    /// # Errors
    /// As [`Tx::each`].
    pub fn first<T, F>(&mut self, sql: &str, values: &[Value<'_>], mut read: F) -> Result<Option<T>>
    where
        F: FnMut(&Row<'_>) -> Result<T>,
    {
        let mut found = None;
        self.each(sql, values, |row| {
            found = Some(read(row)?);
            Ok(ControlFlow::Break(()))
        })?;
        Ok(found)
    }

    /// Whether a statement finds any row.
    ///
    /// # Errors
    /// As [`Tx::each`].
    pub fn exists(&mut self, sql: &str, values: &[Value<'_>]) -> Result<bool> {
        self.first(sql, values, |_| Ok(())).map(|found| found.is_some())
    }

    /// Waits for what was put and not yet answered.
    pub(crate) fn finish(&mut self) {
        let result = match &mut self.source {
            Source::Sqlite(_) => Ok(()),
            Source::Postgres(link) => link.settle(),
        };
        // It is kept for those who ask whether all went well.
        let _ = self.keep(result);
    }

    /// The error of the first statement that failed, after which nothing may be kept.
    pub(crate) fn spoiled(&self) -> Option<Error> {
        self.spoiled.clone()
    }

    /// Why the database cannot be trusted or reached any more.
    pub(crate) fn fatal(&self) -> Option<Arc<str>> {
        self.fatal.clone()
    }

    fn sound(&mut self, values: &[Value<'_>]) -> Result<()> {
        if let Some(error) = &self.spoiled {
            let reason = format!("an earlier statement of this transaction has failed: {error}");
            return Err(Error::statement(Kind::Other, reason));
        }
        for (index, value) in values.iter().enumerate() {
            if let Some(reason) = value.objection() {
                let error = Error::Value { parameter: index + 1, reason };
                self.spoiled = Some(error.clone());
                return Err(error);
            }
        }
        Ok(())
    }

    fn keep<T>(&mut self, result: std::result::Result<T, Failure>) -> Result<T> {
        result.map_err(|failure| {
            if failure.fatal {
                self.fatal.get_or_insert_with(|| failure.error.to_string().into());
            }
            self.spoiled.get_or_insert_with(|| failure.error.clone());
            failure.error
        })
    }
}

/// A statement that failed, and whether more than the statement is wrong.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    pub(crate) fatal: bool,
}

impl Failure {
    /// Whether a lock was not got in time.
    pub(crate) fn locked(&self) -> bool {
        matches!(self.error, Error::Statement { kind: Kind::Locked, .. })
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, fatal: false }
    }
}

/// A row that a statement found.
#[derive(Debug)]
pub struct Row<'a>(pub(crate) Columns<'a>);

#[derive(Debug)]
pub(crate) enum Columns<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a tokio_postgres::Row),
}

impl Row<'_> {
    /// The column with this number, from 0.
    ///
    /// # Errors
    /// When there is none, or it holds something else.
    pub fn get<T: FromValue>(&self, column: usize) -> Result<T> {
        T::from_value(self.value(column)?)
            .ok_or_else(|| Error::column(column, format_args!("it is not {}", T::NAME)))
    }

    /// The text in a column, without a copy.
    ///
    /// # Errors
    /// As [`Row::get`].
    pub fn text(&self, column: usize) -> Result<&str> {
        match self.value(column)? {
            Value::Text(text) => Ok(text),
            _ => Err(Error::column(column, "it is not a text")),
        }
    }

    /// What a column holds.
    ///
    /// # Errors
    /// When there is no such column, or its type is none that a store has.
    pub fn value(&self, column: usize) -> Result<Value<'_>> {
        match &self.0 {
            Columns::Sqlite(row) => statement::value(row, column),
            Columns::Postgres(row) => postgres::value(row, column),
        }
    }
}
