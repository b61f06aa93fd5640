//! Any text is a definition or has findings that are errors; a definition can be walked with any answers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use seaworthy_wizard::{Date, Definition, Session};
use serde_json::json;

fuzz_target!(|text: &str| {
    let (definition, findings) = Definition::read("fuzz.yaml", text);
    let Some(definition) = definition else {
        assert!(!findings.is_empty());
        return;
    };
    let today = Date::constant(2026, 11, 29);
    let mut session = Session::begin(&definition);
    for answer in [json!(null), json!("x"), json!(0), json!(false), json!(["x"]), json!("2026-12-01")] {
        let before = session.progress();
        while session.answer(None, &answer, today).is_ok() {}
        assert!(session.progress().completed >= before.completed);
        assert!(session.progress().completed <= before.total);
    }
    let kept = session.answers().to_json();
    assert_eq!(Session::resume(&definition, &kept).expect("its own answers fit").answers(), session.answers());
    if session.is_complete() {
        let _ = session.plan("plan".to_owned(), today);
    }
});
