//! What was changed in the engine of third_party/rquickjs-sys, held against what it must do, and the
//! engine's texts and properties as Rust reads them.

#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod names;

use proptest::prelude::*;
use rquickjs::{Context, Ctx, Object, Runtime, Value};
use seaworthy_script::{Entries, Text};

/// Calls a function of two texts; its answer.
fn call(source: &str, one: &str, two: &str) -> String {
    let runtime = Runtime::new().unwrap();
    let context = Context::full(&runtime).unwrap();
    context.with(|ctx| {
        let function: rquickjs::Function<'_> = ctx.eval(source).unwrap();
        function.call::<_, String>((one, two)).unwrap()
    })
}

fn with(source: &str, look: impl FnOnce(&Ctx<'_>, Object<'_>)) {
    let runtime = Runtime::new().unwrap();
    let context = Context::full(&runtime).unwrap();
    context.with(|ctx| {
        let object: Object<'_> = ctx.eval(format!("({source})")).unwrap();
        look(&ctx, object);
    });
}

/// Numbers as JSON may have them, long and short, with and without fractions and exponents.
fn number() -> impl Strategy<Value = String> {
    let whole = prop_oneof!["0", "[1-9][0-9]{0,20}", "21474836(47|48)"];
    (
        "-?",
        whole,
        prop_oneof![Just(String::new()), "\\.[0-9]{1,20}"],
        prop_oneof![
            4 => Just(String::new()),
            1 => "[eE][+-]?[0-9]{1,3}",
        ],
    )
        .prop_map(|(sign, whole, part, exponent)| format!("{sign}{whole}{part}{exponent}"))
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i32>().prop_map(Into::into),
        any::<i32>().prop_map(|it| (f64::from(it) / 1000.0).into()),
        "[a-z\"\\\\\u{0}-\u{1f}\u{7f}é🙂]{0,12}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 60, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
            prop::collection::vec(("[a-c0-9]{0,3}|__proto__|\\PC{0,4}", inner), 0..12)
                .prop_map(|list| serde_json::Value::Object(list.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn numbers_are_read_to_the_last_bit(numbers in prop::collection::vec(number(), 1..40)) {
        let same = "(one, two) => one.split(' ').every(n => Object.is(JSON.parse(n), Number(n))
            && Object.is(JSON.parse(`[${n}]`)[0], Number(n))) ? two : one";
        prop_assert_eq!(call(same, &numbers.join(" "), "same"), "same");
    }

    #[test]
    fn json_is_read_as_it_was_written(value in json()) {
        // Written by another library, read by the engine, written by it, read by the other.
        let text = serde_json::to_string(&value).unwrap();
        let back = call("(one, two) => JSON.stringify(JSON.parse(one))", &text, "");
        let back: serde_json::Value = serde_json::from_str(&back).unwrap();
        // The engine has one kind of number.
        let numbers = |value: &serde_json::Value| {
            let mut value = value.clone();
            as_doubles(&mut value);
            value
        };
        prop_assert_eq!(numbers(&back), numbers(&value));
    }
}

fn as_doubles(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Number(number) => {
            let double = number.as_f64().unwrap() + 0.0;
            *value = serde_json::Number::from_f64(double).unwrap().into();
        }
        serde_json::Value::Array(list) => list.iter_mut().for_each(as_doubles),
        serde_json::Value::Object(map) => map.values_mut().for_each(as_doubles),
        _ => {}
    }
}

