//! The expression language: what it reads, what it means, and that nothing makes it fail.

use proptest::prelude::*;
use seaworthy_wizard::expression::{Expression, Facts, Names, Type};
use seaworthy_wizard::{Answer, Answers, Date};

fn names() -> Names {
    let mut names = Names::default();
    names.add("approval_required", Type::Truth, None);
    names.add("budget", Type::Number, None);
    names.add("launch_date", Type::Day, None);
    names.add("name", Type::Text, None);
    let options = || Some(vec!["email".to_owned(), "paid_ads".to_owned(), "blog".to_owned()]);
    names.add("channels", Type::List, options());
    names.add("first", Type::Text, options());
    names
}

fn today() -> Date {
    "2026-11-29".parse().unwrap()
}

fn answers(pairs: &[(&str, Answer)]) -> Answers {
    pairs.iter().map(|(name, answer)| ((*name).to_owned(), answer.clone())).collect()
}

fn list(entries: &[&str]) -> Answer {
    Answer::List(entries.iter().map(|one| (*one).to_owned()).collect())
}

#[track_caller]
fn holds(text: &str, answers: &Answers) -> bool {
    let condition = Expression::read(text).unwrap().check(&names()).unwrap();
    condition.holds(&Facts { answers, today: today() })
}

#[test]
fn expressions_are_true_or_false_of_answers() {
    let given = answers(&[
        ("approval_required", Answer::Truth(false)),
        ("budget", Answer::Number(0.0)),
        ("launch_date", Answer::Day("2026-12-06".parse().unwrap())),
        ("name", Answer::Text("it's".to_owned())),
        ("channels", list(&["email", "blog"])),
        ("first", Answer::Text("email".to_owned())),
    ]);
    for (text, expected) in [
        ("approval_required == true", false),
        ("approval_required == false", true),
        ("not approval_required", true),
        ("answered(approval_required) and answered(budget)", true),
        ("budget > 0", false),
        ("budget >= 0 and budget <= -0.0", true),
        ("budget < 0.5", true),
        ("'paid_ads' in channels", false),
        ("'paid_ads' not in channels", true),
        ("channels contains \"email\"", true),
        ("first in channels", true),
        ("first in ['blog', 'email']", true),
        ("count(channels) == 2", true),
        ("'paid_ads' in channels implies budget > 0", true),
        ("'email' in channels implies budget > 0", false),
        ("launch_date >= today + 7 days", true),
        ("launch_date > today + 1 week", false),
        ("launch_date == 2026-12-06", true),
        ("launch_date - 1 month < today and launch_date < today + 1 year", true),
        ("name == 'it\\'s'", true),
        ("name == \"it's\" or budget > 0", true),
        ("true and (false or not false)", true),
        ("budget > 0 or budget == 0 and false", false),
        ("(budget > 0 or budget == 0) and true", true),
    ] {
        assert_eq!(holds(text, &given), expected, "{text}");
    }
}

#[test]
fn of_what_was_not_answered_every_comparison_is_false() {
    let given = answers(&[("budget", Answer::Nothing)]);
    for name in ["budget", "launch_date", "name"] {
        let other = match name {
            "budget" => "0",
            "name" => "''",
            _ => "today",
        };
        assert!(!holds(&format!("{name} == {other}"), &given));
        assert!(holds(&format!("{name} != {other}"), &given));
        assert!(!holds(&format!("answered({name})"), &given));
        assert!(!holds(&format!("{name} == {name}"), &given));
    }
    for text in [
        "budget < 1",
        "budget >= 1",
        "launch_date > today",
        "'email' in channels",
        "approval_required",
    ] {
        assert!(!holds(text, &given), "{text}");
    }
    assert!(holds("'email' not in channels and count(channels) == 0", &given));
}

#[test]
fn faults_point_at_their_place_and_say_what_mends_them() {
    for (text, at, part, hint) in [
        ("", 0, "expected a value", ""),
        ("budget >", 8, "the end", ""),
        ("budget = 1", 7, "`=`", "`==`"),
        ("budget > 1 && name == 'x'", 11, "`&`", "`and`"),
        ("approval_required AND true", 18, "`AND`", "`and`"),
        ("channels includes 'email'", 9, "`includes`", "`contains`"),
        ("name == 'x", 8, "not closed", "'"),
        ("1 < budget < 3", 11, "do not chain", "and"),
        ("a implies b implies c", 12, "once", "brackets"),
        ("budget > 5days", 9, "letter", "space"),
        ("launch_date > today + 1", 23, "the end", ""),
        ("launch_date > today + 1.5 days", 22, "whole number", ""),
        ("launch_date > today + 10001 days", 22, "whole number", ""),
        ("budget > 99999999999999999999", 9, "too large", ""),
        ("(budget > 1", 11, "`)`", ""),
        ("count(3) > 1", 6, "question's id", ""),
        ("['a' 'b']", 5, "`,`", ""),
        ("budget > 1 2", 11, "does not belong", ""),
        ("and", 0, "expected a value", ""),
        ("budget > €5", 9, "`€`", ""),
    ] {
        let fault = Expression::read(text).unwrap_err();
        assert_eq!(fault.at, at, "{text}: {fault}");
        assert!(fault.reason.contains(part), "{text}: {fault}");
        assert!(fault.hint.clone().unwrap_or_default().contains(hint), "{text}: {fault:?}");
    }
}

