//! The stable codes of everything that is said about options.

/// A wrong type.
pub(super) const TYPE: &str = "k6-option-type";
/// A value that is none.
pub(super) const VALUE: &str = "k6-option-value";
/// A name that nothing reads: a warning.
pub(super) const UNKNOWN: &str = "k6-option-unknown";
/// An option that k6 has and that is refused here.
pub(super) const REFUSED: &str = "k6-option-refused";
/// An option without effect: a warning.
pub(super) const IGNORED: &str = "k6-option-ignored";
/// Scenarios that a later source put aside: a warning.
pub(super) const OVERRIDDEN: &str = "k6-option-overridden";
/// Two ways to say how long a run lasts.
pub(super) const CONFLICT: &str = "k6-option-conflict";
/// Stages or scenarios that are there and empty: a warning.
pub(super) const EMPTY: &str = "k6-option-empty";
/// A configuration file that is no JSON.
pub(super) const CONFIG: &str = "k6-option-config";
/// A field that its object does not have.
pub(super) const FIELD: &str = "k6-option-field";
/// A scenario without an executor, or with one that there is not.
pub(super) const EXECUTOR: &str = "k6-scenario-executor";
/// A scenario that breaks one of its executor's rules.
pub(super) const RULE: &str = "k6-scenario-rule";
/// A scenario whose function the script does not export.
pub(super) const EXEC: &str = "k6-scenario-exec";