#[test]
fn literals_define_what_the_language_says() {
    let cases = [
        ("JSON.stringify({ a: 1, b: 2, a: 3 })", r#"{"a":3,"b":2}"#),
        ("JSON.stringify({ b: 1, 1: 'x', a: 2, 0: 'y' })", r#"{"0":"y","1":"x","b":1,"a":2}"#),
        (
            "JSON.stringify(JSON.parse('{\"a\":1,\"b\":{\"c\":[]},\"a\":[1,{\"a\":2}]}'))",
            r#"{"a":[1,{"a":2}],"b":{"c":[]}}"#,
        ),
        // A property of JSON by that name, and in a literal the prototype.
        ("Object.keys(JSON.parse('{\"__proto__\":1}')).join()", "__proto__"),
        ("String(Object.getPrototypeOf({ __proto__: null }))", "null"),
        // Over a getter, a value; and over a value, a getter.
        ("String({ get a() { return 1 }, a: 2 }.a)", "2"),
        ("String({ a: 2, get a() { return 1 } }.a)", "1"),
        // A setter of the prototype is not asked, and what is frozen there does not matter.
        (
            "Object.defineProperty(Object.prototype, 'odd', { set() { throw 1 }, configurable: true }); \
          String({ odd: 7 }.odd)",
            "7",
        ),
        (
            "class P { x = 1; ['y'] = 2; z; } JSON.stringify(Object.getOwnPropertyNames(new P()))",
            r#"["x","y","z"]"#,
        ),
        (
            "class F { constructor() { return Object.preventExtensions({}) } } class G extends F { x = 1 } \
          try { new G(); 'made' } catch (e) { e.constructor.name }",
            "TypeError",
        ),
        (
            "JSON.stringify(Object.getOwnPropertyDescriptor({ a: 1 }, 'a'))",
            r#"{"value":1,"writable":true,"enumerable":true,"configurable":true}"#,
        ),
        (
            "JSON.stringify(Array.from({ length: 9 }, (_, i) => ({ ['k' + i]: i, ...{ k0: 9, l: i } }))[3])",
            r#"{"k3":3,"k0":9,"l":3}"#,
        ),
        (
            "const a = JSON.parse('[1,2]'); a.push(3); a.length = 4; JSON.stringify(a)",
            "[1,2,3,null]",
        ),
    ];
    for (code, wanted) in cases {
        let source = "(one, two) => { return eval(one) }";
        assert_eq!(call(source, code, ""), wanted, "{code}");
    }
}

#[test]
fn broken_json_is_refused() {
    let texts = [
        "",
        "\"",
        "\"abc",
        "\"a\\",
        "\"a\\u12",
        "\"a\u{1}b\"",
        "-",
        "01",
        "1.",
        "1e",
        "+1",
        ".5",
        "[1,]",
        "{\"a\":}",
        "{\"a\" 1}",
        "\"é",
        "[\"a\"",
        "1 2",
        "tru",
    ];
    for text in texts {
        let refused = "(one, two) => { try { return JSON.stringify(JSON.parse(one)) } catch (e) { return e.name } }";
        assert_eq!(call(refused, text, ""), "SyntaxError", "{text:?}");
    }
}

#[test]
fn texts_are_what_the_script_says() {
    with(
        "{ plain: 'a', wide: 'é🙂', half: '\\ud800x', number: 1.5, nothing: null, list: [1, [2]] }",
        |_, object| {
            let read = Entries::of(&object).unwrap().map(|entry| {
                let (name, value) = entry.unwrap();
                format!("{}={}", &*name, &*Text::of(&value).unwrap())
            });
            let read: Vec<String> = read.collect();
            assert_eq!(read[..2], ["plain=a", "wide=é🙂"]);
            assert!(
                read[2].starts_with("half=\u{fffd}") && read[2].ends_with('x'),
                "{:?}",
                read[2]
            );
            assert_eq!(read[3..], ["number=1.5", "nothing=null", "list=1,2"]);
        },
    );
}

#[test]
fn what_throws_meanwhile_is_an_error_and_leaves_nothing_behind() {
    let source = "{ get a() { delete this.b; return 'now' }, b: 1, get c() { throw new Error('c') }, \
                  toString() { throw new Error('text') }, [Symbol('s')]: 1 }";
    with(source, |ctx, object| {
        let value: Value<'_> = object.clone().into_value();
        assert!(Text::of(&value).is_err());
        assert_eq!(ctx.catch().as_exception().unwrap().message().as_deref(), Some("text"));
        let mut entries = Entries::of(&object).unwrap();
        let (name, value) = entries.next().unwrap().unwrap();
        assert_eq!((&*name, &*Text::of(&value).unwrap()), ("a", "now"));
        // It was there when the names were asked for, and is gone when its turn comes.
        assert!(entries.next().unwrap().unwrap().1.is_undefined());
        assert!(entries.next().unwrap().is_err());
        assert_eq!(ctx.catch().as_exception().unwrap().message().as_deref(), Some("c"));
        assert_eq!(&*entries.next().unwrap().unwrap().0, "toString");
        assert!(entries.next().is_none());
    });
}
