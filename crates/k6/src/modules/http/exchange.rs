//! A request on its way: cookies, authentication, redirects, and a sample of every hop.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{COOKIE, HeaderName, HeaderValue, REFERER};
use seaworthy_load::Counters;
use seaworthy_metrics::TagSet;
use seaworthy_net::auth::{self, Login};
use seaworthy_net::cookies::Jar;
use seaworthy_net::session::{leads_to, redirect};
use seaworthy_net::{Failure, Headers, Peer, Pool, Request, Timings, Url, coding};

use super::code;
use super::debug::Debug;
use super::expected::Expected;
use crate::address::Address;
use crate::console::Level;
use crate::vu::Vu;

/// What a script wants to be sent.
pub(crate) struct Order {
    pub(crate) request: Request,
    pub(crate) address: Rc<Address>,
    /// The tag `name`, if the script gives one.
    pub(crate) name: Option<String>,
    /// The virtual user's tags and the request's own.
    pub(crate) tags: TagSet,
    pub(crate) redirects: u8,
    /// Whether the script or an option says how many redirects are followed.
    pub(crate) redirects_said: bool,
    pub(crate) expected: Expected,
    pub(crate) jar: Rc<RefCell<Jar>>,
    /// Cookies of the request itself, as `name=value`.
    pub(crate) cookies: Vec<(String, String, bool)>,
    pub(crate) login: Option<(auth::Scheme, Login)>,
    /// Whether the body is wanted.
    pub(crate) keeps_body: bool,
}

/// What came of it in the end.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) status: u16,
    /// What the server calls the status, where that is not its usual name.
    pub(crate) reason: Option<Arc<str>>,
    pub(crate) version: http::Version,
    pub(crate) headers: Headers,
    pub(crate) body: Option<Bytes>,
    pub(crate) timings: Timings,
    pub(crate) peer: Peer,
    /// Where the answer came from.
    pub(crate) url: Rc<str>,
    pub(crate) error: String,
    pub(crate) error_code: u32,
    /// What was sent at first.
    pub(crate) sent: Rc<Sent>,
}

/// What was sent.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) method: String,
    pub(crate) url: Rc<str>,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
    pub(crate) cookies: Vec<(String, String)>,
}

/// A request as it went out, for its sample.
pub(crate) struct Hop<'a> {
    pub(crate) method: &'a str,
    pub(crate) url: &'a str,
    pub(crate) name: Option<&'a str>,
    pub(crate) tags: &'a TagSet,
    pub(crate) expected: &'a Expected,
}

/// What came back of one hop, without its body.
pub(crate) struct Echo<'a> {
    pub(crate) status: u16,
    pub(crate) version: Option<http::Version>,
    pub(crate) timings: Timings,
    pub(crate) peer: Peer,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) error: &'a str,
    pub(crate) error_code: u32,
}

/// What came of sending something.
pub(crate) type Answer = Result<seaworthy_net::Response, Failure>;

