//! A k6 script as a phase's load: what is known of it once the plan is checked, and what came of it.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use seaworthy_base::Clock;
use seaworthy_k6::console::{Console, Level};
use seaworthy_k6::options::Consolidated;
use seaworthy_k6::output::Outlet;
use seaworthy_k6::{Reading, Report, Script, Service};
use seaworthy_metrics::Thresholds;
use serde_json::{Value, json};

use crate::check::Phase;
use crate::error::Error;
use crate::launch::World;
use crate::plan::ScriptOptions;
use crate::service::{Halt, Lived, Options};
use crate::writing::hash_file;

/// The most memory of one virtual user's heap, in bytes.
pub(crate) const MEMORY: usize = 512 << 20;
/// The most that is kept of what a script says, in bytes.
const LONGEST_LOG: usize = 64 << 20;

/// What a script did in its phase, as k6 tells it.
#[derive(Debug)]
pub struct ScriptRun {
    /// The phase.
    pub phase: String,
    /// What the run came to.
    pub report: Arc<Report>,
    /// The script's thresholds, bound to the metrics of this run.
    pub thresholds: Thresholds,
}

/// A phase's script, as it was when the plan was checked.
#[derive(Clone, Debug)]
pub(crate) struct Scripted {
    /// Its path as the plan has it.
    pub(crate) shown: String,
    pub(crate) path: PathBuf,
    pub(crate) modules_dir: Option<PathBuf>,
    /// `__ENV`, as templates.
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) options: ScriptOptions,
    /// All that it consists of, and what its init context opened: the load's identity.
    pub(crate) files: Vec<SourceFile>,
    pub(crate) consolidated: Consolidated,
    pub(crate) thresholds: Thresholds,
    /// When it was read already, with all that it is to be run with.
    pub(crate) given: Option<Given>,
}

/// A script that somebody else has read.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) script: Arc<Script>,
    pub(crate) queue: bool,
    pub(crate) workers: Option<std::num::NonZeroUsize>,
    pub(crate) outlet: Option<Outlet>,
}

/// A file of a script, or one that it opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SourceFile {
    pub(crate) path: String,
    pub(crate) sha256: String,
}

/// A script that can be run now.
pub(crate) struct Ready {
    pub(crate) script: Arc<Script>,
    pub(crate) service: Service,
}

impl Scripted {
    /// As the first receipt states it.
    pub(crate) fn receipt(&self, phase: &str) -> Value {
        let file = |file: &SourceFile| json!({ "path": file.path, "sha256": file.sha256 });
        json!({
            "phase": phase,
            "script": self.shown,
            "files": self.files.iter().map(file).collect::<Vec<_>>(),
        })
    }

    /// Reads the script again, now that everything it is run with is known, and binds it.
    ///
    /// # Errors
    /// What keeps it from being run, or that it is not what was checked.
    pub(crate) async fn ready(
        &self,
        phase: &Phase,
        options: &Options,
        world: &World,
        lived: &Lived,
    ) -> Result<Ready, Halt> {
        let told = |text: String| Halt::CouldNotRun(world.scope().told(&text));
        let (script, consolidated, queue, outlet) = match &self.given {
            Some(given) => {
                let script = Arc::clone(&given.script);
                (script, self.consolidated.clone(), given.queue, given.outlet.clone())
            }
            None => {
                let script = self.read(phase, options, world).await?;
                let hosts = render(&self.options.hosts_typed(), options, world)?;
                let flags = self.options.flags(&hosts);
                let (consolidated, _) =
                    script.consolidate(&flags, None).map_err(|error| told(error_words(&error)))?;
                self.same(&script, &consolidated, options.plan.folder()).map_err(told)?;
                (Arc::new(script), consolidated, true, None)
            }
        };
        script.hide(world.scope().confidential());
        let options = seaworthy_k6::Options {
            consolidated,
            phase: phase.name.clone(),
            timeline: lived.timeline.clone(),
            outlet,
            queue,
            workers: self.given.as_ref().and_then(|given| given.workers),
        };
        let service = Service::new(&script, options).map_err(|error| told(error_words(&error)))?;
        Ok(Ready { script, service })
    }

    async fn read(&self, phase: &Phase, options: &Options, world: &World) -> Result<Script, Halt> {
        let log = world.logs().join(format!("{}+script.log", phase.name));
        let file = std::fs::File::create_new(&log).map_err(Error::io("create", &log))?;
        let console =
            Console::new(options.clock.clone(), Level::Info, Box::new(Bounded::new(file)));
        let reading = Reading {
            path: self.path.clone(),
            text: None,
            environment: render(&self.env, options, world)?,
            modules_dir: self.modules_dir.clone(),
            console,
            clock: options.clock.clone(),
            memory_limit: MEMORY,
            seed: options.seed,
            // Its own: a script that ends its run does not end the trial's teardown.
            stop: options.stop.child_token(),
        };
        tokio::select! {
            read = Script::read(reading) => read.map_err(|error| {
                Halt::CouldNotRun(world.scope().told(&error_words(&error)))
            }),
            () = options.stop.cancelled() => Err(Halt::Interrupted),
        }
    }

