//! The hub as its clients meet it: real servers on free ports, real files, real HTTP.

#[cfg(test)]
mod fleet;
#[cfg(test)]
mod harness;
/// The store's tests need the same server.
#[cfg(test)]
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
mod gateway;
mod hostile;
mod identity;
mod inference;
mod memory;
mod outage;
mod policy;
mod server;
mod sessions;
#[cfg(test)]
mod store;
#[cfg(test)]
mod verdicts;
