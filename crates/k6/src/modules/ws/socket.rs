//! The socket that `ws.connect` hands to its callback.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use rquickjs::class::{Trace, Tracer};
use rquickjs::function::{Args, Func, Function, Opt, This};
use rquickjs::{ArrayBuffer, Class, Coerced, Ctx, Exception, IntoJs, JsLifetime, Object, Value};
use seaworthy_base::Instant;
use seaworthy_net::Error;
use seaworthy_net::websocket::{Close, Message};
use seaworthy_script::{Cut, byte_length, copy_bytes, wait};

use super::line::{GOING_AWAY, Line, broken, closed};
use super::{ended, go_error};
use crate::modules::input;
use crate::vu::Vu;

/// What can be listened to.
const EVENTS: [&str; 7] = ["open", "message", "binaryMessage", "ping", "pong", "close", "error"];

/// The socket.
#[derive(JsLifetime)]
#[rquickjs::class]
pub(crate) struct Socket<'js> {
    #[qjs(skip_trace)]
    vu: Rc<Vu>,
    #[qjs(skip_trace)]
    line: Rc<Line>,
    parts: RefCell<Parts<'js>>,
}

#[derive(Default, JsLifetime)]
struct Parts<'js> {
    handlers: Vec<Handler<'js>>,
    timers: Vec<Timer<'js>>,
    /// Closed by either side: `close` was told.
    closed: bool,
}

#[derive(JsLifetime)]
struct Handler<'js> {
    event: String,
    call: Function<'js>,
}

#[derive(JsLifetime)]
struct Timer<'js> {
    due: Instant,
    every: Option<Duration>,
    call: Function<'js>,
}

impl<'js> Trace<'js> for Socket<'js> {
    fn trace<'a>(&self, tracer: Tracer<'a, 'js>) {
        let parts = self.parts.borrow();
        for handler in &parts.handlers {
            handler.call.trace(tracer);
        }
        for timer in &parts.timers {
            timer.call.trace(tracer);
        }
    }
}

/// What happens next.
enum Next {
    /// The first timer rings.
    Ring,
    Came(Result<Option<Message>, Error>),
}

impl<'js> Socket<'js> {
    pub(crate) fn new(vu: Rc<Vu>, line: Rc<Line>) -> Self {
        Self { vu, line, parts: RefCell::default() }
    }

    /// Tells the script what happens until the socket is closed.
    pub(crate) fn talk(this: &Class<'js, Self>, ctx: &Ctx<'js>) -> rquickjs::Result<()> {
        emit(this, ctx, "open", None)?;
        while !this.borrow().parts.borrow().closed {
            match Self::next(this, ctx)? {
                Next::Ring => Self::ring(this)?,
                Next::Came(Ok(Some(message))) => Self::came(this, ctx, message)?,
                Next::Came(Ok(None)) => Self::broke(this, ctx, &Error::ConnectionClosed)?,
                Next::Came(Err(error)) => Self::broke(this, ctx, &error)?,
            }
        }
        Ok(())
    }

    /// Closes it, if it is open.
    pub(crate) fn hang_up(
        this: &Class<'js, Self>,
        ctx: &Ctx<'js>,
        code: u16,
    ) -> rquickjs::Result<()> {
        let (line, told) = {
            let socket = this.borrow();
            let told = std::mem::replace(&mut socket.parts.borrow_mut().closed, true);
            (Rc::clone(&socket.line), told)
        };
        if told {
            return Ok(());
        }
        let close = Message::Close(Some(Close { code, reason: String::new() }));
        // One that is gone already needs no goodbye.
        let _ = wait(line.send(close)).map_err(|Cut| ended(ctx))?;
        emit(this, ctx, "close", Some(code.into_js(ctx)?))
    }

    fn next(this: &Class<'js, Self>, ctx: &Ctx<'js>) -> rquickjs::Result<Next> {
        let (line, first) = {
            let socket = this.borrow();
            let parts = socket.parts.borrow();
            let first = parts.timers.iter().map(|timer| timer.due).min();
            let now = socket.vu.shared.clock.now();
            (Rc::clone(&socket.line), first.map(|at| at.saturating_duration_since(now)))
        };
        let next = async {
            tokio::select! {
                message = line.receive() => Next::Came(message),
                () = tokio::time::sleep(first.unwrap_or_default()), if first.is_some() => Next::Ring,
            }
        };
        wait(next).map_err(|Cut| ended(ctx))
    }

