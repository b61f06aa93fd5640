//! The class `WebSocket`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use rquickjs::class::{Trace, Tracer};
use rquickjs::function::{Function, Opt};
use rquickjs::{
    Array, Class, Coerced, Ctx, Exception, IntoJs, JsLifetime, Object, Persistent, Value,
};
use seaworthy_net::websocket::Message;
use seaworthy_script::{Cut, background, copy_bytes, end_script, wait};

use super::blob;
use super::event::{Event, NAMES};
use super::pump::{self, Out, State};
use crate::modules::input;
use crate::modules::ws::go_error;
use crate::modules::ws::opening::{Style, Wanted};
use crate::vu::Vu;

/// The longest reason of a close (RFC 6455 §5.5).
const LONGEST_REASON: usize = 123;

/// A WebSocket.
#[derive(JsLifetime)]
#[rquickjs::class]
pub(crate) struct WebSocket<'js> {
    url: String,
    #[qjs(skip_trace)]
    state: Rc<State>,
    /// Whether bytes come as blobs.
    blobs: Cell<bool>,
    handlers: RefCell<Handlers<'js>>,
}

#[derive(Default, JsLifetime)]
struct Handlers<'js> {
    /// Those of `onopen` and so on, by place among the names.
    own: Vec<Option<Function<'js>>>,
    added: Vec<Added<'js>>,
}

#[derive(JsLifetime)]
struct Added<'js> {
    kind: usize,
    call: Function<'js>,
}

impl<'js> Trace<'js> for WebSocket<'js> {
    fn trace<'a>(&self, tracer: Tracer<'a, 'js>) {
        let handlers = self.handlers.borrow();
        for call in handlers.own.iter().flatten() {
            call.trace(tracer);
        }
        for added in &handlers.added {
            added.call.trace(tracer);
        }
    }
}

