//! What a run's end means: k6's exit code, and the line that says why.

use seaworthy_k6::{Fault, Report};
use seaworthy_metrics::Thresholds;

use super::log::Log;
use crate::exit::Exit;

/// How a run ended.
pub(crate) struct Ending {
    /// k6's code.
    pub(crate) exit: Exit,
    /// Why, and the fields of that line.
    said: Option<(String, String)>,
}

impl Ending {
    /// What broke or ended the run goes before what the script said of it, and that before
    /// thresholds, as in k6.
    pub(crate) fn of(report: &Report, thresholds: &Thresholds, signalled: bool) -> Self {
        let new = |exit: Exit, words: String, fields: &str| Self {
            exit,
            said: Some((words, fields.to_owned())),
        };
        if let Some(fault) = &report.fault
            && report.ended.aborted.is_none()
            && !(signalled && cut(fault))
        {
            let words = fault.to_string();
            return match fault {
                Fault::SetupTimeout(_) => {
                    let hint =
                        "hint=\"You can increase the time limit via the setupTimeout option\"";
                    new(Exit::SetupTimeout, words, hint)
                }
                Fault::TeardownTimeout(_) => {
                    let hint =
                        "hint=\"You can increase the time limit via the teardownTimeout option\"";
                    new(Exit::TeardownTimeout, words, hint)
                }
                Fault::Load(error) => {
                    let hint = error.hint().map(|hint| format!("hint={hint:?}"));
                    new(Exit::Unspecified, words, &hint.unwrap_or_default())
                }
                Fault::Setup(error) if error.code() == "script_value_not_json" => {
                    let hint = "hint=\"return plain objects, lists, texts and numbers\"";
                    new(Exit::Unspecified, words, hint)
                }
                _ => new(Exit::Exception, words, "hint=\"script exception\" source=stacktrace"),
            };
        }
        if let Some(reason) = &report.ended.aborted {
            return new(Exit::Aborted, reason.clone(), "");
        }
        if signalled {
            return new(Exit::Signal, "the run was ended early by a signal".to_owned(), "");
        }
        if let Some(reason) = &report.ended.failed {
            let words = match reason.as_str() {
                "" => "the script marked the run as failed".to_owned(),
                reason => format!("the script marked the run as failed: {reason}"),
            };
            return new(Exit::MarkedFailed, words, "");
        }
        let outcomes = thresholds.evaluate(&report.snapshot);
        let mut crossed: Vec<&str> = outcomes
            .iter()
            .filter(|outcome| !outcome.passed)
            .map(|outcome| outcome.target.name.as_str())
            .collect();
        crossed.sort_unstable();
        crossed.dedup();
        if !report.crossed.is_empty() {
            let words = format!(
                "thresholds on metrics '{}' were crossed; at least one has abortOnFail: the run was ended early",
                report.crossed.join(", ")
            );
            return new(Exit::Thresholds, words, "");
        }
        if !crossed.is_empty() {
            let words = format!("thresholds on metrics '{}' have been crossed", crossed.join(", "));
            return new(Exit::Thresholds, words, "");
        }
        Self { exit: Exit::Pass, said: None }
    }

    /// Tells the log.
    pub(crate) fn say(&self, log: &Log) {
        if let Some((words, fields)) = &self.said {
            log.error(words, fields);
        }
    }
}

/// Whether something did not break by itself: it was ended from outside.
fn cut(fault: &Fault) -> bool {
    let (Fault::Init(error) | Fault::Setup(error) | Fault::Teardown(error)) = fault else {
        return false;
    };
    error.code() == "script_ended"
}