    /// Whether the script is the one that was checked, and asks for the same.
    fn same(&self, script: &Script, now: &Consolidated, folder: &Path) -> Result<(), String> {
        let files = files(script, folder)?;
        if let Some(file) = files.iter().find(|file| !self.files.contains(file)) {
            return Err(format!(
                "{}: {} is not what it was when the plan was checked\nhint: run the trial again",
                self.shown, file.path
            ));
        }
        let thresholds = |of: &Consolidated| of.options().thresholds.clone();
        if now.scenarios() != self.consolidated.scenarios()
            || thresholds(now) != thresholds(&self.consolidated)
        {
            return Err(format!(
                "{}: its scenarios or thresholds depend on what is known only once the trial runs \
                 (ports, secrets, what setup extracts): they are not the ones that were checked\n\
                 hint: make them depend on `variables` and `${{env.NAME}}` only",
                self.shown
            ));
        }
        Ok(())
    }
}

/// What a script consists of, and what it opened, with paths from `folder` on where they lie in it.
///
/// # Errors
/// A file that cannot be read any more.
pub(crate) fn files(script: &Script, folder: &Path) -> Result<Vec<SourceFile>, String> {
    let mut paths: Vec<PathBuf> = script.files.clone();
    paths.extend(script.opened());
    let mut files: Vec<SourceFile> = Vec::new();
    if let Some(text) = &script.text {
        // The entry is what was typed.
        paths.remove(0);
        let sha256 = seaworthy_ledger::sha256(text.as_bytes());
        files.push(SourceFile { path: "-".to_owned(), sha256 });
    }
    for path in paths {
        let sha256 = hash_file(&path).map_err(|error| error.explain())?;
        let path = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
        let file = SourceFile { path, sha256 };
        if !files.contains(&file) {
            files.push(file);
        }
    }
    Ok(files)
}

/// An error of k6's with all it has to say.
pub(crate) fn error_words(error: &seaworthy_k6::Error) -> String {
    match error {
        seaworthy_k6::Error::Options(findings) => {
            findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        }
        seaworthy_k6::Error::Source(error) => error.render(),
        other => other.to_string(),
    }
}

fn render(
    texts: &BTreeMap<String, String>,
    options: &Options,
    world: &World,
) -> Result<BTreeMap<String, String>, Halt> {
    let one = |(name, text): (&String, &String)| {
        let text = options.plan.render(text, world.scope()).map_err(Halt::CouldNotRun)?;
        Ok((name.clone(), text))
    };
    texts.iter().map(one).collect()
}

/// Reads a script without running it beyond its init context, on a thread of its own: whoever
/// checks a plan may be in a runtime already.
///
/// # Errors
/// What `after` or the reading says.
pub(crate) fn read_apart<T: Send>(
    path: &Path,
    environment: BTreeMap<String, String>,
    modules_dir: Option<PathBuf>,
    after: impl FnOnce(Result<Script, seaworthy_k6::Error>) -> T + Send,
) -> Result<T, String> {
    let reading = move |clock: Clock| Reading {
        path: path.to_owned(),
        text: None,
        environment,
        modules_dir,
        console: Console::new(clock.clone(), Level::Error, Box::new(std::io::sink())),
        clock,
        memory_limit: MEMORY,
        seed: 0,
        stop: tokio_util::sync::CancellationToken::new(),
    };
    std::thread::scope(|scope| {
        let apart = std::thread::Builder::new().name("script".to_owned());
        let work = apart.spawn_scoped(scope, move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| format!("no runtime to read it in: {error}"))?;
            let reading = Script::read(reading(Clock::system()));
            let read = runtime.block_on(async { tokio::time::timeout(INIT_WITHIN, reading).await });
            let within = INIT_WITHIN.as_secs();
            read.map(after).map_err(|_| format!("its init context did not end within {within} s"))
        });
        let work = work.map_err(|error| format!("no thread to read it in: {error}"))?;
        work.join().unwrap_or_else(|_| Err("reading it broke".to_owned()))
    })
}

/// How long the init context may take when a plan is checked.
const INIT_WITHIN: std::time::Duration = std::time::Duration::from_secs(60);

/// A log that does not fill the disk, however much a script has to say.
struct Bounded<W> {
    to: W,
    left: usize,
}

impl<W> Bounded<W> {
    fn new(to: W) -> Self {
        Self { to, left: LONGEST_LOG }
    }
}

impl<W: Write> Write for Bounded<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.left == 0 {
            return Ok(bytes.len());
        }
        if bytes.len() > self.left {
            self.left = 0;
            self.to.write_all(b"(the script has more to say; no more is kept)\n")?;
            return Ok(bytes.len());
        }
        let written = self.to.write(bytes)?;
        self.left -= written;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_ends_where_it_would_grow_too_large() {
        let mut log = Bounded { to: Vec::new(), left: 10 };
        log.write_all(b"12345\n").unwrap();
        log.write_all(b"123456\n").unwrap();
        log.write_all(b"1\n").unwrap();
        let text = String::from_utf8(log.to).unwrap();
        assert_eq!(text, "12345\n(the script has more to say; no more is kept)\n");
    }
}
