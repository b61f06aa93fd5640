//! Verdicts on tokens, kept until something they rest on changes, the token ends, or nobody vouches
//! for them any more.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use schemars::JsonSchema;
use seaworthy_base::time::Instant;
use seaworthy_base::{Clock, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::Verified;

/// How far ahead of our clock a token may begin: other machines' clocks are not ours.
pub(crate) const SKEW: Duration = Duration::from_secs(30);

/// Most verdicts kept, in two generations of half as many: what was not asked for while the younger
/// one filled up goes.
const KEPT: usize = 16_384;

/// Something that verdicts rest on, by its hash: a list of changes tells no ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct Mark(u64);

impl Mark {
    /// The token with this id.
    pub(crate) fn token(jti: &str) -> Self {
        Self::of("token", jti)
    }

    /// The user with this id.
    pub(crate) fn user(id: &str) -> Self {
        Self::of("user", id)
    }

    /// The tenant with this id.
    pub(crate) fn tenant(id: &str) -> Self {
        Self::of("tenant", id)
    }

    /// The constitution with this hash.
    pub(crate) fn constitution(hash: &str) -> Self {
        Self::of("constitution", hash)
    }

    /// The kill switch, which every verdict rests on.
    pub(crate) fn switch() -> Self {
        Self::of("switch", "")
    }

    fn of(kind: &str, id: &str) -> Self {
        let hash = digest(&SHA256, format!("{kind}\n{id}").as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&hash.as_ref()[..8]);
        // 53 bits, so that every JSON reader can hold it.
        Self(u64::from_be_bytes(first) >> 11)
    }
}

/// A token's name in the cache: its SHA-256, so that the cache holds no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Name([u8; 32]);

impl Name {
    pub(crate) fn of(token: &str) -> Self {
        let mut name = [0; 32];
        name.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        Self(name)
    }

    /// Requests without a token, for this tenant: the complement of a hash, so that no text has the
    /// same name.
    pub(crate) fn anonymous(tenant: &str) -> Self {
        Self(Self::of(tenant).0.map(|byte| !byte))
    }
}

/// Until when kept verdicts may be used without asking.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lease {
    /// They are dropped by those who make the changes, before a change is acknowledged.
    Own,
    /// Identity tells of every change up to here, or waits for this to pass.
    Until(Instant),
}

/// The verdicts of one process. Only good ones are kept.
#[derive(Debug)]
pub(crate) struct Verdicts {
    clock: Clock,
    kept: Mutex<Kept>,
    /// Counts the times that verdicts were dropped; event streams look again then.
    revision: watch::Sender<u64>,
}

#[derive(Debug)]
struct Kept {
    lease: Lease,
    /// The identity service's wall clock, no earlier than it is, at an instant of ours.
    others: Option<(Timestamp, Instant)>,
    young: HashMap<Name, Arc<Verdict>>,
    old: HashMap<Name, Arc<Verdict>>,
}

#[derive(Debug)]
struct Verdict {
    verified: Arc<Verified>,
    marks: [Mark; 5],
}

impl Verdicts {
    /// None yet, under this lease.
    pub(crate) fn new(clock: Clock, lease: Lease) -> Self {
        let kept = Kept { lease, others: None, young: HashMap::new(), old: HashMap::new() };
        Self { clock, kept: Mutex::new(kept), revision: watch::Sender::new(0) }
    }

    /// What was said about the token, if that still holds. A token outside its time is not found.
    pub(crate) fn get(&self, name: &Name) -> Option<Arc<Verified>> {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let mut kept = self.lock();
        if !kept.is_leased(now) {
            return None;
        }
        let latest = kept.wall(now).max(wall);
        let verdict = kept.find(name)?;
        let verified = &verdict.verified;
        let alive = latest < verified.expires_at && verified.issued_at <= wall.plus(SKEW);
        alive.then(|| Arc::clone(verified))
    }

    /// To be taken before a token is looked into: what is kept afterwards is only good if nothing
    /// was dropped in between. None while nothing may be kept.
    pub(crate) fn revision(&self) -> Option<u64> {
        let kept = self.lock();
        kept.is_leased(self.clock.now()).then(|| *self.revision.borrow())
    }

    /// Keeps what was found out since `since`, unless something was dropped meanwhile.
    pub(crate) fn keep(&self, name: Name, verified: Arc<Verified>, since: Option<u64>) {
        let marks = [
            Mark::token(&verified.jti),
            Mark::user(&verified.user_id),
            Mark::tenant(&verified.tenant_id),
            Mark::constitution(&verified.constitution_hash),
            Mark::switch(),
        ];
        let mut kept = self.lock();
        if since != Some(*self.revision.borrow()) {
            return;
        }
        if kept.young.len() >= KEPT / 2 {
            kept.old = std::mem::take(&mut kept.young);
        }
        kept.young.insert(name, Arc::new(Verdict { verified, marks }));
    }

    /// Drops every verdict that rests on one of these.
    pub(crate) fn forget(&self, changed: &[Mark]) {
        self.drop_where(|verdict| verdict.marks.iter().any(|mark| changed.contains(mark)));
    }

    /// Drops everything.
    pub(crate) fn clear(&self) {
        self.drop_where(|_| true);
    }

    fn drop_where(&self, affected: impl Fn(&Verdict) -> bool) {
        let mut kept = self.lock();
        kept.young.retain(|_, verdict| !affected(verdict));
        kept.old.retain(|_, verdict| !affected(verdict));
        // While locked, so that nothing found out before can be kept after.
        self.revision.send_modify(|revision| *revision += 1);
    }