    fn ring(this: &Class<'js, Self>) -> rquickjs::Result<()> {
        let call = {
            let socket = this.borrow();
            let mut parts = socket.parts.borrow_mut();
            let timers = &mut parts.timers;
            let first = (0..timers.len()).min_by_key(|place| timers[*place].due);
            let Some(place) = first else { return Ok(()) };
            match timers[place].every {
                None => timers.remove(place).call,
                Some(every) => {
                    let now = socket.vu.shared.clock.now();
                    let due = &mut timers[place].due;
                    // Rings that were missed are not made up for.
                    *due = (*due + every).max(now);
                    timers[place].call.clone()
                }
            }
        };
        call.call::<_, Value<'js>>(()).map(drop)
    }

    fn came(this: &Class<'js, Self>, ctx: &Ctx<'js>, message: Message) -> rquickjs::Result<()> {
        let (vu, line) = (Rc::clone(&this.borrow().vu), Rc::clone(&this.borrow().line));
        let received = &vu.shared.registry.builtin().ws_msgs_received;
        match message {
            Message::Text(text) => {
                line.record(received, 1.0);
                emit(this, ctx, "message", Some(text.into_js(ctx)?))
            }
            Message::Binary(bytes) => {
                line.record(received, 1.0);
                let buffer = ArrayBuffer::new(ctx.clone(), bytes.to_vec())?;
                emit(this, ctx, "binaryMessage", Some(buffer.into_js(ctx)?))
            }
            Message::Ping(_) => emit(this, ctx, "ping", None),
            Message::Pong(payload) => {
                line.pong(&payload);
                emit(this, ctx, "pong", None)
            }
            Message::Close(close) => {
                let (code, _, wrong) = closed(close);
                Self::over(this, ctx, code, wrong.as_deref())
            }
        }
    }

    fn broke(this: &Class<'js, Self>, ctx: &Ctx<'js>, error: &Error) -> rquickjs::Result<()> {
        let (code, _, words) = broken(error);
        Self::over(this, ctx, code, Some(&words))
    }

    /// The other side has ended it.
    fn over(
        this: &Class<'js, Self>,
        ctx: &Ctx<'js>,
        code: u16,
        wrong: Option<&str>,
    ) -> rquickjs::Result<()> {
        this.borrow().line.leave(None);
        if let Some(words) = wrong {
            emit_error(this, ctx, words)?;
        }
        let told = std::mem::replace(&mut this.borrow().parts.borrow_mut().closed, true);
        match told {
            true => Ok(()),
            false => emit(this, ctx, "close", Some(code.into_js(ctx)?)),
        }
    }

    /// Sends something; what goes wrong is told as an event.
    fn send_message(
        this: &Class<'js, Self>,
        ctx: &Ctx<'js>,
        message: Message,
    ) -> rquickjs::Result<()> {
        let (vu, line, over) = {
            let socket = this.borrow();
            let over = socket.parts.borrow().closed;
            (Rc::clone(&socket.vu), Rc::clone(&socket.line), over)
        };
        if over {
            return emit_error(this, ctx, "websocket: close sent");
        }
        match wait(line.send(message)).map_err(|Cut| ended(ctx))? {
            Ok(()) => line.record(&vu.shared.registry.builtin().ws_msgs_sent, 1.0),
            Err(error) => emit_error(this, ctx, &error.to_string())?,
        }
        Ok(())
    }

    fn set_timer(
        &self,
        ctx: &Ctx<'js>,
        name: &str,
        call: Option<Value<'js>>,
        ms: Option<Coerced<f64>>,
        again: bool,
    ) -> rquickjs::Result<()> {
        let ms = ms.map_or(0.0, |ms| ms.0);
        let length = Duration::try_from_secs_f64(ms / 1e3).ok().filter(|it| !it.is_zero());
        let Some(length) = length else {
            let words = format!("{name} requires a >0 timeout parameter, received {ms:.2}");
            return Err(go_error(ctx, &words));
        };
        let Some(call) = call.and_then(Value::into_function) else {
            return Err(Exception::throw_type(ctx, &format!("{name} needs a function to call")));
        };
        let due = self.vu.shared.clock.now() + length;
        let every = again.then_some(length);
        self.parts.borrow_mut().timers.push(Timer { due, every, call });
        Ok(())
    }
}

