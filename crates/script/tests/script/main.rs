//! Scripts on fibers, as the load engine runs them.

#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod closures;
mod cutting;

use std::sync::Arc;
use std::time::Duration;

use rquickjs::function::{Func, Function};
use rquickjs::module::{Declarations, Declared, Exports, ModuleDef};
use rquickjs::{Ctx, Module, Object, Value};
use seaworthy_base::Clock;
use seaworthy_script::{
    Bundle, Cut, Error, Fiber, Kind, Limits, Port, Realm, STACK, Unit, background, to_json, wait,
};

struct Naps;

impl ModuleDef for Naps {
    fn declare(declarations: &Declarations<'_>) -> rquickjs::Result<()> {
        declarations.declare("nap")?.declare("later")?;
        Ok(())
    }

    fn evaluate<'js>(_: &Ctx<'js>, exports: &Exports<'js>) -> rquickjs::Result<()> {
        exports.export("nap", Func::from(nap))?.export("later", Func::from(later))?;
        Ok(())
    }
}

fn nap(ctx: Ctx<'_>, ms: u64) -> rquickjs::Result<u64> {
    match wait(tokio::time::sleep(Duration::from_millis(ms))) {
        Ok(()) => Ok(ms),
        Err(Cut) => Err(seaworthy_script::end_script(&ctx, "cut")),
    }
}

fn later<'js>(ctx: Ctx<'js>, ms: u64, call: Function<'js>) -> rquickjs::Result<()> {
    let call = rquickjs::Persistent::save(&ctx, call);
    let begun = background(async move {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        let done: seaworthy_script::Completion = Box::new(move |ctx| call.restore(ctx)?.call(()));
        done
    });
    begun.map_err(|Cut| rquickjs::Exception::throw_message(&ctx, "cut"))
}

fn declare<'js>(ctx: &Ctx<'js>, name: &str) -> rquickjs::Result<Module<'js, Declared>> {
    Module::declare_def::<Naps, _>(ctx.clone(), name)
}

fn limits() -> Limits {
    Limits { memory: 64 << 20, clock: Clock::system() }
}

fn unit(name: &str, code: &str, links: &[(&str, &str)]) -> Unit {
    let kind = match code.starts_with("(function") {
        true => Kind::CommonJs { exports: vec!["value".to_owned()] },
        false => Kind::Module,
    };
    let links = links.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned()));
    let path = name.trim_start_matches("file://").to_owned();
    Unit {
        name: name.to_owned(),
        code: code.to_owned(),
        kind,
        links: links.collect(),
        broken: std::collections::BTreeMap::new(),
        path,
    }
}

async fn on_fiber<T: 'static>(act: impl FnOnce() -> T + 'static) -> T {
    let mut act = Some(act);
    let mut fiber = Fiber::new(STACK, move |port: Port<(), T>| {
        while port.take().is_some() {
            if let Some(act) = act.take() {
                port.reply(act());
            }
        }
    })
    .unwrap();
    fiber.call(()).await.unwrap()
}

fn bundle(units: Vec<Unit>) -> Result<Arc<Bundle>, Error> {
    Bundle::compile(units, &[("naps", declare)], Box::new(str::to_owned), &limits())
}

/// Calls the entry's `default` and settles; what it returned.
fn run(units: Vec<Unit>) -> Result<serde_json::Value, Error> {
    let realm = Realm::new(bundle(units)?, &limits())?;
    realm.with(|ctx| {
        let exports = realm.evaluate(&ctx)?;
        let main: Function<'_> = exports.get("default").unwrap();
        let value: Value<'_> = main.call(()).map_err(|error| realm.thrown(&ctx, error))?;
        let value = match value.clone().into_promise() {
            Some(promise) => realm.await_promise(&ctx, &promise)?,
            None => value,
        };
        realm.settle(&ctx)?;
        Ok(to_json(&ctx, value).unwrap().unwrap_or_default())
    })
}

async fn default_of(code: &str) -> Result<serde_json::Value, Error> {
    let code = code.to_owned();
    on_fiber(move || run(vec![unit("file:///main.js", &code, &[])])).await
}

