//! Any text is a statement or an error; a statement reads as the same from its own text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use seaworthy_stats::Statement;

fuzz_target!(|text: &str| {
    if let Ok(statement) = text.parse::<Statement>() {
        let again = statement.to_string().parse::<Statement>().expect("its own text is read");
        assert_eq!(statement.to_string(), again.to_string());
    }
});
