//! What a person is told about a text that is no program.

use seaworthy_script::source::{Error, parse};

fn told(name: &str, text: &str) -> String {
    let error = parse(name, text).expect_err("it is no program");
    Error::from(error).render()
}

#[test]
fn a_syntax_error_shows_its_place() {
    assert_eq!(
        told(
            "file:///s.js",
            "import http from 'k6/http';\nexport default function () {\n  http.get('x';\n}\n"
        ),
        "file:///s.js:3:15: expected `,` or `)` but found `;`\n  |\n3 |   http.get('x';\n  |               ^"
    );
}

#[test]
fn every_kind_of_error_has_a_place_and_a_reason() {
    let cases = [
        ("s.js", "let a = 1;\nlet a = 2;", "s.js:1:5", "`a`"),
        ("s.js", "export default function () { return 1", "s.js:1:", "expected"),
        ("s.js", "const a;", "s.js:1:7", "const"),
        ("s.js", "let s = 'abc", "s.js:1:9", "nterminated string"),
        ("s.js", "let s = `abc", "s.js:1:", "nterminated"),
        ("s.js", "export { nothing };", "s.js:1:10", "nothing"),
        ("s.js", "let x: number = 1", "s.js:1:6", ""),
        ("s.js", "break;", "s.js:1:1", "break"),
        ("s.js", "import x from 'k6'; with (x) {}", "s.js:1:21", "with"),
        ("s.ts", "let x: = 1", "s.ts:1:8", ""),
        ("s.ts", "@d class A {}", "s.ts:1:1", "decorators are not run here"),
        ("s.js", "class A { @d m() {} }", "s.js:1:11", "decorators are not run here"),
        ("s.jsx", "let a = <b>c</b>", "s.jsx:1:9", "JSX is not run here"),
        ("s.tsx", "let a = <>c</>", "s.tsx:1:9", "JSX is not run here"),
        ("s.js", "return 1", "s.js:1:1", "return"),
        ("s.json", "{\n  \"a\": 1,\n}", "s.json:3:1", "this is not JSON: trailing comma"),
        ("s.json", "", "s.json:1:1", "this is not JSON"),
    ];
    for (name, text, place, reason) in cases {
        let told = told(name, text);
        assert!(told.starts_with(place), "{text}: {told}");
        assert!(told.contains(reason), "{text}: {told}");
        assert!(told.contains('^'), "{text}: {told}");
    }
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    assert!(!told("s.js", "let \u{1b}[31m = 1").contains('\u{1b}'));
}
