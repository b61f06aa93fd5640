//! Whatever the text: no panic, and every place leads back to where it was written.

use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use seaworthy_script::source::{
    Kind, Location, ResolveError, Resolver, SourceMaps, Specifier, parse,
};

use crate::files::Files;
use crate::typescript::find;

/// Pieces that, put together, are often nearly a program.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("import a from './a.js';"),
        Just("export "),
        Just("default "),
        Just("function "),
        Just("class A "),
        Just("{"),
        Just("}"),
        Just("("),
        Just(")"),
        Just("["),
        Just("]"),
        Just("`"),
        Just("${"),
        Just("=>"),
        Just("= "),
        Just("'x'"),
        Just("/"),
        Just("/*"),
        Just("*/"),
        Just("//"),
        Just("\n"),
        Just("\u{2028}"),
        Just("é"),
        Just("😀"),
        Just("\0"),
        Just("type A = "),
        Just("enum E {"),
        Just("namespace N {"),
        Just("interface I {"),
        Just(": string"),
        Just("<T>"),
        Just(" as "),
        Just(" satisfies "),
        Just("@d "),
        Just("require('x')"),
        Just("module.exports = "),
        Just("exports.a = 1;"),
        Just("await "),
        Just("async "),
        Just("yield "),
        Just("let a"),
        Just("const b"),
        Just(","),
        Just(";"),
        Just("?."),
        Just("??"),
        Just("#p"),
        Just("..."),
        Just("\\u{41}"),
        Just("import("),
        Just("export * from 'y';"),
        Just("//# sourceMappingURL=data:application/json,"),
        Just("abstract "),
        Just("declare "),
        Just("private x"),
        Just("constructor"),
        Just("<!--"),
        Just("using x"),
        Just("accessor "),
        Just("static "),
        Just("get "),
        Just("export = "),
        Just("import x = "),
        Just("0n"),
        Just("1e"),
    ];
    vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_text_panics(text in prop_oneof![any::<String>(), pieces()]) {
        for name in ["file:///x.js", "file:///x.ts", "file:///x.tsx", "file:///x.json"] {
            match parse(name, &text) {
                Ok(source) => {
                    for line in 0..4 {
                        let _ = source.map.original(line, u32::MAX);
                    }
                    if source.kind == Kind::EcmaScript && name.ends_with("js") {
                        prop_assert_eq!(&*source.code, text.strip_prefix('\u{feff}').unwrap_or(&text));
                    }
                }
                Err(error) => {
                    prop_assert_ne!(&error.reason, "the parser failed on it");
                    prop_assert!(error.place.line <= text.chars().count() as u32 + 1);
                    prop_assert!(!error.reason.is_empty());
                }
            }
        }
    }

    #[test]
    fn every_mark_leads_back_to_its_line(kinds in vec(0..9usize, 1..30)) {
        let mut text = String::new();
        let mut marks = Vec::new();
        for (index, kind) in kinds.iter().enumerate() {
            let line = text.matches('\n').count() as u32 + 1;
            let statement = match kind {
                0 => format!("interface I{index} {{\n  a: string;\n}}\n"),
                1 => format!("type T{index} = {{ a: number }}; "),
                2 => "\n\n/* é */ ".to_owned(),
                3 => format!("function f{index}(a: string, b?: number): void {{ mark{index}(a as any) }}\n"),
                4 => format!("enum E{index} {{ A, B = mark{index}.length }}\n"),
                5 => format!("class C{index} {{ constructor(private x: number) {{ mark{index}() }} }}\n"),
                6 => format!("namespace N{index} {{ export const a: number = mark{index} }}\n"),
                7 => format!("const s{index}: string = `é😀`; mark{index}<string>(1 satisfies number)\n"),
                _ => format!("mark{index}!.call<T>()\n;"),
            };
            if *kind >= 3 {
                marks.push((format!("mark{index}"), line));
            }
            text.push_str(&statement);
        }
        for wrapped in [false, true] {
            let text = if wrapped { text.clone() } else { format!("{text}\nexport {{}};") };
            let source = parse("file:///x.ts", &text).map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(source.kind == Kind::CommonJs, wrapped);
            for (mark, line) in &marks {
                let (at, column) = find(&source.code, mark);
                let place = source.map.original(at, column);
                prop_assert_eq!(place.line, *line, "{} in {}", mark, &source.code);
            }
        }
    }

    #[test]
    fn no_specifier_leaves_the_folder_of_copies(
        specifier in prop_oneof![any::<String>(), "(https://|file://|[./]{0,9}|k6/)[a-z./%:@?#-]{0,20}"],
    ) {
        struct All;
        impl seaworthy_script::source::Reader for All {
            fn read(&self, _: &Path, _: u64) -> std::io::Result<Vec<u8>> {
                Ok(Vec::new())
            }
            fn is_file(&self, _: &Path) -> bool {
                true
            }
        }
        let resolver = Resolver { reader: &All, modules_dir: Some(Path::new("/m")) };
        let main = Location::file(Path::new("/s/main.js"));
        let found = resolver.resolve(&main, &specifier);
        if let Ok(Specifier::Module(location)) = found {
            prop_assert!(!location.is_remote() || location.path().starts_with("/m"));
            prop_assert!(!location.path().to_string_lossy().contains("/../"));
            let again = resolver.resolve(&main, location.name());
            prop_assert_eq!(again, Ok(Specifier::Module(location)));
        }
        // Without any file, nothing but a built-in module is found.
        let resolver = Resolver { reader: &Files::new([]), modules_dir: None };
        match resolver.resolve(&main, &specifier) {
            Ok(found) => prop_assert!(matches!(found, Specifier::Builtin(_))),
            Err(ResolveError::Computed { .. }) => prop_assert!(false),
            Err(_) => {}
        }
    }

    #[test]
    fn no_stack_and_no_map_panics(text in any::<String>(), json in any::<String>(), line: u32, column: u32) {
        let script = format!("x\n//# sourceMappingURL=data:application/json,{{\"version\":3,\"sources\":[\"a\"],\"mappings\":\"{json}\"}}");
        if let Ok(source) = parse("a", &script) {
            let _ = source.map.original(line, column);
            let maps = SourceMaps::new([source.map]);
            let _ = maps.map_stack(&text);
            let _ = maps.map_stack(&format!("    at {text} (a:{line}:{column})"));
        }
    }
}
