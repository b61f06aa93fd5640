//! What a trial's folder says, read as a stranger would, and held against itself: verdict, exit code,
//! receipts, JUnit, report and summary must tell the same story.

use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use seaworthy_base::{Event, Verdict};
use seaworthy_report::outcome::{Ending, Outcome};
use seaworthy_stats::timeline::{Timeline, Window};
use serde_json::Value;

use crate::house::{Ended, House};

/// A sealed trial's folder, read whole.
pub(crate) struct Evidence {
    pub(crate) folder: PathBuf,
    pub(crate) outcome: Outcome,
    pub(crate) timeline: Timeline,
    pub(crate) events: Vec<Event>,
    pub(crate) receipts: Vec<Value>,
}

impl Evidence {
    /// Reads the house's only trial and checks that everything in it agrees with how its run ended.
    pub(crate) fn of(house: &House, ended: &Ended) -> Self {
        Self::at(house, &house.only_trial(), ended)
    }

    /// The same of one of several trials.
    pub(crate) fn at(house: &House, folder: &Path, ended: &Ended) -> Self {
        let outcome = serde_json::from_str(&read(folder, "verdict.json")).unwrap();
        let timeline = fs::File::open(folder.join("timeline.jsonl")).unwrap();
        let shown = house.run(&["receipts", "show", "--json", folder.to_str().unwrap()]).expect(0);
        let evidence = Self {
            folder: folder.to_owned(),
            outcome,
            timeline: Timeline::decode(BufReader::new(timeline)).unwrap(),
            events: lines(&read(folder, "events.jsonl")),
            receipts: lines(&shown.stdout),
        };
        evidence.verdict_and_exit(ended);
        evidence.receipts_agree();
        evidence.junit_agrees();
        evidence.report_agrees();
        house.run(&["receipts", "verify", folder.to_str().unwrap()]).expect(0);
        evidence
    }

    fn verdict_and_exit(&self, ended: &Ended) {
        let outcome = &self.outcome;
        let all = Verdict::all(outcome.objectives.iter().map(|objective| objective.verdict));
        assert_eq!(outcome.verdict, all);
        let code = match (outcome.interrupted.as_deref(), outcome.verdict) {
            // By the operator, or by the script that was its load.
            (Some(_), Verdict::Inconclusive) if outcome.ending == Ending::Interrupted => 4,
            (Some(_), Verdict::Inconclusive) => 3,
            (None, Verdict::Pass) => 0,
            (None, Verdict::Fail) => 1,
            (None, Verdict::Inconclusive) => 2,
            (Some(why), verdict) => panic!("{verdict} although it stopped early: {why}"),
        };
        assert_eq!(ended.code, Some(code), "{}", ended.all());
        if ended.stdout.starts_with('{') {
            assert_eq!(ended.stdout, read(&self.folder, "verdict.json"), "--json");
        } else {
            let first = ended.stdout.lines().next().unwrap();
            assert!(first.contains(&outcome.headline().to_uppercase()), "{first}");
            let id = self.folder.file_name().unwrap().to_str().unwrap();
            assert!(ended.stdout.contains(id), "{}", ended.stdout);
            let decided = outcome.ending != Ending::CouldNotRun;
            for objective in outcome.objectives.iter().filter(|_| decided) {
                assert!(ended.stdout.contains(&objective.name), "{}", ended.stdout);
            }
        }
    }

    fn receipts_agree(&self) {
        let of_kind = |kind: &str| -> Vec<&Value> {
            let receipts = self.receipts.iter().filter(|receipt| receipt["kind"] == kind);
            receipts.map(|receipt| &receipt["body"]).collect()
        };
        let started = of_kind("trial.started");
        assert_eq!(started.len(), 1);
        assert_eq!(started[0]["trial"], self.outcome.trial.id.as_str());
        let program = fs::read(env!("CARGO_BIN_EXE_seaworthy")).unwrap();
        assert_eq!(started[0]["seaworthy"]["sha256"], seaworthy_ledger::sha256(&program));
        let judged = of_kind("objective.judged");
        assert_eq!(judged.len(), self.outcome.objectives.len());
        for (receipt, objective) in judged.iter().zip(&self.outcome.objectives) {
            assert_eq!(receipt["name"], objective.name.as_str());
            assert_eq!(receipt["statement"], objective.statement.as_str());
            assert_eq!(receipt["verdict"], objective.verdict.as_str());
            assert_eq!(receipt["reason"], objective.reason.as_str());
            assert_eq!(receipt["n"], objective.n.to_string());
            assert_eq!(receipt["bound"], objective.bound);
            assert_eq!(
                receipt["measurement"]["value"].as_f64(),
                objective.measurement.map(|measurement| measurement.value),
            );
        }
        let trial = of_kind("trial.judged");
        assert_eq!(trial.len(), 1);
        assert_eq!(trial[0]["verdict"], self.outcome.verdict.as_str());
        assert_eq!(trial[0]["interrupted"].as_str(), self.outcome.interrupted.as_deref());
        assert_eq!(self.receipts.last().unwrap()["kind"], "seal");
    }

    fn junit_agrees(&self) {
        let xml = read(&self.folder, "junit.xml");
        let verdict = format!(r#"<property name="verdict" value="{}"/>"#, self.outcome.verdict);
        assert!(xml.contains(&verdict), "{xml}");
        let cases: Vec<&str> = xml.split("<testcase ").skip(1).collect();
        let early = usize::from(self.outcome.interrupted.is_some());
        assert_eq!(cases.len(), self.outcome.objectives.len() + early, "{xml}");
        for (case, objective) in cases.iter().zip(&self.outcome.objectives) {
            let name = objective.name.replace('&', "&amp;").replace('<', "&lt;");
            let name = name.replace('>', "&gt;");
            assert!(case.contains(&format!("name=\"{name}: ")), "{case}");
            let failure = format!("<failure type=\"{}\"", objective.verdict);
            assert_eq!(case.contains(&failure), objective.verdict != Verdict::Pass, "{case}");
        }
    }

    fn report_agrees(&self) {
        let html = read(&self.folder, "report.html");
        assert!(html.contains(&format!(r#"<p class="verdict">{}</p>"#, self.outcome.headline())));
        for (index, objective) in self.outcome.objectives.iter().enumerate() {
            let card = format!(r#"class="card {}" id="objective-{index}""#, objective.verdict);
            assert!(html.contains(&card), "{card}");
        }
        assert_eq!(html.matches("<article").count(), self.outcome.objectives.len());
    }

    /// How many values a metric has in all, over the whole timeline.
    pub(crate) fn total(&self, metric: &str, tags: &[(&str, &str)]) -> u64 {
        self.total_from(metric, tags, 0)
    }

    /// The same from a second on.
    pub(crate) fn total_from(&self, metric: &str, tags: &[(&str, &str)], second: u32) -> u64 {
        let tags = tags.iter().map(|(tag, value)| ((*tag).to_owned(), (*value).to_owned()));
        let tags = tags.collect();
        let window = Window::new(second, self.timeline.seconds());
        let slot = self.timeline.select(metric, &tags).total(window);
        slot.n
    }

    /// The events of a kind.
    pub(crate) fn events_of(&self, kind: &str) -> Vec<&Event> {
        self.events.iter().filter(|event| event.kind == kind).collect()
    }
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap()
}

fn lines<T: serde::de::DeserializeOwned>(text: &str) -> Vec<T> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}
