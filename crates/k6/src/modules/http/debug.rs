//! The option `httpDebug`: requests and answers in the log.
//!
//! All that goes over the network is shown, as k6 does: what stands in `Authorization` and `Cookie`
//! too. Whoever keeps the log keeps these secrets.

use std::fmt::Write as _;

use http::header::{CONTENT_LENGTH, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING, USER_AGENT};
use seaworthy_net::{Request, Response, Url};

use super::exchange::protocol;
use super::parameters::AGENT;
use super::response::{canonical, status_text};
use crate::console::Level;
use crate::options::Options;
use crate::vu::Vu;

/// How much is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Debug {
    /// Bodies too.
    full: bool,
}

/// A request that was shown, and whose answer will be.
#[derive(Debug)]
pub(crate) struct Shown {
    full: bool,
    fields: String,
}

impl Debug {
    /// What the option asks for; `None` for nothing.
    pub(crate) fn of(options: &Options) -> Option<Self> {
        let said = options.http_debug.as_deref().filter(|said| !said.is_empty())?;
        Some(Self { full: said == "full" })
    }

    /// Shows a request that is about to be sent.
    pub(crate) fn begin(self, vu: &Vu, origin: &Url, request: &Request) -> Shown {
        let shown = Shown { full: self.full, fields: fields(vu) };
        let has = |wanted| request.headers.iter().any(|(name, _)| name == wanted);
        let mut text = format!("Request:\n{} {} HTTP/1.1\n", request.method, request.target);
        if !has(HOST) {
            line(&mut text, &HOST, origin.authority());
        }
        if !has(USER_AGENT) {
            line(&mut text, &USER_AGENT, &HeaderValue::from_static(AGENT));
        }
        let sent = request.headers.iter();
        for (name, value) in
            sent.filter(|(name, _)| name != CONTENT_LENGTH && name != TRANSFER_ENCODING)
        {
            line(&mut text, name, value);
        }
        if !request.body.is_empty() {
            line(&mut text, &CONTENT_LENGTH, &HeaderValue::from(request.body.len()));
        }
        shown.say(vu, text, &request.body);
        shown
    }
}

impl Shown {
    /// Shows an answer to the request.
    pub(crate) fn answer(&self, vu: &Vu, response: &Response) {
        let status = status_text(response.status);
        let mut text = format!("Response:\n{} {status}\n", protocol(response.version));
        for (name, value) in response.headers.iter() {
            line(&mut text, name, value);
        }
        self.say(vu, text, &response.body);
    }

    fn say(&self, vu: &Vu, mut text: String, body: &[u8]) {
        text.push('\n');
        if self.full {
            text.push_str(&String::from_utf8_lossy(body));
        }
        text.push('\n');
        vu.shared.console.say(Level::Info, &text, &self.fields);
    }
}

fn line(text: &mut String, name: &HeaderName, value: &HeaderValue) {
    let value = String::from_utf8_lossy(value.as_bytes());
    // Writing to a string does not fail.
    _ = writeln!(text, "{}: {value}", canonical(name.as_str()));
}

/// Whose request it is, and what its answer can be found by.
fn fields(vu: &Vu) -> String {
    let (high, low) = (vu.draw().to_bits(), vu.draw().to_bits());
    let scenario = vu.scenario.borrow();
    let scenario = scenario.as_ref().map_or("", |scenario| &scenario.name);
    format!(
        "group={} iter={} request_id={high:016x}{low:016x} scenario={scenario} source=http-debug vu={}",
        vu.group.borrow(),
        vu.numbers.get().of_user,
        vu.id
    )
}
