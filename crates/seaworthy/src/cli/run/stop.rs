//! Why a run cannot begin or go on: the words, and k6's exit code for it.

use seaworthy_document::{Finding, errors, render_all};
use seaworthy_k6::Error;

use super::log::Log;
use crate::exit::Exit;

/// Why there is no run.
#[derive(Debug)]
pub(crate) struct Stop {
    /// k6's code for it.
    pub(crate) exit: Exit,
    what: What,
}

#[derive(Debug)]
enum What {
    Words { words: String, code: Option<&'static str>, hint: Option<String> },
    Findings(Vec<Finding>),
}

impl Stop {
    pub(crate) fn new(exit: Exit, words: impl Into<String>) -> Self {
        Self { exit, what: What::Words { words: words.into(), code: None, hint: None } }
    }

    pub(crate) fn hint(mut self, text: impl Into<String>) -> Self {
        if let What::Words { hint, .. } = &mut self.what {
            *hint = Some(text.into());
        }
        self
    }

    /// What is wrong with what was typed.
    pub(crate) fn findings(exit: Exit, findings: Vec<Finding>) -> Self {
        Self { exit, what: What::Findings(findings) }
    }

    /// A signal came twice, or before there was anything to keep.
    pub(crate) fn signalled() -> Self {
        Self::new(Exit::Signal, "stopped at once: nothing of the run is kept")
    }

    /// The words for a terminal.
    pub(crate) fn words(&self) -> String {
        match &self.what {
            What::Words { words, code, hint } => {
                let code = code.map(|code| format!(" [{code}]")).unwrap_or_default();
                let hint = hint.as_ref().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
                format!("error: {words}{code}{hint}")
            }
            What::Findings(findings) => render_all(findings, None),
        }
    }

    /// Tells the log.
    pub(crate) fn say(&self, log: &Log) {
        match &self.what {
            What::Words { words, code, hint } => {
                let code = code.map(|code| format!("code={code} ")).unwrap_or_default();
                let hint = hint.as_ref().map(|hint| format!("hint={hint:?}")).unwrap_or_default();
                log.error(words, format!("{code}{hint}").trim_end());
            }
            What::Findings(findings) => log.findings(findings),
        }
    }
}

impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Self {
        Self::new(Exit::Unspecified, format!("{error:#}"))
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        let exit = match &error {
            Error::Options(_) | Error::Thresholds(_) | Error::Network(_) => Exit::InvalidOptions,
            Error::Aborted(_) => Exit::Aborted,
            Error::Exports(_) | Error::Load(_) => Exit::Unspecified,
            _ => Exit::Exception,
        };
        let code = Some(error.code());
        match error {
            Error::Options(findings) if errors(&findings) => Self::findings(exit, findings),
            Error::Source(error) => {
                let (code, hint) = (Some(error.code()), None);
                Self { exit, what: What::Words { words: error.render(), code, hint } }
            }
            error => {
                let hint = match &error {
                    Error::Script(_) => Some("script exception".to_owned()),
                    Error::Load(error) => error.hint().map(|hint| hint.to_string()),
                    _ => None,
                };
                Self { exit, what: What::Words { words: error.to_string(), code, hint } }
            }
        }
    }
}
