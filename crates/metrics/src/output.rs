//! Every sample as it came, written to a file: JSON lines and CSV.
//!
//! An output is given batches of [`Sample`]s by whoever owns the channel they came through, and
//! writes to what it was given. It buffers; [`Output::finish`] writes what is left.

mod csv;
mod json;
mod packed;

use seaworthy_base::Timestamp;

pub use self::csv::{Csv, TimeFormat};
pub use json::Json;

use crate::Error;
use crate::registry::Metric;
use crate::tags::TagSet;

/// One value of a metric. About 56 bytes; its metric, tags and metadata are shared.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The metric.
    pub metric: Metric,
    /// What it belongs to.
    pub tags: TagSet,
    /// What is told of it and not looked for: `vu`, `iter`, and what a script adds. Often empty.
    pub metadata: TagSet,
    /// When, on the wall clock.
    pub at: Timestamp,
    /// How much.
    pub value: f64,
}

/// Somewhere samples are written.
pub trait Output: Send {
    /// Writes a batch.
    ///
    /// # Errors
    /// The file cannot be written (the disk is full); the error names it. Nothing more will come
    /// of this output.
    fn samples(&mut self, samples: &[Sample]) -> Result<(), Error>;

    /// Writes what is still held back. Call it once, at the end.
    ///
    /// # Errors
    /// As [`Output::samples`].
    fn finish(&mut self) -> Result<(), Error>;

    /// Samples left out because the format has no way to write them.
    fn skipped(&self) -> u64 {
        0
    }
}