#[rquickjs::methods]
impl<'js> Socket<'js> {
    fn on(&self, event: Coerced<String>, call: Value<'js>) {
        let event = event.0;
        let warn = |words: &str| self.vu.shared.warn_once(words);
        match call.into_function() {
            _ if !EVENTS.contains(&event.as_str()) => {
                warn(&format!("a socket has no event {event:?}: {}", EVENTS.join(", ")));
            }
            Some(call) => self.parts.borrow_mut().handlers.push(Handler { event, call }),
            None => warn(&format!("the handler of {event:?} is no function and is never called")),
        }
    }

    fn send(
        this: This<Class<'js, Self>>,
        ctx: Ctx<'js>,
        text: Opt<Value<'js>>,
    ) -> rquickjs::Result<()> {
        let text = match text.0 {
            Some(text) => input::text(&ctx, &text)?,
            None => String::new(),
        };
        Self::send_message(&this.0, &ctx, Message::Text(text))
    }

    #[qjs(rename = "sendBinary")]
    fn send_binary(
        this: This<Class<'js, Self>>,
        ctx: Ctx<'js>,
        bytes: Opt<Value<'js>>,
    ) -> rquickjs::Result<()> {
        let Some(value) = bytes.0 else {
            return Err(go_error(&ctx, "missing argument, expected ArrayBuffer"));
        };
        let whole =
            value.as_object().is_some_and(|it| ArrayBuffer::from_object(it.clone()).is_some());
        let Some(bytes) = copy_bytes(&value).filter(|_| whole) else {
            let kind = match byte_length(&value) {
                Some(_) => "a view",
                None => value.type_name(),
            };
            let words = format!("expected ArrayBuffer as argument, received: {kind}");
            return Err(go_error(&ctx, &words));
        };
        Self::send_message(&this.0, &ctx, Message::Binary(bytes.into()))
    }

    fn ping(this: This<Class<'js, Self>>, ctx: Ctx<'js>) -> rquickjs::Result<()> {
        let (line, over) =
            (Rc::clone(&this.0.borrow().line), this.0.borrow().parts.borrow().closed);
        if over {
            return emit_error(&this.0, &ctx, "websocket: close sent");
        }
        match wait(line.ping()).map_err(|Cut| ended(&ctx))? {
            Ok(()) => Ok(()),
            Err(error) => emit_error(&this.0, &ctx, &error.to_string()),
        }
    }

    #[qjs(rename = "setTimeout")]
    fn set_timeout(
        &self,
        ctx: Ctx<'js>,
        call: Opt<Value<'js>>,
        ms: Opt<Coerced<f64>>,
    ) -> rquickjs::Result<()> {
        self.set_timer(&ctx, "setTimeout", call.0, ms.0, false)
    }

    #[qjs(rename = "setInterval")]
    fn set_interval(
        &self,
        ctx: Ctx<'js>,
        call: Opt<Value<'js>>,
        ms: Opt<Coerced<f64>>,
    ) -> rquickjs::Result<()> {
        self.set_timer(&ctx, "setInterval", call.0, ms.0, true)
    }

    fn close(
        this: This<Class<'js, Self>>,
        ctx: Ctx<'js>,
        code: Opt<Coerced<f64>>,
    ) -> rquickjs::Result<()> {
        let code = code.0.map_or(GOING_AWAY, |code| code.0 as u16);
        Self::hang_up(&this.0, &ctx, code)
    }
}

/// Calls the handlers of an event.
fn emit<'js>(
    this: &Class<'js, Socket<'js>>,
    ctx: &Ctx<'js>,
    event: &str,
    value: Option<Value<'js>>,
) -> rquickjs::Result<()> {
    let calls: Vec<Function<'js>> = {
        let socket = this.borrow();
        let parts = socket.parts.borrow();
        let mine = parts.handlers.iter().filter(|handler| handler.event == event);
        mine.map(|handler| handler.call.clone()).collect()
    };
    for call in calls {
        let mut arguments = Args::new(ctx.clone(), 1);
        if let Some(value) = &value {
            arguments.push_arg(value.clone())?;
        }
        call.call_arg::<Value<'js>>(arguments)?;
    }
    Ok(())
}

/// Tells of an error, whose words its method `error` gives.
fn emit_error<'js>(
    this: &Class<'js, Socket<'js>>,
    ctx: &Ctx<'js>,
    words: &str,
) -> rquickjs::Result<()> {
    let error: Object<'js> = Exception::from_message(ctx.clone(), words)?.into_object();
    let words = words.to_owned();
    error.set("error", Func::from(move || words.clone()))?;
    emit(this, ctx, "error", Some(error.into_value()))
}