#[test]
fn what_makes_no_sense_is_refused_before_it_is_evaluated() {
    for (text, at, part, hint) in [
        ("buget > 0", 0, "no question", "`budget`"),
        ("name == email", 8, "no question", "quotes"),
        ("budget > 'x'", 0, "a number", ""),
        ("budget", 0, "not yes or no", "`budget > 0`"),
        ("name and true", 0, "not yes or no", "answered(name)"),
        ("name < 'x'", 0, "compares numbers and days", "=="),
        ("channels == 'email'", 0, "a list", "`'email' in channels`"),
        ("channels == channels", 0, "two lists", "in"),
        ("'emial' in channels", 0, "not an option", "`email`"),
        ("first == 'fax'", 9, "not an option", "email, paid_ads, blog"),
        ("first in ['blog', 'fax']", 9, "`fax`", ""),
        ("'x' in name", 7, "not a list", "=="),
        ("budget in channels", 0, "lists hold texts", ""),
        ("budget + 1 day > today", 0, "only days are moved", ""),
        ("count(budget) > 1", 0, "only lists", "answered"),
        ("today", 0, "not yes or no", "compare"),
        ("not budget", 4, "not yes or no", ""),
    ] {
        let faults = Expression::read(text).unwrap().check(&names()).unwrap_err();
        let fault = &faults[0];
        assert_eq!(fault.at, at, "{text}: {fault}");
        assert!(fault.reason.contains(part), "{text}: {fault}");
        assert!(fault.hint.clone().unwrap_or_default().contains(hint), "{text}: {fault:?}");
    }
    let faults = Expression::read("a > 1 and b > 2").unwrap().check(&names()).unwrap_err();
    assert_eq!(faults.iter().map(|fault| fault.at).collect::<Vec<_>>(), [0, 10]);
}

#[test]
fn size_and_depth_are_bounded() {
    let deep = |depth: usize| format!("{}true{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Expression::read(&deep(32)).is_ok());
    assert!(Expression::read(&deep(33)).unwrap_err().reason.contains("nested"));
    assert!(Expression::read(&"not ".repeat(40)).unwrap_err().reason.contains("nested"));
    let wide = |parts: usize| vec!["a"; parts].join(" or ");
    assert!(Expression::read(&wide(255)).is_ok());
    assert!(Expression::read(&wide(256)).unwrap_err().reason.contains("257 parts"));
    assert!(Expression::read(&" ".repeat(2_001)).unwrap_err().reason.contains("2001 bytes"));
    let moved = format!("launch_date > today{}", " + 1 day".repeat(240));
    assert!(Expression::read(&moved).is_ok());
}

/// Text of an expression that is of one type, built as the grammar says.
fn truths() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        Just("budget".to_owned()),
        Just("count(channels)".to_owned()),
        (-9_i32..9).prop_map(|number| number.to_string()),
        (0_u32..900).prop_map(|number| format!("{}.{:02}", number / 100, number % 100)),
    ];
    let day = prop_oneof![
        Just("today".to_owned()),
        Just("launch_date".to_owned()),
        Just("2026-12-06".to_owned())
    ];
    let day =
        (day, proptest::option::of(("[+-]", 0_u32..9, prop_oneof!["days", "week", "months"])))
            .prop_map(|(day, moved)| match moved {
                Some((sign, amount, unit)) => format!("{day} {sign} {amount} {unit}"),
                None => day,
            });
    let text = prop_oneof![
        Just("name".to_owned()),
        Just("first".to_owned()),
        prop_oneof!["'email'", "\"blog\"", "'paid_ads'"],
    ];
    let sign = || prop_oneof!["==", "!=", "<", "<=", ">", ">="];
    let leaf = prop_oneof![
        Just("approval_required".to_owned()),
        prop_oneof!["true", "false", "answered\\(budget\\)"],
        (number.clone(), sign(), number)
            .prop_map(|(one, sign, other)| format!("{one} {sign} {other}")),
        (day.clone(), sign(), day).prop_map(|(one, sign, other)| format!("{one} {sign} {other}")),
        (text.clone(), "==|!=", text.clone())
            .prop_map(|(one, sign, other)| format!("{one} {sign} {other}")),
        (text, "in|not in", "channels|\\['email', 'blog'\\]")
            .prop_map(|(one, word, other)| format!("{one} {word} {other}")),
    ];
    leaf.prop_recursive(4, 32, 3, |inner| {
        let some = proptest::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            inner.clone().prop_map(|inner| format!("not ({inner})")),
            inner.clone().prop_map(|inner| format!("not {inner}")),
            (some, prop_oneof![" and ", " or "]).prop_map(|(some, word)| {
                some.iter().map(|one| format!("({one})")).collect::<Vec<_>>().join(&word)
            }),
            (inner.clone(), inner).prop_map(|(one, other)| format!("({one}) implies ({other})")),
        ]
    })
}

