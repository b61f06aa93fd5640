//! Requests that block the script: sent, waited for, handed over.

use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rquickjs::{Ctx, Exception, Value};
use seaworthy_script::{Cut, end_script, wait};

use super::exchange::{Answer, Echo, Hop, Outcome, Sent, answered, perform, record};
use super::parameters::{Read, Refused, read};
use super::response::{Form, hand_over};
use crate::shared::Settled;
use crate::vu::Vu;

/// Any request.
pub(crate) fn request<'js>(
    ctx: &Ctx<'js>,
    method: &str,
    url: Value<'js>,
    body: Option<Value<'js>>,
    parameters: Option<Value<'js>>,
) -> rquickjs::Result<Value<'js>> {
    let vu = Vu::of(ctx)?;
    let settled = vu.settled(ctx, "making HTTP requests")?;
    let order = read(&vu, settled, method, &url, body.as_ref(), parameters.as_ref());
    let Read { order, form, throws } = match order {
        Ok(read) => read,
        Err(refused) => return refuse(ctx, &vu, method, refused),
    };
    let pool = pool(ctx, &vu)?;
    take_turn(ctx, &vu, settled)?;
    let outcome = wait(pin!(perform(&vu, pool, order, None))).map_err(|Cut| ended(ctx))?;
    hand_over(ctx, &vu, outcome, form, throws)
}

/// A `GET`; fast where nothing is said about it.
pub(crate) fn get<'js>(
    ctx: &Ctx<'js>,
    url: Value<'js>,
    parameters: Option<Value<'js>>,
) -> rquickjs::Result<Value<'js>> {
    let vu = Vu::of(ctx)?;
    let settled = vu.settled(ctx, "making HTTP requests")?;
    let bare = parameters.as_ref().is_none_or(|it| it.is_undefined() || it.is_null());
    let options = &settled.options;
    let plain = options.user_agent.is_none() && options.http_debug.is_none();
    let simple = bare && plain && vu.jar.borrow().is_empty();
    let (Some(text), Some(worker), true) = (url.as_string(), &vu.worker, simple) else {
        return request(ctx, "GET", url, None, parameters);
    };
    let text = text.to_string()?;
    let address = match worker.addresses.find(&text) {
        Ok(address) if address.login.is_none() => address,
        _ => return request(ctx, "GET", url, None, parameters),
    };
    let Ok(prepared) = address.plain() else {
        return request(ctx, "GET", url, None, parameters);
    };
    let pool = pool(ctx, &vu)?;
    take_turn(ctx, &vu, settled)?;
    let answer = wait(pin!(pool.repeat(&address.origin, prepared))).map_err(|Cut| ended(ctx))?;
    if let Ok(response) = &answer
        && (response.status < 300 || response.status >= 400)
        && !response.headers.contains_key(http::header::SET_COOKIE)
    {
        // Nothing follows from it.
        let number = super::code::of_status(response.status);
        let (tags, expected) = (vu.tags.borrow(), vu.expected.borrow());
        let (url, name) = (&*address.text, None);
        let hop = Hop { method: "GET", url, name, tags: &tags, expected: &expected };
        record(&vu, &hop, &Echo::answered(response, "", number));
    } else {
        return after(ctx, &vu, settled, &url, pool, answer);
    }
    let Ok(response) = answer else { return Err(ended(ctx)) };
    let form = match settled.options.discard_response_bodies {
        Some(true) => Form::None,
        _ => Form::Text,
    };
    let number = super::code::of_status(response.status);
    let (url, sent) = (Rc::clone(&address.text), address.sent());
    let outcome = answered(form != Form::None, response, url, sent, String::new(), number);
    hand_over(ctx, &vu, outcome, form, settled.options.throw == Some(true))
}

/// Goes on with a plain `GET` whose answer leads elsewhere, or that failed.
fn after<'js>(
    ctx: &Ctx<'js>,
    vu: &Rc<Vu>,
    settled: &Settled,
    url: &Value<'js>,
    pool: &seaworthy_net::Pool,
    answer: Answer,
) -> rquickjs::Result<Value<'js>> {
    let read = read(vu, settled, "GET", url, None, None);
    let Read { order, form, throws } = match read {
        Ok(read) => read,
        Err(refused) => return refuse(ctx, vu, "GET", refused),
    };
    let outcome = wait(pin!(perform(vu, pool, order, Some(answer)))).map_err(|Cut| ended(ctx))?;
    hand_over(ctx, vu, outcome, form, throws)
}

