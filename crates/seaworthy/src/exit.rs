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

    // From here on k6's, for `seaworthy run` alone. 97 and 98 (k6's cloud), 102 (a
    // timeout of something else), 103 and 106 (its REST interface) do not happen here.
    /// A threshold was crossed.
    Thresholds = 99,
    /// `setup` took longer than `setupTimeout`.
    SetupTimeout = 100,
    /// `teardown` took longer than `teardownTimeout`.
    TeardownTimeout = 101,
    /// Options, a configuration file or a threshold are not valid.
    InvalidOptions = 104,
    /// A signal ended the run early.
    Signal = 105,
    /// The script threw outside of iterations, or is no script.
    Exception = 107,
    /// The script ended the run: `exec.test.abort()`.
    Aborted = 108,
    /// A fault of ours.
    Panic = 109,
    /// The script marked the run as failed: `exec.test.fail()`.
    MarkedFailed = 110,
    /// Anything else: a flag there is not, a file that cannot be read or written.
    Unspecified = 255,
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