/// Sends the order and follows where it leads. With `answer` it was sent already, as it is.
pub(crate) async fn perform(
    vu: &Vu,
    pool: &Pool,
    mut order: Order,
    mut answer: Option<Answer>,
) -> Outcome {
    let mut origin = order.address.origin.clone();
    let (mut url, mut shown_url) =
        (Rc::clone(&order.address.text), Rc::clone(&order.address.shown));
    let limit = order.request.timeout.unwrap_or(pool.options().request_timeout);
    let clock = &vu.shared.clock;
    let deadline = clock.now().checked_add(limit);
    let mut sent: Option<Rc<Sent>> = None;
    let mut followed = 0;
    let own_referer = order.request.headers.iter().any(|(name, _)| name == REFERER);
    let debug = vu.shared.settled().and_then(|settled| Debug::of(&settled.options));
    loop {
        order.request.timeout =
            Some(deadline.map_or(limit, |at| at.saturating_duration_since(clock.now())));
        let cookies = add_cookies(vu, &mut order, &origin);
        let written = || Rc::new(what(&order, Rc::clone(&order.address.shown), cookies));
        let first = Rc::clone(sent.get_or_insert_with(written));
        if let Some((auth::Scheme::Digest, _)) = &order.login {
            // The login goes into no URL of it.
            url = whole(&origin).into();
            shown_url = Rc::clone(&url);
        }
        let method = order.request.method.as_str().to_owned();
        let hop = Hop {
            method: &method,
            url: &url,
            name: order.name.as_deref(),
            tags: &order.tags,
            expected: &order.expected,
        };
        let shown = debug.map(|debug| debug.begin(vu, &origin, &order.request));
        let answer = match (answer.take(), &order.login) {
            (Some(answer), _) => answer,
            (None, Some((scheme, login))) => {
                let mut told = |response: &seaworthy_net::Response| {
                    shown.iter().for_each(|shown| shown.answer(vu, response));
                    // A challenge is what is to be expected.
                    let passing = Expected::Statuses(vec![(0, 999)]);
                    let hop = Hop { expected: &passing, ..hop };
                    let number = code::of_status(response.status);
                    record(vu, &hop, &Echo::answered(response, "", number));
                };
                auth::send(pool, &origin, &order.request, *scheme, login, &mut told).await
            }
            (None, None) => pool.send(&origin, &order.request).await,
        };
        let response = match answer {
            Ok(response) => response,
            Err(failure) => return failed(vu, &hop, failure, first),
        };
        shown.iter().for_each(|shown| shown.answer(vu, &response));
        order.jar.borrow_mut().store(&origin, &order.request.target, &response.headers);
        let onward = match order.redirects > 0 || followed > 0 {
            true => leads_to(&origin, &order.request.target, &response),
            false => Ok(None),
        };
        let next = match onward {
            Ok(next) => next.filter(|_| order.redirects > 0),
            Err(error) => {
                let (number, words) = code::of(&error);
                record(vu, &hop, &Echo::answered(&response, &words, number));
                return answered(order.keeps_body, response, shown_url, first, words, number);
            }
        };
        let number = code::of_status(response.status);
        let Some(next) = next else {
            record(vu, &hop, &Echo::answered(&response, "", number));
            return answered(order.keeps_body, response, shown_url, first, String::new(), number);
        };
        record(vu, &hop, &Echo::answered(&response, "", number));
        if followed == order.redirects {
            if !order.redirects_said {
                let words = format!(
                    "stopped after {followed} redirects, with the next one as the answer; \
                     `redirects` in a request's parameters or the option `maxRedirects` says how many \
                     are wanted, and silences this"
                );
                let first = &order.address.text;
                vu.shared.console.say(Level::Warning, &words, &format!("url={first:?}"));
            }
            return answered(order.keeps_body, response, shown_url, first, String::new(), number);
        }
        followed += 1;
        strip_cookies(&mut order);
        if !own_referer {
            order.request.headers.retain(|(name, _)| name != REFERER);
            let referer = HeaderValue::from_str(&whole(&origin)).ok();
            order.request.headers.extend(referer.map(|value| (REFERER, value)));
        }
        redirect(&mut order.request, response.status, &origin, &next);
        url = whole(&next).into();
        shown_url = Rc::clone(&url);
        origin = next;
    }
}

fn whole(url: &Url) -> String {
    let authority = url.authority().to_str().unwrap_or_else(|_| url.host());
    format!("{}://{authority}{}", url.scheme().as_str(), url.base())
}

fn what(order: &Order, url: Rc<str>, cookies: Vec<(String, String)>) -> Sent {
    Sent {
        method: order.request.method.to_string(),
        url,
        headers: order.request.headers.clone(),
        body: order.request.body.clone(),
        cookies,
    }
}

