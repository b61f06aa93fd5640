//! Definitions: the shipped ones are sound, and each fault of others is found at its place.

use proptest::prelude::*;
use seaworthy_document::{Finding, Severity, errors};
use seaworthy_wizard::question::Kind;
use seaworthy_wizard::{Catalog, Definition, catalog};

/// A small definition that is sound.
const SOUND: &str = "\
wizard_id: small
title: Small
version: \"1\"
agents:
  - {role: writer, responsibility: Writes}
questions:
  - {id: name, prompt: Name?, type: text, required: true}
  - {id: channels, prompt: Where?, type: multi_select, options: [{value: email}, {value: blog}]}
  - {id: day, prompt: When?, type: date, default: +1 week, validation: {min_date: today}}
modules:
  - {id: write, title: Write, agent: writer, outputs: [draft]}
  - id: send
    title: Send
    agent: writer
    dependencies: [write]
    condition: \"'email' in channels\"
    tasks:
      - action: mail.send
        params: {text: \"{draft} for {name}\"}
validation:
  - {rule: \"answered(name)\", error: no name}
success_criteria:
  - done: true
estimated_duration: {write: 1 hour, total: a while}
";

fn findings(text: &str) -> Vec<Finding> {
    let (definition, findings) = Definition::read("w.yaml", text);
    assert_eq!(definition.is_none(), errors(&findings), "{findings:?}");
    findings
}

/// What a change of the sound definition brings; others may follow from it.
#[track_caller]
fn finding(from: &str, to: &str) -> Finding {
    assert_eq!(SOUND.matches(from).count(), 1, "{from}");
    findings(&SOUND.replace(from, to)).into_iter().next().expect("nothing is found")
}

#[test]
fn the_shipped_wizards_are_sound() {
    for (file, text) in catalog::SHIPPED {
        let (definition, findings) = Definition::read(file, text);
        assert!(findings.is_empty(), "{findings:?}");
        assert_eq!(format!("{}.yaml", definition.unwrap().id), file);
    }
    let catalog = Catalog::shipped();
    let marketing = &catalog.get("marketing_campaign_v1").unwrap().definition;
    assert_eq!((marketing.questions.len(), marketing.modules.len()), (10, 6));
    let kinds: Vec<&str> = marketing.questions.iter().map(|one| one.kind.name()).collect();
    assert_eq!(
        kinds,
        [
            "text",
            "select",
            "multi_text",
            "multi_select",
            "date",
            "number",
            "long_text",
            "multi_select",
            "select",
            "boolean"
        ]
    );
    let rules: Vec<String> = marketing.rules.iter().map(|one| one.condition.to_string()).collect();
    assert_eq!(
        rules,
        [
            "'paid_ads' in channels implies budget > 0",
            "approval_required == true implies launch_date >= today + 7 days"
        ]
    );
    assert_eq!(marketing.rules[0].text, "If channels includes 'paid_ads', budget must be > 0");
    let quick = &catalog.get("quick_campaign_v1").unwrap().definition;
    assert!(matches!(quick.questions[0].kind, Kind::Text(_)));
    assert_eq!(catalog.iter().count(), 2);
}

#[test]
fn a_sound_definition_has_no_findings() {
    assert_eq!(findings(SOUND), []);
}

#[test]
fn each_fault_is_found_at_its_place() {
    for (from, to, code, place, part) in [
        ("wizard_id: small", "wizard_id: Small One", "wizard-id", (1, 12), "Small One"),
        ("title: Small", "title: \" \"", "wizard-id", (2, 8), "empty"),
        ("title: Small", "titel: Small", "document-yaml", (2, 1), "titel"),
        ("{id: name, ", "{id: today, ", "wizard-id", (7, 10), "today"),
        ("id: day", "id: channels", "wizard-duplicate", (9, 10), "twice"),
        ("type: date", "type: number", "wizard-unfit", (9, 85), "min_date"),
        ("type: text", "type: txt", "document-yaml", (7, 37), "txt"),
        (
            "type: text, required: true",
            "type: text, validation: {min_length: 9, max_length: 3}",
            "wizard-bounds",
            (7, 83),
            "9 to 3",
        ),
        (
            "type: text, required: true",
            "type: text, default: 7",
            "wizard-default",
            (7, 52),
            "a text",
        ),
        (
            "type: text, required: true",
            "type: text, options: [{value: x}]",
            "wizard-unfit",
            (7, 37),
            "options",
        ),
        (
            "type: text, required: true",
            "type: number, validation: {min: 2, max: 1}",
            "wizard-bounds",
            (7, 71),
            "2 to 1",
        ),
        ("[{value: email}, {value: blog}]", "[]", "wizard-options", (8, 42), "0 options"),
        ("{value: blog}", "{value: email}, {value: blog}", "wizard-duplicate", (8, 90), "`email`"),
        ("min_date: today", "min_date: soon", "wizard-date", (9, 83), "soon"),
        ("default: +1 week", "default: -1 week", "wizard-default", (9, 51), "bounds"),
        ("default: +1 week", "default: someday", "wizard-default", (9, 51), "someday"),
        (
            "title: Write, agent: writer",
            "title: Write, agent: writre",
            "wizard-unknown-agent",
            (11, 38),
            "writre",
        ),
        (
            "dependencies: [write]",
            "dependencies: [wriet]",
            "wizard-unknown-module",
            (15, 20),
            "wriet",
        ),
        (
            "dependencies: [write]",
            "dependencies: [write, send]",
            "wizard-module-cycle",
            (15, 27),
            "itself",
        ),
        (
            "outputs: [draft]",
            "outputs: [draft], dependencies: [send]",
            "wizard-module-cycle",
            (11, 10),
            "write → send → write",
        ),
        (
            "outputs: [draft]",
            "outputs: [draft, name]",
            "wizard-duplicate",
            (11, 63),
            "a question and an output",
        ),
        ("'email' in channels", "'email' in chanels", "wizard-condition", (16, 28), "chanels"),
        ("'email' in channels", "'email' in", "wizard-condition", (16, 27), "found the end"),
        ("action: mail.send", "action: Send mail!", "wizard-action", (18, 17), "Send mail!"),
        ("{draft} for {name}", "{daft} for {name}", "wizard-placeholder", (19, 17), "daft"),
        (
            "rule: \"answered(name)\"",
            "rule: \"If name is good enough, then fine\"",
            "wizard-rule",
            (21, 29),
            "comma",
        ),
        ("rule: \"answered(name)\"", "rule: \"answered(nmae)\"", "wizard-rule", (21, 13), "nmae"),
        ("write: 1 hour", "write: a moment", "wizard-duration", (24, 29), "a moment"),
        ("write: 1 hour", "wirte: 1 hour", "wizard-unknown-module", (24, 29), "wirte"),
        ("done: true", "done: false", "document-yaml", (23, 5), "asks for nothing"),
        (
            "done: true",
            "{criterion: done, condition: nmae == 'x'}",
            "wizard-condition",
            (23, 34),
            "nmae",
        ),
        ("{id: name, ", "{id: name, step: 4, ", "wizard-steps", (7, 22), "step 4"),
    ] {
        let found = finding(from, to);
        assert_eq!(found.code, code, "{to}: {found}");
        assert!(found.reason.contains(part), "{to}: {found}");
        let at = found.place.as_ref().unwrap();
        assert_eq!(at.file, "w.yaml");
        assert_eq!((at.line, at.column), place, "{to}: {found}");
        let warns = code == "wizard-placeholder";
        assert_eq!(found.severity == Severity::Warning, warns, "{found}");
    }
}

#[test]
fn hints_name_what_was_meant() {
    assert_eq!(
        finding("agent: writer, outputs", "agent: wrtier, outputs").hint.unwrap(),
        "did you mean `writer`?"
    );
    assert_eq!(
        finding("'email' in channels", "'emial' in channels").hint.unwrap(),
        "did you mean `email`?"
    );
    assert_eq!(finding("{draft} for {name}", "{daft}").hint.unwrap(), "did you mean `{draft}`?");
}

#[test]
fn every_cycle_is_told_once() {
    let module = |id: &str, needs: &str| {
        format!("  - {{id: {id}, title: T, agent: writer, dependencies: [{needs}]}}\n")
    };
    let head = "wizard_id: w\ntitle: W\nversion: v\nagents: [{role: writer, responsibility: r}]\nquestions: [{id: q, prompt: p, type: text}]\nmodules:\n";
    let modules = [
        module("a", "b"),
        module("b", "c"),
        module("c", "a"),
        module("after", "a"),
        module("x", "y"),
        module("y", "x, free"),
        module("free", ""),
    ];
    let found = findings(&format!("{head}{}", modules.concat()));
    let reasons: Vec<&str> =
        found.iter().map(|one| one.reason.rsplit(": ").next().unwrap()).collect();
    assert_eq!(reasons, ["a → b → c → a", "x → y → x"]);
}

#[test]
fn modules_come_after_what_they_depend_on() {
    let text = SOUND.replace("outputs: [draft]", "outputs: [draft], dependencies: [last]").replace(
        "validation:\n  - {rule",
        "  - {id: last, title: Last, agent: writer}\nvalidation:\n  - {rule",
    );
    let (definition, findings) = Definition::read("w.yaml", &text);
    assert_eq!(findings, []);
    let ids: Vec<String> = definition.unwrap().modules.into_iter().map(|one| one.id).collect();
    assert_eq!(ids, ["last", "write", "send"]);
}

#[test]
fn what_is_too_much_is_not_read() {
    let questions: String =
        (0..101).map(|index| format!("  - {{id: q{index}, prompt: p, type: text}}\n")).collect();
    let found = findings(&format!("wizard_id: w\ntitle: W\nversion: v\nquestions:\n{questions}"));
    assert_eq!((found[0].code, found.len()), ("wizard-too-large", 1));
    let found = findings(&" ".repeat(600 << 10));
    assert_eq!((found[0].code, found.len()), ("wizard-too-large", 1));
    let found = findings("wizard_id: w\ntitle: W\nversion: v\nquestions: []\n");
    assert_eq!((found[0].code, found.len()), ("wizard-no-questions", 1));
}

#[test]
fn a_catalog_takes_each_id_once_and_lets_operators_replace_what_is_shipped() {
    let mut catalog = Catalog::shipped();
    assert_eq!(catalog.add("small.yaml", SOUND), []);
    let again = catalog.add("other.yaml", SOUND);
    assert_eq!((again[0].code, again.len()), ("wizard-duplicate", 1));
    assert!(again[0].reason.contains("small.yaml"), "{again:?}");
    let own = SOUND.replace("wizard_id: small", "wizard_id: quick_campaign_v1");
    assert_eq!(catalog.add("quick.yaml", &own), []);
    assert_eq!(catalog.get("quick_campaign_v1").unwrap().definition.title, "Small");
    assert_eq!(&*catalog.get("small").unwrap().text, SOUND);
    assert!(errors(&catalog.add("broken.yaml", "wizard_id: x")));
    assert_eq!(catalog.iter().count(), 3);
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,200}") {
        let _ = Definition::read("f", &text);
    }

    #[test]
    fn a_definition_with_a_line_less_or_changed_is_read_or_has_errors(
        line in 0_usize..26,
        from in 0_usize..60,
        with in "(\\PC{0,4}|- |: |\\{|\\[|'|\"|  )",
    ) {
        let mut lines: Vec<String> = SOUND.lines().map(str::to_owned).collect();
        let index = line % lines.len();
        let cut: String = lines[index].chars().take(from).collect();
        lines[index] = format!("{cut}{with}");
        findings(&lines.join("\n"));
    }
}
