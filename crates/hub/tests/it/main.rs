//! The hub as its clients meet it: real servers on free ports, real files, real HTTP.

#[cfg(test)]
mod fleet;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod wire;

mod constitution;
mod context;
//mod crash;
mod endpoints;
mod events;
#[cfg(test)]
mod flows;
mod gateway;
mod hostile;
mod identity;
mod inference;
mod memory;
mod policy;
mod server;
mod sessions;
//mod store;
#[cfg(test)]
mod verdicts;
#[cfg(test)]
mod workflows;
