//! The world of a trial: its targets, their data, the undo journal, and the names templates see.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use seaworthy_base::{Clock, Instant, Span};
use seaworthy_load::SharedTimeline;
use seaworthy_net::{Client, Exception, Request, Tls, Url};
use seaworthy_process::{Journal, Launch, Scratch, Target, free_ports, last_lines, watchdog};
use seaworthy_report::outcome;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::check::{self, Checked};
use crate::diary::Diary;
use crate::error::Error;
use crate::folder::Folder;
use crate::plan;
use crate::resources::{Sampler, Seen};
use crate::scope::Scope;
use crate::scrape::Scrape;
use crate::secrets::{self, Revealed};
use crate::service::{Halt, Options};
use crate::watch;
use crate::writing::hash_file;

/// How long a target has to get ready, and to stop, when the plan does not say.
const READY_WITHIN: Duration = Duration::from_secs(30);
const STOP_WITHIN: Duration = Duration::from_secs(10);
/// How long it may take to find out whether something listens.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// How often readiness is asked for.
const ASK_EVERY: Duration = Duration::from_millis(50);
/// How often a target's own metrics are asked for when the plan does not say.
const SCRAPE_EVERY: Duration = Duration::from_secs(1);
/// How many of a target's last log lines are shown when it fails.
const LAST_LINES: usize = 12;

/// Everything the trial changed about the world, and can take back.
pub(crate) struct World {
    scope: Scope,
    diary: Diary,
    journal: Journal,
    program: PathBuf,
    guard: watchdog::Guard,
    scratch: Scratch,
    logs: PathBuf,
    targets: Vec<Running>,
    sampler: Sampler,
    seen: Seen,
    identities: Vec<Value>,
    client: seaworthy_net::Options,
}

/// A target as it was started or found.
struct Running {
    name: String,
    url: Url,
    command: Option<String>,
    process: Option<Arc<Target>>,
    grace: Duration,
}

impl World {
    /// Makes the undo journal, sets the watchdog on it, makes the scratch folder, reserves ports.
    pub(crate) fn prepare(
        options: &Options,
        id: &str,
        folder: &Folder,
        began: Instant,
        diary: Diary,
    ) -> Result<Self, Error> {
        for path in [options.house.undo(), options.house.scratch()] {
            std::fs::create_dir_all(&path).map_err(Error::io("create the folder", &path))?;
        }
        let journal = Journal::create(&options.house.undo().join(format!("{id}.jsonl")))?;
        let guard = watchdog::start(&options.program, journal.path())?;
        let scratch = Scratch::create(&journal, &options.house.scratch(), id)?;

        let mut scope = Scope::default();
        let names = options.plan.ports();
        let ports = free_ports(names.len())?;
        scope.set_ports(&names.into_iter().zip(ports).collect::<BTreeMap<_, _>>());
        scope.set("seaworthy", json!(options.program));
        // Below the folder that is ours: a target that empties its data keeps our marker.
        let data = scratch.path().join("data");
        std::fs::create_dir(&data).map_err(Error::io("create the folder", &data))?;
        scope.set("scratch", json!(data));
        scope.set("plan", json!(options.plan.folder()));
        let environment = options.plan.environment();
        for (name, value) in environment.as_object().into_iter().flatten() {
            if let Some(text) = value.as_str().filter(|text| check::is_confidential(name, text)) {
                scope.hide_secret(text);
            }
        }
        scope.set("env", environment);
        for (name, value) in &options.plan.plan().variables {
            scope.set(name, value.clone());
        }
        let literals = options.plan.literals().iter().map(String::as_str);
        for text in literals.chain(options.plan.confidential_environment()) {
            scope.hide_secret(text);
        }
        Ok(Self {
            scope,
            diary,
            journal,
            program: options.program.clone(),
            guard,
            scratch,
            logs: folder.logs(),
            targets: Vec::new(),
            sampler: Sampler::new(options.clock.clone(), began),
            seen: Seen::default(),
            identities: Vec::new(),
            client: seaworthy_net::Options::default(),
        })
    }

    /// Starts every target that has a command, and waits until all are ready.
    pub(crate) async fn launch(&mut self, options: &Options) -> Result<(), Halt> {
        for target in &options.plan.plan().targets {
            let running = self.start(&options.plan, target).await?;
            self.targets.push(running);
        }
        for (target, running) in options.plan.plan().targets.iter().zip(&self.targets) {
            self.ready(target, running, &options.clock, &options.stop).await?;
        }
        for (position, target) in options.plan.plan().targets.iter().enumerate() {
            let scrape = self.scrape(options, target, &self.targets[position])?;
            self.sampler.scrape(scrape);
        }
        self.diary.tell("targets.ready", "", format!("{} target(s) ready", self.targets.len()));
        Ok(())
    }

