//! What clients are told when the engine refuses.

use http::StatusCode;
use seaworthy_workflow::Error;

use crate::problem::Problem;

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        let problem = match &error {
            Error::UnknownKind(_) => Self::not_found("unknown_workflow_kind", text),
            Error::Input { .. } => Self::invalid("", text),
            Error::Unknown(_) => Self::not_found("unknown_workflow", "there is no such workflow"),
            Error::Exists(_) => Self::conflict("workflow_exists", text),
            Error::Closed { .. } => Self::conflict("workflow_closed", text),
            Error::UnknownQuery { .. } => Self::not_found("unknown_query", text),
            Error::TooLong { .. } => Self::invalid("", text),
            Error::Crowded { .. } => {
                let status = StatusCode::TOO_MANY_REQUESTS;
                Self::new(status, "too_many_signals", text).retry_after(1)
            }
            Error::Store(source) => return Self::from(source.clone()),
            _ => return Self::internal(&error),
        };
        match error.hint() {
            Some(hint) => problem.hint(hint),
            None => problem,
        }
    }
}
