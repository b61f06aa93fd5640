//! Where messages go: the script's `console`, and what a run has to say, in the form k6 users know.

use std::io::Write;
use std::sync::{Arc, Mutex};

use seaworthy_base::{Clock, Instant};

use crate::shared::lock;

/// How grave a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// `console.debug`; shown with `--verbose` only.
    Debug,
    /// `console.log` and `console.info`.
    Info,
    /// `console.warn`.
    Warning,
    /// `console.error`, and exceptions.
    Error,
}

impl Level {
    const fn word(self) -> &'static str {
        match self {
            Self::Debug => "DEBU",
            Self::Info => "INFO",
            Self::Warning => "WARN",
            Self::Error => "ERRO",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Takes messages. Cheap to clone; clones write to the same place.
#[derive(Clone)]
pub struct Console(Arc<Inner>);

struct Inner {
    clock: Clock,
    began: Instant,
    least: Level,
    /// Our own messages, and the script's unless it has a place of its own.
    to: Mutex<Box<dyn Write + Send>>,
    /// `--console-output`.
    script: Mutex<Option<Box<dyn Write + Send>>>,
}

impl Console {
    /// Writes to `to` what is at least as grave as `least`.
    pub fn new(clock: Clock, least: Level, to: Box<dyn Write + Send>) -> Self {
        let began = clock.now();
        let inner = Inner { clock, began, least, to: Mutex::new(to), script: Mutex::default() };
        Self(Arc::new(inner))
    }

    /// Gives the script's own messages a place of their own.
    pub fn divert_script(&self, to: Box<dyn Write + Send>) {
        *lock(&self.0.script) = Some(to);
    }

    /// What the script says.
    pub(crate) fn script(&self, level: Level, message: &str) {
        if level < self.0.least {
            return;
        }
        if let Some(to) = lock(&self.0.script).as_mut() {
            let line = format!("level={} msg={} source=console\n", level.name(), quoted(message));
            // Where messages cannot be written there is nobody to tell.
            let _ = to.write_all(line.as_bytes());
            return;
        }
        self.write(level, message, "source=console");
    }

    /// What the run says. `fields` are `name=value` pairs.
    pub fn say(&self, level: Level, message: &str, fields: &str) {
        if level >= self.0.least {
            self.write(level, message, fields);
        }
    }

    fn write(&self, level: Level, message: &str, fields: &str) {
        let Inner { clock, began, to, .. } = &*self.0;
        let seconds = clock.now().saturating_duration_since(*began).as_secs();
        let space = if fields.is_empty() { "" } else { "  " };
        let line = format!("{}[{seconds:04}] {message}{space}{fields}\n", level.word());
        let _ = lock(to).write_all(line.as_bytes());
    }
}

/// As logfmt quotes a value.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:@".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text.to_owned() } else { format!("{text:?}") }
}

impl std::fmt::Debug for Console {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Console").field("least", &self.0.least).finish_non_exhaustive()
    }
}
