//! SQLite: a file with one owner, one writer thread and group commit, and a few readers.
//!
//! A failed commit or any I/O error makes the store fail for good: the kernel may have dropped the
//! pages a failed sync was about, so nothing is retried and trusted; a restart reads back what is
//! really on disk.

use crate::error::Result;
use crate::health::Health;
use crate::metrics::Metrics;
use crate::options::{File, Part};
use crate::store::{Reads, Store};

mod file;
mod reader;
pub(crate) mod statement;
mod writer;

pub(crate) use reader::{Pool, Thread};

pub(crate) fn open(options: &File, parts: &[Part], metrics: &Metrics) -> Result<Store> {
    let health = Health::default();
    let opened = file::open(&options.folder, parts)?;
    let readers = (0..options.readers.get()).map(|_| file::reader(&opened.path));
    let reads = Pool::new(readers.collect::<Result<_>>()?, metrics);
    let writes = writer::start(opened, health.clone(), metrics)?;
    Ok(Store { writes, reads: Reads::File(reads), health, metrics: metrics.clone() })
}
