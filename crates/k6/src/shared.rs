//! What all virtual users of a run share: its clock, metrics, options, files, and its end.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use seaworthy_base::{Clock, Instant};
use seaworthy_load::SharedTimeline;
use seaworthy_metrics::{Collector, Registry};
use seaworthy_net::Options as ClientOptions;
use seaworthy_net::network::{Sourced, Sources};
use seaworthy_script::Bundle;
use tokio_util::sync::CancellationToken;

use crate::console::Console;
use crate::options::Options;
use crate::output::Outlet;

/// What stands where a hidden text stood.
/// The largest file that a script may open, in bytes; and the most of what is no file.
const LARGEST_FILE: u64 = 1 << 30;
const LARGEST_STREAM: u64 = 64 << 20;
const HIDDEN: &str = "[redacted]";

/// What a script is run with that does not come from its options.
pub struct Shared {
    /// Where the time comes from.
    pub clock: Clock,
    /// `__ENV`.
    pub environment: BTreeMap<String, String>,
    /// The script's own folder, which relative paths count from.
    pub folder: PathBuf,
    /// The script, compiled.
    pub bundle: Arc<Bundle>,
    /// Metrics, the script's own included.
    pub registry: Registry,
    /// Where the script's `console` and our messages go.
    pub console: Console,
    /// The most memory of one virtual user's heap, in bytes; 0 for no limit.
    pub memory_limit: usize,
    /// Seeds `Math.random` and what else is drawn; the same seed gives the same draws.
    pub seed: u64,
    /// Ends the run.
    pub stop: CancellationToken,
    /// Files that the init context opened, by path.
    pub(crate) files: Mutex<BTreeMap<PathBuf, Arc<[u8]>>>,
    /// Shared arrays by name: each element as JSON.
    pub(crate) arrays: Mutex<BTreeMap<String, Arc<[Box<str>]>>>,
    /// Whether the first init context is over: from then on only files it opened can be.
    pub(crate) initialised: AtomicBool,
    pub(crate) verdict: Mutex<Ended>,
    pub(crate) counts: Counts,
    /// Texts that must not stand in the timeline.
    pub(crate) hidden: OnceLock<Vec<String>>,
    /// What was warned of.
    warned: Mutex<std::collections::BTreeSet<String>>,
    settled: OnceLock<Settled>,
}

/// What is known once the first init context has told its options.
pub struct Settled {
    /// All options, whatever they came from.
    pub options: Options,
    /// The part of the run that is ours.
    pub partition: crate::options::Partition,
    /// Which of k6's tags samples get.
    pub system_tags: SystemTags,
    /// Sinks of all workers.
    pub collector: Collector,
    /// Second by second, for the report.
    pub timeline: SharedTimeline,
    /// The phase that the timeline's series are of.
    pub phase: String,
    /// How requests are sent.
    pub client: Arc<ClientOptions>,
    /// Where whole samples go, if anywhere.
    pub outlet: Option<Outlet>,
    /// When the run began, on the run's clock: samples count from here. As in k6 it begins when its
    /// virtual users are there, with `setup`.
    pub(crate) began: OnceLock<Instant>,
    /// Whether arrivals wait in place of being dropped.
    pub queue: bool,
    /// How many workers there are.
    pub workers: usize,
    /// Addresses that virtual users' connections begin at (`localIPs`), if they are chosen.
    pub sources: Option<Sources>,
    /// When the next request may begin, in nanoseconds since the run did (`rps`).
    pub(crate) next_request: AtomicU64,
}

impl Settled {
    /// How long a moment is after the run's beginning; zero before it.
    pub(crate) fn since(&self, now: Instant) -> Duration {
        let began = self.began.get();
        began.map_or(Duration::ZERO, |began| now.saturating_duration_since(*began))
    }

    /// How a virtual user's requests are sent.
    pub(crate) fn client_of(&self, id: u64) -> Arc<ClientOptions> {
        match &self.sources {
            None => Arc::clone(&self.client),
            Some(sources) => {
                let mut client = (*self.client).clone();
                let local = sources.nth(id.saturating_sub(1));
                client.network = Arc::new(Sourced::new(local, client.network));
                Arc::new(client)
            }
        }
    }
}

/// Which of k6's tags samples of requests get.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "a set")]
pub struct SystemTags {
    pub(crate) name: bool,
    pub(crate) url: bool,
    pub(crate) method: bool,
    pub(crate) status: bool,
    pub(crate) proto: bool,
    pub(crate) subproto: bool,
    pub(crate) error: bool,
    pub(crate) error_code: bool,
    pub(crate) expected_response: bool,
    pub(crate) tls_version: bool,
    pub(crate) ocsp_status: bool,
    pub(crate) ip: bool,
    pub(crate) group: bool,
    pub(crate) check: bool,
    pub(crate) scenario: bool,
}

