//! Following identity's changes from another process: one long question after the other, each of
//! which renews the lease on the verdicts kept here.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use seaworthy_base::{Clock, Timestamp, id};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::verdicts::{Mark, Verdicts};
use crate::peer::{self, Trail};

/// The route that tells of changes.
pub(crate) const ROUTE: &str = "/v1/tokens/changes";

/// How long verdicts may be used after a question about changes was *sent* that was then answered.
/// Identity counts from when a question *arrived*, which is later: it never takes a lease for over
/// while the role still counts on it.
pub(crate) const LEASE: Duration = Duration::from_secs(1);

/// How long identity holds a question to which there is no news.
pub(crate) const HOLD: Duration = Duration::from_millis(250);

/// How long to wait before identity is asked again after it did not answer.
const PAUSE: Duration = Duration::from_millis(100);

/// What a role asks: it has dropped all that rests on the changes up to `after`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Question {
    /// Who asks: an id made up by the process when it started.
    pub(crate) follower: String,
    /// Which run of identity `after` counts in; none the first time.
    pub(crate) run: Option<String>,
    /// The last change it has followed.
    pub(crate) after: u64,
}

/// What has changed since.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct News {
    /// This run of identity.
    pub(crate) run: String,
    /// The last change there is.
    pub(crate) latest: u64,
    /// What changed after the question's `after`.
    pub(crate) changes: Vec<Mark>,
    /// The changes cannot be told one by one: everything is to be dropped.
    pub(crate) reset: bool,
    /// No lease comes with this: identity is stopping.
    pub(crate) stopping: bool,
    /// Identity's wall clock.
    #[schemars(with = "String")]
    pub(crate) now: Timestamp,
}

/// Follows identity until `stop`.
pub(super) async fn follow(
    identity: peer::Client,
    verdicts: Arc<Verdicts>,
    clock: Clock,
    stop: CancellationToken,
) {
    let follower = id::uuid(clock.wall()).to_string();
    let mut question = Question { follower, run: None, after: 0 };
    loop {
        let sent = clock.now();
        let trail = Trail::default();
        let ask = identity.post::<_, News>(&trail, ROUTE, &question);
        let answer = tokio::select! {
            // Nothing that comes later than this could renew anything.
            answer = tokio::time::timeout(LEASE, ask) => answer.ok().and_then(Result::ok),
            () = stop.cancelled() => return,
        };
        match answer {
            Some(news) => {
                if news.reset || question.run.as_ref() != Some(&news.run) {
                    verdicts.clear();
                } else if !news.changes.is_empty() {
                    verdicts.forget(&news.changes);
                }
                question.run = Some(news.run);
                question.after = news.latest;
                if !news.stopping {
                    verdicts.extend(sent + LEASE, news.now, sent);
                    continue;
                }
                verdicts.distrust();
            }
            None => verdicts.distrust(),
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = stop.cancelled() => return,
        }
    }
}
