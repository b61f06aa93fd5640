//! Token budgets: what each tenant has used in its window, kept so that a restart forgives nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::Duration;

use seaworthy_base::Clock;
use seaworthy_resilience::quota::{self, Left};
use seaworthy_store::{self as store, Migration, Store, Tx, values};
use tokio::sync::Mutex;

use crate::auth::Caller;
use crate::limits::{House, Quota, seconds};
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
    quota: quota::Quota<String>,
    accounts: Lock<HashMap<String, Arc<Mutex<Booked>>>>,
}

/// What is on disk of a tenant's account.
#[derive(Clone, Copy, Debug, Default)]
struct Booked {
    /// Whether the row was read since the start.
    known: bool,
    /// When its window ends, in Unix seconds.
    ends_at: u64,
    /// The tokens counted as used.
    tokens: u64,
}

impl Budgets {
    pub(super) fn new(store: Store, clock: Clock, house: House) -> Self {
        // Each tenant is asked about with an allowance of its own.
        let quota = quota::Quota::new(quota::Allowance::per_day(0), clock.clone());
        Self { store, clock, house, quota, accounts: Lock::default() }
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
        let of = quota::Allowance { amount, window: allowance.window() };
        let tenant = &caller.tenant;
        let account = self.account(tenant);
        let mut booked = account.lock().await;
        if !booked.known {
            self.recall(tenant, of, &mut booked).await?;
        }
        let Ok(reservation) = self.quota.reserve_from(of, tenant, tokens) else {
            let left = counted(self.quota.left_of(of, tenant));
            let detail =
                format!("the tenant has {} tokens left, {tokens} are needed", left.remaining);
            return Err(left.refuse("budget_spent", detail));
        };
        let left = reservation.settle(tokens);
        self.book(tenant, of, left, &mut booked).await?;
        Ok(Some(counted(left)))
    }

    fn account(&self, tenant: &str) -> Arc<Mutex<Booked>> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(accounts.entry(tenant.to_owned()).or_default())
    }

    /// Counts what was booked before this process started.
    async fn recall(
        &self,
        tenant: &str,
        of: quota::Allowance,
        booked: &mut Booked,
    ) -> Result<(), Problem> {
        let name = tenant.to_owned();
        let row = self.store.peek(move |tx| read(tx, &name)).await?;
        *booked = Booked { known: true, ..row.unwrap_or_default() };
        let now = self.clock.wall().as_nanos() / 1_000_000_000;
        if booked.ends_at > now {
            let used = booked.tokens.min(of.amount);
            // Never settled, so that it stays charged.
            let _ = self.quota.reserve_from(of, &tenant.to_owned(), used);
        }
        Ok(())
    }

    /// Sees to it that what was used is on disk before it is answered.
    async fn book(
        &self,
        tenant: &str,
        of: quota::Allowance,
        left: Left,
        booked: &mut Booked,
    ) -> Result<(), Problem> {
        let used = of.amount - left.remaining.min(of.amount);
        let end = self.clock.wall().plus(left.reset).as_nanos().div_ceil(1_000_000_000);
        if booked.ends_at == end && used <= booked.tokens {
            return Ok(());
        }
        let ahead = (of.amount / PART).clamp(1, MOST_AHEAD);
        let next =
            Booked { known: true, ends_at: end, tokens: used.saturating_add(ahead).min(of.amount) };
        let name = tenant.to_owned();
        self.store
            .write(move |tx| {
                let whole = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
                tx.execute(
                    "INSERT INTO budgets (tenant, ends_at, booked) VALUES (?1, ?2, ?3)
                     ON CONFLICT (tenant) DO UPDATE SET ends_at = ?2, booked = ?3",
                    &values![name, whole(next.ends_at), whole(next.tokens)],
                )
            })
            .await?;
        *booked = next;
        Ok(())
    }
}

fn read(tx: &mut Tx<'_>, tenant: &str) -> store::Result<Option<Booked>> {
    let sql = "SELECT ends_at, booked FROM budgets WHERE tenant = ?1";
    tx.first(sql, &values![tenant], |row| {
        Ok(Booked { known: true, ends_at: row.get(0)?, tokens: row.get(1)? })
    })
}

fn counted(left: Left) -> Quota {
    Quota {
        unit: "tokens".to_owned(),
        limit: left.limit,
        remaining: left.remaining,
        reset_seconds: seconds(left.reset.max(Duration::from_secs(1))),
    }
}
