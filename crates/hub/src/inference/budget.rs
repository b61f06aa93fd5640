//! Token budgets: what each tenant has used in its window, kept so that a restart forgives nothing and
//! several processes on one database share it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as Lock, PoisonError};

use seaworthy_base::Clock;
use seaworthy_store::{self as store, Migration, Store, Tx, values};
use tokio::sync::Mutex;

use crate::auth::Caller;
use crate::limits::{House, Quota};
use crate::problem::Problem;

pub(super) const MIGRATIONS: &[Migration] = &[Migration {
    name: "token budgets",
    sqlite: "CREATE TABLE budgets (
            tenant TEXT PRIMARY KEY,
            ends_at INTEGER NOT NULL,
            booked INTEGER NOT NULL
          ) STRICT, WITHOUT ROWID;",
    postgres: r#"CREATE TABLE budgets (
            tenant TEXT COLLATE "C" PRIMARY KEY,
            ends_at BIGINT NOT NULL,
            booked BIGINT NOT NULL
          );"#,
}];

/// Tokens are booked on disk ahead of their use, this part of a budget at a time and at most so
/// many: an answer need not wait for the disk each time, and a crash costs the tenant no more than that.
const PART: u64 = 100;
const MOST_AHEAD: u64 = 10_000;

/// What tenants have left of their tokens.
pub(super) struct Budgets {
    store: Store,
    clock: Clock,
    house: House,
    accounts: Lock<HashMap<String, Arc<Mutex<Account>>>>,
}

/// What this process may give a tenant without asking the store again.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    /// When its window ends, in Unix seconds.
    ends_at: u64,
    /// Booked here and not used yet.
    granted: u64,
    /// Booked by everyone, when that was last looked at.
    booked: u64,
}

/// A tenant's budget and the window it is for now.
#[derive(Clone, Copy)]
struct Window {
    amount: u64,
    now: u64,
    ends_at: u64,
}

impl Budgets {
    pub(super) fn new(store: Store, clock: Clock, house: House) -> Self {
        Self { store, clock, house, accounts: Lock::default() }
    }

    /// Charges tokens to the caller's tenant: what is left then, if it has a budget.
    ///
    /// # Errors
    /// 429 `budget_spent`, and then nothing is charged.
    pub(super) async fn charge(
        &self,
        caller: &Caller,
        tokens: u64,
    ) -> Result<Option<Quota>, Problem> {
        let allowance = self.house.allowance(caller);
        let Some(amount) = allowance.tokens else { return Ok(None) };
        let now = self.clock.wall().as_nanos() / 1_000_000_000;
        let length = allowance.window().as_secs().max(1);
        let window = Window { amount, now, ends_at: (now / length + 1).saturating_mul(length) };
        let account = self.account(&caller.tenant);
        let mut account = account.lock().await;
        if account.ends_at != window.ends_at {
            *account = Account { ends_at: window.ends_at, ..Account::default() };
        }
        let missing = tokens.saturating_sub(account.granted);
        if missing > 0 {
            self.book(&caller.tenant, window, missing, &mut account).await?;
        }
        if account.granted < tokens {
            let left = window.quota(&account);
            let remaining = left.remaining;
            let detail = format!("the tenant has {remaining} tokens left, {tokens} are needed");
            return Err(left.refuse("budget_spent", detail));
        }
        account.granted -= tokens;
        Ok(Some(window.quota(&account)))
    }

    fn account(&self, tenant: &str) -> Arc<Mutex<Account>> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(accounts.entry(tenant.to_owned()).or_default())
    }

    /// Books at least so many tokens more, or none when there are not so many.
    async fn book(
        &self,
        tenant: &str,
        window: Window,
        missing: u64,
        account: &mut Account,
    ) -> Result<(), Problem> {
        let name = tenant.to_owned();
        // Looked at first: who is refused costs no write.
        account.booked = self.store.peek(move |tx| booked(tx, &name, window.now)).await?;
        if window.free(account.booked) < missing {
            return Ok(());
        }
        let name = tenant.to_owned();
        let (granted, all) = self
            .store
            .write(move |tx| -> store::Result<(u64, u64)> {
                let before = booked(tx, &name, window.now)?;
                let free = window.free(before);
                if free < missing {
                    return Ok((0, before));
                }
                let ahead = (window.amount / PART).clamp(1, MOST_AHEAD);
                let granted = missing.max(ahead).min(free);
                tx.execute(
                    "INSERT INTO budgets (tenant, ends_at, booked) VALUES (?1, ?2, ?3)
                     ON CONFLICT (tenant) DO UPDATE SET ends_at = ?2, booked = ?3",
                    &values![name, whole(window.ends_at), whole(before + granted)],
                )?;
                Ok((granted, before + granted))
            })
            .await?;
        account.granted += granted;
        account.booked = all;
        Ok(())
    }
}

