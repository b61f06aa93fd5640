//! A script that was read, compiled and run once for its options: everything before a run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use seaworthy_base::Clock;
use seaworthy_document::{Finding, Place};
use seaworthy_metrics::{Registry, Thresholds};
use seaworthy_script::source::{self, Disk, Graph, Literal, Location};
use seaworthy_script::{Bundle, Error as ScriptError, Fiber, Kind, Limits, Port, STACK, Unit};
use serde_json::Value as Json;
use tokio_util::sync::CancellationToken;

use crate::console::Console;
use crate::machine::Machine;
use crate::modules;
use crate::options::{self, Consolidated, Flags, Sources};
use crate::shared::{Shared, lock};

/// Where a script is and what it is read with.
pub struct Reading {
    /// The file, or `-` for what `text` says.
    pub path: PathBuf,
    /// The script itself, where it does not come from the file.
    pub text: Option<String>,
    /// `__ENV`, and what options are taken from.
    pub environment: BTreeMap<String, String>,
    /// Where modules of other hosts are found.
    pub modules_dir: Option<PathBuf>,
    /// Where messages go.
    pub console: Console,
    /// Where the time comes from.
    pub clock: Clock,
    /// The most memory of one virtual user's heap, in bytes; 0 for no limit.
    pub memory_limit: usize,
    /// Seeds what is drawn.
    pub seed: u64,
    /// Ends reading and run.
    pub stop: CancellationToken,
}