pub(crate) fn ended(ctx: &Ctx<'_>) -> rquickjs::Error {
    end_script(ctx, "the iteration was ended")
}

/// The virtual user's connections.
pub(crate) fn pool<'v>(ctx: &Ctx<'_>, vu: &'v Rc<Vu>) -> rquickjs::Result<&'v seaworthy_net::Pool> {
    vu.pool.as_ref().ok_or_else(|| {
        Exception::throw_message(ctx, "making HTTP requests cannot be used in the init context")
    })
}

/// With the option `rps`, requests of all virtual users begin one after another.
pub(crate) fn take_turn(ctx: &Ctx<'_>, vu: &Vu, settled: &Settled) -> rquickjs::Result<()> {
    match turn(vu, settled) {
        Some(delay) => wait(tokio::time::sleep(delay)).map_err(|Cut| ended(ctx)),
        None => Ok(()),
    }
}

/// The same for a request that does not block its script.
pub(crate) async fn paced(vu: &Vu, settled: &Settled) {
    if let Some(delay) = turn(vu, settled) {
        tokio::time::sleep(delay).await;
    }
}

/// How long to wait for a request's turn.
fn turn(vu: &Vu, settled: &Settled) -> Option<Duration> {
    let rate = settled.options.rps()?;
    let every = 1_000_000_000 / u64::from(rate.max(1));
    let now = vu.shared.elapsed().as_nanos() as u64;
    let next = |next: u64| Some(next.max(now) + every);
    let next = settled.next_request.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
    let mine = next.unwrap_or(now).max(now);
    (mine > now).then(|| Duration::from_nanos(mine - now))
}

/// Throws, or answers with status 0 as k6 does for a request that cannot be made.
pub(crate) fn refuse<'js>(
    ctx: &Ctx<'js>,
    vu: &Vu,
    method: &str,
    refused: Refused,
) -> rquickjs::Result<Value<'js>> {
    let (outcome, throws) = unsent(vu, method, refused)?;
    hand_over(ctx, vu, outcome, Form::Text, throws)
}

/// An outcome of what was never sent, and whether it is to be thrown.
///
/// # Errors
/// What the script threw.
pub(crate) fn unsent(vu: &Vu, method: &str, refused: Refused) -> rquickjs::Result<(Outcome, bool)> {
    let mut outcome = Outcome {
        status: 0,
        reason: None,
        version: http::Version::HTTP_11,
        headers: seaworthy_net::Headers::default(),
        body: None,
        timings: seaworthy_net::Timings::default(),
        peer: seaworthy_net::Peer::default(),
        url: "".into(),
        error: String::new(),
        error_code: 0,
        sent: Rc::default(),
    };
    match refused {
        Refused::Thrown(error) => Err(error),
        Refused::Unmade { words, error_code, throws } => {
            (outcome.error, outcome.error_code) = (words, error_code);
            // k6 has no request to show for it, and a body without a byte.
            outcome.body = Some(bytes::Bytes::new());
            Ok((outcome, throws))
        }
        Refused::Unspoken(it) => {
            let name = it.name.as_deref();
            let hop = Hop { method, url: &it.url, name, tags: &it.tags, expected: &it.expected };
            let echo = Echo {
                status: 0,
                version: None,
                timings: outcome.timings,
                peer: outcome.peer,
                sent: 0,
                received: 0,
                error: &it.words,
                error_code: it.error_code,
            };
            record(vu, &hop, &echo);
            let url: Rc<str> = it.url.into();
            let sent = Sent { method: method.to_owned(), url: Rc::clone(&url), ..Sent::default() };
            outcome.sent = Rc::new(sent);
            (outcome.url, outcome.error, outcome.error_code) = (url, it.words, it.error_code);
            Ok((outcome, it.throws))
        }
    }
}