impl Window {
    /// What nobody has booked.
    fn free(&self, booked: u64) -> u64 {
        self.amount.saturating_sub(booked)
    }

    fn quota(&self, account: &Account) -> Quota {
        Quota {
            unit: "tokens".to_owned(),
            limit: self.amount,
            remaining: self.free(account.booked).saturating_add(account.granted).min(self.amount),
            reset_seconds: self.ends_at.saturating_sub(self.now).max(1),
        }
    }
}

/// What is booked in a window that is not over. That of a window whose length was changed since counts
/// in the one of the new length: a change forgives nothing.
fn booked(tx: &mut Tx<'_>, tenant: &str, now: u64) -> store::Result<u64> {
    let sql = "SELECT booked FROM budgets WHERE tenant = ?1 AND ends_at > ?2";
    Ok(tx.first(sql, &values![tenant, whole(now)], |row| row.get::<u64>(0))?.unwrap_or(0))
}

/// Databases count in signed integers; what is past their end is the end.
fn whole(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;
    use std::time::Duration;

    use seaworthy_base::Timestamp;
    use seaworthy_store::{Options, Part};

    use super::*;
    use crate::auth::{Credential, Token};
    use crate::limits::Allowance;

    const START: u64 = 1_800_000_000;

    fn caller(tokens: u64) -> Caller {
        let limits = Allowance {
            tokens: Some(tokens),
            window_seconds: NonZeroU64::new(3_600),
            ..Allowance::default()
        };
        Caller {
            subject: "ada".into(),
            tenant: "acme".into(),
            capabilities: Vec::new(),
            expires_at: Timestamp::default(),
            constitution: String::new(),
            limits,
            credential: Credential::Token(Token::new("t")),
        }
    }

    fn open(folder: &std::path::Path) -> Store {
        let options = Options::file(folder, [Part::own(MIGRATIONS)]);
        Store::open(&options, &store::Metrics::default()).unwrap()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn processes_together_spend_a_budget_and_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let clock = Clock::manual(Timestamp::from_nanos(START * 1_000_000_000));
        let amount = 2_000;
        let mut tasks = Vec::new();
        for process in 0..3 {
            let budgets = Arc::new(Budgets::new(store.clone(), clock.clone(), House::default()));
            for task in 0..4_u64 {
                let budgets = Arc::clone(&budgets);
                tasks.push(tokio::spawn(async move {
                    let mut spent = 0;
                    for turn in 0..100 {
                        let tokens = 1 + (process + task * 7 + turn * 3) % 13;
                        if budgets.charge(&caller(amount), tokens).await.is_ok() {
                            spent += tokens;
                        }
                    }
                    spent
                }));
            }
        }
        let mut spent = 0;
        for task in tasks {
            spent += task.await.unwrap();
        }
        assert!(spent <= amount, "{spent}");
        // What is not spent is what three processes had booked ahead, and less than one charge.
        assert!(spent + 3 * 20 + 13 > amount, "{spent}");
        let fresh = Budgets::new(store.clone(), clock.clone(), House::default());
        let refused = fresh.charge(&caller(amount), 14).await.unwrap_err();
        assert_eq!(&*refused.code, "hub.budget_spent");
        let quota = refused.quota.as_ref().unwrap();
        assert!(quota.remaining < 14 && quota.reset_seconds <= 3_600, "{quota:?}");
        clock.set_wall(clock.wall().plus(Duration::from_secs(quota.reset_seconds)));
        let left = fresh.charge(&caller(amount), 14).await.unwrap().unwrap();
        assert_eq!(left.remaining, amount - 14);
        store.close().await;
    }

    #[tokio::test]
    async fn a_changed_budget_forgives_nothing_and_none_is_no_limit() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let clock = Clock::manual(Timestamp::from_nanos(START * 1_000_000_000));
        let budgets = Budgets::new(store.clone(), clock, House::default());
        assert!(budgets.charge(&caller(0), 1).await.is_err());
        assert_eq!(budgets.charge(&caller(100), 60).await.unwrap().unwrap().remaining, 40);
        assert!(budgets.charge(&caller(50), 1).await.is_err());
        assert!(budgets.charge(&caller(100), 41).await.is_err());
        let mut longer = caller(100);
        longer.limits.window_seconds = NonZeroU64::new(86_400);
        assert!(budgets.charge(&longer, 41).await.is_err());
        assert_eq!(budgets.charge(&longer, 40).await.unwrap().unwrap().remaining, 0);
        let mut free = caller(1);
        free.limits = Allowance::default();
        assert_eq!(budgets.charge(&free, u64::MAX).await.unwrap(), None);
        store.close().await;
    }
}
