//! Workflows as their callers meet them: real stores, real processes, real crashes.

#[cfg(test)]
mod crash;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod leases;
/// The store's tests need the same server.
#[cfg(test)]
#[expect(dead_code, reason = "nothing here restarts the server")]
#[path = "../../../store/tests/it/postgres.rs"]
mod postgres;
#[cfg(test)]
mod program;
#[cfg(test)]
mod random;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod running;
#[cfg(test)]
mod steps;
#[cfg(test)]
mod undo;
#[cfg(test)]
mod waiting;
