//! Durable workflows: code that survives crashes, because everything it saw is in a journal.
//!
//! A workflow is an `async fn` that reads top to bottom like the story it tells. Whatever it does to the
//! world stands in a [step](Run::step), whose outcome is journaled before the code sees it. When a
//! process dies, another runs the code anew and hands it the journal; steps that were done are not done
//! again, and the code goes on where it was.
//!
//! ```
//! use std::time::Duration;
//! use seaworthy_store::{Metrics, Store};
//! use seaworthy_workflow::{Failure, Options, PART, Registry, Retry, Run, Service, Start, State};
//!
//! async fn voyage(run: Run, port: String) -> Result<String, Failure> {
//!     let berth: u32 = run.step("reserve", Retry::default(), |_| async { Ok(7) }).await?;
//!     run.undo_with("reserve", Retry::default(), |_| async { Ok(()) });
//!     run.progress(50, "under way");
//!     run.sleep(Duration::from_millis(1)).await?;
//!     Ok(format!("berth {berth} in {port}"))
//! }
//!
//! # async fn example(folder: &std::path::Path) -> anyhow::Result<()> {
//! let options = seaworthy_store::Options::file(folder, [PART]);
//! let store = Store::open(&options, &Metrics::default())?;
//! let registry = Registry::new().with("voyage", voyage);
//! let service = Service::open(store.clone(), registry, Options::default()).await?;
//! let engine = service.engine();
//! let stop = tokio_util::sync::CancellationToken::new();
//! let running = tokio::spawn(service.run(stop.clone()));
//! engine
//!     .start(Start {
//!         kind: "voyage".into(),
//!         tenant: "acme".into(),
//!         subject: "ada".into(),
//!         id: Some("v1".into()),
//!         input: "Lisbon".into(),
//!         within: None,
//!     })
//!     .await?;
//! let ended = engine.closed("acme", "v1").await?;
//! assert_eq!(ended.status, State::Completed);
//! assert_eq!(ended.result.unwrap().get(), "\"berth 7 in Lisbon\"");
//! stop.cancel();
//! running.await?;
//! store.close().await;
//! # Ok(())
//! # }
//! # let folder = tempfile::tempdir().unwrap();
//! # tokio::runtime::Runtime::new().unwrap().block_on(example(folder.path())).unwrap();
//! ```
//!
//! # What holds
//!
//! - A workflow that was [started](Engine::start) runs to its end, across crashes.
//! - A step is done **at least once**; its outcome counts once. A crash between doing and journaling has
//!   it done again under the same [key](Attempt::key): hand the key to whatever the step changes.
//! - One step is never done by two nodes at once, as long as a second lasts as long on both: see
//!   [`Options::lease`]. Every write to a journal checks, inside its transaction, that the run has not
//!   changed hands.
//! - Code that does not fit its journal is not run on: the workflow is laid aside, and its
//!   [description](Description::blocked) says what differs, until a version starts whose code fits.
//! - Undoing goes from the last to the first, goes on past failures, and records each.
//!
//! # What code must do for that
//!
//! Take the same way whenever it has seen the same: no clocks, no chance, no calls outside steps, and no
//! iteration over hash maps. It awaits nothing but what [`Run`] hands out, alone or joined.

mod driver;
mod effect;
mod engine;
mod error;
mod failure;
mod journal;
mod lease;
mod leases;
mod options;
mod registry;
mod replay;
mod retry;
mod rows;
mod run;
mod service;
mod state;

pub use effect::Attempt;
pub use engine::{Engine, Start, Started};
pub use error::{Error, Result};
pub use failure::{Cause, Failure};
pub use journal::{Entry, Event};
pub use options::{Journaled, Observer, OnEnd, Options};
pub use registry::Registry;
pub use retry::Retry;
pub use rows::{Listing, PART};
pub use run::Run;
pub use service::Service;
pub use state::{Description, State, Undone, UnknownState};

/// An input, a step's value or a signal is at most this long as JSON, in bytes.
pub const LONGEST_VALUE: usize = 1 << 20;
/// An id, a name or a reason is at most this long, in bytes.
pub const LONGEST_NAME: usize = 255;
/// A journal has at most this many entries; a workflow that needs more fails.
pub const LONGEST_JOURNAL: u64 = 50_000;
/// At most this many signals wait for a workflow to look at them.
pub const MOST_MAIL: u32 = 1_000;