/// Why a script cannot be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It cannot be read, or is no JavaScript or TypeScript.
    #[error("{0}")]
    Source(#[from] source::Error),
    /// It threw.
    #[error("{0}")]
    Script(#[from] ScriptError),
    /// A module that does not exist, or that we do not have.
    #[error("{place}: there is no module `{module}` here: {reason}")]
    Module {
        /// Where it is imported.
        place: String,
        /// Its name.
        module: String,
        /// Why not.
        reason: String,
    },
    /// Its options, or what else they were given with, are wrong.
    #[error("the options are not valid")]
    Options(Vec<Finding>),
    /// Thresholds that cannot be held.
    #[error("{}", join(.0))]
    Thresholds(Vec<seaworthy_metrics::Error>),
    /// An option that the network cannot follow.
    #[error("{0}")]
    Network(#[from] seaworthy_net::Error),
    /// It exports nothing that could be run.
    #[error("{0}")]
    Exports(String),
    /// It ended the run before it began.
    #[error("{0}")]
    Aborted(String),
    /// The generator itself is broken.
    #[error("{0}")]
    Load(#[from] seaworthy_load::Error),
}

fn join(errors: &[seaworthy_metrics::Error]) -> String {
    let lines: Vec<String> = errors
        .iter()
        .map(|error| match error.hint() {
            Some(hint) => format!("{error}\nhint: {hint}"),
            None => error.to_string(),
        })
        .collect();
    lines.join("\n")
}

impl Error {
    /// A stable name for the kind of error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Source(_) => "k6-source",
            Self::Script(_) => "k6-exception",
            Self::Module { .. } => "k6-module",
            Self::Options(_) => "k6-options",
            Self::Thresholds(_) => "k6-thresholds",
            Self::Network(_) => "k6-network",
            Self::Exports(_) => "k6-exports",
            Self::Aborted(_) => "k6-aborted",
            Self::Load(_) => "k6-load",
        }
    }
}

/// A script whose init context has been run once.
pub struct Script {
    pub(crate) shared: Arc<Shared>,
    /// Its file.
    pub path: PathBuf,
    /// Its `options`; null when it exports none.
    pub options: Json,
    /// The functions it exports.
    pub functions: BTreeSet<String>,
    /// Files it consists of, entry first.
    pub files: Vec<PathBuf>,
    /// The script itself, where it does not come from a file.
    pub text: Option<String>,
}

impl Script {
    /// Reads a script, compiles it, and runs its init context once.
    ///
    /// # Errors
    /// What keeps it from being run.
    pub async fn read(reading: Reading) -> Result<Self, Error> {
        let Reading {
            path,
            text,
            environment,
            modules_dir,
            console,
            clock,
            memory_limit,
            seed,
            stop,
        } = reading;
        let source_options = source::Options { modules_dir, ..source::Options::default() };
        let graph = match &text {
            Some(text) => {
                let name = std::path::absolute(Path::new("-")).unwrap_or_else(|_| "/-".into());
                Graph::load_text(Location::file(&name), text, &Disk, &source_options)?
            }
            None => Graph::load(&path, &Disk, &source_options)?,
        };
        for warning in graph.warnings() {
            console.say(crate::console::Level::Warning, warning, "");
        }
        for used in graph.builtins() {
            known(&used)?;
        }
        let maps = graph.maps().clone();
        let files: Vec<PathBuf> =
            graph.modules().iter().rev().map(|module| module.location.path().to_owned()).collect();
        let folder = graph.entry().location.path().parent().map(Path::to_owned);
        let folder = folder.unwrap_or_else(|| PathBuf::from("."));
        let units = units(&graph);
        let limits = Limits { memory: memory_limit, clock: clock.clone() };
        let bundle = on_fiber(move || {
            Bundle::compile(
                units,
                modules::ALL,
                Box::new(move |stack| maps.map_stack(stack)),
                &limits,
            )
        })
        .await??;
        let shared = Arc::new(Shared::new(
            clock,
            environment,
            folder,
            bundle,
            Registry::new(),
            console,
            memory_limit,
            seed,
            stop,
        ));
        let mut first = Machine::new(Arc::clone(&shared), None, 0)?;
        let exports = first.init().await.map_err(|error| match shared.ended().aborted {
            Some(reason) => Error::Aborted(reason),
            None => error.into(),
        })?;
        drop(first);
        Ok(Self {
            shared,
            path,
            options: exports.options.unwrap_or_default(),
            functions: exports.functions.into_iter().collect(),
            files,
            text,
        })
    }

    /// The script's options with those of environment, flags and a configuration file, and what is
    /// to be said of them.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn consolidate(
        &self,
        flags: &Flags,
        config: Option<(&str, &str)>,
    ) -> Result<(Consolidated, Vec<Finding>), Error> {
        let name = self.path.display().to_string();
        let (consolidated, mut findings) = options::consolidate(Sources {
            config,
            script: (&name, &self.options),
            literal: &self.literal(),
            environment: &self.shared.environment,
            flags,
        });
        let Some(consolidated) = consolidated else { return Err(Error::Options(findings)) };
        let missing = consolidated.missing_functions(&self.functions);
        if seaworthy_document::errors(&missing) {
            findings.extend(missing);
            return Err(Error::Options(findings));
        }
        findings.extend(missing);
        Ok((consolidated, findings))
    }

    /// All metrics, the script's own included.
    pub fn registry(&self) -> &Registry {
        &self.shared.registry
    }

    /// The thresholds among the options, bound to the metrics the init context defined.
    ///
    /// # Errors
    /// [`Error::Thresholds`] with everything that is wrong with them.
    pub fn thresholds(&self, consolidated: &Consolidated) -> Result<Thresholds, Error> {
        let given = match consolidated.settings().no_thresholds {
            Some(true) => Json::Null,
            _ => consolidated.options().to_json().get("thresholds").cloned().unwrap_or_default(),
        };
        Thresholds::read(&given, &self.shared.registry).map_err(Error::Thresholds)
    }

    /// What is wrong with those thresholds, each at its place in the script.
    pub fn threshold_findings(&self, consolidated: &Consolidated) -> Vec<Finding> {
        let given = consolidated.options().to_json();
        let Some(given) = given.get("thresholds").and_then(Json::as_object) else {
            return Vec::new();
        };
        let (file, literal) = (self.path.display().to_string(), self.literal());
        let mut findings = Vec::new();
        // One after another, so that each error's metric is known.
        for (metric, value) in given {
            let alone = Json::Object([(metric.clone(), value.clone())].into_iter().collect());
            let path = format!("thresholds.{metric}");
            for error in Thresholds::read(&alone, &self.shared.registry).err().unwrap_or_default() {
                let finding = Finding::error(error.code(), error.to_string());
                let finding = match error.hint() {
                    Some(hint) => finding.hint(hint),
                    None => finding,
                };
                let (line, column) = literal.nearest(&path).unwrap_or_default();
                let place = Place { file: file.clone(), line, column };
                let of_script = self.options["thresholds"].get(metric).is_some();
                findings.push(if of_script { finding.at(place) } else { finding });
            }
        }
        findings
    }

    /// Where the options stand that it exports, as far as its own file shows it.
    pub fn literal(&self) -> Literal {
        let text = match &self.text {
            Some(text) => Some(text.clone()),
            None => std::fs::read_to_string(&self.path).ok(),
        };
        let name = self.path.display().to_string();
        text.map(|text| Literal::exported(&name, &text, "options")).unwrap_or_default()
    }

    /// Files its init context opened with `open()`, in the order of their paths.
    pub fn opened(&self) -> Vec<PathBuf> {
        lock(&self.shared.files).keys().cloned().collect()
    }

    /// `__ENV`.
    pub fn environment(&self) -> &BTreeMap<String, String> {
        &self.shared.environment
    }

    /// What ends its run: cancelled from outside, by `test.abort()`, and by a threshold with
    /// `abortOnFail`.
    pub fn stop(&self) -> &CancellationToken {
        &self.shared.stop
    }

    /// Keeps these texts out of the timeline: names of requests and checks are blotted out where
    /// they hold one. To be called before the run; the second call changes nothing.
    pub fn hide(&self, texts: impl IntoIterator<Item = String>) {
        self.shared.hidden.get_or_init(|| {
            let mut texts: Vec<String> = texts.into_iter().filter(|it| !it.is_empty()).collect();
            // Longest first, so that a secret inside another one does not leave its rest behind.
            texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
            texts
        });
    }

    /// What was said about how the run ends.
    pub fn ended(&self) -> crate::shared::Ended {
        self.shared.ended()
    }
}

