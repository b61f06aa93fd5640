//! `k6/timers` and the global timers: `setTimeout`, `setInterval`, and how they are cleared.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use rquickjs::function::{Args, Func, Function, Opt, Rest};
use rquickjs::{Coerced, Ctx, Exception, JsLifetime, Object, Persistent, Value};
use seaworthy_script::{Completion, Cut, background, end_script};
use tokio_util::sync::CancellationToken;

use super::Exported;
use crate::vu::{Stage, Vu};

pub(crate) struct Timers;

const NAMES: &[&str] = &["clearInterval", "clearTimeout", "setInterval", "setTimeout"];

impl Exported for Timers {
    const NAMES: &'static [&'static str] = NAMES;

    fn build<'js>(ctx: &Ctx<'js>) -> rquickjs::Result<Object<'js>> {
        let (object, globals) = (Object::new(ctx.clone())?, ctx.globals());
        for name in NAMES {
            object.set(*name, globals.get::<_, Value<'js>>(*name)?)?;
        }
        Ok(object)
    }
}

/// A virtual user's timers that are set.
#[derive(Clone, Default, JsLifetime)]
struct Set(#[qjs(skip_trace)] Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    last: u32,
    running: HashMap<u32, CancellationToken>,
}

/// Sets the global timers.
pub(crate) fn install(ctx: &Ctx<'_>) -> rquickjs::Result<()> {
    let stored = ctx.store_userdata(Set::default());
    stored.map_err(|_| Exception::throw_message(ctx, "the engine is in use"))?;
    let globals = ctx.globals();
    globals.set("setTimeout", Func::from(set_timeout))?;
    globals.set("setInterval", Func::from(set_interval))?;
    globals.set("clearTimeout", Func::from(clear))?;
    globals.set("clearInterval", Func::from(clear))
}

fn set_timeout<'js>(
    ctx: Ctx<'js>,
    call: Value<'js>,
    ms: Opt<Coerced<f64>>,
    more: Rest<Value<'js>>,
) -> rquickjs::Result<u32> {
    set(&ctx, call, ms, more, false)
}

fn set_interval<'js>(
    ctx: Ctx<'js>,
    call: Value<'js>,
    ms: Opt<Coerced<f64>>,
    more: Rest<Value<'js>>,
) -> rquickjs::Result<u32> {
    set(&ctx, call, ms, more, true)
}

fn set<'js>(
    ctx: &Ctx<'js>,
    call: Value<'js>,
    ms: Opt<Coerced<f64>>,
    more: Rest<Value<'js>>,
    again: bool,
) -> rquickjs::Result<u32> {
    if Vu::of(ctx)?.stage.get() == Stage::Init {
        return Err(Exception::throw_message(ctx, "timers cannot be used in the init context"));
    }
    let Some(call) = call.into_function() else {
        return Err(Exception::throw_type(ctx, "a timer needs a function to call"));
    };
    let ms = ms.0.map_or(0.0, |ms| ms.0);
    let length = Duration::try_from_secs_f64(ms / 1e3).unwrap_or_default();
    let set = timers(ctx)?;
    let (id, stop) = {
        let mut state = set.borrow_mut();
        state.last = state.last.wrapping_add(1);
        let stop = CancellationToken::new();
        let id = state.last;
        state.running.insert(id, stop.clone());
        (id, stop)
    };
    let call = Persistent::save(ctx, call);
    let more = more.0.into_iter().map(|value| Persistent::save(ctx, value)).collect();
    run(ctx, Timer { id, stop, call, more, length, again })?;
    Ok(id)
}

struct Timer {
    id: u32,
    stop: CancellationToken,
    call: Persistent<Function<'static>>,
    more: Vec<Persistent<Value<'static>>>,
    length: Duration,
    again: bool,
}

fn run(ctx: &Ctx<'_>, timer: Timer) -> rquickjs::Result<()> {
    let begun = background(async move {
        tokio::select! {
            biased;
            () = timer.stop.cancelled() => {}
            () = tokio::time::sleep(timer.length) => {}
        }
        let done: Completion = Box::new(move |ctx| ring(ctx, timer));
        done
    });
    begun.map_err(|Cut| end_script(ctx, "the iteration was ended"))
}

fn ring(ctx: &Ctx<'_>, timer: Timer) -> rquickjs::Result<()> {
    // Cleared meanwhile, perhaps after it rang.
    if timer.stop.is_cancelled() {
        return Ok(());
    }
    if !timer.again {
        timers(ctx)?.borrow_mut().running.remove(&timer.id);
    }
    let mut arguments = Args::new(ctx.clone(), timer.more.len());
    for value in &timer.more {
        arguments.push_arg(value.clone().restore(ctx)?)?;
    }
    let call = timer.call.clone().restore(ctx)?;
    call.call_arg::<Value<'_>>(arguments)?;
    if timer.again && !timer.stop.is_cancelled() {
        run(ctx, timer)?;
    }
    Ok(())
}

fn clear(ctx: Ctx<'_>, id: Opt<Coerced<f64>>) -> rquickjs::Result<()> {
    let Some(Coerced(id)) = id.0 else { return Ok(()) };
    // What is no timer's number is nobody's.
    if let Some(stop) = timers(&ctx)?.borrow_mut().running.remove(&(id as u32)) {
        stop.cancel();
    }
    Ok(())
}

fn timers(ctx: &Ctx<'_>) -> rquickjs::Result<Rc<RefCell<State>>> {
    let set = ctx.userdata::<Set>().map(|set| Rc::clone(&set.0));
    set.ok_or_else(|| Exception::throw_message(ctx, "there are no timers here"))
}
