//! Sessions: every answer is checked, `false` and `0` are answers, and nothing is half done.

use proptest::prelude::*;
use seaworthy_wizard::{Catalog, Date, Definition, Error, Session};
use serde_json::{Map, Value, json};
use std::sync::Arc;

fn today() -> Date {
    "2026-11-29".parse().unwrap()
}

fn marketing() -> Arc<Definition> {
    Arc::clone(&Catalog::shipped().get("marketing_campaign_v1").unwrap().definition)
}

/// Good answers to the ten questions.
fn good() -> Vec<Value> {
    vec![
        json!("Spring launch"),
        json!("lead_generation"),
        json!("Engineers, Managers"),
        json!(["email", "paid_ads"]),
        json!("2026-12-20"),
        json!(500),
        json!("We are ten times faster."),
        json!(["leads"]),
        json!(null),
        json!(false),
    ]
}

fn walk<'d>(definition: &'d Definition, answers: &[Value]) -> Session<'d> {
    let mut session = Session::begin(definition);
    for answer in answers {
        session.answer(None, answer, today()).unwrap();
    }
    session
}

fn changes(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// What is said when `answer` is given to the question with this number, the others being good.
fn refusal(number: usize, answer: Value) -> String {
    let definition = marketing();
    let mut session = walk(&definition, &good()[..number]);
    let before = session.answers().clone();
    let error = session.answer(None, &answer, today()).unwrap_err();
    assert_eq!(session.answers(), &before, "a refused answer changed something");
    assert!(!error.to_string().is_empty());
    error.code().to_owned()
}

#[test]
fn progress_counts_to_the_end_and_no_further() {
    let definition = marketing();
    let mut session = Session::begin(&definition);
    for (number, answer) in good().iter().enumerate() {
        let progress = session.progress();
        assert_eq!((progress.completed, progress.total), (number, 10));
        assert_eq!(session.current().unwrap().step, number + 1);
        assert!(!session.is_complete());
        assert_eq!(
            session.plan("p".into(), today()).unwrap_err(),
            Error::Incomplete { open: 10 - number }
        );
        session.answer(None, answer, today()).unwrap();
    }
    let progress = session.progress();
    assert_eq!((progress.completed, progress.total, progress.percentage), (10, 10, 100));
    assert!(session.is_complete() && session.current().is_none());
    assert_eq!(session.answer(None, &json!("more"), today()), Err(Error::Complete));
    assert_eq!(session.progress(), progress);
}

#[test]
fn each_kind_refuses_what_it_must() {
    for (number, answer, code) in [
        (0, json!("ab"), "too_short"),
        (0, json!("x".repeat(101)), "too_long"),
        (0, json!("two\nlines"), "control_character"),
        (0, json!(""), "missing"),
        (0, json!("   "), "missing"),
        (0, json!(null), "missing"),
        (0, json!(7), "wrong_kind"),
        (1, json!("product"), "not_an_option"),
        (1, json!(["product_launch"]), "wrong_kind"),
        (2, json!([]), "missing"),
        (2, json!(" , "), "missing"),
        (2, json!(["a", 1]), "wrong_kind"),
        (2, json!(["a", " a"]), "repeated"),
        (2, json!(["a", ""]), "too_short"),
        (2, json!((0..101).map(|one| one.to_string()).collect::<Vec<_>>()), "too_many"),
        (3, json!([]), "missing"),
        (3, json!(["fax"]), "not_an_option"),
        (3, json!(["email", "email"]), "repeated"),
        (3, json!("email"), "wrong_kind"),
        (4, json!("2026-11-28"), "too_early"),
        (4, json!("2027-05-30"), "too_late"),
        (4, json!("2026-02-30"), "wrong_kind"),
        (4, json!("tomorrow"), "wrong_kind"),
        (5, json!(-1), "too_small"),
        (5, json!(1_000_001), "too_large"),
        (5, json!("500"), "wrong_kind"),
        (6, json!("too short"), "too_short"),
        (9, json!("yes"), "wrong_kind"),
        (9, json!(0), "wrong_kind"),
    ] {
        assert_eq!(refusal(number, answer.clone()), format!("wizard.{code}"), "{number} {answer}");
    }
}

#[test]
fn bounds_themselves_are_taken() {
    let definition = marketing();
    for (number, answer) in [
        (0, json!("abc")),
        (0, json!("é".repeat(100))),
        (4, json!("2026-11-29")),
        (4, json!("2027-05-29")),
        (5, json!(1_000_000)),
        (5, json!(0.5)),
        (6, json!("two\nlines of it")),
    ] {
        let mut session = walk(&definition, &good()[..number]);
        session.answer(None, &answer, today()).unwrap();
    }
}

#[test]
fn no_and_zero_are_answers_and_nothing_takes_the_default() {
    let definition = marketing();
    let mut answers = good();
    answers[3] = json!(["email"]);
    answers[4] = json!(null);
    answers[5] = json!(0);
    let session = walk(&definition, &answers);
    let kept = session.answers().to_json();
    assert_eq!(kept["approval_required"], json!(false));
    assert_eq!(kept["budget"], json!(0));
    assert_eq!(kept["launch_date"], json!("2026-12-13"));
    assert_eq!(kept["brand_voice"], json!("professional"));
    assert_eq!(kept["target_audience"], json!(["Engineers", "Managers"]));
    answers[5] = json!(null);
    assert_eq!(walk(&definition, &answers).answers().to_json()["budget"], json!(null));
}

#[test]
fn rules_are_judged_as_soon_as_they_can_be() {
    let definition = marketing();
    for budget in [json!(0), json!(null)] {
        let mut session = walk(&definition, &good()[..5]);
        let error = session.answer(None, &budget, today()).unwrap_err();
        assert_eq!(error.code(), "wizard.rule_broken");
        assert_eq!(error.to_string(), "paid advertisements need a budget above 0");
        assert_eq!(error.hint().unwrap(), "change one of channels, budget");
        // Without advertisements there need be none.
        session.modify(&changes(json!({"channels": ["email"]})), today()).unwrap();
        session.answer(None, &budget, today()).unwrap();
    }
    let mut answers = good();
    answers[4] = json!("2026-12-05");
    let mut session = walk(&definition, &answers[..9]);
    let error = session.answer(None, &json!(true), today()).unwrap_err();
    assert_eq!(error.code(), "wizard.rule_broken");
    session.modify(&changes(json!({"launch_date": "2026-12-06"})), today()).unwrap();
    session.answer(None, &json!(true), today()).unwrap();
}

#[test]
fn a_repeated_request_does_not_answer_the_next_question() {
    let definition = marketing();
    let mut session = Session::begin(&definition);
    session.answer(Some("campaign_name"), &json!("Spring"), today()).unwrap();
    let again = session.answer(Some("campaign_name"), &json!("Spring"), today());
    assert_eq!(again, Err(Error::NotCurrent { current: "campaign_type".into() }));
    let unknown = session.answer(Some("campaign_typ"), &json!("x"), today()).unwrap_err();
    assert_eq!(unknown.code(), "wizard.unknown_question");
    assert_eq!(unknown.hint().unwrap(), "did you mean `campaign_type`?");
}

#[test]
fn earlier_answers_change_together_or_not_at_all() {
    let definition = marketing();
    let mut session = walk(&definition, &good());
    let before = session.answers().clone();
    for (change, code) in [
        (json!({"budget": 0}), "rule_broken"),
        (json!({"campaign_name": "New name", "budget": -1}), "too_small"),
        (json!({"campaign_name": "New name", "bugdet": 1}), "unknown_question"),
        (json!({"campaign_name": null}), "missing"),
    ] {
        let error = session.modify(&changes(change), today()).unwrap_err();
        assert_eq!(error.code(), format!("wizard.{code}"));
        assert_eq!(session.answers(), &before);
    }
    session.modify(&changes(json!({"budget": 0, "channels": ["blog"]})), today()).unwrap();
    assert_eq!(session.answers().to_json()["budget"], json!(0));
    assert_eq!(session.progress().completed, 10);
    let mut early = walk(&definition, &good()[..2]);
    let error = early.modify(&changes(json!({"budget": 1})), today()).unwrap_err();
    assert_eq!(error, Error::NotYetAnswered { question: "budget".into() });
}

#[test]
fn a_plan_that_came_too_late_is_not_made() {
    let definition = marketing();
    let mut answers = good();
    answers[4] = json!("2026-12-07");
    answers[9] = json!(true);
    let session = walk(&definition, &answers);
    assert!(session.plan("p".into(), today()).is_ok());
    let later = "2026-12-01".parse().unwrap();
    assert_eq!(session.plan("p".into(), later).unwrap_err().code(), "wizard.rule_broken");
    let later = "2026-12-08".parse().unwrap();
    assert_eq!(session.review(later).unwrap_err().code(), "wizard.too_early");
}

#[test]
fn a_session_resumes_where_it_was() {
    let definition = marketing();
    for number in 0..=10 {
        let session = walk(&definition, &good()[..number]);
        let kept = session.answers().to_json();
        let resumed = Session::resume(&definition, &kept).unwrap();
        assert_eq!(resumed.answers(), session.answers());
        assert_eq!(resumed.progress(), session.progress());
    }
    for kept in [
        json!({"budget": 1}),
        json!({"campaign_name": 1}),
        json!({"campaign_name": "x", "other": 1}),
    ] {
        let error = Session::resume(&definition, &changes(kept)).unwrap_err();
        assert_eq!(error.code(), "wizard.unfit");
    }
}

#[test]
fn questions_are_shown_with_days_of_the_calendar() {
    let definition = marketing();
    let shown = definition.question("launch_date").unwrap().describe(today());
    assert_eq!(shown["default"], "2026-12-13");
    assert_eq!(shown["validation"], json!({"min_date": "2026-11-29", "max_date": "2027-05-29"}));
    let shown = definition.question("channels").unwrap().describe(today());
    assert_eq!((&shown["type"], &shown["step"]), (&json!("multi_select"), &json!(4)));
    assert_eq!(shown["options"][0]["tools"], json!(["mailchimp", "sendgrid"]));
    for field in ["id", "prompt", "required", "default", "placeholder", "help"] {
        assert!(shown.get(field).is_some(), "{field}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,20}|email|product_launch|2026-12-20|Spring".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec("email|blog|leads|x", 0..4).prop_map(Value::from),
            proptest::collection::hash_map("[a-z]{1,3}", inner, 0..3)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

#[derive(Clone, Debug)]
enum Step {
    Answer(Value),
    Good,
    Modify(usize, Value),
}

proptest! {
    /// Whatever is sent, a session counts right, keeps only what is good, and survives being kept.
    #[test]
    fn any_walk_keeps_its_promises(steps in proptest::collection::vec(
        prop_oneof![
            any_json().prop_map(Step::Answer),
            Just(Step::Good),
            Just(Step::Good),
            (0_usize..10, any_json()).prop_map(|(number, value)| Step::Modify(number, value)),
        ],
        0..40,
    )) {
        let definition = marketing();
        let mut session = Session::begin(&definition);
        for step in steps {
            let before = session.clone();
            let result = match step {
                Step::Answer(value) => session.answer(None, &value, today()),
                Step::Good => {
                    let value = good().get(session.progress().completed).cloned();
                    session.answer(None, &value.unwrap_or_default(), today())
                }
                Step::Modify(number, value) => {
                    let id = definition.questions[number].id.clone();
                    session.modify(&Map::from_iter([(id, value)]), today())
                }
            };
            let (was, is) = (before.progress(), session.progress());
            match result {
                Ok(()) => prop_assert!(is.completed == was.completed || is.completed == was.completed + 1),
                Err(_) => prop_assert_eq!(session.answers(), before.answers()),
            }
            prop_assert!(is.completed <= is.total && is.percentage <= 100);
            prop_assert_eq!(is.percentage == 100, session.is_complete());
            let resumed = Session::resume(&definition, &session.answers().to_json()).unwrap();
            prop_assert_eq!(resumed.answers(), session.answers());
        }
        if session.is_complete() {
            prop_assert!(session.plan("p".into(), today()).is_ok());
        }
    }
}
