//! Every rendering of an outcome: complete, escaped, fetching nothing, and honest about what is missing.

#[path = "../examples/sample/simulation.rs"]
mod simulation;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use seaworthy_base::{Event, Measurement, Timestamp, Verdict};
use seaworthy_report::outcome::{Ending, Host, Note, Outcome, Phase, Severity, Target, Trial};
use seaworthy_report::{Style, html, json, junit, terminal};
use seaworthy_stats::{Key, Timeline};

const HOSTILE: &str = "<script>alert(1)</script>\"'&\u{1b}[31m\u{202e}\u{0}\u{8}";

/// The sample trial, simulated once for all tests.
fn sample() -> (Outcome, Timeline) {
    static SAMPLE: LazyLock<(Outcome, Timeline)> = LazyLock::new(simulation::trial);
    SAMPLE.clone()
}

fn empty() -> Outcome {
    Outcome {
        api_version: "seaworthy.dev/v1".to_owned(),
        trial: Trial {
            id: "t".to_owned(),
            name: "nothing".to_owned(),
            description: String::new(),
            started: Timestamp::from_nanos(5_000_000_000),
            ended: Timestamp::from_nanos(5_000_000_000),
            seaworthy_version: "0".to_owned(),
            host: Host { os: "linux".to_owned(), kernel: "6".to_owned(), cpus: 1, memory_bytes: 0 },
        },
        verdict: Verdict::Inconclusive,
        ending: Ending::Completed,
        interrupted: None,
        objectives: Vec::new(),
        flows: Vec::new(),
        saturation: None,
        resources: Vec::new(),
        leaks: Vec::new(),
        targets: Vec::new(),
        phases: Vec::new(),
        events: Vec::new(),
        notes: Vec::new(),
        capacity: None,
        seal: None,
    }
}

/// The sample with a hostile text in every place that takes one.
fn hostile() -> (Outcome, Timeline) {
    let (mut outcome, _) = sample();
    outcome.trial.name = HOSTILE.to_owned();
    outcome.trial.id = HOSTILE.to_owned();
    outcome.trial.description = HOSTILE.to_owned();
    outcome.trial.host.os = HOSTILE.to_owned();
    outcome.interrupted = Some(HOSTILE.to_owned());
    outcome.seal = Some(HOSTILE.to_owned());
    for objective in &mut outcome.objectives {
        for text in [
            &mut objective.name,
            &mut objective.statement,
            &mut objective.plain,
            &mut objective.reason,
            &mut objective.method,
        ] {
            *text = HOSTILE.to_owned();
        }
        objective.subject = format!("response_time of flow {HOSTILE} in phase {HOSTILE}");
        objective.needs = Some(HOSTILE.to_owned());
    }
    for resource in &mut outcome.resources {
        for text in [&mut resource.what, &mut resource.target, &mut resource.reason] {
            *text = HOSTILE.to_owned();
        }
    }
    if let Some(saturation) = &mut outcome.saturation {
        saturation.sentence = HOSTILE.to_owned();
        saturation.advice = HOSTILE.to_owned();
    }
    outcome.leaks[0].sentence = HOSTILE.to_owned();
    outcome.flows.truncate(1);
    outcome.flows[0].name = HOSTILE.to_owned();
    outcome.flows[0].phase = HOSTILE.to_owned();
    outcome.phases[0].name = HOSTILE.to_owned();
    outcome.targets.push(Target {
        name: HOSTILE.to_owned(),
        address: HOSTILE.to_owned(),
        command: Some(HOSTILE.to_owned()),
        ended: HOSTILE.to_owned(),
        cpu_seconds: None,
        peak_rss_bytes: None,
        samples: Vec::new(),
    });
    outcome.events.push(Event::new(outcome.trial.started, HOSTILE, HOSTILE, HOSTILE));
    outcome.notes.push(Note { severity: Severity::Info, text: HOSTILE.to_owned() });
    let mut timeline = Timeline::new(outcome.trial.started, BTreeMap::new());
    let key = Key::new("response_time", [("flow", HOSTILE), ("phase", HOSTILE)]);
    for second in 0..180 {
        timeline.record_trend(&key, second, 1_000_000);
    }
    (outcome, timeline)
}

