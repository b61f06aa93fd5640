//! Flags of k6 that are not here: each is refused by its name, with the reason.

use seaworthy_document::Finding;

use super::stop::Stop;
use crate::exit::Exit;

/// Flags that are read to be refused, or to be told that they change nothing.
#[derive(clap::Args)]
pub(crate) struct RefusedFlags {
    #[arg(short = 'a', long, hide = true, value_name = "ADDRESS", env = "K6_ADDRESS")]
    address: Option<String>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = super::flags::truth)]
    profiling_enabled: Option<bool>,
    #[arg(long, hide = true, value_name = "SOURCE")]
    secret_source: Vec<String>,
    #[arg(long, hide = true, value_name = "OUTPUT", env = "K6_TRACES_OUTPUT")]
    traces_output: Option<String>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = super::flags::truth,
        env = "K6_NEW_MACHINE_READABLE_SUMMARY")]
    new_machine_readable_summary: Option<bool>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = super::flags::truth)]
    no_summary: Option<bool>,
    #[arg(short = 't', long = "type", hide = true, value_name = "TYPE", env = "K6_TYPE")]
    kind: Option<String>,
    /// k6's `extended` is what there is.
    #[arg(long, hide = true, value_name = "MODE", env = "K6_COMPATIBILITY_MODE")]
    compatibility_mode: Option<String>,
}

impl RefusedFlags {
    /// Whether none of them was used.
    pub(super) fn check(&self) -> Result<(), Stop> {
        let mut findings = Vec::new();
        let mut refuse = |flag: &str, why: &str, hint: &str| {
            let reason = format!("`{flag}` is not taken: {why}");
            findings.push(Finding::error("run-flag-refused", reason).hint(hint));
        };
        if self.address.as_ref().is_some_and(|address| !address.is_empty()) {
            let hint = "leave it out; `--out web-dashboard` shows the run while it goes on";
            refuse("--address", "there is no REST interface", hint);
        }
        if self.profiling_enabled == Some(true) {
            let why = "there is no REST interface to profile through";
            refuse("--profiling-enabled", why, "leave it out");
        }
        if !self.secret_source.is_empty() {
            let hint = "hand secrets over as variables: `-e NAME=value`";
            refuse("--secret-source", "the module k6/secrets is not here yet", hint);
        }
        if self.traces_output.as_ref().is_some_and(|output| output != "none") {
            refuse("--traces-output", "no traces are written", "leave it out");
        }
        if self.new_machine_readable_summary == Some(true) {
            let hint = "leave it out: the summary's usual JSON is written";
            refuse("--new-machine-readable-summary", "that form is not written", hint);
        }
        if self.no_summary.is_some() {
            let hint = "write `--summary-mode=disabled`";
            refuse("--no-summary", "k6 2.0 has taken it away", hint);
        }
        if self.kind.as_ref().is_some_and(|kind| kind != "js") {
            let hint = "unpack the archive and run its script";
            refuse("--type", "only scripts are run, no archives", hint);
        }
        if self.compatibility_mode.as_ref().is_some_and(|mode| mode != "extended") {
            refuse("--compatibility-mode", "only `extended` is there", "leave it out");
        }
        if findings.is_empty() { Ok(()) } else { Err(Stop::findings(Exit::Unspecified, findings)) }
    }
}
