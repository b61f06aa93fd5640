//! What changed that verdicts on tokens rest on, told to every process that keeps some; a change is
//! only acknowledged once each of them has dropped what it is about, or may no longer use it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Json;
use axum::extract::State;
use prometheus_client::metrics::gauge::Gauge;
use seaworthy_base::time::Instant;
use seaworthy_base::{Clock, id};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Identity;
use crate::auth::{HOLD, LEASE, Mark, News, Question, Verdicts};
use crate::problem::{Body, Problem};

/// Changes told one by one; a follower further behind drops everything.
const LOG: usize = 4_096;

/// Most processes followed at once.
const FOLLOWERS: usize = 256;

/// Longest id of a follower.
const LONGEST_ID: usize = 64;

/// The changes of this run, and who follows them.
pub(super) struct Changes {
    run: String,
    clock: Clock,
    /// Until when leases of an earlier run on the same data may be in use.
    inherited: Option<Instant>,
    verdicts: Arc<Verdicts>,
    state: Mutex<Progress>,
    latest: watch::Sender<u64>,
    /// Counts acknowledgements, to wake those who wait for them.
    acknowledged: watch::Sender<u64>,
    followers: Gauge,
    stop: CancellationToken,
}

#[derive(Default)]
struct Progress {
    log: VecDeque<Mark>,
    latest: u64,
    followers: HashMap<String, Follower>,
}

struct Follower {
    /// The last change it has followed.
    after: u64,
    /// When its last question arrived: no lease of its outlasts this by more than [`LEASE`].
    seen: Instant,
}

impl Changes {
    /// Nothing yet. `first` says that nobody can have a lease from an earlier run.
    pub(super) fn new(
        clock: Clock,
        verdicts: Arc<Verdicts>,
        first: bool,
        followers: Gauge,
        stop: CancellationToken,
    ) -> Self {
        Self {
            run: id::uuid(clock.wall()).to_string(),
            inherited: (!first).then(|| clock.now() + LEASE),
            clock,
            verdicts,
            state: Mutex::default(),
            latest: watch::Sender::new(0),
            acknowledged: watch::Sender::new(0),
            followers,
            stop,
        }
    }

    /// Tells of a change that was committed, or may have been, and returns once no process uses a
    /// verdict that rests on it: when all have said so, at the latest after [`LEASE`].
    pub(super) async fn settle(&self, mark: Mark) {
        self.verdicts.forget(&[mark]);
        let (sequence, over) = {
            let mut state = self.lock();
            state.latest += 1;
            state.log.push_back(mark);
            if state.log.len() > LOG {
                state.log.pop_front();
            }
            (state.latest, self.clock.now() + LEASE)
        };
        self.latest.send_replace(sequence);
        if let Some(inherited) = self.inherited {
            tokio::time::sleep_until(inherited).await;
        }
        let mut acknowledged = self.acknowledged.subscribe();
        while self.lock().awaits(sequence, self.clock.now()) {
            tokio::select! {
                _ = acknowledged.changed() => {}
                () = tokio::time::sleep_until(over) => return,
            }
        }
    }

    async fn news(&self, question: Question) -> Result<News, Problem> {
        if question.follower.is_empty() || question.follower.len() > LONGEST_ID {
            let detail = format!("a follower's id has 1 to {LONGEST_ID} bytes");
            return Err(Problem::invalid("/follower", detail));
        }
        let ours = question.run.as_ref() == Some(&self.run);
        let known = self.register(&question, ours)?;
        if ours && known {
            let mut latest = self.latest.subscribe();
            let news = latest.wait_for(|latest| *latest > question.after);
            tokio::select! {
                _ = news => {}
                () = tokio::time::sleep(HOLD) => {}
                () = self.stop.cancelled() => {}
            }
        }
        let state = self.lock();
        let missed = state.latest.saturating_sub(question.after);
        let told = usize::try_from(missed)
            .ok()
            .filter(|missed| ours && known && *missed <= state.log.len());
        let changes = match told {
            Some(missed) => state.log.iter().skip(state.log.len() - missed).copied().collect(),
            None => Vec::new(),
        };
        Ok(News {
            run: self.run.clone(),
            latest: state.latest,
            changes,
            reset: told.is_none(),
            stopping: self.stop.is_cancelled(),
            now: self.clock.wall(),
        })
    }

    /// Notes that a follower is there and how far it has got; false when it was not known, so that
    /// it cannot know what happened meanwhile.
    fn register(&self, question: &Question, ours: bool) -> Result<bool, Problem> {
        let now = self.clock.now();
        let mut state = self.lock();
        state.followers.retain(|_, follower| now < follower.seen + LEASE);
        let (latest, full) = (state.latest, state.followers.len() >= FOLLOWERS);
        let known = match state.followers.get_mut(&question.follower) {
            Some(follower) => {
                if ours {
                    follower.after = question.after.min(latest);
                }
                follower.seen = now;
                true
            }
            None if full => {
                return Err(Problem::unavailable(
                    "too_many_followers",
                    "so many processes follow the changes already",
                ));
            }
            None => {
                // It starts with nothing, or drops all it has, before it counts on this answer.
                let follower = Follower { after: latest, seen: now };
                state.followers.insert(question.follower.clone(), follower);
                false
            }
        };
        self.followers.set(i64::try_from(state.followers.len()).unwrap_or(i64::MAX));
        drop(state);
        self.acknowledged.send_modify(|count| *count += 1);
        Ok(known)
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    /// Whether someone may still use what rests on change `sequence`.
    fn awaits(&self, sequence: u64, now: Instant) -> bool {
        self.followers
            .values()
            .any(|follower| follower.after < sequence && now < follower.seen + LEASE)
    }
}

/// Open to every process that can reach identity: what changed is told by hashes only.
pub(super) async fn post_changes(
    State(identity): State<Arc<Identity>>,
    Body(question): Body<Question>,
) -> Result<Json<News>, Problem> {
    identity.changes.news(question).await.map(Json)
}
