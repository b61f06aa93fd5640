//! Calls that are cut off, and the fiber that goes on after them.

use rquickjs::{Function, Value};
use seaworthy_script::{Error, Fiber, Port, Realm, STACK, to_json};

use super::{bundle, limits, unit};

const SCRIPT: &str = "import { nap, later } from 'naps';
    let calls = 0, after = 0;
    const turns = (function* () { for (;;) { nap(1e9); yield 1; } })();
    const ways = {
      sleep() { later(1, () => { after++; }); try { nap(1e9) } catch { after++ } finally { after++ } },
      compute() { try { for (;;) {} } finally { after++ } },
      retry() { for (;;) { try { nap(1e9) } catch { after++ } } },
      callback() { [3, 2, 1].sort(() => nap(1e9)); after++ },
      generate() { turns.next(); after++ },
      async job() { await null; try { nap(1e9) } finally { after++ } },
      async wait() { await null; try { await new Promise(() => later(1e9, () => {})); } finally { after++ } },
      deep() { const f = (n) => { if (n) f(n - 1); else nap(1e9); after++ }; f(100) },
      tell() { return [calls, after]; },
      async between() { Promise.resolve().then(() => nap(1e9)); await null; after++; },
      ended() { return turns.next().done; },
    };
    export default (way) => { calls++; return ways[way](); };";

/// A fiber whose calls are those of the script's ways.
fn fiber() -> Fiber<&'static str, Result<serde_json::Value, Error>> {
    let body = |port: Port<&'static str, Result<serde_json::Value, Error>>| {
        let bundle = bundle(vec![unit("file:///main.js", SCRIPT, &[])]).unwrap();
        let realm = Realm::new(bundle, &limits()).unwrap();
        realm.with(|ctx| {
            let main: Function<'_> = realm.evaluate(&ctx).unwrap().get("default").unwrap();
            let call = |way: &str| {
                let value: Value<'_> =
                    main.call((way,)).map_err(|error| realm.thrown(&ctx, error))?;
                let value = match value.clone().into_promise() {
                    Some(promise) => realm.await_promise(&ctx, &promise)?,
                    None => value,
                };
                realm.settle(&ctx)?;
                Ok(to_json(&ctx, value).unwrap().unwrap_or_default())
            };
            while let Some(way) = port.take() {
                let result = call(way);
                if result.is_err() {
                    realm.abandon();
                }
                if realm.has_jobs(&ctx) {
                    break;
                }
                port.reply(result);
            }
        });
    };
    Fiber::new(STACK, body).unwrap()
}

#[tokio::test]
async fn a_call_that_is_cut_off_leaves_the_script_as_it_stands() {
    let mut fiber = fiber();
    let ways = ["sleep", "compute", "retry", "callback", "generate", "job", "wait", "deep"];
    for way in ways.iter().chain(&ways) {
        // A generator that was cut off has ended: the second time it has nothing to wait for.
        tokio::select! {
            biased;
            result = fiber.call(way) => {
                assert_eq!((*way, result.unwrap().is_ok()), ("generate", true));
                continue;
            }
            () = some_turns() => {}
        }
        let cut = fiber.cut();
        assert!(matches!(cut, Some(Err(Error::Cut))), "{way}: {cut:?}");
    }
    // Nothing was caught, no `finally` was run, no timer rang; only what came to its end did.
    let told = fiber.call("tell").await.unwrap().unwrap();
    assert_eq!(told, serde_json::json!([17, 1]));
    assert_eq!(fiber.call("ended").await.unwrap().unwrap(), true);
    // What was put off when it was cut off would be done in the next call.
    tokio::select! {
        biased;
        _ = fiber.call("between") => panic!("it waits"),
        () = some_turns() => {}
    }
    assert!(fiber.cut().is_none());
}

/// Until whoever else is at work has had some turns.
async fn some_turns() {
    for _ in 0..5 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn where_there_is_no_call_there_is_nothing_to_cut_off() {
    let mut fiber = fiber();
    drop(fiber.call("compute"));
    assert!(fiber.cut().is_none());
    let told = fiber.call("tell").await.unwrap().unwrap();
    assert!(fiber.cut().is_none());
    assert_eq!(
        (told, fiber.call("tell").await.unwrap().unwrap()[0].clone()),
        (serde_json::json!([1, 0]), 2.into())
    );
}
