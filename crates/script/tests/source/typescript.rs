//! TypeScript: types go, what they stand for stays, and every place leads back.

use seaworthy_script::source::{Kind, Source, parse};

fn read(text: &str) -> Source {
    parse("file:///s/x.ts", text).unwrap_or_else(|error| panic!("{error}"))
}

/// The code without white space.
fn code(text: &str) -> String {
    read(text).code.split_whitespace().collect()
}

#[test]
fn types_are_gone() {
    let text = "import type { A } from './a.ts';\nimport { type B, c } from './b.ts';\nimport { D } from './d.ts';\ninterface E { x: number }\ntype F = E | D;\ndeclare const g: string;\nexport default function <T extends E>(this: void, x: T, y?: F): asserts x is T { return (c as any)<string>(x!)(y satisfies F) }";
    let source = read(text);
    let specifiers: Vec<&str> = source.references.iter().map(|it| &*it.specifier).collect();
    assert_eq!(specifiers, ["./b.ts"]);
    let code: String = source.code.split_whitespace().collect();
    assert_eq!(code, "import{c}from\"./b.ts\";exportdefaultfunction(x,y){returnc(x)(y);}");
}

#[test]
fn what_types_stand_for_stays() {
    assert_eq!(
        code(
            "export class A { constructor(private readonly x: number, public y = 2) {} z?: string; }"
        ),
        "exportclassA{x;y;constructor(x,y=2){this.x=x;this.y=y;}z;}"
    );
    let enumeration = code("export enum E { A, B = 'b', C = A + 2 }");
    assert!(enumeration.contains(r#"E[E["A"]=0]="A""#), "{enumeration}");
    assert!(enumeration.contains(r#"E["B"]="b""#), "{enumeration}");
    let namespace = code("namespace N { export const x = 1 } export { N }");
    assert!(namespace.contains("_N.x=1") || namespace.contains("N.x=x"), "{namespace}");
    assert!(code("import a = require('./a.ts'); a()").contains("consta=require(\"./a.ts\")"));
    assert_eq!(read("import a = require('./a.ts'); a()").references.len(), 1);
    // Nothing is lowered that the engine speaks.
    let modern = "export const a = async () => (await x?.y ?? z) ** 2n; export class B { #c = 1; static {} }";
    let printed = code(modern);
    for kept in ["async()", "awaitx?.y??z", "**2n", "#c=1", "static{}"] {
        assert!(printed.contains(kept), "{kept}: {printed}");
    }
    assert!(!printed.contains("import"), "{printed}");
}

#[test]
fn scripts_may_be_typescript_too() {
    let source = read("const a: number = 1; module.exports = { a };");
    assert_eq!(source.kind, Kind::CommonJs);
    assert!(source.exports.names.contains("a"));
    assert!(
        source.code.starts_with(
            "(function (exports, require, module, __filename, __dirname) {const a = 1;"
        )
    );
}

#[test]
fn places_lead_back_through_removed_lines() {
    let text = "interface Long {\n  a: string;\n  b: number;\n}\n\nexport function f(x: Long): never {\n\n  throw new Error(x.a);\n}\n";
    let source = read(text);
    let (line, column) = find(&source.code, "new Error");
    assert!(line < 8, "the printed code is shorter");
    assert_eq!(source.map.original(line, column).to_string(), "file:///s/x.ts:8:9");
    let (line, column) = find(&source.code, "function f");
    assert_eq!(source.map.original(line, column).line, 6);
}

#[test]
fn places_lead_back_behind_letters_of_many_bytes() {
    let text = "const a: string = 'é😀'; export const b = (x: number) => { throw mark }\n";
    let source = read(text);
    let (line, column) = find(&source.code, "mark");
    let place = source.map.original(line, column);
    // Columns of source maps are UTF-16 units: the emoji has two.
    let expected = text[..text.find("mark").expect("it is there")].encode_utf16().count() + 1;
    assert_eq!((place.line, place.column as usize), (1, expected));
}

/// The line and the column in bytes, from 1, of some text.
pub(crate) fn find(code: &str, needle: &str) -> (u32, u32) {
    let at = code.find(needle).unwrap_or_else(|| panic!("`{needle}` is not in {code}"));
    let start = code[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let line = code[..at].matches('\n').count() + 1;
    (line as u32, (at - start + 1) as u32)
}
