//! A run while it goes on: shown, and stopped when somebody asks. It does not know who made the run.

use std::future::Future;
use std::sync::{Arc, OnceLock};

use seaworthy_k6::{Report, Watching};
use seaworthy_trial::{Error, Finished, Progress};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

use super::log::Log;
use super::screen;
use crate::cli::trial::Asked;

/// The run's numbers, once it has begun.
pub(crate) type Begun = Arc<OnceLock<Watching>>;

/// How a run that was conducted ended.
pub(crate) enum Conducted {
    /// It came to its end, maybe because somebody asked.
    Ended {
        /// What it came to.
        finished: Box<Result<Finished, Error>>,
        /// What the script did, whatever became of the trial; `None` when it never ran.
        ran: Option<Arc<Report>>,
        /// Whether somebody asked.
        signalled: bool,
    },
    /// Somebody asked twice.
    Killed,
}

/// Shows a run until it is over. Asked once, the run ends early and is summed up; asked twice, it is
/// left where it is. `begin` is called when virtual users begin to be made.
pub(crate) async fn to_end(
    running: impl Future<Output = Result<Finished, Error>>,
    mut said: UnboundedReceiver<Progress>,
    begun: &Begun,
    begin: impl Fn(&Watching),
    log: &Log,
    stop: &CancellationToken,
    asked: &mut Asked,
) -> Conducted {
    let mut looks = tokio::time::interval(screen::EVERY);
    let (mut signalled, mut ran) = (false, None);
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
            Some(progress) = said.recv() => {
                match progress {
                    Progress::Script(watching) => begin(begun.get_or_init(|| watching)),
                    Progress::Ran(report) => ran = Some(report),
                    _ => {}
                }
            }
            finished = &mut running => {
                while let Ok(progress) = said.try_recv() {
                    if let Progress::Ran(report) = progress {
                        ran = Some(report);
                    }
                }
                break Conducted::Ended { finished: Box::new(finished), ran, signalled };
            }
            _ = looks.tick() => begun.get().into_iter().for_each(|watching| log.look(watching)),
        }
    };
    begun.get().into_iter().for_each(|watching| log.end(watching));
    conducted
}
