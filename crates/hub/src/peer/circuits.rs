//! The dependencies of a role: how each is called, and how it stands, for `/circuits` and for metrics.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use seaworthy_base::Clock;
use seaworthy_base::chance::Chance;
use seaworthy_resilience::breaker::State;
use seaworthy_resilience::dependency::{Settings, Snapshot};
use seaworthy_resilience::{Dependency, breaker, bulkhead};

use crate::options::{Limits, Role};

/// A role as a dependency.
///
/// A role comes back within moments of being restarted, and a call that finds it gone costs nothing:
/// so its circuit is tried again after a second, not after a minute. There is room for many calls at once,
/// since a role answers most in a millisecond; the bound is for the one that hangs.
pub(crate) fn dependency(role: Role, limits: &Limits, clock: &Clock) -> Dependency {
    let settings = Settings {
        breaker: breaker::Settings {
            cooldown: limits.circuit_cooldown,
            ..breaker::Settings::default()
        },
        bulkhead: bulkhead::Settings {
            concurrent: limits.peer_calls,
            waiting: limits.peer_calls * 4,
            wait: limits.peer_timeout / 2,
        },
        timeout: limits.peer_timeout,
        fair: fair(limits.peer_timeout),
        ..Settings::default()
    };
    Dependency::new(role.name(), settings, clock.clone(), Chance::system())
}

/// A role that was given less time than this and did not answer is not to blame: nobody opens a circuit for
/// all others by being in a hurry.
pub(super) fn fair(timeout: Duration) -> Duration {
    timeout / 2
}

/// Every dependency that a role calls. Clones share the list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Circuits(Arc<Mutex<Vec<Dependency>>>);

impl Circuits {
    pub(crate) fn add(&self, dependency: Dependency) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(dependency);
    }

    /// How each stands, by name.
    pub(crate) fn snapshots(&self) -> Vec<Snapshot> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut all: Vec<Snapshot> = all.iter().map(Dependency::snapshot).collect();
        all.sort_by(|one, other| one.circuit.name.cmp(&other.circuit.name));
        all
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    dependency: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    dependency: String,
    outcome: &'static str,
}

/// Counts are where they are kept; they are read when someone asks, so that a call pays for none of it.
impl Collector for Circuits {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let all = self.snapshots();
        if all.is_empty() {
            return Ok(());
        }
        let labels = |one: &Snapshot| Labels { dependency: one.circuit.name.clone() };
        let mut gauge = |name: &str, help: &str, value: &dyn Fn(&Snapshot) -> i64| -> fmt::Result {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for one in &all {
                let gauge = ConstGauge::new(value(one));
                gauge.encode(family.encode_family(&labels(one))?)?;
            }
            Ok(())
        };
        gauge("circuit_state", "0 closed, 1 half open, 2 open", &|one| match one.circuit.state {
            State::Closed => 0,
            State::HalfOpen => 1,
            State::Open => 2,
        })?;
        gauge("peer_calls_under_way", "Calls to another role that are under way", &|one| {
            number(one.bulkhead.in_use)
        })?;
        gauge("peer_calls_waiting", "Calls to another role that wait for room", &|one| {
            number(one.bulkhead.waiting)
        })?;
        let mut counter =
            |name: &str, help: &str, value: &dyn Fn(&Snapshot) -> u64| -> fmt::Result {
                let mut family =
                    encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
                for one in &all {
                    let counter = ConstCounter::new(value(one));
                    counter.encode(family.encode_family(&labels(one))?)?;
                }
                Ok(())
            };
        counter("circuit_opened", "How often the circuit opened", &|one| {
            one.circuit.totals.opened
        })?;
        counter("peer_retries", "Calls to another role that were made again", &|one| {
            one.retry.retries
        })?;
        let help = "Calls to another role by how they ended; those refused here were not made";
        let mut family =
            encoder.encode_descriptor("peer_calls", help, None, MetricType::Counter)?;
        for one in &all {
            let totals = one.circuit.totals;
            for (outcome, count) in [
                ("success", totals.successes),
                ("failure", totals.failures),
                ("unjudged", totals.unjudged),
                ("circuit_open", totals.refused),
                ("bulkhead_full", one.bulkhead.refused),
            ] {
                let dependency = one.circuit.name.clone();
                let labels = Outcome { dependency, outcome };
                ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
