//! Texts that nest very deeply: refused or read, but never the end of the process.

use seaworthy_script::source::parse;

#[test]
fn depth_does_not_overflow_the_stack() {
    const DEPTH: usize = 1_500;
    let around = |open: &str, middle: &str, close: &str| {
        format!("{}{middle}{}", open.repeat(DEPTH), close.repeat(DEPTH))
    };
    let texts = [
        around("(", "1", ")"),
        around("[", "1", "]"),
        around("[", "", ""),
        around("(", "", ""),
        around("~", "", ""),
        around("{", "", "}"),
        around("x={a:", "1", "}"),
        around("!", "x", ""),
        around("-~", "x", ""),
        around("typeof ", "x", ""),
        around("new ", "x", ""),
        around("a=>", "x", ""),
        around("a=", "x", ""),
        around("a?b:", "x", ""),
        around("a**", "x", ""),
        around("a+", "x", ""),
        around("a.b", "", ""),
        around("a.", "b", ""),
        around("f(", "", ")"),
        around("f`${", "", "}`"),
        around("if(a)", ";", ""),
        around("if(a);else ", ";", ""),
        around("a:", ";", ""),
        around("for(;;)", ";", ""),
        around("async()=>", "x", ""),
        around("function f(){", "", "}"),
        around("class A{a=", "1", "}"),
        around("a??", "b", ""),
        around("a,", "b", ""),
        format!("let {}=1", around("[", "a", "]")),
        format!("export const f = {}", around("()=>{return ", "1", "}")),
    ];
    for text in &texts {
        for name in ["x.js", "x.ts", "x.json"] {
            if let Err(error) = parse(name, text) {
                assert_ne!(error.reason, "the parser failed on it", "{}", &text[..40]);
            }
        }
    }
    for text in [
        format!("let a: {}", around("A<", "B", ">")),
        format!("let a: {}", around("[", "B", "]")),
        format!("let a: {}", around("A extends B ? C : ", "B", "")),
        format!("let a: A{}", "[]".repeat(DEPTH)),
        format!("namespace {}", around("A {namespace ", "B {}", "}")),
        format!("let a = {}", around("<A>", "b", "")),
        format!("let a = b{}", " as C".repeat(DEPTH)),
        format!("let a = b{}", "!".repeat(DEPTH)),
    ] {
        if let Err(error) = parse("x.ts", &text) {
            assert_ne!(error.reason, "the parser failed on it", "{}", &text[..40]);
        }
    }
}
