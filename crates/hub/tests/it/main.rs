//! The hub as its clients meet it: real servers on free ports, real files, real HTTP.

#[cfg(test)]
mod fleet;
#[cfg(test)]
mod harness;
/// The store's tests start the same server; they do more with it.
#[cfg(test)]
#[expect(dead_code, reason = "what only the store's tests do with it")]
#[path = "../../../store/tests/it/postgres.rs"]
mod postgres;
#[cfg(test)]
mod wire;

#[cfg(test)]
mod circuits;
#[cfg(test)]
mod constitution;
#[cfg(test)]
mod context;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod endpoints;
mod events;
#[cfg(test)]
mod flows;
mod gateway;
#[cfg(test)]
mod held;
mod hostile;
mod identity;
mod inference;
mod memory;
#[cfg(test)]
mod outage;
mod policy;
mod server;
mod sessions;
#[cfg(test)]
mod store;
#[cfg(test)]
mod verdicts;
#[cfg(test)]
mod wizards;
#[cfg(test)]
mod workflows;
