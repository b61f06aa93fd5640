//! The store as its users meet it: one suite over both databases, and what each must do by itself.

#[cfg(test)]
mod place;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod proxy;

#[cfg(test)]
mod file;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod nodes;
#[cfg(test)]
mod outage;
#[cfg(test)]
mod random;
#[cfg(test)]
mod suite;
#[cfg(test)]
mod transport;
