//! Exit codes: the one place that says what each number means.

use std::process::ExitCode;

use seaworthy_base::Verdict;

/// How a command ended, as the shell sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Every objective passed; or the command did what it was asked.
    Pass = 0,
    /// An objective failed; or a folder's receipts do not hold.
    Fail = 1,
    /// The evidence does not decide.
    Inconclusive = 2,
    /// The command could not run: usage, a broken plan, a target that never got ready.
    CouldNotRun = 3,
    /// The trial was interrupted; what was measured is kept and sealed.
    Interrupted = 4,
}

impl From<Verdict> for Exit {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Pass => Self::Pass,
            Verdict::Fail => Self::Fail,
            Verdict::Inconclusive => Self::Inconclusive,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
