//! Source maps that bundlers wrote.

use seaworthy_script::source::parse;

use crate::files::Files;
use crate::typescript::find;

/// What esbuild writes for `src/a.ts`: line 2 of the bundle came from line 3, columns as they are.
const MAP: &str = r#"{"version":3,"sources":["../src/a.ts"],"sourcesContent":[null],"names":[],"mappings":";AAEA,MAAM"}"#;
const BUNDLE: &str = "// bundle\nthrow mark;\n";

#[test]
fn the_map_beside_a_bundle_is_followed() {
    let script = format!("{BUNDLE}//# sourceMappingURL=main.js.map\n");
    let files = Files::new([("/s/main.js", &script), ("/s/main.js.map", MAP)]);
    let graph = files.load().expect("it is whole");
    let (line, column) = find(&graph.entry().code, "mark");
    assert_eq!(graph.entry().map.original(line, column).to_string(), "file:///src/a.ts:3:7");
    let stack = format!("    at <anonymous> (file:///s/main.js:{line}:{column})\n");
    assert_eq!(graph.maps().map_stack(&stack), "    at <anonymous> (file:///src/a.ts:3:7)\n");
    // Line 1 is the bundler's own.
    let (line, column) = find(&graph.entry().code, "bundle");
    assert_eq!(graph.entry().map.original(line, column).to_string(), "file:///s/main.js:1:4");
    assert!(graph.warnings().is_empty());
}

#[test]
fn the_map_within_a_bundle_is_followed() {
    let base64 =
        "eyJ2ZXJzaW9uIjozLCJzb3VyY2VzIjpbIi4uL3NyYy9hLnRzIl0sIm1hcHBpbmdzIjoiO0FBRUEsTUFBTSJ9";
    let script = format!("{BUNDLE}//# sourceMappingURL=data:application/json;base64,{base64}");
    let source = parse("file:///s/dist/main.js", &script).expect("it is sound");
    let (line, column) = find(&source.code, "mark");
    assert_eq!(source.map.original(line, column).to_string(), "file:///s/src/a.ts:3:7");
}

#[test]
fn broken_maps_are_told_and_left() {
    let script = format!("{BUNDLE}//# sourceMappingURL=main.js.map");
    let files = Files::new([("/s/main.js", &script), ("/s/main.js.map", "<html>")]);
    let graph = files.load().expect("it is whole");
    assert_eq!(graph.warnings(), ["the source map /s/main.js.map is not used: it is not JSON"]);
    assert!(graph.entry().map.is_identity());
    let absent = Files::new([("/s/main.js", &script)]).load().expect("it is whole");
    assert!(absent.warnings().is_empty());
    let inline = "x\n//# sourceMappingURL=data:application/json,{}";
    let source = parse("s.js", inline).expect("it is sound");
    assert_eq!(source.warnings, ["the source map within s.js is not used: it is not of version 3"]);
}