/// The element tags of a document in order, having checked that they nest and that no attribute
/// and no style could fetch or run anything.
fn checked_tags(document: &str, void: &[&str]) -> Vec<String> {
    let mut open: Vec<String> = Vec::new();
    let mut seen = Vec::new();
    let mut rest = document;
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').expect("every tag ends");
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if tag.starts_with(['!', '?']) {
            continue;
        }
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "closed out of order");
            continue;
        }
        let name = tag.split([' ', '\n', '/']).next().unwrap_or_default().to_owned();
        assert!(
            !name.is_empty()
                && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-'),
            "{tag}"
        );
        assert_eq!(tag.matches('"').count() % 2, 0, "an attribute is not closed: {tag}");
        for part in tag.split('"').step_by(2).filter(|part| part.ends_with('=')) {
            let attribute = part.trim_end_matches('=').rsplit(' ').next().unwrap_or_default();
            assert!(!attribute.starts_with("on"), "a handler: {tag}");
            assert!(
                !["src", "srcset", "style", "action", "data", "xlink:href"].contains(&attribute),
                "{tag}"
            );
        }
        if let Some((_, href)) = tag.split_once("href=\"") {
            assert!(href.starts_with('#'), "a way out of the file: {tag}");
        }
        if !void.contains(&name.as_str()) && !tag.ends_with('/') {
            open.push(name.clone());
        }
        if name == "style" {
            let (style, after) = rest.split_once("</style>").expect("the style sheet ends");
            for fetch in ["url(", "@import", "http:", "https:", "</"] {
                assert!(!style.contains(fetch), "the style sheet has {fetch}");
            }
            open.pop();
            rest = after;
        }
        seen.push(name);
    }
    assert_eq!(open, Vec::<String>::new(), "left open");
    seen
}

fn checked_html(outcome: &Outcome, timeline: &Timeline) -> String {
    let page = html(outcome, timeline);
    let tags = checked_tags(&page, &["meta", "link", "br", "hr", "img", "input"]);
    for forbidden in
        ["script", "link", "img", "iframe", "object", "embed", "base", "form", "image", "use"]
    {
        assert!(!tags.iter().any(|tag| tag == forbidden), "{forbidden}");
    }
    for wrong in ["NaN", "inf\"", "inf ", "-0.0"] {
        assert!(!page.contains(wrong), "{wrong}");
    }
    page
}

#[test]
fn the_page_is_whole_and_fetches_nothing() {
    let (mut outcome, timeline) = sample();
    let page = checked_html(&outcome, &timeline);
    assert!(page.starts_with("<!DOCTYPE html>"));
    assert!(page.contains("default-src 'none'; style-src 'unsafe-inline'"));
    for part in [
        "id=\"objectives\"",
        "id=\"gave-out\"",
        "id=\"flows\"",
        "id=\"targets\"",
        "id=\"events\"",
        "id=\"receipts\"",
        "class=\"warmup\"",
        "class=\"marktop\"",
        "p95 &lt; 500ms",
        "all 2 CPUs",
    ] {
        assert!(page.contains(part), "{part}");
    }
    for part in [
        "pool turns of gateway gave out first",
        "✗ over",
        "? not measured",
        "<b>Found. </b>Memory of memory rose",
        "1 looked for and not found",
        "they do not change the verdict",
        "&lt; 80%",
    ] {
        assert!(page.contains(part), "{part}");
    }
    // Addresses are text. Without them the page knows no other machine.
    for target in &mut outcome.targets {
        target.address = String::new();
    }
    let page = checked_html(&outcome, &timeline);
    for fetch in ["http://", "https://", "src=", "@import", "url("] {
        assert!(!page.contains(fetch), "{fetch}");
    }
    assert!(page.len() < 1_500_000, "{} bytes", page.len());
}

#[test]
fn hostile_names_stay_text_everywhere() {
    let (outcome, timeline) = hostile();
    let page = checked_html(&outcome, &timeline);
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    // The flow's cleaned name still finds the series that carries the name as it came.
    assert!(page.contains("class=\"line p95\" d=\"M50"));
    let xml = junit(&outcome);
    checked_tags(&xml, &[]);
    let text = terminal(&outcome, &Style::default());
    for output in [&page, &xml, &text] {
        for letter in ['\u{1b}', '\u{202e}', '\0', '\u{8}'] {
            assert!(!output.contains(letter), "{letter:?}");
        }
    }
}