    async fn start(&mut self, plan: &Checked, target: &plan::Target) -> Result<Running, Halt> {
        let render = |text: &str| plan.render(text, &self.scope).map_err(Halt::CouldNotRun);
        let url = render(&target.url.value)?;
        let url = Url::parse(&url)
            .map_err(|error| Halt::CouldNotRun(format!("target `{}`: {error}", target.name)))?;
        let grace = target.stop_within.map_or(STOP_WITHIN, Span::get);
        let name = target.name.value.clone();
        let Some(command) = &target.command else {
            self.diary.note("target.found", &name, format!("expected at {}", url));
            self.identities
                .push(json!({ "target": name, "address": url.to_string(), "command": null }));
            return Ok(Running { name, url, command: None, process: None, grace });
        };
        // Whoever listens there already would be taken for the target, and judged in its place.
        if connects(&url).await.is_ok() {
            return Err(Halt::CouldNotRun(format!(
                "target `{name}`: the port is in use: something answers at {} before the target is started\n\
                 hint: stop it, or let the trial choose a free port with ${{port.{name}}}",
                url
            )));
        }
        let command =
            command.iter().map(|word| render(word)).collect::<Result<Vec<String>, Halt>>()?;
        let environment = target
            .environment
            .iter()
            .map(|(variable, value)| Ok((variable.clone(), render(value)?)))
            .collect::<Result<BTreeMap<String, String>, Halt>>()?;
        let folder = match &target.folder {
            Some(folder) => plan.folder().join(render(folder)?),
            None => plan.folder().to_owned(),
        };
        let launch = Launch {
            name: name.clone(),
            command: command.clone(),
            environment,
            withheld: plan.withheld(),
            folder,
            log: self.logs.join(format!("{name}.log")),
        };
        let process = Arc::new(launch.start(&self.journal)?);
        let running = format!("/proc/{}/exe", process.pid());
        self.identities.push(json!({
            "target": name,
            "address": url.to_string(),
            "command": command.iter().map(|word| self.scope.redact(word)).collect::<Vec<_>>(),
            // Gone already, or not ours to read: then its identity is not known, and said so.
            "executable": std::fs::read_link(&running).ok().map(|path| path.display().to_string()),
            "sha256": hash_file(std::path::Path::new(&running)).ok(),
        }));
        self.sampler.watch(&name, Arc::clone(&process));
        self.diary.note("target.started", &name, format!("process {}", process.pid()));
        let shown = Some(command.join(" "));
        Ok(Running { name, url, command: shown, process: Some(process), grace })
    }

    /// What is asked of a target's own metrics: what the plan declares, and what has a known name.
    fn scrape(
        &self,
        options: &Options,
        target: &plan::Target,
        running: &Running,
    ) -> Result<Scrape, Halt> {
        let metrics = target.metrics.as_ref();
        let mut headers = Vec::new();
        for (name, value) in metrics.iter().flat_map(|metrics| &metrics.headers) {
            let told = options.plan.render(value, &self.scope).map_err(Halt::CouldNotRun)?;
            let header = (HeaderName::try_from(name), HeaderValue::try_from(told));
            let (Ok(name), Ok(mut value)) = header else {
                let why =
                    format!("target `{}`: `{name}` is no header for its metrics", target.name);
                return Err(Halt::CouldNotRun(why));
            };
            value.set_sensitive(true);
            headers.push((name, value));
        }
        let declared = target.watch.iter().filter_map(|watch| check::resolve(watch).ok());
        let known = watch::recognised(running.process.is_some());
        Ok(Scrape {
            target: running.name.clone(),
            url: running.url.clone(),
            path: metrics.and_then(|it| it.path.clone()).map_or("/metrics".into(), |it| it.value),
            headers,
            every: metrics.and_then(|it| it.every).map_or(SCRAPE_EVERY, |it| it.get()),
            // Whoever declares what to watch says that there are metrics.
            declared: metrics.is_some() || !target.watch.is_empty(),
            watches: declared.chain(known).collect(),
            client: self.client(options),
        })
    }

