//! This node's right to run anything: kept by showing that it lives, lost when it cannot.
//!
//! Nodes do not compare clocks. Each counts for itself how long another has not moved, and buries it
//! after a whole lease; each gives up its own runs half a lease after the *beginning* of the last write
//! that showed it alive. So a run is dropped here before anyone else can take it, as long as a second
//! lasts as long on both; and whatever a node that was frozen still writes carries an old fence.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use seaworthy_base::{Clock, Instant, id};

use crate::error::{Error, Result};
use crate::leases;
use crate::options::Options;
use crate::service::Shared;

/// The right to run.
#[derive(Debug)]
pub(crate) struct Lease {
    /// Whether there can be no other node, so that nothing can be lost.
    alone: bool,
    held: Mutex<Held>,
}

#[derive(Clone, Debug)]
struct Held {
    node: Arc<str>,
    until: Instant,
}

/// A name no node had before.
pub(crate) fn name(clock: &Clock) -> String {
    id::uuid(clock.wall()).simple().to_string()
}

impl Lease {
    pub(crate) fn new(node: String, options: &Options) -> Self {
        let until = options.clock.now() + options.lease / 2;
        Self { alone: options.alone, held: Mutex::new(Held { node: node.into(), until }) }
    }

    /// Whether this node may run anything now.
    pub(crate) fn holds(&self, clock: &Clock) -> bool {
        self.alone || clock.now() < self.held().until
    }

    /// The name runs are held under.
    pub(crate) fn node(&self) -> Arc<str> {
        self.held().node
    }

    fn held(&self) -> Held {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn hold(&self, node: Arc<str>, until: Instant) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Held { node, until };
    }
}

/// Shows that this node lives, for ever; when that fails for too long, drops all that runs here and
/// begins anew under another name.
pub(crate) async fn keep(shared: Arc<Shared>) {
    if shared.options.alone {
        return std::future::pending().await;
    }
    let lease = shared.options.lease;
    loop {
        tokio::time::sleep(lease / 6).await;
        let began = shared.clock.now();
        let Held { node, until } = shared.lease.held();
        let beating = Arc::clone(&node);
        let beat = shared.store.write(move |tx| leases::beat(tx, &beating));
        let beaten = tokio::time::timeout_at(until, beat).await;
        match beaten {
            Ok(Ok(true)) if shared.clock.now() < until => {
                shared.lease.hold(node, began + lease / 2);
                continue;
            }
            Ok(Err(error)) if shared.clock.now() < until => {
                tracing::warn!(%error, "cannot show that this node lives");
                continue;
            }
            _ => {}
        }
        tracing::warn!(%node, "the lease is over: what runs here is dropped and begun anew");
        shared.drop_all();
        begin_anew(&shared, node).await;
    }
}

async fn begin_anew(shared: &Arc<Shared>, old: Arc<str>) {
    let lease = shared.options.lease;
    loop {
        let began = shared.clock.now();
        let node: Arc<str> = name(&shared.clock).into();
        let (left, enlisted) = (Arc::clone(&old), Arc::clone(&node));
        let written = shared.store.write(move |tx| {
            leases::leave(tx, &left)?;
            leases::enlist(tx, &enlisted)
        });
        match written.await {
            Ok(()) => {
                shared.lease.hold(node, began + lease / 2);
                shared.look.notify_one();
                return;
            }
            Err(error) => {
                tracing::warn!(%error, "cannot begin anew");
                tokio::time::sleep(lease / 6).await;
            }
        }
    }
}

/// What this node knows of the others: since when each has not moved.
#[derive(Debug, Default)]
pub(crate) struct Graves(HashMap<String, (u64, Instant)>);

impl Graves {
    /// Looks at the others, and takes from the dead what they held.
    pub(crate) async fn visit(&mut self, shared: &Shared) -> Result<()> {
        let beats = shared.store.peek(leases::beats).await?;
        let now = shared.clock.now();
        let own = shared.lease.node();
        self.0.retain(|node, _| beats.iter().any(|(other, _)| other == node));
        for (node, beat) in beats {
            if *node == *own {
                continue;
            }
            let seen = self.0.entry(node.clone()).or_insert((beat, now));
            if seen.0 != beat {
                *seen = (beat, now);
            } else if silent(now, seen.1, shared.options.lease) {
                let gone = node.clone();
                let buried: Result<bool, Error> =
                    shared.store.write(move |tx| leases::bury(tx, &gone, beat)).await;
                if buried? {
                    tracing::info!(node, "a node is gone; its workflows are taken over");
                }
            }
        }
        Ok(())
    }
}

fn silent(now: Instant, since: Instant, lease: Duration) -> bool {
    now.saturating_duration_since(since) >= lease
}