/// Whether a built-in module is one of ours, and has what is imported from it.
fn known(used: &source::BuiltinUse) -> Result<(), Error> {
    let module = used.module.as_str();
    if modules::ALL.iter().any(|(name, _)| *name == module) {
        let names = modules::names(module);
        let has = |name: &str| name == "default" || names.contains(&name);
        return match used.names.iter().find(|it| !has(&it.name)) {
            Some(absent) => Err(no_export(module, absent, names)),
            None => Ok(()),
        };
    }
    let refused = modules::REFUSED.iter().find(|(name, _)| *name == module);
    let reason = match refused {
        Some((_, reason)) => (*reason).to_owned(),
        None => {
            let names: Vec<&str> = modules::ALL.iter().map(|(name, _)| *name).collect();
            format!("there are {}", names.join(", "))
        }
    };
    Err(Error::Module { place: used.place.to_string(), module: module.to_owned(), reason })
}

/// Why a name cannot be imported from a built-in module. k6 goes on with `undefined` in its place,
/// and fails where it is used, if it is.
fn no_export(module: &str, absent: &source::Name, names: &[&str]) -> Error {
    let list: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let near = seaworthy_document::nearest(&absent.name, names.iter().copied());
    let near = near.map(|name| format!("did you mean `{name}`? ")).unwrap_or_default();
    Error::Source(source::Error::NoExport {
        place: absent.place.clone(),
        quote: String::new(),
        name: absent.name.as_str().into(),
        specifier: module.into(),
        hint: Some(format!("{near}it exports {}", list.join(", "))),
    })
}

fn units(graph: &Graph) -> Vec<Unit> {
    let all = graph.modules();
    let unit = |module: &source::Module| {
        let links = module.targets.iter().filter_map(|(specifier, target)| {
            let name = match target.as_ref().ok()? {
                source::Target::Builtin(name) => name.clone(),
                source::Target::Module(index) => all[*index].location.name().to_string(),
            };
            Some((specifier.clone(), name))
        });
        let broken = module.targets.iter().filter_map(|(specifier, target)| {
            let error = target.as_ref().err()?;
            let words = match error.hint() {
                Some(hint) => format!("{error}; {hint}"),
                None => error.to_string(),
            };
            Some((specifier.clone(), words))
        });
        Unit {
            broken: broken.collect(),
            path: module.location.path().display().to_string(),
            name: module.location.name().to_string(),
            code: module.code.to_string(),
            kind: match module.kind {
                source::Kind::EcmaScript => Kind::Module,
                source::Kind::CommonJs | source::Kind::Json => {
                    Kind::CommonJs { exports: module.wrapper.iter().cloned().collect() }
                }
            },
            links: links.collect(),
        }
    };
    // The entry first.
    all.iter().rev().map(unit).collect()
}

/// Does something on a fiber of its own.
async fn on_fiber<T: 'static>(act: impl FnOnce() -> T + 'static) -> Result<T, ScriptError> {
    let mut act = Some(act);
    let fiber = Fiber::new(STACK, move |port: Port<(), T>| {
        if port.take().is_some()
            && let Some(act) = act.take()
        {
            port.reply(act());
        }
    });
    let mut fiber = fiber.map_err(|_| ScriptError::OutOfMemory)?;
    fiber.call(()).await.ok_or(ScriptError::Cut)
}

impl std::fmt::Debug for Script {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Script").field("path", &self.path).finish_non_exhaustive()
    }
}
