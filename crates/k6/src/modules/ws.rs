//! `k6/ws`: WebSockets that block the script until they are closed.

pub(crate) mod line;
pub(crate) mod opening;
mod socket;

use std::rc::Rc;

use rquickjs::function::{Func, Function, Rest};
use rquickjs::{Class, Coerced, Ctx, Exception, Object, Value};
use seaworthy_net::websocket::Answer;
use seaworthy_script::{Cut, end_script, wait};

use super::Exported;
use super::http::canonical;
use crate::vu::Vu;
use line::{Line, ms};
use opening::{Opened, Style, Wanted};
use socket::Socket;

pub(crate) struct Ws;

impl Exported for Ws {
    const NAMES: &'static [&'static str] = &["connect"];

    fn build<'js>(ctx: &Ctx<'js>) -> rquickjs::Result<Object<'js>> {
        let object = Object::new(ctx.clone())?;
        object.set("connect", Func::from(connect))?;
        Ok(object)
    }
}

/// An exception as k6 names those of its own.
pub(crate) fn go_error(ctx: &Ctx<'_>, words: &str) -> rquickjs::Error {
    let made = Exception::from_message(ctx.clone(), words).and_then(|exception| {
        exception.set("name", "GoError")?;
        Ok(exception)
    });
    match made {
        Ok(exception) => exception.throw(),
        Err(error) => error,
    }
}

fn connect<'js>(
    ctx: Ctx<'js>,
    url: Coerced<String>,
    more: Rest<Value<'js>>,
) -> rquickjs::Result<Object<'js>> {
    let vu = Vu::of(&ctx)?;
    let settled = vu.settled(&ctx, "using websockets")?;
    let (parameters, call) = arguments(&ctx, more.0)?;
    let wanted = Wanted::read(&ctx, &vu, settled, url.0, parameters.as_ref(), Style::Blocking)?;
    let began = vu.shared.clock.now();
    let opened = wait(opening::open(&vu, &wanted)).map_err(|Cut| ended(&ctx))?;
    match opened {
        Ok(Opened { line, headers }) => {
            let line = Rc::new(line);
            let answer = told(&ctx, &wanted.url, 101, &headers, b"", "")?;
            let result = talk(&ctx, &vu, &line, &call);
            if matches!(wait(std::future::ready(())), Err(Cut)) {
                line.leave(Some(line::GOING_AWAY));
                return Err(ended(&ctx));
            }
            line.leave(None);
            line.record(&vu.shared.registry.builtin().ws_session_duration, ms(&vu, began));
            result.map(|()| answer)
        }
        Err(refused) => {
            let duration = &vu.shared.registry.builtin().ws_session_duration;
            vu.record(&refused.tags, &[(duration, ms(&vu, began))]);
            if settled.options.throw == Some(true) {
                return Err(go_error(&ctx, &refused.words));
            }
            match refused.answer.as_deref() {
                Some(Answer { status, headers, body }) => {
                    // Where it was to be another protocol and is none, that is the error.
                    let words = if *status == 101 { &*refused.words } else { "" };
                    told(&ctx, "", *status, headers, body, words)
                }
                None => told(&ctx, "", 0, &http::HeaderMap::new(), b"", &refused.words),
            }
        }
    }
}

/// Parameters and callback.
fn arguments<'js>(
    ctx: &Ctx<'js>,
    mut given: Vec<Value<'js>>,
) -> rquickjs::Result<(Option<Value<'js>>, Function<'js>)> {
    given.truncate(2);
    let Some(call) = given.pop() else {
        return Err(go_error(ctx, "invalid number of arguments to ws.connect"));
    };
    match call.into_function() {
        Some(call) => Ok((given.pop(), call)),
        None => Err(go_error(ctx, "last argument to ws.connect must be a function")),
    }
}

/// Hands the socket to the script and all that comes over it, until it is closed.
fn talk<'js>(
    ctx: &Ctx<'js>,
    vu: &Rc<Vu>,
    line: &Rc<Line>,
    call: &Function<'js>,
) -> rquickjs::Result<()> {
    let socket = Class::instance(ctx.clone(), Socket::new(Rc::clone(vu), Rc::clone(line)))?;
    let called = call.call::<_, Value<'js>>((socket.clone(),)).map(drop);
    let talked = called.and_then(|()| Socket::talk(&socket, ctx));
    let Err(error) = talked else { return Ok(()) };
    // An exception closes the socket, and goes on.
    if matches!(wait(std::future::ready(())), Err(Cut)) {
        return Err(error);
    }
    let thrown = ctx.catch();
    Socket::hang_up(&socket, ctx, line::GOING_AWAY)?;
    Err(ctx.throw(thrown))
}

fn ended(ctx: &Ctx<'_>) -> rquickjs::Error {
    end_script(ctx, "the iteration was ended")
}

/// What `connect` returns.
fn told<'js>(
    ctx: &Ctx<'js>,
    url: &str,
    status: u16,
    headers: &http::HeaderMap,
    body: &[u8],
    error: &str,
) -> rquickjs::Result<Object<'js>> {
    let object = Object::new(ctx.clone())?;
    object.set("url", url)?;
    object.set("status", status)?;
    let all = Object::new(ctx.clone())?;
    for name in headers.keys() {
        let values = headers.get_all(name).iter();
        let values: Vec<_> = values.map(|it| String::from_utf8_lossy(it.as_bytes())).collect();
        all.set(canonical(name.as_str()), values.join(", "))?;
    }
    object.set("headers", all)?;
    object.set("body", String::from_utf8_lossy(body).as_ref())?;
    object.set("error", error)?;
    Ok(object)
}
