//! The agent platform: gateway, orchestrator, policy engine, identity, memory and inference.
//!
//! [`Service`] plays any number of [`Role`]s in one process. Roles call each other through their
//! routes only ([`peer`]), over HTTP or, in one process, directly; each owns its
//! rows ([`seaworthy_store`]), and every error a client sees is a [`Problem`].

mod api;
pub mod auth;
pub mod constitution;
pub mod gateway;
pub mod identity;
pub mod inference;
pub mod limits;
pub mod memory;
pub mod metrics;
mod moderation;
pub mod options;
pub mod orchestrator;
pub mod peer;
pub mod policy;
pub mod problem;
pub mod server;

pub use options::{Database, Options, Role};
pub use problem::Problem;
pub use server::{Error, Service};