impl SystemTags {
    /// Those the options name.
    pub(crate) fn of(options: &Options) -> Self {
        let has = |name| options.has_system_tag(name);
        Self {
            name: has("name"),
            url: has("url"),
            method: has("method"),
            status: has("status"),
            proto: has("proto"),
            subproto: has("subproto"),
            error: has("error"),
            error_code: has("error_code"),
            expected_response: has("expected_response"),
            tls_version: has("tls_version"),
            ocsp_status: has("ocsp_status"),
            ip: has("ip"),
            group: has("group"),
            check: has("check"),
            scenario: has("scenario"),
        }
    }
}

/// How the script wants the run to end.
#[derive(Clone, Debug, Default)]
pub struct Ended {
    /// `exec.test.abort(reason)`.
    pub aborted: Option<String>,
    /// `exec.test.fail(reason)`, the first.
    pub failed: Option<String>,
}

/// Counts over the whole run, for `k6/execution`.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Virtual users made.
    pub initialised: AtomicU64,
    /// Virtual users that are doing iterations.
    pub active: AtomicI64,
    /// Iterations that came to their end.
    pub completed: AtomicU64,
    /// Iterations that were cut off.
    pub interrupted: AtomicU64,
}

impl Shared {
    /// For one run.
    #[expect(clippy::too_many_arguments, reason = "what a run is made of, from its one caller")]
    pub(crate) fn new(
        clock: Clock,
        environment: BTreeMap<String, String>,
        folder: PathBuf,
        bundle: Arc<Bundle>,
        registry: Registry,
        console: Console,
        memory_limit: usize,
        seed: u64,
        stop: CancellationToken,
    ) -> Self {
        Self {
            clock,
            environment,
            folder,
            bundle,
            registry,
            console,
            memory_limit,
            seed,
            stop,
            files: Mutex::default(),
            arrays: Mutex::default(),
            initialised: AtomicBool::new(false),
            verdict: Mutex::default(),
            counts: Counts::default(),
            hidden: OnceLock::new(),
            warned: Mutex::default(),
            settled: OnceLock::new(),
        }
    }

    /// Notes what the run is, once.
    pub(crate) fn settle(&self, settled: Settled) {
        self.settled.get_or_init(|| settled);
        self.initialised.store(true, Ordering::Release);
    }

    /// What is known after init; `None` in the first init context.
    pub fn settled(&self) -> Option<&Settled> {
        self.settled.get()
    }

    /// How the script wants the run to end.
    pub fn ended(&self) -> Ended {
        lock(&self.verdict).clone()
    }

    /// `exec.test.abort(reason)`: ends the run.
    pub(crate) fn abort(&self, reason: &str) {
        lock(&self.verdict).aborted.get_or_insert_with(|| reason.to_owned());
        self.stop.cancel();
    }

    /// Notes that the run begins, once.
    pub(crate) fn begin(&self) {
        if let Some(settled) = self.settled() {
            settled.began.get_or_init(|| self.clock.now());
        }
    }

    /// Since the run began; zero before.
    pub(crate) fn elapsed(&self) -> Duration {
        self.settled().map_or(Duration::ZERO, |settled| settled.since(self.clock.now()))
    }

    /// A name for the timeline, without what is hidden.
    pub(crate) fn shown<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut shown = Cow::Borrowed(text);
        for hidden in self.hidden.get().into_iter().flatten() {
            if shown.contains(hidden.as_str()) {
                shown = Cow::Owned(shown.replace(hidden.as_str(), HIDDEN));
            }
        }
        shown
    }

    /// Warns of something, once in a run.
    pub(crate) fn warn_once(&self, words: &str) {
        if lock(&self.warned).insert(words.to_owned()) {
            self.console.say(crate::console::Level::Warning, words, "");
        }
    }

    /// A file of the init context, read once for all virtual users.
    ///
    /// # Errors
    /// When it cannot be read, or was not opened by the first init context.
    pub(crate) fn open(&self, path: &Path) -> std::io::Result<Arc<[u8]>> {
        let mut files = lock(&self.files);
        if let Some(known) = files.get(path) {
            return Ok(Arc::clone(known));
        }
        if self.initialised.load(Ordering::Acquire) {
            let words = "open() can only open files in a virtual user's init context that the first \
                         init context opened too";
            return Err(std::io::Error::other(words));
        }
        let bytes: Arc<[u8]> = read(path)?.into();
        files.insert(path.to_owned(), Arc::clone(&bytes));
        Ok(bytes)
    }
}

/// Reads a file that a script opens, up to a bound: it may be a device that never ends.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let file = std::fs::File::open(path)?;
    let most = if file.metadata()?.is_file() { LARGEST_FILE } else { LARGEST_STREAM };
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let words = format!("it is larger than the {} MiB that a script may open", most >> 20);
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, words));
    }
    Ok(bytes)
}

/// Locks what nobody leaves half changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Shared").field("bundle", &self.bundle).finish_non_exhaustive()
    }
}
