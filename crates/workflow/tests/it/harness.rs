//! An engine under test: on a file of its own, started, dropped as by a crash, and started again.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use seaworthy_store::{Metrics, Server, Store};
use seaworthy_workflow::{
    Description, Engine, Entry, Event, Options, PART, Registry, Service, Start, State,
};
use serde::Serialize;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long any one thing may take before the test fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// The tenant of the tests.
pub(crate) const TENANT: &str = "acme";

/// A store in a folder of its own.
pub(crate) struct House {
    folder: PathBuf,
    pub(crate) store: Store,
    /// Goes when the house does; none when the folder is another's.
    _own: Option<TempDir>,
}

/// An engine that runs.
pub(crate) struct Node {
    pub(crate) engine: Engine,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl House {
    pub(crate) async fn new() -> Self {
        let own = tempfile::tempdir().unwrap();
        let house = Self::at(own.path()).await;
        Self { _own: Some(own), ..house }
    }

    pub(crate) async fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), store: open(folder).await, _own: None }
    }

    /// The same house as another process of a fleet has it. A file has one owner: there it is the same
    /// store.
    pub(crate) async fn neighbour(&self) -> Self {
        let store = if on_postgres() { open(&self.folder).await } else { self.store.clone() };
        Self { folder: self.folder.clone(), store, _own: None }
    }

    /// As after a new start of the process, though not of the machine.
    pub(crate) async fn reopen(&mut self) {
        self.store.close().await;
        self.store = open(&self.folder).await;
    }

    pub(crate) async fn start(&self, registry: Registry) -> Node {
        self.start_with(registry, quick()).await
    }

    pub(crate) async fn start_with(&self, registry: Registry, options: Options) -> Node {
        let service = Service::open(self.store.clone(), registry, options).await.unwrap();
        let (engine, stop) = (service.engine(), CancellationToken::new());
        let running = tokio::spawn(service.run(stop.clone()));
        Node { engine, stop, running }
    }
}

impl Node {
    /// Everything ends where it stands; nothing is written any more.
    pub(crate) async fn crash(self) {
        self.running.abort();
        let _ = self.running.await;
    }

    /// Stopped as an operator would.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(DEADLINE, self.running).await.unwrap().unwrap();
    }

    pub(crate) async fn begin<T: Serialize>(&self, kind: &str, id: &str, input: &T) {
        self.begin_within(kind, id, input, None).await;
    }

    pub(crate) async fn begin_within<T: Serialize>(
        &self,
        kind: &str,
        id: &str,
        input: &T,
        within: Option<Duration>,
    ) {
        self.engine.start(Start { within, ..start(kind, id, input) }).await.unwrap();
    }

    /// Waits for the end, which must be this one.
    #[track_caller]
    pub(crate) fn ended(
        &self,
        id: &str,
        state: State,
    ) -> impl Future<Output = Description> + use<'_> {
        let id = id.to_owned();
        async move {
            let ended = self.engine.closed(TENANT, &id);
            let ended = tokio::time::timeout(DEADLINE, ended).await.expect("it does not end");
            let ended = ended.unwrap();
            assert_eq!(ended.status, state, "{ended:?}");
            ended
        }
    }

    pub(crate) async fn history(&self, id: &str) -> Vec<Entry> {
        self.engine.history(TENANT, id, 0, 10_000).await.unwrap()
    }

    /// Waits until the workflow's description is as wanted.
    pub(crate) async fn until(
        &self,
        id: &str,
        wanted: impl Fn(&Description) -> bool,
    ) -> Description {
        let looking = async {
            loop {
                let found = self.engine.describe(TENANT, id).await.unwrap();
                if wanted(&found) {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(DEADLINE, looking).await.expect("it does not come to that")
    }
}

/// Options that look around often.
pub(crate) fn quick() -> Options {
    Options { poll: Duration::from_millis(20), ..Options::default() }
}

pub(crate) fn start<T: Serialize>(kind: &str, id: &str, input: &T) -> Start {
    Start {
        kind: kind.to_owned(),
        tenant: TENANT.to_owned(),
        subject: "ada".to_owned(),
        id: Some(id.to_owned()),
        input: serde_json::to_value(input).unwrap(),
        within: None,
    }
}

/// The store of a folder: in files, or, when the tests are run with `SEAWORTHY_ROWS=postgres`, in a
/// database of its own, the same as long as the folder lives.
pub(crate) async fn open(folder: &Path) -> Store {
    let options = place(folder).await;
    let opened = move || Store::open(&options, &Metrics::default()).unwrap();
    tokio::task::spawn_blocking(opened).await.unwrap()
}

/// Where the store of a folder is; a database is made when it has none.
pub(crate) async fn place(folder: &Path) -> seaworthy_store::Options {
    if !on_postgres() {
        return seaworthy_store::Options::file(folder, [PART]);
    }
    std::fs::create_dir_all(folder).unwrap();
    let note = folder.join("database");
    let address = match std::fs::read_to_string(&note) {
        Ok(address) => address,
        Err(_) => {
            let address = crate::postgres::database().await;
            std::fs::write(note, &address).unwrap();
            address
        }
    };
    let few = NonZeroUsize::new(4).unwrap();
    let server = Server::with_connections(&address, 1, few).unwrap();
    seaworthy_store::Options::schema(&server, "tests", [PART])
}

pub(crate) fn on_postgres() -> bool {
    match std::env::var("SEAWORTHY_ROWS").as_deref() {
        Ok("postgres") => true,
        Ok("files") | Err(_) => false,
        Ok(other) => panic!("SEAWORTHY_ROWS is `{other}`, neither files nor postgres"),
    }
}

/// The result as JSON.
pub(crate) fn result(ended: &Description) -> serde_json::Value {
    serde_json::from_str(ended.result.as_ref().expect("it has no result").get()).unwrap()
}

/// The journal in short: what happened, to which step.
pub(crate) fn told(history: &[Entry]) -> Vec<String> {
    let tell = |entry: &Entry| match &entry.event {
        Event::Started { kind } => format!("started {kind}"),
        Event::Step { name, .. } => format!("step {name}"),
        Event::Attempt { name, attempt, .. } => format!("attempt {attempt} {name}"),
        Event::Failed { name, attempts, .. } => format!("failed {name} after {attempts}"),
        Event::Slept { .. } => "slept".to_owned(),
        Event::Signal { name, .. } => format!("signal {name}"),
        Event::Silence { name, .. } => format!("silence {name}"),
        Event::Cancel { reason } => format!("cancel {reason}"),
        Event::Overdue => "overdue".to_owned(),
        Event::Closed { state, .. } => format!("closed {state}"),
    };
    history.iter().map(tell).collect()
}

/// Counts how often something was done.
#[derive(Clone, Default)]
pub(crate) struct Counter(Arc<AtomicU32>);

impl Counter {
    pub(crate) fn more(&self) -> u32 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(crate) fn get(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }

    pub(crate) async fn reaches(&self, count: u32) {
        let reached = async {
            while self.get() < count {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(DEADLINE, reached).await.expect("it was not done that often");
    }
}
