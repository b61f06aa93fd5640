//! A run's end in words: the summary, or what the script's `handleSummary` makes of it, and the export.

use std::io::{IsTerminal, Write};

use seaworthy_k6::options::{Consolidated, SummaryMode};
use seaworthy_k6::{Report, Script, handle_summary};
use seaworthy_metrics::summary::{Mode, Options, State, Statistic, indented};
use seaworthy_metrics::{Summary, Thresholds};
use serde_json::Value as Json;

use super::log::Log;
use super::stop::Stop;
use crate::exit::Exit;

/// What a summary is made of.
pub(crate) struct Writing<'a> {
    pub(crate) script: &'a Script,
    pub(crate) consolidated: &'a Consolidated,
    pub(crate) thresholds: &'a Thresholds,
    pub(crate) report: &'a Report,
    pub(crate) log: &'a Log,
}

impl Writing<'_> {
    /// Writes it. What `handleSummary` does wrong is said and changes no exit code, as in k6; a file
    /// of ours that cannot be written is an error.
    pub(crate) async fn write(&self) -> Result<(), Stop> {
        let settings = self.consolidated.settings();
        let options = self.options();
        if options.mode == Mode::Disabled {
            return Ok(());
        }
        let summary = Summary {
            snapshot: &self.report.snapshot,
            registry: self.script.registry(),
            thresholds: self.thresholds,
            options: &options,
        };
        let made = if self.script.functions.contains("handleSummary") {
            self.handled(&summary).await
        } else {
            Made::Nothing
        };
        let mut lost = Vec::new();
        match made {
            Made::Nothing => {
                lost.extend(self.log.print(&summary.text()).err().map(|it| format!("{it:#}")))
            }
            Made::Files(files) => {
                for (name, bytes) in files {
                    let written = match name.as_str() {
                        "stdout" => put(&mut std::io::stdout().lock(), &bytes),
                        "stderr" => put(&mut std::io::stderr().lock(), &bytes),
                        path => std::fs::write(path, &bytes),
                    };
                    if let Err(error) = written {
                        lost.push(format!("cannot write {name}: {error}"));
                    }
                }
            }
            Made::Wrong => {}
        }
        for lost in &lost {
            self.log.error(&format!("the summary is not all there: {lost}"), "");
        }
        let Some(path) = settings.summary_export.as_deref().filter(|path| !path.is_empty()) else {
            return Ok(());
        };
        let text = indented(&summary.export());
        std::fs::write(path, text).map_err(|error| {
            let words = format!("the summary cannot be written to {path}: {error}");
            Stop::new(Exit::Unspecified, words)
        })
    }

    fn options(&self) -> Options {
        let told = self.consolidated.options();
        let mode = match self.consolidated.settings().summary_mode.unwrap_or_default() {
            SummaryMode::Compact => Mode::Compact,
            SummaryMode::Full => Mode::Full,
            SummaryMode::Disabled => Mode::Disabled,
        };
        // The options were read by the same rules: what does not parse here was refused there.
        let statistics = told
            .summary_trend_stats
            .as_ref()
            .map(|names| names.iter().filter_map(|name| name.parse::<Statistic>().ok()).collect());
        Options {
            mode,
            statistics: statistics.unwrap_or_else(Statistic::defaults),
            time_unit: told.summary_time_unit.and_then(|unit| unit.name().parse().ok()),
            color: self.log.colour(&std::io::stdout()),
        }
    }

    /// What `handleSummary` returned.
    async fn handled(&self, summary: &Summary<'_>) -> Made {
        let state = State {
            // There in k6 whether anything was returned or not.
            setup_data: Some(self.report.setup.clone().unwrap_or_default()),
            no_color: self.log.no_color(),
            stdout_is_terminal: std::io::stdout().is_terminal(),
            stderr_is_terminal: std::io::stderr().is_terminal(),
        };
        let limit = self.consolidated.options().handle_summary_timeout();
        let fields = "hint=\"script exception\" source=stacktrace";
        match handle_summary(self.script, summary.data(&state), limit).await {
            None => {
                let seconds = limit.as_secs_f64();
                let words = format!("handleSummary() execution timed out after {seconds} seconds");
                self.log.error(&words, "");
                self.log.warn("handleSummary() did not end: the usual summary follows");
                Made::Nothing
            }
            Some(Err(error)) => {
                self.log.error(&error.to_string(), fields);
                self.log.warn("handleSummary() threw: the usual summary follows");
                Made::Nothing
            }
            Some(Ok(value)) => self.files(value.unwrap_or_default()),
        }
    }

    fn files(&self, value: Json) -> Made {
        let object = match value {
            Json::Object(object) => object,
            Json::Null | Json::Bool(false) => return Made::Nothing,
            Json::String(text) if text.is_empty() => return Made::Nothing,
            Json::Number(number) if number.as_f64() == Some(0.0) => return Made::Nothing,
            _ => {
                self.log.error("handleSummary() should return an object: texts by file name", "");
                return Made::Wrong;
            }
        };
        let mut files = Vec::new();
        for (name, value) in object {
            let Json::String(text) = value else {
                let words = format!("handleSummary() gave something else than text for `{name}`");
                self.log.error(&words, "hint=\"return JSON.stringify(data) for it\"");
                return Made::Wrong;
            };
            files.push((name, text.into_bytes()));
        }
        Made::Files(files)
    }
}

/// What came of `handleSummary`.
enum Made {
    /// Nothing: the usual summary is written.
    Nothing,
    /// Texts by file name.
    Files(Vec<(String, Vec<u8>)>),
    /// Something that cannot be written, and was told.
    Wrong,
}

/// Writes all of it; a reader that went away is not an error of ours.
fn put(to: &mut impl Write, bytes: &[u8]) -> std::io::Result<()> {
    match to.write_all(bytes).and_then(|()| to.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