#[test]
fn nothing_measured_is_said_and_not_drawn() {
    let page = checked_html(&empty(), &Timeline::default());
    assert!(page.contains("No data measured: no flow was run."));
    assert!(page.contains("The plan states no objective, so nothing was decided."));
    assert!(page.contains("This trial is not sealed"));

    // Flows, objectives and targets that never measured anything.
    let (mut outcome, timeline) = sample();
    for objective in &mut outcome.objectives {
        objective.measurement = None;
        objective.observed = None;
        objective.n = 0;
        objective.n_effective = f64::NAN;
        objective.rarer_than_seconds = f64::INFINITY;
    }
    for target in &mut outcome.targets {
        target.samples.clear();
    }
    outcome.resources.clear();
    let page = checked_html(&outcome, &Timeline::new(timeline.start(), BTreeMap::new()));
    for drawing in ["class=\"line", "class=\"column", "class=\"interval", "class=\"bar"] {
        assert!(!page.contains(drawing), "{drawing}");
    }
    // Four flows with three kinds of chart and six distributions, and eight objectives.
    assert_eq!(page.matches(">No data measured.<").count(), 4 * 3 + 6);
    assert_eq!(page.matches("No data measured. Asked: ").count(), 8);
    let text = terminal(&outcome, &Style::default());
    assert_eq!(text.matches("no data ").count(), 8, "{text}");
}

#[test]
fn lost_seconds_break_lines_and_are_shown() {
    let (mut outcome, timeline) = sample();
    outcome.resources.clear();
    let mut partial = Timeline::new(timeline.start(), BTreeMap::new());
    let key = Key::new("response_time", [("flow", "sessions"), ("phase", "baseline")]);
    for second in (0..180).filter(|second| *second != 100) {
        partial.record_trend(&key, second, 9_000_000);
    }
    let strokes = |page: &str| {
        // The first is the legend's.
        let line = page.split("class=\"line p95\" d=\"").nth(2).expect("a line is drawn");
        line.split('"').next().map(|path| path.matches('M').count())
    };
    assert_eq!(strokes(&checked_html(&outcome, &partial)), Some(2));
    partial.mark_lost(100);
    let page = checked_html(&outcome, &partial);
    assert!(page.contains("is lost: the generator did not report it"));
    assert_eq!(strokes(&page), Some(2));
}

#[test]
fn strange_numbers_and_long_trials_stay_in_the_picture() {
    let (mut outcome, _) = sample();
    for (index, objective) in outcome.objectives.iter_mut().enumerate() {
        let strange = [f64::NAN, f64::INFINITY, -1.0, 0.0][index % 4];
        objective.observed = None;
        objective.measurement = Some(Measurement { value: 0.5, low: strange, high: strange, n: 1 });
        objective.bound = [0.0, f64::NAN, 1e300, -5.0][index % 4];
        objective.design_effect = strange;
    }
    outcome.phases.push(Phase {
        name: "endless".to_owned(),
        from_second: f64::NAN,
        warmup_until_second: f64::INFINITY,
        to_second: f64::INFINITY,
    });
    outcome.targets[0].samples[3].cpu_cores = f64::NAN;
    outcome.resources[0].levels[3].value = f64::NAN;
    outcome.resources[0].levels[4].second = f64::INFINITY;
    outcome.resources[1].bound = Some(f64::NAN);
    outcome.targets[0].samples[4].second = f64::NEG_INFINITY;
    let mut timeline = Timeline::new(outcome.trial.started, BTreeMap::new());
    let tags = [("flow", "sessions"), ("phase", "baseline")];
    for second in 0..20_000 {
        let value = if second == 12_345 { u64::MAX } else { u64::from(second % 7) };
        timeline.record_trend(&Key::new("response_time", tags), second, value);
        timeline.record_counter(&Key::new("iterations", tags), second, 1e300);
    }
    let page = checked_html(&outcome, &timeline);
    let longest =
        page.split("d=\"").skip(1).filter_map(|rest| rest.split('"').next()).map(str::len).max();
    assert!(longest.is_some_and(|length| length < 8_000), "{longest:?}");
    terminal(&outcome, &Style::default());
    checked_tags(&junit(&outcome), &[]);
    let back: Outcome = serde_json::from_str(&json(&outcome)).unwrap();
    assert!(back.objectives[0].measurement.unwrap().low.is_nan());
}