#[tokio::test(start_paused = true)]
async fn a_native_wait_blocks_the_script_and_not_the_thread() {
    let clock = Clock::system();
    let began = clock.now();
    let many = (0..50).map(|number| {
        on_fiber(move || {
            let code = format!(
                "import {{ nap }} from 'naps'; export default () => {{ let sum = {number}; for (let i = 0; i < 3; i++) sum += nap(1000); return sum; }}"
            );
            run(vec![unit("file:///main.js", &code, &[])])
        })
    });
    let results = futures_util::future::join_all(many).await;
    for (number, result) in results.into_iter().enumerate() {
        assert_eq!(result.unwrap(), number + 3000);
    }
    assert_eq!((clock.now() - began).as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_background_goes_on_while_the_script_waits_and_is_settled_in_the_end() {
    let code = "import { nap, later } from 'naps';
        const seen = [];
        export default async () => {
            later(500, () => seen.push('first'));
            later(2500, () => seen.push('third'));
            nap(1000);
            seen.push('nap');
            await new Promise((resolve) => later(1000, resolve));
            seen.push('second');
            await new Promise((resolve) => later(1000, resolve));
            return seen;
        }";
    assert_eq!(
        default_of(code).await.unwrap(),
        serde_json::json!(["nap", "first", "second", "third"])
    );
}

#[tokio::test]
async fn a_script_that_computes_gives_way_and_ends_when_it_is_dropped() {
    let mut endless = Fiber::new(STACK, |port: Port<(), ()>| {
        while port.take().is_some() {
            let code = "export default () => { try { for (;;) {} } finally { for (;;) {} } }";
            let ended = run(vec![unit("file:///main.js", code, &[])]);
            assert!(matches!(ended, Err(Error::Cut)), "{ended:?}");
            port.reply(());
        }
    })
    .unwrap();
    let mut turns = 0;
    tokio::select! {
        _ = endless.call(()) => panic!("it does not end"),
        () = async { while turns < 20 { tokio::task::yield_now().await; turns += 1; } } => {}
    }
    drop(endless);
}

#[tokio::test(start_paused = true)]
async fn a_script_that_waits_is_left_cleanly_when_it_is_dropped() {
    let dropped = std::rc::Rc::new(());
    let held = std::rc::Rc::clone(&dropped);
    let mut waiting = Fiber::new(STACK, move |port: Port<(), ()>| {
        let _held = held;
        while port.take().is_some() {
            let code = "import { nap, later } from 'naps';
                export default () => { later(1, () => {}); try { nap(1e9) } catch (e) { nap(1e9) } finally { nap(1e9) } }";
            let ended = run(vec![unit("file:///main.js", code, &[])]);
            assert!(ended.is_err());
            port.reply(());
        }
    })
    .unwrap();
    tokio::select! {
        _ = waiting.call(()) => panic!("it does not end"),
        () = tokio::time::sleep(Duration::from_secs(5)) => {}
    }
    assert_eq!(std::rc::Rc::strong_count(&dropped), 2);
    drop(waiting);
    assert_eq!(std::rc::Rc::strong_count(&dropped), 1);
}

#[tokio::test]
async fn exceptions_tell_where_they_came_from() {
    let code =
        "function deep() { throw new TypeError('boom'); }\nexport default () => {\n  deep();\n}";
    let Err(Error::Thrown(thrown)) = default_of(code).await else { panic!("it throws") };
    assert_eq!(thrown.message, "TypeError: boom");
    assert!(thrown.stack.contains("at deep (file:///main.js:1:"), "{}", thrown.stack);
    assert!(thrown.stack.contains("file:///main.js:3:"), "{}", thrown.stack);
    let null = "null (a script at its memory limit throws this, too)";
    let values = [("throw 'text'", "text"), ("throw {a: 1}", "{\"a\":1}"), ("throw null", null)];
    for (statement, message) in values {
        let code = format!("export default () => {{ {statement} }}");
        let Err(Error::Thrown(thrown)) = default_of(&code).await else { panic!("it throws") };
        assert_eq!((thrown.message.as_str(), thrown.stack.as_str()), (message, ""));
    }
}

#[tokio::test]
async fn a_rejection_that_nobody_hears_of_is_an_error_and_a_handled_one_is_none() {
    let code = "export default () => { Promise.reject(new Error('unheard')); }";
    let Err(Error::Thrown(thrown)) = default_of(code).await else { panic!("it is told") };
    assert_eq!(thrown.message, "Uncaught (in promise) Error: unheard");
    let code =
        "export default () => { const p = Promise.reject(1); p.catch(() => {}); return 'fine' }";
    assert_eq!(default_of(code).await.unwrap(), "fine");
    let code = "export default async () => { throw new Error('awaited') }";
    let Err(Error::Thrown(thrown)) = default_of(code).await else { panic!("it is told") };
    assert_eq!(thrown.message, "Error: awaited");
    let code = "export default async () => { await new Promise(() => {}) }";
    let Err(Error::Thrown(thrown)) = default_of(code).await else { panic!("it is told") };
    assert!(thrown.message.contains("nothing will settle"), "{thrown}");
}

#[tokio::test]
async fn modules_of_both_kinds_know_each_other() {
    let result = on_fiber(|| {
        run(vec![
            unit(
                "file:///main.js",
                "import old, { value } from './old.cjs'; import { twice } from './new.js';
                 const again = require('./old.cjs');
                 export default () => [value, old.value, twice(old.value), again === old, typeof require('naps').nap];",
                &[("./old.cjs", "file:///old.cjs"), ("./new.js", "file:///new.js")],
            ),
            unit(
                "file:///old.cjs",
                "(function (exports, require, module, __filename, __dirname) {
                   undeclared = 20; exports.value = undeclared + require('./one.cjs').value; exports.path = [__filename, __dirname] })",
                &[("./one.cjs", "file:///one.cjs")],
            ),
            unit("file:///one.cjs", "(function (exports, require, module) { module.exports = { value: 1 } })", &[]),
            unit("file:///new.js", "export const twice = (n) => 2 * n;", &[]),
        ])
    });
    // `require` belongs to the init stage: the last one is refused.
    let Err(Error::Thrown(thrown)) = result.await else { panic!("too late to require") };
    assert!(thrown.message.contains("init stage"), "{thrown}");
}

