//! What is said of a run beside the options of its script: outputs, the summary, flags for k6's
//! habits. From the configuration file, the environment and flags.

use serde_json::Value;

use super::source::Reader;

/// How much the end-of-test summary says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SummaryMode {
    /// What matters most.
    #[default]
    Compact,
    /// Also by scenario and group.
    Full,
    /// Nothing; `handleSummary` is not called either.
    Disabled,
}

/// What is said of a run beside its options.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Where samples go: `json=file`, `csv`, …
    pub out: Option<Vec<String>>,
    /// Whether the process stays after the end.
    pub linger: Option<bool>,
    /// Whether nothing is reported to k6's makers. Nothing ever is.
    pub no_usage_report: Option<bool>,
    /// Whether thresholds are left out.
    pub no_thresholds: Option<bool>,
    /// How much the summary says.
    pub summary_mode: Option<SummaryMode>,
    /// The file the summary is written to.
    pub summary_export: Option<String>,
}

impl SummaryMode {
    const NAMES: &[&str] = &["compact", "full", "disabled"];

    /// Reads a name.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "compact" => Self::Compact,
            "full" => Self::Full,
            "disabled" => Self::Disabled,
            _ => return None,
        })
    }
}

impl Settings {
    /// Reads what a configuration file says beside options.
    pub(super) fn read(
        &mut self,
        reader: &mut Reader<'_>,
        typed: &str,
        value: &Value,
        options: &[&str],
    ) {
        const NAMES: &[&str] = &["out", "linger", "noUsageReport"];
        match typed.to_lowercase().as_str() {
            "out" => self.out = reader.texts(typed, value),
            "linger" => self.linger = reader.bool(typed, value),
            "nousagereport" => self.no_usage_report = reader.bool(typed, value),
            "localips" | "consoleoutput" => {
                let hint = "use the flag `--local-ips` or `--console-output`";
                reader.ignored(typed, "a configuration file cannot say that", hint);
            }
            "collectors" => {
                let hint = "use the settings of the output itself";
                reader.ignored(typed, "settings of k6's outputs are not read from here", hint);
            }
            _ => reader.unknown(typed, typed, &[options, NAMES].concat()),
        }
    }

    /// What the other says, and this where the other says nothing.
    #[must_use]
    pub(super) fn overridden(self, other: Self) -> Self {
        Self {
            out: other.out.or(self.out),
            linger: other.linger.or(self.linger),
            no_usage_report: other.no_usage_report.or(self.no_usage_report),
            no_thresholds: other.no_thresholds.or(self.no_thresholds),
            summary_mode: other.summary_mode.or(self.summary_mode),
            summary_export: other.summary_export.or(self.summary_export),
        }
    }

    pub(super) fn summary_mode(
        reader: &mut Reader<'_>,
        path: &str,
        text: &str,
    ) -> Option<SummaryMode> {
        let mode = SummaryMode::parse(text);
        match (mode, text) {
            (None, "legacy") => {
                let why = "k6 2.0 has taken it away";
                reader.wrong(path, text, why, "write `compact`, `full` or `disabled`");
            }
            (None, _) => reader.unknown_value(path, text, SummaryMode::NAMES),
            _ => {}
        }
        mode
    }
}
