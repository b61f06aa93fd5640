//! What a service wraps its calls in, so that one part that fails does not take the others with it.
//!
//! | part | against | refuses with |
//! |---|---|---|
//! | [`breaker`] | calling, and waiting for, what is down | [`Error::CircuitOpen`], 503 |
//! | [`retry`] | failures that pass; with a budget, so that retries do not make an outage worse | – |
//! | [`bulkhead`] | one slow dependency holding all callers | [`Error::BulkheadFull`], 503 |
//! | [`deadline`] | work that nobody waits for any more, over any number of hops | [`Error::TimedOut`], [`Error::DeadlinePassed`], 504 |
//! | [`shed`] | more load than can be answered in time | [`Error::Overloaded`], 503 |
//! | [`rate`] | one caller taking everyone's share | [`Error::RateLimited`], 429 |
//! | [`quota`] | one caller using up what costs money | [`Error::QuotaSpent`], 429 |
//! | [`cache`] | asking the same thing twice, and having no answer while a circuit is open | – |
//!
//! Each part is a plain value that may be used anywhere, and a [tower](https://docs.rs/tower) layer
//! (a quota, which has to know what a call came to cost, is a value only). [`dependency::Dependency`] is what
//! most callers want: circuit, bulkhead, retries and deadline around one dependency, in the right order.
//!
//! # Around a dependency
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! use seaworthy_base::{Clock, chance::Chance};
//! use seaworthy_resilience::outcome::{ByResult, Safety};
//! use seaworthy_resilience::{Error, dependency::{Dependency, Settings}};
//!
//! let prices =
//!     Dependency::new("prices", Settings::default(), Clock::system(), Chance::system());
//! let price: Result<u64, Error> = prices
//!     .call(Safety::Idempotent, None, ByResult, async |_deadline| Ok(42))
//!     .await;
//! assert_eq!(price, Ok(42));
//! println!("{}", serde_json::to_string(&prices.snapshot()).unwrap());
//! # });
//! ```
//!
//! # As tower layers
//!
//! The outermost layer comes first. Every layer's error is a [`BoxError`], as that of tower's own; with
//! [`Error::of`] what this crate refused is found in it, and [`Error::response`] makes a response of it.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
//! # use std::{convert::Infallible, time::Duration};
//! use seaworthy_base::Clock;
//! use seaworthy_resilience::breaker::{self, Breaker};
//! use seaworthy_resilience::bulkhead::{self, Bulkhead};
//! use seaworthy_resilience::deadline;
//! use seaworthy_resilience::outcome::ByStatus;
//! use tower::{ServiceBuilder, ServiceExt as _, service_fn};
//!
//! let clock = Clock::system();
//! let client = ServiceBuilder::new()
//!     .layer(deadline::HandOn::new(Duration::from_secs(5), clock.clone()))
//!     .layer(bulkhead::Layer::new(Bulkhead::new(
//!         "prices", bulkhead::Settings::default(), clock.clone())))
//!     .layer(breaker::Layer::new(Breaker::new(
//!         "prices", breaker::Settings::default(), clock)).judged_by(ByStatus))
//!     .service(service_fn(async |request: http::Request<String>| {
//!         // Here, the HTTP client of your choice.
//!         assert_eq!(request.headers()[deadline::HEADER], "4950");
//!         Ok::<_, Infallible>(http::Response::new("42"))
//!     }));
//! let answer = client.oneshot(http::Request::new(String::new())).await.unwrap();
//! assert_eq!(answer.into_body(), "42");
//! # });
//! ```
//!
//! The examples `axum` (a server that sheds load, limits rates and keeps deadlines) and `hyper` (a client
//! with everything around it, and a server that fails) run as they are; `cost` counts what a guarded call
//! costs over the bare one.
//!
//! # What holds for all parts
//!
//! - **No global state, no tasks of its own, no thread.** What shares state is a clone of the same value.
//! - **Time is the caller's**: all of it comes from [`seaworthy_base::Clock`], which tests pause, and chance
//!   from [`seaworthy_base::chance::Chance`], which they seed.
//! - **Refusing is cheap and says when to come back.** Nothing queues without bound.
//! - **Nothing unsafe is repeated.** A call that may have been carried out is made again only if it is
//!   idempotent.
//! - **A dropped call gives everything back**: its place, its probe, its load. What it reserved of a quota
//!   stays charged.
//! - **Every part has a `snapshot`**, which serializes, for a status page and for metrics. A rate of
//!   success without a call is none, not 100 %.

pub mod breaker;
pub mod bulkhead;
pub mod cache;
pub mod deadline;
pub mod dependency;
pub mod error;
pub mod outcome;
pub mod quota;
pub mod rate;
pub mod retry;
pub mod shed;
mod watched;

pub use deadline::Deadline;
pub use dependency::Dependency;
pub use error::{BoxError, Error};
