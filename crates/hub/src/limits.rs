//! What a tenant may use: requests per second, and inference tokens per window of time.

use std::num::{NonZeroU32, NonZeroU64};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use schemars::JsonSchema;
use seaworthy_base::Clock;
use seaworthy_resilience::Error;
use seaworthy_resilience::rate::{Limiter, Rate};
use serde::{Deserialize, Serialize};

use crate::auth::Caller;
use crate::problem::Problem;

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
        // A rate and its burst belong together: another's burst is meant for another's rate.
        let requests = if self.requests_per_second.is_some() { self } else { other };
        let tokens = if self.tokens.is_some() { self } else { other };
        Self {
            requests_per_second: requests.requests_per_second,
            burst: requests.burst,
            tokens: tokens.tokens,
            window_seconds: tokens.window_seconds.or(other.window_seconds),
        }
    }

    /// Refuses what would change nothing.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        let lone = if self.burst.is_some() && self.requests_per_second.is_none() {
            ("/limits/burst", "a burst goes with `requests_per_second`")
        } else if self.window_seconds.is_some() && self.tokens.is_none() {
            ("/limits/window_seconds", "a window goes with `tokens`")
        } else {
            return Ok(());
        };
        Err(Problem::invalid(lone.0, lone.1))
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
    /// How many there are at most.
    pub limit: u64,
    /// How many are left.
    pub remaining: u64,
    /// Seconds until more are left.
    pub reset_seconds: u64,
}

impl Quota {
    /// As `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset`.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let values = [self.limit, self.remaining, self.reset_seconds];
        for (name, value) in HEADERS.into_iter().zip(values) {
            headers.insert(name, HeaderValue::from(value));
        }
    }

    /// That it does not suffice: 429, and when to come back.
    pub(crate) fn refuse(self, code: &str, detail: impl Into<String>) -> Problem {
        let wait = u32::try_from(self.reset_seconds).unwrap_or(u32::MAX).max(1);
        Problem::new(StatusCode::TOO_MANY_REQUESTS, code, detail).retry_after(wait).quota(self)
    }
}

/// The headers that tell what is left.
pub(crate) const HEADERS: [HeaderName; 3] = [
    HeaderName::from_static("ratelimit-limit"),
    HeaderName::from_static("ratelimit-remaining"),
    HeaderName::from_static("ratelimit-reset"),
];

/// Whole seconds, rounded up: who comes back then does not come too early.
pub(crate) fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

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

/// Keeps tenants to their rate, in one role. Clones share what was taken.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    house: House,
    limiter: Limiter<String>,
}

impl Gate {
    pub(crate) fn new(clock: Clock, house: House) -> Self {
        // Each tenant is asked about with a rate of its own.
        Self { house, limiter: Limiter::new(Rate::per_second(1), clock) }
    }

    /// Counts a request of the caller's tenant: what is left then, if there is a limit.
    ///
    /// # Errors
    /// 429 `rate_limited`.
    pub(crate) fn admit(&self, caller: &Caller) -> Result<Option<Quota>, Problem> {
        let allowance = self.house.allowance(caller);
        let Some(rate) = allowance.requests_per_second else { return Ok(None) };
        let burst = allowance.burst.unwrap_or(rate).get().into();
        let quota = |limit, remaining, reset| {
            let reset_seconds = seconds(reset);
            Quota { unit: "requests".to_owned(), limit, remaining, reset_seconds }
        };
        let each = Rate::per_second(rate.get().into()).with_burst(burst);
        match self.limiter.take_at(each, &caller.tenant, 1) {
            Ok(left) => Ok(Some(quota(left.limit, left.remaining, left.reset))),
            Err(Error::RateLimited { limit, remaining, retry_after }) => {
                let detail = format!("the tenant may send {rate} requests per second");
                let wait = retry_after.unwrap_or_default();
                Err(quota(limit, remaining, wait).refuse("rate_limited", detail))
            }
            Err(other) => Err(Problem::internal(&other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Credential, Token};

    fn allowance(json: &str) -> Allowance {
        serde_json::from_str(json).unwrap()
    }

    fn caller(tenant: &str, limits: Allowance, anonymous: bool) -> Caller {
        let credential = if anonymous {
            Credential::Anonymous(tenant.into())
        } else {
            Credential::Token(Token::new("t"))
        };
        Caller {
            subject: "ada".into(),
            tenant: tenant.into(),
            capabilities: Vec::new(),
            expires_at: seaworthy_base::Timestamp::default(),
            constitution: String::new(),
            limits,
            credential,
        }
    }

    #[test]
    fn what_identity_leaves_open_is_the_operators_to_say() {
        let house = House {
            tenants: allowance(r#"{"requests_per_second": 5, "burst": 9, "tokens": 7}"#),
            anonymous: allowance(r#"{"requests_per_second": 1}"#),
        };
        let own = allowance(r#"{"requests_per_second": 2}"#);
        let of = |limits, anonymous| house.allowance(&caller("acme", limits, anonymous));
        assert_eq!(of(Allowance::default(), false), house.tenants);
        assert_eq!(of(Allowance::default(), true), house.anonymous);
        let windowed = House {
            tenants: allowance(r#"{"tokens": 7, "window_seconds": 60}"#),
            anonymous: Allowance::default(),
        };
        let few = windowed.allowance(&caller("acme", allowance(r#"{"tokens": 4}"#), false));
        assert_eq!(few, allowance(r#"{"tokens": 4, "window_seconds": 60}"#));
        // Its own rate comes with its own burst.
        assert_eq!(of(own, false), allowance(r#"{"requests_per_second": 2, "tokens": 7}"#));
        assert_eq!(of(own, true), own);
        for wrong in [r#"{"requests_per_second": 0}"#, r#"{"tokens": -1}"#, r#"{"rate": 1}"#] {
            assert!(serde_json::from_str::<Allowance>(wrong).is_err(), "{wrong}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_tenant_gets_its_rate_and_a_burst_and_no_more() {
        let gate = Gate::new(Clock::system(), House::default());
        let limits = allowance(r#"{"requests_per_second": 2, "burst": 3}"#);
        let (acme, bolt) = (caller("acme", limits, false), caller("bolt", limits, false));
        for remaining in [2, 1, 0] {
            let quota = gate.admit(&acme).unwrap().unwrap();
            assert_eq!((quota.limit, quota.remaining), (3, remaining));
        }
        let refused = gate.admit(&acme).unwrap_err();
        assert_eq!((refused.status, &*refused.code), (429, "hub.rate_limited"));
        assert_eq!(refused.quota.as_ref().unwrap().reset_seconds, 1);
        assert!(gate.admit(&bolt).is_ok());
        assert_eq!(gate.admit(&caller("free", Allowance::default(), false)).unwrap(), None);
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!(gate.admit(&acme).unwrap().unwrap().remaining, 0);
        assert!(gate.admit(&acme).is_err());
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(gate.admit(&acme).unwrap().unwrap().remaining, 2);
    }
}