#[tokio::test]
async fn deep_recursion_and_runaway_memory_are_exceptions() {
    let code = "export default () => { const f = (n) => f(n + 1) + 1; try { f(0) } catch (e) { return e.name } }";
    assert_eq!(default_of(code).await.unwrap(), "RangeError");
    let code =
        "export default () => { let a = []; for (;;) a.push('x'.repeat(100000) + a.length) }";
    let Err(Error::Thrown(thrown)) = default_of(code).await else { panic!("it has a limit") };
    assert!(thrown.message.contains("out of memory"), "{thrown}");
    let code = "export default () => JSON.parse('['.repeat(1e6))";
    assert!(matches!(default_of(code).await, Err(Error::Thrown(_))));
}

#[tokio::test]
async fn a_syntax_error_is_told_when_it_is_compiled() {
    let ended = on_fiber(|| bundle(vec![unit("file:///main.js", "export default (\n", &[])]));
    let Err(Error::Thrown(thrown)) = ended.await else { panic!("it is told") };
    assert!(thrown.message.starts_with("SyntaxError"), "{thrown}");
}

#[tokio::test]
async fn a_bundle_serves_many_realms() {
    let sum = on_fiber(|| {
        let code = "let calls = 0; export default () => ++calls;";
        let bundle = bundle(vec![unit("file:///main.js", code, &[])])?;
        assert!(bundle.size() > 0);
        let mut sum = 0;
        for _ in 0..3 {
            let realm = Realm::new(Arc::clone(&bundle), &limits())?;
            sum += realm.with(|ctx| {
                let exports: Object<'_> = realm.evaluate(&ctx)?;
                let main: Function<'_> = exports.get("default").unwrap();
                main.call::<_, u32>(()).unwrap();
                Ok::<_, Error>(main.call::<_, u32>(()).unwrap())
            })?;
        }
        Ok::<_, Error>(sum)
    });
    assert_eq!(sum.await.unwrap(), 6);
}
