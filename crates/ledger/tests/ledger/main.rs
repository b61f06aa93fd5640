//! The ledger from outside: real folders, real keys, real processes.
#![expect(clippy::unwrap_used, reason = "this is all test code, its helpers included")]

mod append;
mod audit;
mod fixture;
mod keystore;
mod verify;
mod worked;
