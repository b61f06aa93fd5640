//! A run while it goes on: shown, and stopped when somebody asks. It does not know who made the run.

use std::future::Future;

use seaworthy_k6::{Report, Watching};
use tokio_util::sync::CancellationToken;

use super::log::Log;
use super::screen;
use crate::cli::trial::Asked;

/// How a run that was conducted ended.
pub(crate) enum Conducted {
    /// It came to its end, maybe because somebody asked.
    Ended {
        /// What it came to.
        report: Box<Report>,
        /// Whether somebody asked.
        signalled: bool,
    },
    /// Somebody asked twice.
    Killed,
}

/// Shows a run until it is over. Asked once, the run ends early and is summed up; asked twice, it is
/// left where it is.
pub(crate) async fn to_end(
    running: impl Future<Output = Report>,
    watching: &Watching,
    log: &Log,
    stop: &CancellationToken,
    asked: &mut Asked,
) -> Conducted {
    let mut looks = tokio::time::interval(screen::EVERY);
    let mut signalled = false;
    tokio::pin!(running);
    let conducted = loop {
        tokio::select! {
            biased;
            () = asked.next() => {
                if signalled {
                    break Conducted::Killed;
                }
                signalled = true;
                log.say("stopping: teardown and the summary follow (once more: at once)");
                stop.cancel();
            }
            report = &mut running => {
                break Conducted::Ended { report: Box::new(report), signalled };
            }
            _ = looks.tick() => log.look(watching),
        }
    };
    log.end(watching);
    conducted
}
