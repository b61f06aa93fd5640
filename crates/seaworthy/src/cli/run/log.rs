//! What a run says while it goes on: log lines, warnings and progress, so that none breaks another.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Mutex;

use indicatif::MultiProgress;
use seaworthy_base::Clock;
use seaworthy_document::{Finding, Severity, render_all};
use seaworthy_k6::Watching;
use seaworthy_k6::console::{Console, Form, Level};
use seaworthy_k6::options::Consolidated;

use super::screen::Screen;
use super::stop::Stop;
use crate::cli::{print, talk};
use crate::exit::Exit;

/// Flags about the log.
#[derive(clap::Args)]
#[command(next_help_heading = "The log")]
pub(crate) struct LogFlags {
    /// Where log lines go: stderr, stdout, none or file=PATH.
    #[arg(long, value_name = "WHERE", default_value = "stderr", env = "K6_LOG_OUTPUT")]
    log_output: String,
    /// How they are written: text, logfmt, json or raw. When not given, text on a terminal and logfmt
    /// elsewhere.
    #[arg(long, value_name = "FORM", env = "K6_LOG_FORMAT")]
    log_format: Option<String>,
    /// Log what the script says with console.debug() too.
    #[arg(short = 'v', long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
        default_missing_value = "true", value_parser = super::flags::truth)]
    verbose: Option<bool>,
    /// No colours.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
        default_missing_value = "true", value_parser = super::flags::truth)]
    no_color: Option<bool>,
}

/// Where a run's messages and progress go.
pub(crate) struct Log {
    console: Console,
    form: Form,
    /// Whether findings are lines of the log, for a machine, and not text for a person.
    lines: bool,
    screen: Mutex<Screen>,
    no_color: bool,
}

impl Log {
    /// Opens what the flags name.
    pub(crate) fn open(flags: &LogFlags, quiet: bool, clock: &Clock) -> Result<Self, Stop> {
        let bars = MultiProgress::new();
        let stderr = io::stderr().is_terminal();
        let wanted = flags.log_output.as_str();
        let (to, terminal): (Box<dyn Write + Send>, bool) = match wanted.split_once('=') {
            None if wanted.is_empty() || wanted == "stderr" => {
                (Box::new(Beside { bars: bars.clone(), to: io::stderr() }), stderr)
            }
            None if wanted == "stdout" => {
                let terminal = io::stdout().is_terminal();
                (Box::new(Beside { bars: bars.clone(), to: io::stdout() }), terminal)
            }
            None if wanted == "none" => (Box::new(io::sink()), false),
            None if wanted == "file" => (Box::new(append("k6.log")?), false),
            Some(("file", path)) => (Box::new(append(path)?), false),
            _ if wanted.starts_with("loki") => {
                let words = "`--log-output loki` is not taken: no log is sent over the network";
                let hint =
                    "write it to a file, and let an agent carry it: --log-output file=run.log";
                return Err(Stop::new(Exit::Unspecified, words).hint(hint));
            }
            _ => {
                let words = format!("`--log-output {wanted}`: there is no such output");
                let hint = "there are stderr, stdout, none and file=PATH";
                return Err(Stop::new(Exit::Unspecified, words).hint(hint));
            }
        };
        let form = match flags.log_format.as_deref() {
            None | Some("") if terminal => Form::Text,
            None | Some("" | "logfmt") => Form::Logfmt,
            Some("text") => Form::Text,
            Some("json") => Form::Json,
            Some("raw") => Form::Raw,
            Some(other) => {
                let words = format!("`--log-format {other}`: there is no such form");
                let hint = "there are text, logfmt, json and raw";
                return Err(Stop::new(Exit::Unspecified, words).hint(hint));
            }
        };
        let least = if flags.verbose == Some(true) { Level::Debug } else { Level::Info };
        let no_color = flags.no_color == Some(true)
            || ["NO_COLOR", "K6_NO_COLOR"]
                .iter()
                .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
        Ok(Self {
            console: Console::with_form(clock.clone(), least, form, to),
            form,
            lines: wanted != "stderr" || flags.log_format.as_deref().is_some_and(|it| it != "text"),
            screen: Mutex::new(Screen::new(bars, stderr, quiet)),
            no_color,
        })
    }

    /// Where the script speaks.
    pub(crate) fn console(&self) -> Console {
        self.console.clone()
    }

    /// Gives the script's console a file of its own.
    pub(crate) fn divert(&self, path: &str) -> Result<(), Stop> {
        self.console.divert_script(Box::new(append(path)?));
        Ok(())
    }

    /// Whether text on this stream is coloured.
    pub(crate) fn colour(&self, stream: &impl IsTerminal) -> bool {
        stream.is_terminal() && !self.no_color
    }

    /// Whether colours are switched off.
    pub(crate) fn no_color(&self) -> bool {
        self.no_color
    }

    /// Something went wrong. `fields` are `name=value` pairs.
    pub(crate) fn error(&self, words: &str, fields: &str) {
        self.console.say(Level::Error, words, fields);
    }

    /// Something may not be as it was meant.
    pub(crate) fn warn(&self, words: &str) {
        self.console.say(Level::Warning, words, "");
    }

    /// What happens.
    pub(crate) fn say(&self, words: &str) {
        self.console.say(Level::Info, words, "");
    }

    /// Findings: as text with their hints where a person looks, as lines of the log elsewhere.
    pub(crate) fn findings(&self, findings: &[Finding]) {
        if findings.is_empty() {
            return;
        }
        if !self.lines && self.form != Form::Json {
            self.screen().suspended(|| talk(&render_all(findings, None)));
            return;
        }
        for finding in findings {
            let level = match finding.severity {
                Severity::Error => Level::Error,
                Severity::Warning => Level::Warning,
            };
            let hint = finding.hint.as_ref().map(|hint| format!("hint={hint:?}"));
            let place =
                finding.place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
            let fields = format!("code={} {}", finding.code, hint.unwrap_or_default());
            self.console.say(level, &format!("{place}{}", finding.reason), fields.trim_end());
        }
    }

    /// What the run is, before it begins.
    pub(crate) fn begin(
        &self,
        script: &Path,
        consolidated: &Consolidated,
        watching: &Watching,
        outputs: &[String],
    ) {
        self.screen().begin(script, consolidated, watching, outputs);
    }

    /// How far it is.
    pub(crate) fn look(&self, watching: &Watching) {
        self.screen().look(watching);
    }

    /// It is over.
    pub(crate) fn end(&self, watching: &Watching) {
        self.screen().end(watching);
    }

    /// Data to stdout.
    pub(crate) fn print(&self, text: &str) -> anyhow::Result<()> {
        self.screen().suspended(|| print(text))
    }

    fn screen(&self) -> std::sync::MutexGuard<'_, Screen> {
        self.screen.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn append(path: &str) -> Result<File, Stop> {
    let path = path.strip_prefix("./").unwrap_or(path);
    let file = File::options().create(true).append(true).open(path);
    file.map_err(|error| {
        Stop::new(Exit::Unspecified, format!("the file {path} cannot be opened: {error}"))
    })
}

/// A stream that progress bars are drawn beside.
struct Beside<W> {
    bars: MultiProgress,
    to: W,
}

impl<W: Write> Write for Beside<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Self { bars, to } = self;
        if bars.is_hidden() { to.write(bytes) } else { bars.suspend(|| to.write(bytes)) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
