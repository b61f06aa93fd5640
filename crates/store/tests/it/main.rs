//! The store as its users meet it: one suite over both databases, and what each must do by itself.

#[cfg(test)]
mod place;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod proxy;

mod file;
mod migrations;
mod nodes;
mod outage;
mod random;
mod suite;
mod transport;
