//! A realm: the engine of one virtual user, with the script's modules loaded into it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use rquickjs::function::{Func, Opt};
use rquickjs::loader::Loader;
use rquickjs::promise::PromiseState;
use rquickjs::{Ctx, Exception, Module, Object, Persistent, Promise, Runtime, Value};
use seaworthy_base::Clock;

use crate::error::{Error, Thrown};
use crate::loader::{Bundle, Linked, Loading, REQUIRE};
use crate::sys::{self, Interrupted};

/// The stack of a fiber that a realm runs on: virtual, only what is used of it is memory.
pub const STACK: usize = 1024 * 1024;
/// What of the stack is left to native functions.
const NATIVE: usize = 128 * 1024;

/// What a realm may use.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The most memory of its heap, in bytes; 0 for no limit.
    pub memory: usize,
    /// Where the time comes from that a script's turns are measured with.
    pub clock: Clock,
}

/// A promise that was rejected, and with what.
type Rejection = (Persistent<Value<'static>>, Thrown);

/// A runtime with its one context. It is made and used on a fiber, and never leaves it.
pub struct Realm {
    context: rquickjs::Context,
    runtime: Runtime,
    bundle: Option<Arc<Bundle>>,
    /// Whether modules may still be loaded.
    init: Rc<Cell<bool>>,
    /// Promises that were rejected with nobody to hear of it.
    rejected: Rc<RefCell<Vec<Rejection>>>,
}

impl Realm {
    /// An engine that knows the bundle's modules, with none of them evaluated.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn new(bundle: Arc<Bundle>, limits: &Limits) -> Result<Self, Error> {
        let mut realm = Self::bare(limits)?;
        realm.runtime.set_loader(Loading(Arc::clone(&bundle)), Loading(Arc::clone(&bundle)));
        let rejected = Rc::clone(&realm.rejected);
        let places = Arc::clone(&bundle);
        realm.runtime.set_host_promise_rejection_tracker(Some(Box::new(
            move |ctx, promise, reason, handled| {
                let mut rejected = rejected.borrow_mut();
                if handled {
                    rejected.retain(|(known, _)| {
                        known.clone().restore(&ctx).ok().as_ref() != Some(&promise)
                    });
                } else {
                    let thrown = Thrown::of(&ctx, &reason, |stack| places.map_places(stack));
                    rejected.push((Persistent::save(&ctx, promise), thrown));
                }
            },
        )));
        realm.bundle = Some(bundle);
        Ok(realm)
    }

    /// An engine without modules.
    pub(crate) fn bare(limits: &Limits) -> Result<Self, Error> {
        let runtime = Runtime::new().map_err(|_| Error::OutOfMemory)?;
        runtime.set_max_stack_size(STACK - NATIVE);
        if limits.memory > 0 {
            runtime.set_memory_limit(limits.memory);
        }
        let clock = limits.clock.clone();
        runtime.set_interrupt_handler(Some(Box::new(move || {
            sys::poll_interrupt(clock.now()) == Interrupted::End
        })));
        let context = rquickjs::Context::full(&runtime).map_err(|_| Error::OutOfMemory)?;
        let init = Rc::new(Cell::new(true));
        Ok(Self { context, runtime, bundle: None, init, rejected: Rc::default() })
    }

    /// Sets what modules are found and loaded with.
    pub(crate) fn load_with(
        &self,
        sources: Arc<std::collections::BTreeMap<String, crate::loader::Unit>>,
        loader: impl Loader + 'static,
    ) {
        self.runtime.set_loader::<Linked, _>(Linked(sources), loader);
    }

    /// Does something in the realm. What it waits for with [`crate::wait`] suspends it here.
    pub fn with<T>(&self, act: impl for<'js> FnOnce(Ctx<'js>) -> T) -> T {
        self.context.with(act)
    }

    /// Evaluates the entry and all it imports; what it exports.
    ///
    /// # Errors
    /// What the script threw.
    pub fn evaluate<'js>(&self, ctx: &Ctx<'js>) -> Result<Object<'js>, Error> {
        let bundle = self.bundle()?;
        let promise = self.import(ctx, bundle).map_err(|error| self.thrown(ctx, error))?;
        let namespace = self.await_promise(ctx, &promise)?;
        self.init.set(false);
        let exports = namespace.into_object();
        let exports = match bundle.entry_is_common_js() {
            true => exports.and_then(|namespace| namespace.get("default").ok()),
            false => exports,
        };
        // A CommonJS module may export anything, `module.exports = 1` too.
        exports.map_or_else(|| Object::new(ctx.clone()).map_err(|_| Error::OutOfMemory), Ok)
    }

    fn import<'js>(&self, ctx: &Ctx<'js>, bundle: &Arc<Bundle>) -> rquickjs::Result<Promise<'js>> {
        let (own, init) = (Arc::clone(bundle), Rc::clone(&self.init));
        let require = move |ctx: Ctx<'js>, name: String, base: Opt<String>| {
            if !init.get() {
                let words = "require() is only available in the init stage";
                return Err(Exception::throw_message(&ctx, words));
            }
            let base = match base.0 {
                Some(base) => base,
                // The frame that called, below this function's own.
                None => (0..3)
                    .filter_map(|level| ctx.script_or_module_name(level)?.to_string().ok())
                    .find(|name| !name.is_empty())
                    .unwrap_or_default(),
            };
            own.require(&ctx, &base, &name)
        };
        ctx.globals().set(REQUIRE, Func::from(require))?;
        Module::import(ctx, bundle.entry())
    }

    /// Waits until a promise is settled, doing whatever else there is to do meanwhile.
    ///
    /// # Errors
    /// What it was rejected with; a promise that nothing can settle any more.
    pub fn await_promise<'js>(
        &self,
        ctx: &Ctx<'js>,
        promise: &Promise<'js>,
    ) -> Result<Value<'js>, Error> {
        loop {
            run_jobs(ctx);
            match promise.state() {
                PromiseState::Pending => {}
                PromiseState::Resolved | PromiseState::Rejected => {
                    let result =
                        promise.result::<Value<'js>>().unwrap_or(Err(rquickjs::Error::WouldBlock));
                    // Heard of now.
                    self.rejected.borrow_mut().retain(|(known, _)| {
                        known.clone().restore(ctx).ok().as_ref() != Some(promise.as_value())
                    });
                    return result.map_err(|error| self.thrown(ctx, error));
                }
            }
            if !self.step(ctx)? {
                let words = "a promise was awaited that nothing will settle".to_owned();
                return Err(Error::Thrown(Thrown { message: words, stack: String::new() }));
            }
        }
    }

    /// Does all that was put off: jobs of promises, timers, answers to what was begun in the
    /// background; until there is nothing left.
    ///
    /// # Errors
    /// What it threw, promises included that were rejected with nobody to hear of it.
    pub fn settle(&self, ctx: &Ctx<'_>) -> Result<(), Error> {
        loop {
            run_jobs(ctx);
            // The first of them; they are dropped outside of the borrow.
            let rejected = std::mem::take(&mut *self.rejected.borrow_mut());
            if let Some((_, thrown)) = rejected.into_iter().next() {
                return Err(Error::Thrown(thrown).in_promise());
            }
            if !self.step(ctx)? {
                return Ok(());
            }
        }
    }

    /// Drops what goes on in the background and what was put off: whoever began it has failed.
    pub fn abandon(&self) {
        sys::forget_background();
        drop(std::mem::take(&mut *self.rejected.borrow_mut()));
    }

    /// Whether jobs of promises are left, as when a call was cut off between them.
    pub fn has_jobs(&self, ctx: &Ctx<'_>) -> bool {
        sys::has_jobs(ctx)
    }

    /// Waits for one thing of the background and does what follows from it; `false` when there is
    /// none.
    fn step(&self, ctx: &Ctx<'_>) -> Result<bool, Error> {
        if sys::is_cut() {
            return Err(Error::Cut);
        }
        match sys::take_ready() {
            Err(sys::Cut) => Err(Error::Cut),
            Ok(None) => Ok(false),
            Ok(Some(completion)) => {
                completion(ctx).map_err(|error| self.thrown(ctx, error))?;
                Ok(true)
            }
        }
    }

    /// The exception that a call ended with.
    pub fn thrown(&self, ctx: &Ctx<'_>, error: rquickjs::Error) -> Error {
        match &self.bundle {
            Some(bundle) => Error::thrown(ctx, error, bundle),
            None => Error::Internal(error.to_string()),
        }
    }

    /// Bytes of its heap in use.
    pub fn memory(&self) -> u64 {
        u64::try_from(self.runtime.memory_usage().malloc_size).unwrap_or(0)
    }

    fn bundle(&self) -> Result<&Arc<Bundle>, Error> {
        self.bundle.as_ref().ok_or_else(|| Error::Internal("a realm without modules".to_owned()))
    }
}

impl Drop for Realm {
    fn drop(&mut self) {
        // Values must be gone before their runtime.
        sys::forget_background();
        drop(self.rejected.try_borrow_mut().map(|mut rejected| std::mem::take(&mut *rejected)));
    }
}

/// Does the jobs of settled promises.
pub fn run_jobs(ctx: &Ctx<'_>) {
    while ctx.execute_pending_job() && !sys::is_cut() {}
}

/// A value of the script as JSON; `None` for what has none, as a function.
///
/// # Errors
/// What a `toJSON` of the script threw.
pub fn to_json<'js>(
    ctx: &Ctx<'js>,
    value: Value<'js>,
) -> rquickjs::Result<Option<serde_json::Value>> {
    let text = ctx.json_stringify(value)?.map(|text| text.to_string()).transpose()?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

/// JSON as a value of the script.
///
/// # Errors
/// When there is no memory for it.
pub fn from_json<'js>(ctx: &Ctx<'js>, value: &serde_json::Value) -> rquickjs::Result<Value<'js>> {
    ctx.json_parse(value.to_string())
}

impl std::fmt::Debug for Realm {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Realm").field("bundle", &self.bundle).finish_non_exhaustive()
    }
}
