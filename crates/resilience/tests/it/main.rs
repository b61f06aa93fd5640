//! The parts as their users meet them, on paused time: as values, as tower layers, and put together.

#[cfg(test)]
mod breaker;
#[cfg(test)]
mod bulkhead;
#[cfg(test)]
mod cache;
#[cfg(test)]
mod deadline;
#[cfg(test)]
mod dependency;
#[cfg(test)]
mod layers;
#[cfg(test)]
mod quota;
#[cfg(test)]
mod rate;
#[cfg(test)]
mod retry;
#[cfg(test)]
mod shed;
#[cfg(test)]
mod world;