    /// Extends the lease, on word from identity that its clock shows `wall` no later than at `sent`
    /// plus what has passed since.
    pub(crate) fn extend(&self, until: Instant, wall: Timestamp, sent: Instant) {
        let mut kept = self.lock();
        kept.lease = Lease::Until(until);
        kept.others = Some((wall, sent));
    }

    /// Ends the lease: every token is asked about until it is extended again.
    pub(crate) fn distrust(&self) {
        self.lock().lease = Lease::Until(self.clock.now());
    }

    /// Told whenever verdicts were dropped.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn is_leased(&self, now: Instant) -> bool {
        match self.lease {
            Lease::Own => true,
            Lease::Until(end) => now < end,
        }
    }

    /// The identity service's wall clock now, rather late than early.
    fn wall(&self, now: Instant) -> Timestamp {
        self.others
            .map_or(Timestamp::default(), |(wall, at)| wall.plus(now.saturating_duration_since(at)))
    }

    fn find(&mut self, name: &Name) -> Option<Arc<Verdict>> {
        if let Some(verdict) = self.young.get(name) {
            return Some(Arc::clone(verdict));
        }
        let verdict = self.old.remove(name)?;
        self.young.insert(*name, Arc::clone(&verdict));
        Some(verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verified(user: &str, expires_at: u64) -> Arc<Verified> {
        Arc::new(Verified {
            valid: true,
            user_id: user.into(),
            tenant_id: "acme".into(),
            capabilities: Vec::new(),
            issued_at: Timestamp::from_nanos(100_000_000_000),
            expires_at: Timestamp::from_nanos(expires_at * 1_000_000_000),
            jti: format!("jti-{user}"),
            constitution_hash: "c".into(),
            halted: false,
            limits: crate::limits::Allowance::default(),
        })
    }

    fn clock() -> Clock {
        Clock::manual(Timestamp::from_nanos(100_000_000_000))
    }

    fn kept(verdicts: &Verdicts, user: &str) -> bool {
        verdicts.get(&Name::of(user)).is_some()
    }

    #[test]
    fn a_change_drops_what_rests_on_it_and_nothing_else() {
        let verdicts = Verdicts::new(clock(), Lease::Own);
        let keep = |user: &str| {
            verdicts.keep(Name::of(user), verified(user, 200), verdicts.revision());
        };
        keep("ada");
        keep("bob");
        verdicts.forget(&[Mark::token("jti-ada")]);
        assert!(!kept(&verdicts, "ada") && kept(&verdicts, "bob"));
        verdicts.forget(&[Mark::user("ada"), Mark::tenant("other")]);
        assert!(kept(&verdicts, "bob"));
        verdicts.forget(&[Mark::tenant("acme")]);
        assert!(!kept(&verdicts, "bob"));
        for mark in [Mark::constitution("c"), Mark::switch()] {
            keep("ada");
            verdicts.forget(&[mark]);
            assert!(!kept(&verdicts, "ada"));
        }
    }

    #[test]
    fn what_was_found_out_before_a_change_is_not_kept_after_it() {
        let verdicts = Verdicts::new(clock(), Lease::Own);
        let since = verdicts.revision();
        verdicts.forget(&[Mark::user("ada")]);
        verdicts.keep(Name::of("ada"), verified("ada", 200), since);
        assert!(!kept(&verdicts, "ada"));
    }

    #[test]
    fn a_token_outside_its_time_is_not_found() {
        let clock = clock();
        let verdicts = Verdicts::new(clock.clone(), Lease::Own);
        verdicts.keep(Name::of("ada"), verified("ada", 200), verdicts.revision());
        clock.set_wall(Timestamp::from_nanos(199_999_999_999));
        assert!(kept(&verdicts, "ada"));
        clock.set_wall(Timestamp::from_nanos(200_000_000_000));
        assert!(!kept(&verdicts, "ada"));
        clock.set_wall(Timestamp::from_nanos(60_000_000_000));
        assert!(!kept(&verdicts, "ada"), "more than the skew before it begins");
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_lease_nothing_is_found_and_nothing_kept() {
        let clock = clock();
        let now = clock.now();
        let verdicts = Verdicts::new(clock.clone(), Lease::Until(now));
        assert_eq!(verdicts.revision(), None);
        verdicts.keep(Name::of("ada"), verified("ada", 200), verdicts.revision());
        verdicts.extend(now + Duration::from_secs(1), clock.wall(), now);
        assert!(!kept(&verdicts, "ada"));
        verdicts.keep(Name::of("ada"), verified("ada", 200), verdicts.revision());
        assert!(kept(&verdicts, "ada"));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!kept(&verdicts, "ada"), "the lease is over");
        let now = clock.now();
        // Identity's clock is ahead of ours: the token has ended there.
        let ahead = Timestamp::from_nanos(199_500_000_000);
        verdicts.extend(now + Duration::from_secs(1), ahead, now);
        assert!(kept(&verdicts, "ada"));
        tokio::time::advance(Duration::from_millis(500)).await;
        assert!(!kept(&verdicts, "ada"));
        verdicts.extend(clock.now() + Duration::from_secs(1), clock.wall(), clock.now());
        assert!(kept(&verdicts, "ada"));
        verdicts.distrust();
        assert!(!kept(&verdicts, "ada"));
    }

    #[test]
    fn no_more_than_so_many_are_kept() {
        let verdicts = Verdicts::new(clock(), Lease::Own);
        for number in 0..KEPT + KEPT / 2 {
            // This one is asked for again and again, so it stays.
            verdicts.get(&Name::of("0"));
            let user = number.to_string();
            verdicts.keep(Name::of(&user), verified(&user, 200), verdicts.revision());
        }
        let held = verdicts.lock();
        assert!(held.young.len() + held.old.len() <= KEPT);
        drop(held);
        assert!(kept(&verdicts, "0") && !kept(&verdicts, "1"));
    }
}