#[test]
fn verdict_json_is_read_back_as_it_was() {
    let (mut outcome, _) = sample();
    outcome.interrupted = Some("interrupted by Ctrl-C".to_owned());
    let text = json(&outcome);
    assert_eq!(serde_json::from_str::<Outcome>(&text).unwrap(), outcome);
    assert_eq!(text, json(&outcome));
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["apiVersion"], "seaworthy.dev/v1");
    assert_eq!(value["verdict"], "fail");
    assert_eq!(value["objectives"][0]["boundNs"], 200_000_000);
    assert_eq!(value["objectives"][6]["direction"], "above");
    assert_eq!(value["notes"][0]["severity"], "warning");
    assert_eq!(value["resources"][0]["status"], "over");
    assert_eq!(value["resources"][3]["status"], "notMeasured");
    assert_eq!(value["saturation"]["first"]["kind"], "pool");
    assert_eq!(value["leaks"][0]["status"], "found");
    assert!(value["targets"][0]["samples"][0]["cpuCores"].is_number());
    let keys: Vec<&String> = value.as_object().unwrap().keys().collect();
    assert_eq!(keys[..4], ["apiVersion", "trial", "verdict", "ending"]);
    // Also where the texts are hostile: the file says what was there.
    let (outcome, _) = hostile();
    assert_eq!(serde_json::from_str::<Outcome>(&json(&outcome)).unwrap(), outcome);
}

#[test]
fn junit_is_green_only_for_a_pass() {
    let (mut outcome, _) = sample();
    let xml = junit(&outcome);
    checked_tags(&xml, &[]);
    assert!(xml.contains("tests=\"8\" failures=\"2\" errors=\"0\" skipped=\"0\""), "{xml}");
    assert!(xml.contains("<failure type=\"fail\""));
    assert!(xml.contains("<failure type=\"inconclusive\""));

    outcome.objectives.retain(|objective| objective.verdict == Verdict::Pass);
    outcome.verdict = Verdict::Pass;
    assert!(junit(&outcome).contains("tests=\"6\" failures=\"0\""));
    outcome.verdict = Verdict::Inconclusive;
    assert!(junit(&outcome).contains("tests=\"7\" failures=\"1\""));
    outcome.interrupted = Some("Ctrl-C".to_owned());
    assert!(junit(&outcome).contains("<failure type=\"interrupted\" message=\"Ctrl-C\">"));
    assert!(junit(&empty()).contains("tests=\"1\" failures=\"1\""));
}

fn columns(line: &str) -> usize {
    line.chars().count()
}

#[test]
fn the_summary_fits_its_width_and_says_all() {
    let (outcome, _) = sample();
    for width in [60, 80, 120] {
        let style = Style { width, folder: Some("trials/x".to_owned()), ..Style::default() };
        let text = terminal(&outcome, &style);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "✗ FAIL  1 of 8 objectives missed, 1 cannot be decided.");
        for line in &lines {
            let kept_whole = line.starts_with("  verify") || line.starts_with("  report");
            assert!(columns(line) <= width || kept_whole, "{width}: {line}");
            assert_eq!(line.trim_end(), *line);
        }
        assert_eq!(text.matches("✓ pass").count(), 6);
        assert_eq!(text.matches("✗ FAIL").count(), 2);
        let said = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains("What gave out pool turns of gateway gave out first"), "{text}");
        assert!(said.contains("To do: Raise pool turns of gateway from 12"), "{text}");
        assert!(said.contains("found: Memory of memory rose by 381 MiB/h"), "{text}");
        assert!(
            said.contains("1 resource(s) over their bounds, 2 within, 1 not measured"),
            "{text}"
        );
        assert_eq!(text.matches("? inconclusive").count(), 1);
        assert!(text.contains("missing: "));
        assert!(text.contains("n 75,000"));
        assert!(text.contains("trials/x/report.html"));
        assert!(
            text.contains(
                "verify  seaworthy receipts verify .seaworthy/trials/20261120t183826-demo"
            )
        );
        assert!(!text.contains('\u{1b}'));
    }
}