fn any_answers() -> impl Strategy<Value = Answers> {
    let entries = || proptest::collection::vec("email|blog|paid_ads|x", 0..3);
    let any = || {
        prop_oneof![
            Just(Answer::Nothing),
            any::<bool>().prop_map(Answer::Truth),
            (-9_i32..9).prop_map(|number| Answer::Number(number.into())),
            "email|blog|x|".prop_map(Answer::Text),
            (1_i8..28).prop_map(|day| Answer::Day(Date::constant(2026, 12, day))),
            entries().prop_map(Answer::List),
        ]
    };
    let ids = ["approval_required", "budget", "launch_date", "name", "channels", "first"];
    proptest::collection::vec(proptest::option::of(any()), ids.len()).prop_map(move |given| {
        let pairs = ids.iter().zip(given);
        pairs.filter_map(|(id, answer)| Some(((*id).to_owned(), answer?))).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(text in "\\PC{0,60}") {
        let _ = Expression::read(&text);
    }

    #[test]
    fn nothing_of_known_words_panics(
        words in proptest::collection::vec(
            "and|or|not|implies|in|contains|true|today|count|answered|budget|channels|'x'|\\(|\\)|\\[|\\]|,|\\+|-|<|==|[0-9]{1,4}|2026-12-01|days|\\\\|'",
            0..30,
        ),
        answers in any_answers(),
    ) {
        if let Ok(expression) = Expression::read(&words.join(" ")) {
            // Checked or not, it has a value, and its own text is read as the same.
            expression.holds(&Facts { answers: &answers, today: today() });
            let text = expression.to_string();
            prop_assert_eq!(Expression::read(&text).unwrap(), expression.clone(), "{}", text);
            let _ = expression.check(&names());
        }
    }

    #[test]
    fn well_formed_expressions_are_read_checked_and_say_the_same_again(
        text in truths(),
        answers in any_answers(),
    ) {
        let facts = Facts { answers: &answers, today: today() };
        let expression = Expression::read(&text).unwrap();
        let again = Expression::read(&expression.to_string()).unwrap();
        prop_assert_eq!(&again, &expression, "{} and {}", text, expression);
        let condition = expression.check(&names()).unwrap();
        prop_assert_eq!(condition.holds(&facts), again.holds(&facts));
    }

    #[test]
    fn the_laws_of_logic_hold(one in truths(), other in truths(), answers in any_answers()) {
        let facts = Facts { answers: &answers, today: today() };
        let value = |text: String| Expression::read(&text).map(|it| it.holds(&facts));
        let (a, b) = (value(one.clone()).unwrap(), value(other.clone()).unwrap());
        for (text, expected) in [
            (format!("not ({one})"), !a),
            (format!("({one}) and ({other})"), a && b),
            (format!("({one}) or ({other})"), a || b),
            (format!("({one}) implies ({other})"), !a || b),
            (format!("not (({one}) and ({other}))"), !a || !b),
        ] {
            // Two that are as large as may be are too large together.
            if let Ok(value) = value(text) {
                prop_assert_eq!(value, expected);
            }
        }
    }

    #[test]
    fn numbers_and_days_are_ordered(number in -9_i32..9, days in 0_u32..99) {
        let given = answers(&[
            ("budget", Answer::Number(3.0)),
            ("launch_date", Answer::Day("2026-12-31".parse().unwrap())),
        ]);
        for (left, right, order) in [
            ("budget", number.to_string(), 3.cmp(&number)),
            ("launch_date", format!("today + {days} days"), 32.cmp(&days)),
        ] {
            for (sign, expected) in [
                ("<", order.is_lt()),
                ("<=", order.is_le()),
                ("==", order.is_eq()),
                ("!=", order.is_ne()),
                (">=", order.is_ge()),
                (">", order.is_gt()),
            ] {
                prop_assert_eq!(holds(&format!("{left} {sign} {right}"), &given), expected);
            }
        }
    }
}
