//! Samples with tags as k6 knows them: metrics, thresholds, the end-of-test summary and the outputs.
//!
//! A [`Registry`] has the metrics, a [`TagSet`] says what a sample belongs to, a [`Collector`] takes
//! the samples, each worker through a [`Shard`] of its own, and merges them into a [`Snapshot`] when
//! somebody looks. [`Thresholds`] are held against a snapshot.
//!
//! Pure: no clock, no socket, no thread. Memory does not grow with the number of samples.

mod collector;
mod error;
pub mod number;
pub mod output;
mod part;
pub mod registry;
pub mod shard;
pub mod sink;
mod snapshot;
pub mod summary;
pub mod tags;
pub mod threshold;

pub use collector::{Collector, Options, SeriesWarning};
pub use error::Error;
pub use output::{Output, Sample};
pub use part::{Key, Part, Place, Submetric};
pub use registry::{Contains, Kind, Metric, Registry};
pub use shard::{Handle, Shard, Writer};
pub use sink::Sink;
pub use snapshot::{Check, Snapshot};
pub use summary::Summary;
pub use tags::{Interner, TagSet};
pub use threshold::Thresholds;
