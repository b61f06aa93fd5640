//! Any text is an expression or a sentence, or a fault inside it; what was read has a value and reads as
//! the same from its own text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use seaworthy_wizard::expression::{Expression, Facts, Names, Type};
use seaworthy_wizard::{Answer, Answers, Date, sentence};

fuzz_target!(|text: &str| {
    let answers: Answers = [
        ("a".to_owned(), Answer::Number(0.0)),
        ("b".to_owned(), Answer::List(vec!["x".to_owned()])),
        ("c".to_owned(), Answer::Day(Date::MAX)),
        ("d".to_owned(), Answer::Truth(false)),
        ("e".to_owned(), Answer::Nothing),
    ]
    .into_iter()
    .collect();
    let mut names = Names::default();
    for (name, kind) in [("a", Type::Number), ("b", Type::List), ("c", Type::Day), ("d", Type::Truth), ("e", Type::Text)] {
        names.add(name, kind, Some(vec!["x".to_owned()]));
    }
    for read in [Expression::read(text), sentence::read(text)] {
        match read {
            Ok(expression) => {
                let value = |one: &Expression| one.holds(&Facts { answers: &answers, today: Date::MIN });
                let again = Expression::read(&expression.to_string()).expect("its own text is read");
                assert_eq!(again, expression);
                assert_eq!(value(&again), value(&expression));
                let _ = expression.check(&names);
            }
            Err(fault) => assert!(fault.at <= text.chars().count()),
        }
    }
});