macro_rules! handlers {
    ($($get:ident $set:ident $name:literal $place:literal;)*) => {
        #[rquickjs::methods]
        impl<'js> WebSocket<'js> {
            $(
                #[qjs(get, enumerable, rename = $name)]
                fn $get(&self, ctx: Ctx<'js>) -> Value<'js> {
                    self.handler(&ctx, $place)
                }

                #[qjs(set, rename = $name)]
                fn $set(&self, ctx: Ctx<'js>, call: Value<'js>) -> rquickjs::Result<()> {
                    self.set_handler(&ctx, $place, $name, call)
                }
            )*

            #[qjs(constructor)]
            pub(crate) fn new(
                ctx: Ctx<'js>,
                url: Opt<Coerced<String>>,
                protocols: Opt<Value<'js>>,
                parameters: Opt<Value<'js>>,
            ) -> rquickjs::Result<Class<'js, Self>> {
                begin(&ctx, url.0, protocols.0, parameters.0)
            }

            #[qjs(rename = "addEventListener")]
            fn add_event_listener(
                &self,
                ctx: Ctx<'js>,
                event: Coerced<String>,
                call: Opt<Value<'js>>,
            ) -> rquickjs::Result<()> {
                let Some(kind) = NAMES.iter().position(|name| *name == event.0) else {
                    let words = format!("can't add event handler: unknown event type: {}", event.0);
                    Vu::of(&ctx)?.shared.console.say(crate::console::Level::Warning, &words, "");
                    return Ok(());
                };
                let Some(call) = call.0.and_then(Value::into_function) else {
                    let words = format!("handler for event type {:?} isn't a callable function", event.0);
                    return Err(go_error(&ctx, &words));
                };
                self.handlers.borrow_mut().added.push(Added { kind, call });
                Ok(())
            }

            fn send(&self, ctx: Ctx<'js>, data: Value<'js>) -> rquickjs::Result<()> {
                self.assert_open(&ctx)?;
                let message = if data.is_string() {
                    Message::Text(input::text(&ctx, &data)?)
                } else if let Some(bytes) = blob::of_value(&data) {
                    Message::Binary(bytes)
                } else if let Some(bytes) = copy_bytes(&data) {
                    Message::Binary(bytes.into())
                } else {
                    let words = format!("unsupported send type {}", data.type_name());
                    return Err(go_error(&ctx, &words));
                };
                self.state.send(Out::Message(message));
                Ok(())
            }

            fn ping(&self, ctx: Ctx<'js>) -> rquickjs::Result<()> {
                self.assert_open(&ctx)?;
                self.state.send(Out::Ping);
                Ok(())
            }

            fn close(
                &self,
                ctx: Ctx<'js>,
                code: Opt<Coerced<f64>>,
                reason: Opt<Coerced<String>>,
            ) -> rquickjs::Result<()> {
                // What is no number is no code.
                let code = code.0.map_or(0, |code| code.0.clamp(0.0, 65535.0) as u16);
                if !matches!(code, 0 | 1000 | 3000..=4999) {
                    let words = format!("InvalidAccessError: the close code must be either 1000, or between 3000 and 4999. {code} is neither");
                    return Err(go_error(&ctx, &words));
                }
                let reason = reason.0.map(|reason| reason.0).unwrap_or_default();
                if self.state.ready.get() >= CLOSING {
                    return Ok(());
                }
                if reason.len() > LONGEST_REASON {
                    let words = format!("SyntaxError: the reason of a close has at most {LONGEST_REASON} bytes");
                    return Err(go_error(&ctx, &words));
                }
                self.state.ready.set(CLOSING);
                self.state.send(pump::close(if code == 0 { 1000 } else { code }, reason));
                Ok(())
            }

            #[qjs(get, enumerable)]
            fn url(&self) -> String {
                self.url.clone()
            }

            #[qjs(get, enumerable, rename = "readyState")]
            fn ready_state(&self) -> u8 {
                self.state.ready.get()
            }

            #[qjs(get, enumerable, rename = "bufferedAmount")]
            fn buffered_amount(&self) -> usize {
                self.state.buffered.get()
            }

            /// None are spoken.
            #[qjs(get, enumerable)]
            fn extensions(&self, ctx: Ctx<'js>) -> rquickjs::Result<Array<'js>> {
                Array::new(ctx)
            }

            #[qjs(get, enumerable)]
            fn protocol(&self) -> String {
                self.state.protocol.borrow().clone()
            }

            #[qjs(get, enumerable, rename = "binaryType")]
            fn binary_type(&self) -> &'static str {
                if self.blobs.get() { "blob" } else { "arraybuffer" }
            }

            #[qjs(set, rename = "binaryType")]
            fn set_binary_type(&self, ctx: Ctx<'js>, kind: Coerced<String>) -> rquickjs::Result<()> {
                let kind = kind.0;
                match kind.as_str() {
                    "blob" => self.blobs.set(true),
                    "arraybuffer" => self.blobs.set(false),
                    _ => {
                        let words = format!("unknown binaryType {kind}, the supported ones are \"blob\" and \"arraybuffer\"");
                        return Err(go_error(&ctx, &words));
                    }
                }
                Ok(())
            }

            #[qjs(rename = "toJSON")]
            fn to_json(&self, ctx: Ctx<'js>) -> rquickjs::Result<Object<'js>> {
                let object = Object::new(ctx.clone())?;
                object.set("url", self.url())?;
                object.set("readyState", self.ready_state())?;
                object.set("bufferedAmount", self.buffered_amount())?;
                object.set("extensions", self.extensions(ctx)?)?;
                object.set("protocol", self.protocol())?;
                object.set("binaryType", self.binary_type())?;
                Ok(object)
            }
        }
    };
}

handlers! {
    on_open set_on_open "onopen" 0;
    on_message set_on_message "onmessage" 1;
    on_error set_on_error "onerror" 2;
    on_close set_on_close "onclose" 3;
    on_ping set_on_ping "onping" 4;
    on_pong set_on_pong "onpong" 5;
}

const CONNECTING: u8 = 0;
const OPEN: u8 = 1;
const CLOSING: u8 = 2;
const CLOSED: u8 = 3;

impl<'js> WebSocket<'js> {
    fn assert_open(&self, ctx: &Ctx<'js>) -> rquickjs::Result<()> {
        match self.state.ready.get() {
            OPEN => Ok(()),
            _ => Err(go_error(ctx, "InvalidStateError")),
        }
    }

    fn handler(&self, ctx: &Ctx<'js>, place: usize) -> Value<'js> {
        let handlers = self.handlers.borrow();
        let call = handlers.own.get(place).and_then(Option::as_ref);
        call.map_or_else(|| Value::new_null(ctx.clone()), |call| call.clone().into_value())
    }

    fn set_handler(
        &self,
        ctx: &Ctx<'js>,
        place: usize,
        name: &str,
        call: Value<'js>,
    ) -> rquickjs::Result<()> {
        let call = match call.is_null() || call.is_undefined() {
            true => None,
            false => match call.into_function() {
                Some(call) => Some(call),
                None => {
                    let words = format!("a value for '{name}' should be callable");
                    return Err(go_error(ctx, &words));
                }
            },
        };
        let mut handlers = self.handlers.borrow_mut();
        handlers.own.resize(NAMES.len(), None);
        handlers.own[place] = call;
        Ok(())
    }

    /// Those who listen to an event.
    fn listeners(&self, kind: usize) -> Vec<Function<'js>> {
        let handlers = self.handlers.borrow();
        let own = handlers.own.get(kind).cloned().flatten();
        let added = handlers.added.iter().filter(|added| added.kind == kind);
        own.into_iter().chain(added.map(|added| added.call.clone())).collect()
    }
}

/// Makes a socket and begins to open it.
fn begin<'js>(
    ctx: &Ctx<'js>,
    url: Option<Coerced<String>>,
    protocols: Option<Value<'js>>,
    parameters: Option<Value<'js>>,
) -> rquickjs::Result<Class<'js, WebSocket<'js>>> {
    let vu = Vu::of(ctx)?;
    let settled = vu.settled(ctx, "using websockets")?;
    let Some(Coerced(url)) = url else {
        return Err(go_error(ctx, "WebSocket requires a url"));
    };
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    if !matches!(scheme.to_ascii_lowercase().as_str(), "ws" | "wss") {
        let words = format!("WebSocket requires url with scheme ws or wss, but got {scheme:?}");
        return Err(go_error(ctx, &words));
    }
    if let Some((_, fragment)) = url.split_once('#').filter(|(_, fragment)| !fragment.is_empty()) {
        let words = format!("WebSocket requires no url fragment, but got {fragment:?}");
        return Err(go_error(ctx, &words));
    }
    let mut wanted =
        Wanted::read(ctx, &vu, settled, url.clone(), parameters.as_ref(), Style::Events)?;
    if let Some(offered) = offered(protocols)? {
        wanted.offer(ctx, &offered)?;
    }
    let state = Rc::new(State::default());
    let socket = WebSocket {
        url,
        state: Rc::clone(&state),
        blobs: Cell::new(true),
        handlers: RefCell::default(),
    };
    let socket = Class::instance(ctx.clone(), socket)?;
    let pumped = background({
        let state = Rc::clone(&state);
        async move {
            pump::run(vu, state, wanted).await;
            let done: Completion = Box::new(|_| Ok(()));
            done
        }
    });
    pumped.map_err(|Cut| ended(ctx))?;
    deliver(ctx, state, Persistent::save(ctx, socket.clone().into_js(ctx)?))?;
    Ok(socket)
}