    async fn ready(
        &self,
        target: &plan::Target,
        running: &Running,
        clock: &Clock,
        stop: &CancellationToken,
    ) -> Result<(), Halt> {
        let ready = target.ready.as_ref();
        let within = ready.and_then(|ready| ready.within).map_or(READY_WITHIN, Span::get);
        let expected = ready.and_then(|ready| ready.status).map_or(200, |status| status.value);
        let path = ready.and_then(|ready| ready.path.as_ref()).map(|path| running.url.join(path));
        let deadline = clock.now() + within;
        let mut client = Client::new(seaworthy_net::Options {
            clock: clock.clone(),
            connect_timeout: Duration::from_secs(2),
            request_timeout: Duration::from_secs(5),
            exceptions: exception(target, running).into_iter().collect(),
            ..seaworthy_net::Options::default()
        });
        loop {
            if let Some(exit) =
                running.process.as_ref().and_then(|process| process.exited().transpose())
            {
                let exit = exit?;
                return Err(self.failed(running, &format!("ended before it was ready: {exit}")));
            }
            let answer = match &path {
                Some(path) => match client.send(&running.url, Request::get(path.clone())).await {
                    Ok(response) if response.status == expected => break,
                    Ok(response) => format!("it answers {} and not {expected}", response.status),
                    Err(failure) => failure.to_string(),
                },
                None => match connects(&running.url).await {
                    Ok(()) => break,
                    Err(error) => error.to_string(),
                },
            };
            if clock.now() >= deadline {
                let within = Span(within);
                return Err(self.failed(running, &format!("not ready within {within}: {answer}")));
            }
            tokio::select! {
                () = stop.cancelled() => return Err(Halt::Interrupted),
                () = tokio::time::sleep(ASK_EVERY) => {}
            }
        }
        // What answered may have been somebody else, while the target found its port taken.
        match running.process.as_ref().and_then(|process| process.exited().transpose()) {
            Some(exit) => {
                let exit = exit?;
                Err(self.failed(running, &format!("ended while something answered for it: {exit}")))
            }
            None => Ok(()),
        }
    }

    /// A target's failure, with the end of its log.
    fn failed(&self, running: &Running, what: &str) -> Halt {
        let mut text = format!("target `{}` at {}: {what}", running.name, running.url);
        let log = self.logs.join(format!("{}.log", running.name));
        if running.process.is_some() {
            match last_lines(&log, LAST_LINES) {
                Ok(lines) if lines.is_empty() => text.push_str("; its log is empty"),
                Ok(lines) => {
                    text.push_str("; the end of its log:");
                    lines.iter().for_each(|line| text.push_str(&format!("\n    | {line}")));
                }
                Err(error) => text.push_str(&format!("; its log cannot be read: {error}")),
            }
        }
        self.diary.note("target.failed", &running.name, text.clone());
        Halt::CouldNotRun(text)
    }

    /// Reads the secrets that are not read yet; they may live in files that targets made. All that
    /// can be read are, also when one cannot.
    pub(crate) fn reveal(&mut self, plan: &Checked) -> Result<(), Halt> {
        let mut result = Ok(());
        for (name, secret) in &plan.plan().secrets {
            if !self.scope.values().contains_key(name) {
                result = result.and(self.reveal_one(plan, name, secret));
            }
        }
        result
    }

    /// Reads the secrets that come from the environment: nothing has to be started for them.
    pub(crate) fn reveal_environment(&mut self, plan: &Checked) -> Result<(), Halt> {
        for (name, secret) in &plan.plan().secrets {
            if secret.env.is_some() {
                self.reveal_one(plan, name, secret)?;
            }
        }
        Ok(())
    }

    fn reveal_one(
        &mut self,
        plan: &Checked,
        name: &str,
        secret: &plan::Secret,
    ) -> Result<(), Halt> {
        let file = match &secret.file {
            Some(file) => Some(plan.render(file, &self.scope).map_err(Halt::CouldNotRun)?),
            None => None,
        };
        let Revealed { raw, value } =
            secrets::reveal(name, secret, file.as_deref()).map_err(Halt::CouldNotRun)?;
        self.scope.hide_secret(&raw);
        self.scope.hide_secret(&value);
        self.scope.set(name, json!(value));
        Ok(())
    }

    /// What templates may name.
    pub(crate) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The same, to add what setup steps extract.
    pub(crate) fn scope_mut(&mut self) -> &mut Scope {
        &mut self.scope
    }

    /// Where logs go.
    pub(crate) fn logs(&self) -> &std::path::Path {
        &self.logs
    }

    /// Where each target is reached.
    pub(crate) fn addresses(&self) -> BTreeMap<String, Url> {
        self.targets.iter().map(|target| (target.name.clone(), target.url.clone())).collect()
    }

    /// How requests to the targets are sent.
    pub(crate) fn client(&self, options: &Options) -> seaworthy_net::Options {
        let targets = options.plan.plan().targets.iter().zip(&self.targets);
        let exceptions = targets.filter_map(|(target, running)| exception(target, running));
        seaworthy_net::Options {
            clock: options.clock.clone(),
            exceptions: exceptions.collect(),
            ..self.client.clone()
        }
    }

