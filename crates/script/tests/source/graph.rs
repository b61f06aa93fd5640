//! A script and everything it imports or requires.

use seaworthy_script::source::{Disk, Error, Graph, How, Kind, Location, Options, Target};

use crate::files::Files;

fn names(graph: &Graph) -> Vec<&str> {
    graph.modules().iter().map(|module| &**module.location.name()).collect()
}

fn refused(files: &Files) -> Error {
    files.load().expect_err("it cannot be loaded")
}

#[test]
fn modules_come_behind_what_they_ask_for() {
    let graph = Files::new([
        ("/s/main.js", "import './b.js'; import a from './lib/a.js'; import http from 'k6/http';"),
        ("/s/b.js", "import './lib/a.js'; export {}"),
        ("/s/lib/a.js", "export default require('../c.json').x"),
        ("/s/c.json", "{\"x\": 1}"),
        ("/s/unused.js", "this is not read"),
    ])
    .load()
    .expect("it is whole");
    assert_eq!(
        names(&graph),
        ["file:///s/c.json", "file:///s/lib/a.js", "file:///s/b.js", "file:///s/main.js"]
    );
    let entry = graph.entry();
    assert_eq!(entry.targets["./lib/a.js"], Ok(Target::Module(1)));
    assert_eq!(entry.targets["k6/http"], Ok(Target::Builtin("k6/http".to_owned())));
    assert_eq!(graph.find("file:///s/b.js").map(|(index, _)| index), Some(2));
    let uses: Vec<_> = graph.builtins().collect();
    assert_eq!(uses.len(), 1);
    assert_eq!((uses[0].module.as_str(), uses[0].how), ("k6/http", How::Import));
    assert_eq!(uses[0].names[0].name, "default");
    assert_eq!(uses[0].place.to_string(), "file:///s/main.js:1:63");
}

#[test]
fn cycles_are_read_once() {
    let graph = Files::new([
        ("/s/main.js", "import { b } from './b.js'; export const a = 1;"),
        (
            "/s/b.js",
            "import { a } from './main.js'; import { b as c } from './b.js'; export const b = 1;",
        ),
    ])
    .load()
    .expect("cycles are allowed");
    assert_eq!(names(&graph), ["file:///s/b.js", "file:///s/main.js"]);
    assert_eq!(graph.modules()[0].targets["./main.js"], Ok(Target::Module(1)));
}

#[test]
fn a_script_from_standard_input_has_a_folder() {
    let files = Files::new([("/s/a.js", "export const a = 1")]);
    let location = Location::file(std::path::Path::new("/s/-"));
    let text = "import { a } from './a.js'";
    let graph = Graph::load_text(location, text, &files, &Options::default()).expect("it is whole");
    assert_eq!(names(&graph), ["file:///s/a.js", "file:///s/-"]);
}

#[test]
fn an_import_that_is_missing_is_shown_where_it_stands() {
    let error = refused(&Files::new([
        ("/s/main.js", "import './a.js';\n"),
        ("/s/a.js", "export {};\nimport { x } from './lib';\n"),
        ("/s/lib.js", ""),
    ]));
    assert_eq!(error.code(), "script-import-missing");
    assert_eq!(
        error.render(),
        "file:///s/a.js:2:19: `./lib` is not there: no file `/s/lib`\n  |\n2 | import { x } from './lib';\n  |                   ^\nhint: there is `./lib.js`: write the whole name, nothing is added to it"
    );
}

#[test]
fn a_name_that_is_not_exported_is_shown_where_it_is_asked_for() {
    let files = |text: &str| {
        Files::new([
            ("/s/main.js", text),
            ("/s/a.js", "export * from './b.js'; export const a = 1; export default 2;"),
            ("/s/b.js", "export const b = 1; export default 3; export * from './a.js'"),
            ("/s/c.js", "exports.c = 1; exports[d] = 2"),
            ("/s/d.js", "export * from './c.js'; export * as e from 'k6'"),
            ("/s/f.js", "export {}"),
        ])
    };
    for sound in [
        "import f, { a, b } from './a.js'",
        "import f, { a, b } from './b.js'",
        "import { c, anything } from './c.js'",
        "import { c, anything, e } from './d.js'",
        "export { a, b, default } from './a.js'",
        "import * as all from './f.js'",
        "import './f.js'; import {} from './f.js'",
    ] {
        assert!(files(sound).load().is_ok(), "{sound}");
    }
    let error = refused(&files("import './f.js';\nimport { a,\n  x as y } from './a.js'"));
    assert_eq!(
        error.render(),
        "file:///s/main.js:3:3: `./a.js` has no export `x`\n  |\n3 |   x as y } from './a.js'\n  |   ^\nhint: it exports `a`, `b`, `default`"
    );
    // `export *` does not hand on the default export.
    let only = Files::new([
        ("/s/main.js", "import x from './a.js'"),
        ("/s/a.js", "export * from './b.js'"),
        ("/s/b.js", "export default 1"),
    ]);
    assert_eq!(refused(&only).code(), "script-no-export");
    assert_eq!(refused(&files("export { z } from './f.js'")).hint(), Some("it exports nothing"));
}

