//! A load profile: a request, and how many virtual users make it for how long.

use seaworthy_base::Span;

/// A row of a table of load profiles.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// What it is called; no other row is called so.
    pub name: String,
    /// What is asked.
    pub url: String,
    /// How many virtual users there are when all have come.
    pub vus: u32,
    /// How long they stay, after a minute of coming and before a minute of going.
    pub duration: Span,
    /// The request's method, in capitals.
    pub method: String,
    /// What the request carries.
    pub body: Option<String>,
    /// Its headers, in order.
    pub headers: Vec<(String, String)>,
    /// How long 99 of 100 requests may take, in milliseconds.
    pub p99_ms: f64,
}