/// Adds the cookies that go to `origin`: the request's own, then the jar's. Returns them.
fn add_cookies(vu: &Vu, order: &mut Order, origin: &Url) -> Vec<(String, String)> {
    let mut cookies: Vec<(String, String)> = Vec::new();
    let Order { request, jar, cookies: own, .. } = order;
    {
        let mut jar = jar.borrow_mut();
        if jar.is_empty() && own.is_empty() {
            return cookies;
        }
        cookies.extend(own.iter().map(|(name, value, _)| (name.clone(), value.clone())));
        let replaced = |name: &str| own.iter().any(|(own, _, replace)| *replace && own == name);
        let kept = jar.cookies(origin, &request.target).into_iter();
        let kept = kept.filter(|(name, _)| !replaced(name));
        cookies.extend(kept.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
    let known = request.headers.iter_mut().find(|(name, _)| name == COOKIE);
    let mut text = known.as_ref().map_or_else(Vec::new, |(_, value)| value.as_bytes().to_vec());
    for (position, (name, value)) in cookies.iter().enumerate() {
        if !text.is_empty() {
            text.extend_from_slice(b"; ");
        }
        if !name.is_empty() {
            text.extend_from_slice(name.as_bytes());
            text.push(b'=');
        }
        // Only a server may set a value that is quoted.
        let (value, whole) = super::cookies::on_the_wire(value, position >= own.len());
        if !whole {
            let words = "bytes that no cookie may have are left out of cookies' values";
            vu.shared.warn_once(words);
        }
        text.extend_from_slice(value.as_bytes());
    }
    if let Ok(value) = HeaderValue::from_bytes(&text)
        && !text.is_empty()
    {
        match known {
            Some((_, known)) => *known = value,
            None => request.headers.push((COOKIE, value)),
        }
    }
    cookies
}

/// The next hop gets cookies of its own.
fn strip_cookies(order: &mut Order) {
    order.request.headers.retain(|(name, _)| name != COOKIE);
}

fn failed(vu: &Vu, hop: &Hop<'_>, failure: Failure, sent: Rc<Sent>) -> Outcome {
    let Failure { error, timings, bytes_sent, bytes_received, peer } = failure;
    let (error_code, words) = code::of(&error);
    let echo = Echo {
        status: 0,
        version: None,
        timings,
        peer,
        sent: bytes_sent,
        received: bytes_received,
        error: &words,
        error_code,
    };
    record(vu, hop, &echo);
    Outcome {
        status: 0,
        reason: None,
        version: http::Version::HTTP_11,
        headers: Headers::default(),
        body: None,
        timings,
        peer,
        url: hop.url.into(),
        error: words,
        error_code,
        sent,
    }
}

/// What a script gets of an answer.
pub(crate) fn answered(
    keeps_body: bool,
    response: seaworthy_net::Response,
    url: Rc<str>,
    sent: Rc<Sent>,
    mut error: String,
    mut error_code: u32,
) -> Outcome {
    let bodiless = matches!(response.status, 100..=199 | 204 | 304);
    let body = match keeps_body && !bodiless {
        true => match coding::decode(&response.headers, response.body, usize::MAX) {
            Ok(body) => Some(body),
            Err(broken) => {
                (error_code, error) = code::of(&broken);
                None
            }
        },
        false => None,
    };
    Outcome {
        status: response.status,
        reason: response.reason,
        version: response.version,
        headers: response.headers,
        body,
        timings: response.timings,
        peer: response.peer,
        url,
        error,
        error_code,
        sent,
    }
}

impl<'a> Echo<'a> {
    pub(crate) fn answered(
        response: &seaworthy_net::Response,
        error: &'a str,
        error_code: u32,
    ) -> Self {
        Self {
            status: response.status,
            version: Some(response.version),
            timings: response.timings,
            peer: response.peer,
            sent: response.bytes_sent,
            received: response.bytes_received,
            error,
            error_code,
        }
    }
}

/// Nanoseconds as milliseconds.
pub(crate) fn ms(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}

/// The name of a version of HTTP, as k6 gives it.
pub(crate) fn protocol(version: http::Version) -> &'static str {
    match version {
        http::Version::HTTP_10 => "HTTP/1.0",
        http::Version::HTTP_2 => "HTTP/2.0",
        _ => "HTTP/1.1",
    }
}

/// Records what one hop took.
pub(crate) fn record(vu: &Vu, hop: &Hop<'_>, echo: &Echo<'_>) {
    vu.passed(echo.sent, echo.received);
    let (Some(worker), Some(settled)) = (&vu.worker, vu.shared.settled()) else { return };
    let held = hop.expected.holds(echo.status);
    if let Some(scenario) = vu.scenario.borrow().as_ref() {
        let counters = &scenario.counters[worker.number % scenario.counters.len()];
        Counters::add(&counters.requests);
        if held == Some(false) {
            Counters::add(&counters.failed);
        }
    }
    let wanted = &settled.system_tags;
    let tags = worker.requests.of(&worker.interner, wanted, hop, echo, held);
    let builtin = vu.shared.registry.builtin();
    let timings = &echo.timings;
    let service = timings.service();
    let due = vu.due.take();
    let own = match due {
        // Waiting for a virtual user included.
        Some(due) => vu.shared.clock.now().saturating_duration_since(due).as_nanos() as u64,
        None if vu.is_open_model() => timings.total(),
        None => service,
    };
    // Where arrivals wait, whoever asks how long a request took must not miss the waiting.
    let duration = if due.is_some() { own } else { service };
    let samples = [
        (&builtin.http_reqs, 1.0),
        (&builtin.http_req_duration, ms(duration)),
        (&builtin.http_req_blocked, ms(timings.blocked + timings.looking_up)),
        (&builtin.http_req_connecting, ms(timings.connecting)),
        (&builtin.http_req_tls_handshaking, ms(timings.tls)),
        (&builtin.http_req_sending, ms(timings.sending)),
        (&builtin.http_req_waiting, ms(timings.waiting)),
        (&builtin.http_req_receiving, ms(timings.receiving)),
        (&builtin.http_req_failed, f64::from(u8::from(held == Some(false)))),
    ];
    let samples = if held.is_some() { &samples[..] } else { &samples[..8] };
    worker.record_request(vu, &tags, samples, Some(own));
}
