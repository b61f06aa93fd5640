//! Any text is a plan or findings; a plan that is accepted has no finding that is an error.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (checked, findings) = seaworthy_trial::check("plan.yaml", text);
    let wrong = findings
        .iter()
        .any(|finding| finding.render(Some(text)).contains("error["));
    assert_eq!(checked.is_none(), wrong);
});