#[test]
fn one_line_for_each_objective_where_there_is_room() {
    let (outcome, _) = sample();
    let row = |width: usize, word: &str| {
        let text = terminal(&outcome, &Style { width, ..Style::default() });
        text.lines().find(|line| line.contains(word)).unwrap().to_owned()
    };
    let wide = row(120, "evaluation is quick");
    assert!(
        wide.starts_with("  ✓ pass          evaluation is quick           2.75 ms ("),
        "{wide}"
    );
    assert!(wide.ends_with("p95 < 50ms   n 75,000"), "{wide}");
    // At 80 columns the name gives way, not the numbers.
    let usual = row(80, "evaluation is q…");
    assert!(usual.ends_with("p95 < 50ms   n 75,000"), "{usual}");
    assert_eq!(columns(&usual), columns(&row(80, "recall keeps up")));
    // At 60 the numbers move to a second line.
    assert!(row(60, "p95 < 50ms · n 75,000").starts_with("                  "));
}

#[test]
fn colour_adds_nothing_but_colour() {
    let (outcome, _) = sample();
    for width in [60, 80, 120] {
        let plain = terminal(&outcome, &Style { width, ..Style::default() });
        let colored = terminal(&outcome, &Style { width, color: true, ..Style::default() });
        assert!(colored.contains("\u{1b}[1;31m✗ FAIL\u{1b}[0m"));
        let mut stripped = String::new();
        for part in colored.split('\u{1b}') {
            stripped.push_str(
                part.strip_prefix('[')
                    .and_then(|part| part.split_once('m'))
                    .map_or(part, |(_, text)| text),
            );
        }
        let lines =
            |text: &str| text.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
        assert_eq!(lines(&stripped), lines(&plain));
    }
}

#[test]
fn the_sentence_fits_the_verdict() {
    let (mut outcome, _) = sample();
    let first =
        |outcome: &Outcome| terminal(outcome, &Style::default()).lines().next().unwrap().to_owned();
    outcome.objectives.retain(|objective| objective.verdict != Verdict::Fail);
    outcome.verdict = Verdict::Inconclusive;
    assert_eq!(
        first(&outcome),
        "? INCONCLUSIVE  Nothing is missed, but 1 of 7 objectives cannot be decided."
    );
    outcome.objectives.retain(|objective| objective.verdict == Verdict::Pass);
    outcome.verdict = Verdict::Pass;
    assert_eq!(first(&outcome), "✓ PASS  All 6 objectives are met.");
    outcome.objectives.truncate(1);
    assert_eq!(first(&outcome), "✓ PASS  The objective is met.");
    assert_eq!(
        first(&empty()),
        "? INCONCLUSIVE  The plan states no objective, so nothing was decided."
    );
    outcome.interrupted = Some("the terminal was closed".to_owned());
    outcome.ending = Ending::Interrupted;
    assert_eq!(
        first(&outcome),
        "✓ INTERRUPTED  Nothing was decided: the trial did not run to its end."
    );
    assert!(
        terminal(&outcome, &Style::default())
            .contains("\n  Stopped early: the terminal was closed\n")
    );
}

/// Iterations can fail without a failed request: a check or an extraction that did not hold.
#[test]
fn failed_iterations_are_told_where_there_are_any() {
    let (mut outcome, timeline) = sample();
    let told = |outcome: &Outcome| {
        let page = checked_html(outcome, &timeline);
        (terminal(outcome, &Style::default()), page)
    };
    let (text, page) = told(&outcome);
    assert!(!text.contains("failed iterations") && !page.contains("Failed iterations"));
    outcome.flows[0].failed_iterations = 123;
    let (text, page) = told(&outcome);
    assert!(text.contains("failed iterations") && text.contains("123"), "{text}");
    assert!(page.contains("Failed iterations") && page.contains("123"));
}
