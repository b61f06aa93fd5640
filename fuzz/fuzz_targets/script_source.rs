//! Any text is a program, in JavaScript, TypeScript or JSON, or a syntax error with a place; any
//! text is a specifier or an error; any text is a stack trace. Nothing panics.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use seaworthy_script::source::{Disk, Location, Resolver, SourceMaps, parse};

fuzz_target!(|text: &str| {
    for name in ["file:///x.js", "file:///x.ts", "file:///x.tsx", "file:///x.json"] {
        match parse(name, text) {
            Ok(source) => {
                assert!(source.map.original(1, 1).line > 0);
                let maps = SourceMaps::new([source.map]);
                let _ = maps.map_stack(text);
                let _ = maps.map_stack(&format!("    at f ({name}:2:{})", text.len()));
            }
            Err(error) => assert_ne!(error.reason, "the parser failed on it"),
        }
    }
    let resolver = Resolver { reader: &Disk, modules_dir: Some(Path::new("/modules")) };
    let _ = resolver.resolve(&Location::file(Path::new("/x.js")), text);
});
