//! Client connections: URLs, TLS with one crypto provider, HTTP/1.1, HTTP/2, WebSockets and event
//! streams, with every part timed.
//!
//! A [`Client`] belongs to one virtual user and keeps one connection alive per origin. It spawns no
//! task: the connection is driven by the task that waits for the answer, so a thousand clients are
//! a thousand tasks and dropping a call drops its connection. What reaches the network is a
//! [`Network`], the crate's seam, so the same client runs over in-memory streams on paused time.
//!
//! A [`Pool`] is the client of a user who has several requests under way at once.
//!
//! A [`session::Session`] is a client with its user's cookies that follows redirects; [`coding`] and
//! [`form`] unpack and write bodies. [`sse`] and [`websocket`] open connections of their own.

pub mod auth;
pub mod client;
pub mod coding;
pub mod cookies;
pub mod form;
pub mod network;
pub mod session;
pub mod sse;
pub mod tls;
pub mod url;
pub mod websocket;

mod connection;
mod dial;
mod error;
mod headers;
mod http1;
mod http2;
mod meter;
mod opening;
mod pattern;
mod peer;
mod pool;
mod proxy;
mod request;
mod timings;
mod wire;

pub use client::{Client, Exception, Http, Keep, Names, Options, Prepared, Request, Response};
pub use error::{Error, Failure, Refusal, Trouble};
pub use headers::Headers;
pub use network::{Network, Pending, Plain, Stream, Tcp};
pub use pattern::Pattern;
pub use peer::Peer;
pub use pool::{Keeping, Pool};
pub use proxy::Proxies;
pub use timings::Timings;
pub use tls::Tls;
pub use url::Url;