#[test]
fn what_is_only_required_fails_when_it_is_required() {
    let graph = Files::new([
        ("/s/main.js", "import './ok.js'; try { require('./broken.js') } catch (e) {}\nrequire('lodash'); import('./far.js')"),
        ("/s/ok.js", "export {}"),
        ("/s/broken.js", "import './worse.js'"),
        ("/s/worse.js", "export default function ("),
        ("/s/far.js", "import './none.js'"),
    ])
    .load()
    .expect("what is required may be broken");
    assert_eq!(names(&graph), ["file:///s/ok.js", "file:///s/main.js"]);
    let entry = graph.modules().len() - 1;
    let code = |specifier| graph.required(entry, specifier).expect_err("it is broken");
    assert!(
        matches!(code("./broken.js"), Error::Syntax(error) if &*error.place.file == "file:///s/worse.js")
    );
    assert_eq!(code("lodash").code(), "script-bare-specifier");
    assert_eq!(code("lodash").place().map(|place| place.line), Some(2));
    assert_eq!(code("./far.js").code(), "script-import-missing");
    // Names that are only known at run time: what is loaded can be had.
    assert_eq!(graph.required(entry, "../s/ok.js"), Ok(Target::Module(0)));
    assert_eq!(graph.required(entry, "k6"), Ok(Target::Builtin("k6".to_owned())));
    let absent = graph.required(entry, "./other.js").expect_err("it was not loaded");
    assert_eq!(absent.code(), "script-import-missing");
}

#[test]
fn the_wrapper_of_a_script_has_what_is_seen_and_what_is_asked() {
    let graph = Files::new([
        ("/s/main.js", "import lib, { hidden, seen } from './lib.js'; export * from './data.json'"),
        ("/s/lib.js", "exports.seen = 1; module.exports.also = 2; __exportStar(require('./more.js'), exports); hide(exports)"),
        ("/s/more.js", "exports.more = 1; exports.default = 2"),
        ("/s/data.json", "{\"key\": 1, \"no key\": 2, \"default\": 3}"),
    ])
    .load()
    .expect("it is whole");
    let module = |name| graph.find(name).expect("it is there").1;
    let lib = module("file:///s/lib.js");
    assert_eq!(lib.kind, Kind::CommonJs);
    let names: Vec<&str> = lib.wrapper.iter().map(String::as_str).collect();
    assert_eq!(names, ["also", "hidden", "more", "seen"]);
    assert_eq!(lib.asked["hidden"][0].to_string(), "file:///s/main.js:1:15");
    let names: Vec<&String> = module("file:///s/data.json").wrapper.iter().collect();
    assert_eq!(names, ["key"]);
}

#[test]
fn remote_modules_come_from_the_folder_of_copies() {
    let files = Files::new([
        ("/s/main.js", "import { a } from 'https://h.io/lib/1.0/index.js?x'"),
        ("/m/h.io/lib/1.0/index.js", "export * from '../2.0/b.js'"),
        ("/m/h.io/lib/2.0/b.js", "export const a = 1"),
    ]);
    let graph = files.load().expect("it is whole");
    assert_eq!(names(&graph)[0], "https://h.io/lib/2.0/b.js");
    assert_eq!(names(&graph)[1], "https://h.io/lib/1.0/index.js");
    let error = refused(&Files::new([("/s/main.js", "import 'https://h.io/x.js'")]));
    assert_eq!(error.code(), "script-import-not-local");
    assert!(error.hint().is_some_and(|hint| hint.contains("-o /m/h.io/x.js")), "{error}");
}

#[test]
fn size_and_encoding_are_checked() {
    let options = Options { limit: 30, ..Options::default() };
    let files =
        Files::new([("/s/main.js", "import './a.js'"), ("/s/a.js", "export const a = 123")]);
    let load = |files: &Files| Graph::load(std::path::Path::new("/s/main.js"), files, &options);
    assert!(matches!(load(&files), Err(Error::TooLarge { limit: 30, .. })));
    let latin = Files::new([]).with("/s/main.js", b"let a = '\xe9'");
    let error = load(&latin).expect_err("it is not UTF-8");
    assert!(error.to_string().contains("byte 10 is not UTF-8"), "{error}");
    let none = load(&Files::new([])).expect_err("there is none");
    assert_eq!(none.code(), "script-unreadable");
}

#[test]
fn files_are_read_from_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let main = folder.path().join("main.ts");
    std::fs::write(&main, "import { a } from './a b.ts'; console.log(a)").expect("written");
    std::fs::write(folder.path().join("a b.ts"), "export const a: number = 1").expect("written");
    let graph = Graph::load(&main, &Disk, &Options::default()).expect("it is whole");
    assert!(names(&graph)[0].ends_with("/a%20b.ts"));
}
