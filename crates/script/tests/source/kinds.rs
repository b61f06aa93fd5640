//! Which kind of module a text is, what it asks for and what it exports.

use seaworthy_script::source::{How, Kind, Source, parse};

fn read(name: &str, text: &str) -> Source {
    parse(name, text).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_text_tells_a_module_from_a_script() {
    let kind = |text| read("file:///x.js", text).kind;
    assert_eq!(kind("import 'k6'"), Kind::EcmaScript);
    assert_eq!(kind("export default 1"), Kind::EcmaScript);
    assert_eq!(kind("const x = await f()"), Kind::EcmaScript);
    assert_eq!(kind("module.exports = 1"), Kind::CommonJs);
    assert_eq!(kind("require('k6')"), Kind::CommonJs);
    assert_eq!(kind("import('k6')"), Kind::CommonJs);
    assert_eq!(kind(""), Kind::CommonJs);
    assert_eq!(kind("var await = 1; with ({}) { await }"), Kind::CommonJs);
    assert_eq!(read("x.mjs", "exports.a = 1").kind, Kind::CommonJs);
    assert_eq!(read("x.json", "{}").kind, Kind::Json);
    // An import that only named types is gone, but the file stays what it was.
    assert_eq!(read("x.ts", "import { T } from './t.ts'; let x: T").kind, Kind::EcmaScript);
}

#[test]
fn javascript_is_passed_on_untouched() {
    let module = "import x from 'k6'\n  let   a = 1 /* c */\n";
    assert_eq!(&*read("x.js", module).code, module);
    let script = read("x.js", "#!/usr/bin/env k6\nlet a = 1 // end");
    let expected = "(function (exports, require, module, __filename, __dirname) {///usr/bin/env k6\nlet a = 1 // end\n})";
    assert_eq!(&*script.code, expected);
    assert_eq!(&*read("x.js", "\u{feff}export {}").code, "export {}");
}

#[test]
fn references_stand_in_the_order_of_the_text() {
    let text = "import a, { b as c, default as d } from './a.js';\nimport * as e from 'k6';\nimport './f.js';\nexport { g as h } from './g.js';\nexport * from './i.js';\nconst j = require('./j.js');\nimport('./k.js');\n(function (require) { require('./no.js') });\nrequire(a); require('./x.js', 1); x.require('./no.js');";
    let source = read("file:///x.js", text);
    let found: Vec<_> = source
        .references
        .iter()
        .map(|it| {
            let names: Vec<&str> = it.names.iter().map(|name| name.name.as_str()).collect();
            (it.how, it.specifier.as_str(), it.place.line, it.place.column, names.join(" "), it.all)
        })
        .collect();
    assert_eq!(
        found,
        [
            (How::Import, "./a.js", 1, 41, "default b default".to_owned(), false),
            (How::Import, "k6", 2, 20, String::new(), true),
            (How::Import, "./f.js", 3, 8, String::new(), false),
            (How::Reexport, "./g.js", 4, 24, "g".to_owned(), false),
            (How::Reexport, "./i.js", 5, 15, String::new(), true),
            (How::Require, "./j.js", 6, 19, String::new(), true),
            (How::DynamicImport, "./k.js", 7, 8, String::new(), true),
        ]
    );
    assert_eq!(source.references[0].names[1].place.to_string(), "file:///x.js:1:13");
}

#[test]
fn exports_of_modules_are_all_known() {
    let text = "export const a = 1, { b, c: [d] } = x; export function e() {} export class F {}\nexport { a as g, a as 'h i' }; export default 1; export * as j from './j.js'; export * from './k.js'; export { l as m } from './l.js'; export let o;";
    let exports = read("x.js", text).exports;
    let names: Vec<&str> = exports.names.iter().map(String::as_str).collect();
    assert_eq!(names, ["F", "a", "b", "d", "default", "e", "g", "h i", "j", "m", "o"]);
    assert_eq!(exports.all_of, ["./k.js"]);
    let typed = read("x.ts", "export type A = 1; export interface B {} export enum C { X } export namespace D { export const y = 1 } export declare const E: number; export abstract class G {}").exports;
    let names: Vec<&str> = typed.names.iter().map(String::as_str).collect();
    assert_eq!(names, ["C", "D", "G"]);
}

#[test]
fn exports_of_scripts_are_what_can_be_seen() {
    let names = |text: &str| {
        let exports = read("x.js", text).exports;
        let names: Vec<String> = exports.names.iter().cloned().collect();
        (names.join(" "), exports.all_of.join(" "), exports.open, exports.compiled)
    };
    let seen = |text: &str, expected: &str| {
        assert_eq!(names(text), (expected.to_owned(), String::new(), false, false), "{text}");
    };
    seen("exports.a = 1; exports['b'] = 2; module.exports.c = 3", "a b c");
    seen("module.exports = { a, b: 1, 'c d': 2, e() {}, get f() { return 1 } }", "a b c d e f");
    seen("exports = module.exports = { a }", "a");
    seen("module.exports = function () {}", "");
    seen("0 && (module.exports = { a, b })", "a b");
    seen("Object.defineProperty(exports, 'a', { value: 1 })", "a");
    // Not the module's own.
    seen("(function (exports) { exports.a = 1 })({})", "");
    seen("const o = {}; o.exports = { a }", "");
    let compiled =
        names("Object.defineProperty(exports, '__esModule', { value: true }); exports.default = 1");
    assert_eq!(compiled, ("default".to_owned(), String::new(), false, true));
    assert_eq!(names("module.exports = require('./a.js')").1, "./a.js");
    assert_eq!(names("module.exports = { ...require('./a.js'), b }").1, "./a.js");
    assert_eq!(names("__exportStar(require('./a.js'), exports)").1, "./a.js");
    assert_eq!(names("tslib.__exportStar(require('./a.js'), exports)").1, "./a.js");
    assert!(names("module.exports = make()").2);
    assert!(names("exports[name] = 1").2);
    assert!(names("module.exports = { ...other }").2);
}

#[test]
fn json_is_a_module() {
    let source = read("file:///x.json", "{\"a\": [1], \"b\": \"\u{2028}\", \"__proto__\": 1}");
    assert!(source.exports.names.contains("a") && source.exports.names.contains("b"));
    assert!(source.code.starts_with("(function (exports"));
    assert!(source.code.contains("JSON.parse(\"{\\\"a\\\""), "{}", source.code);
}