    /// A failure's text, with the targets that are gone: they are probably why.
    pub(crate) fn explain_exits(&self, mut text: String) -> String {
        for (name, exit) in self.sampler.newly_exited() {
            text.push_str(&format!("\ntarget `{name}` had ended by itself: {exit}"));
        }
        text
    }

    /// Who each target is: its address, its command, and the hash of the program that ran.
    pub(crate) fn identities(&mut self) -> Vec<Value> {
        let identities = std::mem::take(&mut self.identities);
        identities.into_iter().map(|identity| self.scope.redact_value(identity)).collect()
    }

    /// Names of the targets that have ended by themselves.
    pub(crate) fn gone(&self) -> Vec<String> {
        let gone = |target: &&Running| {
            target.process.as_ref().is_some_and(|process| !matches!(process.exited(), Ok(None)))
        };
        self.targets.iter().filter(gone).map(|target| target.name.clone()).collect()
    }

    /// Starts another watchdog when the one there was is gone: somebody killed it.
    pub(crate) fn keep_guard(&mut self) {
        if self.guard.is_on_guard().unwrap_or(true) {
            return;
        }
        match watchdog::start(&self.program, self.journal.path()) {
            Ok(guard) => {
                self.guard = guard;
                self.diary.tell(
                    "watchdog.restarted",
                    "",
                    "the watchdog was gone; another stands guard",
                );
            }
            Err(error) => self.diary.note("watchdog.gone", "", error.to_string()),
        }
    }

    /// Watches the targets' resources and exits.
    pub(crate) fn sampler(&self) -> &Sampler {
        &self.sampler
    }

    /// Writes what is sampled into this timeline too, from now on.
    pub(crate) fn record_to(&mut self, timeline: SharedTimeline) {
        self.sampler.record_to(timeline);
    }

    /// What was seen of all resources, once the targets are stopped.
    pub(crate) fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Stops every target, the last started first, and says how each ended.
    pub(crate) async fn stop(&mut self) -> Vec<outcome::Target> {
        let (mut samples, seen) = self.sampler.finish().await;
        self.seen = seen;
        let mut ended = Vec::new();
        for running in self.targets.drain(..).rev() {
            let words = match running.process {
                None => "not started by the trial, left alone".to_owned(),
                Some(process) => stop(&self.diary, &running.name, process, running.grace).await,
            };
            let samples = samples.remove(&running.name).unwrap_or_default();
            ended.push(outcome::Target {
                name: running.name,
                address: running.url.to_string(),
                command: running.command,
                ended: words,
                cpu_seconds: samples.cpu_seconds,
                peak_rss_bytes: samples.seen.iter().map(|sample| sample.rss_bytes).max(),
                samples: samples.seen,
            });
        }
        ended.reverse();
        ended
    }

    /// Removes the scratch folder and dismisses the watchdog: nothing is left to undo.
    pub(crate) fn release(self) -> Result<(), Error> {
        self.scratch.remove()?;
        self.guard.dismiss()?;
        Ok(self.journal.finish()?)
    }
}

/// How a target is spoken to, when the plan says so.
fn exception(target: &plan::Target, running: &Running) -> Option<Exception> {
    (target.insecure || target.http.is_some()).then(|| Exception {
        origin: running.url.clone(),
        tls: if target.insecure { Tls::insecure() } else { Tls::system() },
        http: target.http.map(Into::into).unwrap_or_default(),
    })
}

/// Whether something accepts connections there.
async fn connects(url: &Url) -> std::io::Result<()> {
    let address = (url.host().to_owned(), url.port());
    let connecting = tokio::net::TcpStream::connect(address);
    match tokio::time::timeout(CONNECT_WITHIN, connecting).await {
        Ok(connected) => connected.map(|_| ()),
        Err(_) => Err(std::io::ErrorKind::TimedOut.into()),
    }
}

async fn stop(diary: &Diary, name: &str, process: Arc<Target>, grace: Duration) -> String {
    let early = process.exited().ok().flatten();
    let stopped = tokio::task::spawn_blocking(move || process.stop(grace)).await;
    let words = match (early, stopped) {
        (Some(exit), _) => format!("ended by itself during the trial: {exit}"),
        (None, Ok(Ok(stopped))) if stopped.killed.is_empty() => {
            format!("stopped when asked: {}", stopped.exit)
        }
        (None, Ok(Ok(stopped))) => {
            format!("had to be killed after {}: {}", Span(grace), stopped.exit)
        }
        (None, Ok(Err(error))) => format!("could not be stopped: {error}"),
        (None, Err(error)) => format!("could not be stopped: {error}"),
    };
    diary.note("target.ended", name, words.clone());
    words
}
