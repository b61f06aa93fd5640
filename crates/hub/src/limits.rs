//! What a tenant may use: requests per second, and inference tokens per window of time.

use std::collections::HashMap;
use std::num::{NonZeroU32, NonZeroU64};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use schemars::JsonSchema;
use seaworthy_base::Clock;
use seaworthy_base::time::Instant;
use serde::{Deserialize, Serialize};

use crate::auth::Caller;
use crate::problem::Problem;

/// Most tenants whose pace is remembered before those that have rested are forgotten.
const REMEMBERED: usize = 4_096;

/// What a tenant may use. What is left out is as the role's operator says, or without a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Allowance {
    /// Requests per second, on average.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<NonZeroU32>,
    /// Requests that may come at once after a rest; as many as per second unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<NonZeroU32>,
    /// Inference tokens per window, as the answering model counts them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// The window's length in seconds; a day unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_seconds: Option<NonZeroU64>,
}

impl Allowance {
    /// Whether it says nothing.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// This, and `other` where this says nothing.
    #[must_use]
    pub(crate) fn or(self, other: Self) -> Self {
        // A rate and its burst, a budget and its window belong together.
        let requests = if self.requests_per_second.is_some() { self } else { other };
        let tokens = if self.tokens.is_some() { self } else { other };
        Self {
            requests_per_second: requests.requests_per_second,
            burst: requests.burst,
            tokens: tokens.tokens,
            window_seconds: tokens.window_seconds,
        }
    }

    /// The length of the window that its tokens are for.
    pub(crate) fn window(&self) -> Duration {
        Duration::from_secs(self.window_seconds.map_or(86_400, NonZeroU64::get))
    }
}

/// What a limit allows and how much of it is left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Quota {
    /// What is limited: `requests` or `tokens`.
    pub unit: String,
    /// How many there are in a window.
    pub limit: u64,
    /// The window's length in seconds.
    pub window_seconds: u64,
    /// How many are left now.
    pub remaining: u64,
    /// Seconds until there are more.
    pub reset_seconds: u64,
}

impl Quota {
    /// Writes the fields `RateLimit-Policy` and `RateLimit` of the IETF's draft.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let Self { unit, limit, window_seconds, remaining, reset_seconds } = self;
        let policy = format!("\"{unit}\";q={limit};w={window_seconds}");
        let left = format!("\"{unit}\";r={remaining};t={reset_seconds}");
        for (name, value) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, left)] {
            // A peer's document may hold a unit that fits no header: then there is none.
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
    }
}

/// What is allowed in a window.
pub(crate) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What is left of it.
pub(crate) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Where the check of a request leaves its quota for the answer's head, as a request extension.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slip(Arc<OnceLock<Quota>>);

impl Slip {
    pub(crate) fn leave(&self, quota: Quota) {
        let _ = self.0.set(quota);
    }

    pub(crate) fn read(&self) -> Option<&Quota> {
        self.0.get()
    }
}

/// What the operator of a role allows tenants that identity says nothing else of.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct House {
    pub(crate) tenants: Allowance,
    pub(crate) anonymous: Allowance,
}

impl House {
    /// What a caller's tenant may use.
    pub(crate) fn allowance(&self, caller: &Caller) -> Allowance {
        let own = if caller.is_anonymous() { self.anonymous } else { self.tenants };
        caller.limits.or(own)
    }
}

/// Keeps tenants to their rate, in one role. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Gate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    house: House,
    /// When each tenant will have rested from all it has asked for.
    rested: Mutex<HashMap<String, Instant>>,
}

impl Gate {
    pub(crate) fn new(clock: Clock, house: House) -> Self {
        Self(Arc::new(Inner { clock, house, rested: Mutex::default() }))
    }

    /// Counts a request of the caller's tenant: what is left then, if there is a limit.
    ///
    /// # Errors
    /// 429 `rate_limited`.
    pub(crate) fn admit(&self, caller: &Caller) -> Result<Option<Quota>, Problem> {
        let allowance = self.0.house.allowance(caller);
        let Some(rate) = allowance.requests_per_second else { return Ok(None) };
        let burst = allowance.burst.unwrap_or(rate).get();
        let each = Duration::from_secs(1) / rate.get();
        let now = self.0.clock.now();
        let (asked, allowed) = {
            let mut rested = self.0.rested.lock().unwrap_or_else(PoisonError::into_inner);
            if rested.len() > REMEMBERED {
                rested.retain(|_, at| *at > now);
            }
            let at = rested.entry(caller.tenant.clone()).or_insert(now);
            let next = (*at).max(now) + each;
            let allowed = next.saturating_duration_since(now) <= each * burst;
            if allowed {
                *at = next;
            }
            (next, allowed)
        };
        let owed = asked.saturating_duration_since(now);
        let whole = each * burst;
        let remaining = whole.saturating_sub(owed).as_nanos() / each.as_nanos().max(1);
        let wait = owed.saturating_sub(whole);
        let quota = Quota {
            unit: "requests".to_owned(),
            limit: burst.into(),
            window_seconds: whole.as_secs_f64().ceil() as u64,
            remaining: u64::try_from(remaining).unwrap_or(0),
            reset_seconds: (if allowed { owed } else { wait }).as_secs_f64().ceil() as u64,
        };
        if allowed {
            return Ok(Some(quota));
        }
        let seconds = u32::try_from(quota.reset_seconds).unwrap_or(u32::MAX).max(1);
        Err(Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "rate_limited",
            format!("the tenant may send {rate} requests per second"),
        )
        .retry_after(seconds)
        .quota(quota))
    }
}
