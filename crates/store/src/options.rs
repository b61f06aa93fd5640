//! Where rows are kept, and the steps their schema is made of.

use std::num::NonZeroUsize;
use std::path::PathBuf;

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
}

/// A folder with a database in it.
#[derive(Clone, Debug)]
pub(crate) struct File {
    /// The folder that the file, its lock and its log live in; made when missing, for its owner only.
    pub(crate) folder: PathBuf,
    /// How many connections read at once; reads beyond wait for one.
    pub(crate) readers: NonZeroUsize,
}

/// Reading connections of a file, unless told otherwise.
pub const READERS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

impl Options {
    /// An SQLite file in this folder, which is this process's alone while it is open.
    pub fn file(folder: impl Into<PathBuf>, parts: impl IntoIterator<Item = Part>) -> Self {
        let place = Place::File(File { folder: folder.into(), readers: READERS });
        Self { place, parts: parts.into_iter().collect() }
    }

    /// Reads a file with this many connections at once; reads beyond wait for one.
    #[must_use]
    pub fn readers(mut self, readers: NonZeroUsize) -> Self {
        match &mut self.place {
            Place::File(file) => file.readers = readers,
        }
        self
    }
}