type Completion = Box<dyn for<'a> FnOnce(&Ctx<'a>) -> rquickjs::Result<()>>;

/// The subprotocols as a header has them.
fn offered(given: Option<Value<'_>>) -> rquickjs::Result<Option<String>> {
    let Some(given) = given.filter(|given| !given.is_null() && !given.is_undefined()) else {
        return Ok(None);
    };
    let text = match given.as_array() {
        Some(list) => {
            let list = list.iter::<Coerced<String>>().map(|one| Ok(one?.0));
            list.collect::<rquickjs::Result<Vec<String>>>()?.join(", ")
        }
        None => given.get::<Coerced<String>>()?.0,
    };
    Ok(Some(text).filter(|text| !text.is_empty()))
}

fn ended(ctx: &Ctx<'_>) -> rquickjs::Error {
    end_script(ctx, "the iteration was ended")
}

/// Tells the script of one event after another, until the socket is closed.
fn deliver(
    ctx: &Ctx<'_>,
    state: Rc<State>,
    socket: Persistent<Value<'static>>,
) -> rquickjs::Result<()> {
    let begun = background(async move {
        let event = state.next().await;
        let done: Completion = Box::new(move |ctx| {
            let over = matches!(event, Event::Close(..));
            let value = socket.clone().restore(ctx)?;
            let told = tell(ctx, &value, &state, event);
            match told {
                Ok(()) if over => Ok(()),
                Ok(()) => deliver(ctx, state, socket),
                Err(error) => fail(ctx, &value, &state, error, over),
            }
        });
        done
    });
    begun.map_err(|Cut| ended(ctx))
}

/// Calls those who listen.
fn tell<'js>(
    ctx: &Ctx<'js>,
    value: &Value<'js>,
    state: &State,
    event: Event,
) -> rquickjs::Result<()> {
    let socket = Class::<WebSocket<'js>>::from_value(value)?;
    match &event {
        Event::Open(protocol) => {
            state.protocol.borrow_mut().clone_from(protocol);
            // Closed before it was open.
            if state.ready.get() != CONNECTING {
                return Ok(());
            }
            state.ready.set(OPEN);
        }
        Event::Error(_) | Event::Close(..) => state.ready.set(CLOSED),
        _ => {}
    }
    let vu = Vu::of(ctx)?;
    let timestamp = vu.shared.clock.wall().as_nanos() as f64 / 1e6;
    let (url, blobs) = (socket.borrow().url.clone(), socket.borrow().blobs.get());
    let listeners = socket.borrow().listeners(event.kind());
    if listeners.is_empty() {
        return Ok(());
    }
    let object = event.object(ctx, value, &url, timestamp, blobs)?;
    for call in listeners {
        call.call::<_, Value<'js>>((object.clone(),))?;
    }
    Ok(())
}

/// A handler threw: that closes the socket, and the exception goes on.
fn fail<'js>(
    ctx: &Ctx<'js>,
    value: &Value<'js>,
    state: &State,
    error: rquickjs::Error,
    over: bool,
) -> rquickjs::Result<()> {
    state.quit.cancel();
    if over || matches!(wait(std::future::ready(())), Err(Cut)) {
        return Err(error);
    }
    let thrown = ctx.catch();
    let words = Exception::from_value(thrown.clone()).map_or_else(
        |_| thrown.get::<Coerced<String>>().map(|text| text.0).unwrap_or_default(),
        |exception| exception.message().unwrap_or_default(),
    );
    tell(ctx, value, state, Event::Error(words))?;
    tell(ctx, value, state, Event::Close(None, String::new()))?;
    Err(ctx.throw(thrown))
}
