//! The names that the runtimes of a thread share: each runtime sees its own world all the same.

use rquickjs::{Context, Runtime};

/// Names the engine knows, as keys and as values, and others that are like them.
const USES: &str = r"
    const known = ['length', 'toFixed', 'hasOwnProperty', 'push', 'constructor', 'then', '__proto__'];
    const made = {};
    for (const name of known) {
        Object.defineProperty(made, name, { value: name + '!', enumerable: true });
        Object.defineProperty(made, name + 's', { value: name, enumerable: true });
    }
    const kept = Object.keys(made).map((name) => made[name]).join();
    Array.prototype.own = OWN;
    const weak = new WeakMap([[Symbol.iterator, OWN]]);
    const code = new Function('push', 'return push + 1');
    [kept, [].own, weak.get(Symbol.iterator), code(OWN), (1.25).toFixed(1), typeof Symbol.for('push')]
        .join()
";

fn run(context: &Context, own: u32) -> String {
    let source = USES.replace("OWN", &own.to_string());
    context.with(|ctx| ctx.eval::<String, _>(source).unwrap())
}

fn expected(own: u32) -> String {
    let known = ["length", "toFixed", "hasOwnProperty", "push", "constructor", "then", "__proto__"];
    let kept: Vec<String> =
        known.iter().flat_map(|name| [format!("{name}!"), (*name).to_owned()]).collect();
    format!("{},{own},{own},{},1.3,symbol", kept.join(","), own + 1)
}

#[test]
fn runtimes_of_a_thread_come_and_go_in_any_order() {
    let mut alive: Vec<(Runtime, Context)> = Vec::new();
    for round in 0..60_u32 {
        let runtime = Runtime::new().unwrap();
        let context = Context::full(&runtime).unwrap();
        assert_eq!(run(&context, round), expected(round));
        alive.push((runtime, context));
        // Now the oldest, now one in between, now all of them go.
        match round % 7 {
            2 => drop(alive.remove(0)),
            4 => drop(alive.swap_remove(alive.len() / 2)),
            6 => alive.clear(),
            _ => {}
        }
        if let Some((_, context)) = alive.first() {
            let again = context.with(|ctx| ctx.eval::<f64, _>("[].own + 'push'.length").unwrap());
            assert!(again >= 4.0);
        }
    }
}

#[test]
fn threads_share_nothing() {
    let threads: Vec<_> = (0..4_u32)
        .map(|own| {
            std::thread::spawn(move || {
                for _ in 0..20 {
                    let runtime = Runtime::new().unwrap();
                    let context = Context::full(&runtime).unwrap();
                    assert_eq!(run(&context, own), expected(own));
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn a_runtime_pays_for_no_name_the_engine_knows() {
    let runtime = Runtime::new().unwrap();
    let context = Context::full(&runtime).unwrap();
    let before = runtime.memory_usage();
    context.with(|ctx| {
        ctx.eval::<(), _>("globalThis.o = { toFixed: 1, hasOwnProperty: 2, copyWithin: 3 }")
            .unwrap();
    });
    let after = runtime.memory_usage();
    // One name is new: `o`.
    assert_eq!(after.atom_count, before.atom_count + 1);
    // Symbols, and little else.
    assert!(before.atom_count < 40, "{}", before.atom_count);
}
