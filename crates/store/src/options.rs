//! Where rows are kept, and the steps their schema is made of.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use crate::error::Result;
use crate::postgres::{self, Server};

/// One step of a schema, applied once and in order. Steps are only ever added.
///
/// Whoever adds one to a schema that is in use keeps the last version running beside it: add a column,
/// do not rename one. On PostgreSQL a step that would lock a table for long is refused.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// What it does, in a few words; recorded, and checked at each start.
    pub name: &'static str,
    /// One or more statements in SQLite's spelling.
    pub sqlite: &'static str,
    /// The same in PostgreSQL's.
    pub postgres: &'static str,
}

impl Migration {
    /// Whether PostgreSQL can take this step while everybody works: no index built and no table
    /// rewritten or read through under a lock, nothing taken away that the last version uses. A store
    /// takes no step for which this fails.
    ///
    /// # Errors
    /// [`Error::Blocking`](crate::Error::Blocking) with the statement and what it would do.
    pub fn check(&self) -> Result<()> {
        postgres::check(self).map(drop)
    }
}

/// The steps of one owner of tables. Several may live in one store, each with its own steps, and so
/// share transactions.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// None is the store's own.
    pub(crate) name: Option<&'static str>,
    pub(crate) migrations: &'static [Migration],
}

impl Part {
    /// The steps of the store's own tables.
    pub const fn own(migrations: &'static [Migration]) -> Self {
        Self { name: None, migrations }
    }

    /// The steps of a lodger's tables, counted under its name: small letters and underscores.
    pub const fn of(name: &'static str, migrations: &'static [Migration]) -> Self {
        Self { name: Some(name), migrations }
    }

    /// The table that remembers which of these steps were taken.
    pub(crate) fn table(&self) -> String {
        match self.name {
            None => "migrations".to_owned(),
            Some(name) => format!("migrations_{name}"),
        }
    }

    /// The steps still to be taken, with their versions, when these were taken already; or why this
    /// schema is another's.
    pub(crate) fn outstanding(
        &self,
        taken: &[String],
    ) -> Result<impl Iterator<Item = (i64, &'static Migration)> + use<>, String> {
        let known = self.migrations.len();
        if taken.len() > known {
            return Err(format!("it is at version {}, this program knows {known}", taken.len()));
        }
        for (version, (name, step)) in (1..).zip(taken.iter().zip(self.migrations)) {
            if name != step.name {
                return Err(format!("version {version} is `{name}`, not `{}`", step.name));
            }
        }
        Ok((1..).zip(self.migrations).skip(taken.len()))
    }
}

/// What to open.
#[derive(Clone, Debug)]
pub struct Options {
    pub(crate) place: Place,
    pub(crate) parts: Vec<Part>,
}

#[derive(Clone, Debug)]
pub(crate) enum Place {
    File(File),
    Schema(Schema),
}

/// A folder with a database in it.
#[derive(Clone, Debug)]
pub(crate) struct File {
    /// The folder that the file, its lock and its log live in; made when missing, for its owner only.
    pub(crate) folder: PathBuf,
    /// How many connections read at once; reads beyond wait for one.
    pub(crate) readers: NonZeroUsize,
}

/// A schema of a PostgreSQL database.
#[derive(Clone, Debug)]
pub(crate) struct Schema {
    pub(crate) server: Server,
    pub(crate) name: String,
    /// Whether no other process may have it open.
    pub(crate) alone: bool,
}

/// Reading connections of a file, unless told otherwise.
pub const READERS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

impl Options {
    /// An SQLite file in this folder, which is this process's alone while it is open.
    pub fn file(folder: impl Into<PathBuf>, parts: impl IntoIterator<Item = Part>) -> Self {
        let place = Place::File(File { folder: folder.into(), readers: READERS });
        Self { place, parts: parts.into_iter().collect() }
    }

    /// A schema of this name on a PostgreSQL server: small letters, digits and underscores. It is
    /// made when missing. Other processes may have it open too, unless one says [`Options::alone`].
    pub fn schema(
        server: &Server,
        name: impl Into<String>,
        parts: impl IntoIterator<Item = Part>,
    ) -> Self {
        let schema = Schema { server: server.clone(), name: name.into(), alone: false };
        Self { place: Place::Schema(schema), parts: parts.into_iter().collect() }
    }

    /// Lets no other process that asks for the same have the schema open: for what keeps in memory
    /// what it has read, and would not see another's change. A file is always one process's alone.
    #[must_use]
    pub fn alone(mut self) -> Self {
        if let Place::Schema(schema) = &mut self.place {
            schema.alone = true;
        }
        self
    }

    /// Reads a file with this many connections at once; reads beyond wait for one.
    #[must_use]
    pub fn readers(mut self, readers: NonZeroUsize) -> Self {
        match &mut self.place {
            Place::File(file) => file.readers = readers,
            // A server's connections are shared by its stores and counted where it is named.
            Place::Schema(_) => {}
        }
        self
    }
}
