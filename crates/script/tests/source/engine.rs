//! What is handed to the engine is what the engine runs, and its positions lead back. The engine
//! gives `new Error` the place of `Error`.

use rquickjs::context::EvalOptions;
use rquickjs::{CatchResultExt, CaughtError, Context, Function, Module, Object, Runtime, Value};
use seaworthy_script::source::{Graph, Kind, Place};

use crate::files::Files;

/// Runs the entry of a graph without imports, calls its export `f`, and gives the stack.
fn stack_of(graph: &Graph) -> String {
    let runtime = Runtime::new().expect("a runtime");
    let context = Context::full(&runtime).expect("a context");
    context.with(|ctx| {
        let entry = graph.entry();
        let name = &**entry.location.name();
        let exports: Object = match entry.kind {
            Kind::EcmaScript => {
                let declared = Module::declare(ctx.clone(), name, &*entry.code).catch(&ctx);
                let (module, promise) = declared.expect("it compiles").eval().expect("it runs");
                promise.finish::<()>().expect("it ends");
                module.namespace().expect("it exports")
            }
            Kind::CommonJs | Kind::Json => {
                let mut options = EvalOptions::default();
                options.strict = false;
                options.filename = Some(name.to_owned());
                let run: Function =
                    ctx.eval_with_options(&*entry.code, options).expect("it compiles");
                let exports = Object::new(ctx.clone()).expect("an object");
                let module = Object::new(ctx.clone()).expect("an object");
                module.set("exports", exports.clone()).expect("set");
                run.call::<_, Value>((exports, (), module.clone())).catch(&ctx).expect("it runs");
                module.get("exports").expect("it exports")
            }
        };
        let function: Function = exports.get("f").expect("it exports f");
        match function.call::<_, Value>(()).catch(&ctx) {
            Err(CaughtError::Exception(exception)) => exception.stack().expect("a stack"),
            other => panic!("it did not throw: {other:?}"),
        }
    })
}

fn first(name: &str, text: &str) -> Place {
    let path = format!("/s/{name}");
    let graph = Files::new([(&path, text)]).load_from(&path).expect("it is whole");
    let stack = stack_of(&graph);
    graph.maps().first_place(&stack).unwrap_or_else(|| panic!("no frame of ours: {stack}"))
}

#[test]
fn a_module_that_throws_points_at_its_line() {
    let text = "export function f() {\n  const é = 'é'; throw new Error('x');\n}\n";
    assert_eq!(first("a.js", text).to_string(), "file:///s/a.js:2:28");
}

#[test]
fn typescript_that_throws_points_at_its_line() {
    let text = "interface A {\n  a: string;\n}\nenum B { C }\n\nexport function f(a?: A): B {\n  const b: number = 1;\n\n  if (b) throw new Error('x');\n  return B.C;\n}\n";
    assert_eq!(first("a.ts", text).to_string(), "file:///s/a.ts:9:20");
}

#[test]
fn a_script_that_throws_points_at_its_line() {
    let first_line = "exports.f = () => { throw new Error('x') }";
    assert_eq!(first("a.js", first_line).to_string(), "file:///s/a.js:1:31");
    let text = "#!/usr/bin/env k6\nwith ({ g: 1 }) { g }\nmodule.exports = { f() { throw new Error('x') } } // end";
    assert_eq!(first("a.js", text).line, 3);
    let typed = "type A = string;\n\nexports.f = (a: A) => {\n  throw new Error('x') }";
    assert_eq!(first("a.ts", typed).to_string(), "file:///s/a.ts:4:13");
}

#[test]
fn json_is_what_it_says() {
    let text = "{\n \"a\": \"\u{2028} \\u0000 \\\\\", \"__proto__\": {\"b\": 1} }";
    let graph = Files::new([("/s/x.json", text)]).load_from("/s/x.json").expect("it is whole");
    let runtime = Runtime::new().expect("a runtime");
    let context = Context::full(&runtime).expect("a context");
    context.with(|ctx| {
        let code = format!(
            "(() => {{ const m = {{}}; {}(m, null, m, '', ''); return JSON.stringify(m.exports) + Object.keys(m.exports) }})()",
            graph.entry().code
        );
        let got: String = ctx.eval(code).expect("it runs");
        assert_eq!(got, "{\"a\":\"\u{2028} \\u0000 \\\\\",\"__proto__\":{\"b\":1}}a,__proto__");
    });
}
