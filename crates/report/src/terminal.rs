//! The summary on a terminal: what a person needs to know within ten seconds, readable without colour.

use seaworthy_base::Verdict;

use crate::outcome::{Ending, Flow, Objective, Severity};
use crate::reading::{Reading, bound_of, mark};
use crate::{Outcome, number, text};

mod gave_out;

/// How the summary is written. Whether `NO_COLOR` or a pipe forbids colour, the caller decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether to write ANSI colours; all is told by words and signs as well.
    pub color: bool,
    /// The terminal's width in columns; less than 40 is taken as 40.
    pub width: usize,
    /// The trial's folder, when its files are to be named.
    pub folder: Option<String>,
}

impl Default for Style {
    /// No colour, 80 columns, no folder.
    fn default() -> Self {
        Self { color: false, width: 80, folder: None }
    }
}

/// The summary: the verdict first, a line for each objective, the flows, and where the files are.
pub fn terminal(outcome: &Outcome, style: &Style) -> String {
    let outcome = &outcome.printable();
    let mut page = Page { lines: Vec::new(), color: style.color, width: style.width.max(40) };
    page.verdict(outcome);
    page.capacity(outcome);
    if outcome.ending != Ending::CouldNotRun {
        page.objectives(&outcome.objectives);
    }
    page.flows(&outcome.flows);
    page.gave_out(outcome);
    page.notes(outcome);
    page.files(outcome, style.folder.as_deref());
    page.lines.push(String::new());
    page.lines.join("\n")
}

/// One sentence on the whole: what a person repeats to a colleague.
pub(crate) fn sentence(outcome: &Outcome) -> String {
    if outcome.ending != Ending::Completed {
        return "Nothing was decided: the trial did not run to its end.".to_owned();
    }
    let total = outcome.objectives.len();
    let failed = outcome.count(Verdict::Fail);
    let open = outcome.count(Verdict::Inconclusive);
    let of = if total == 1 { "objective".to_owned() } else { format!("of {total} objectives") };
    match (outcome.verdict, total, failed, open) {
        (_, 0, ..) => "The plan states no objective, so nothing was decided.".to_owned(),
        (Verdict::Pass, 1, ..) => "The objective is met.".to_owned(),
        (Verdict::Pass, ..) => format!("All {total} objectives are met."),
        (_, _, 0, 0) => {
            format!("Each objective is met, yet the trial's verdict is {}.", outcome.verdict)
        }
        (_, _, 0, open) => format!("Nothing is missed, but {open} {of} cannot be decided."),
        (_, _, failed, 0) => format!("{failed} {of} missed."),
        (_, _, failed, open) => format!("{failed} {of} missed, {open} cannot be decided."),
    }
}

struct Page {
    lines: Vec<String>,
    color: bool,
    width: usize,
}

const BOLD: &str = "1";
const DIM: &str = "2";

fn color_of(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "1;32",
        Verdict::Fail => "1;31",
        Verdict::Inconclusive => "1;33",
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "FAIL",
        Verdict::Inconclusive => "inconclusive",
    }
}

impl Page {
    fn paint(&self, code: &str, text: &str) -> String {
        if self.color && !text.is_empty() {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    fn wrapped(&mut self, code: &str, indent: usize, text: &str) {
        for line in text::wrap(text, self.width.saturating_sub(indent)) {
            let line = self.paint(code, &line);
            self.lines.push(format!("{}{line}", " ".repeat(indent)));
        }
    }

    fn title(&mut self, text: &str) {
        self.lines.push(String::new());
        let title = self.paint(BOLD, text);
        self.lines.push(title);
    }

    fn verdict(&mut self, outcome: &Outcome) {
        let verdict = format!("{} {}", mark(outcome.verdict), outcome.headline().to_uppercase());
        let words =
            text::wrap(&sentence(outcome), self.width.saturating_sub(text::width(&verdict) + 2));
        let painted = self.paint(color_of(outcome.verdict), &verdict);
        for (index, line) in words.iter().enumerate() {
            let head = if index == 0 { painted.clone() } else { " ".repeat(text::width(&verdict)) };
            let line = self.paint(BOLD, line);
            self.lines.push(format!("{head}  {line}"));
        }
        if let Some(reason) = &outcome.interrupted {
            self.wrapped(BOLD, 2, &format!("Stopped early: {reason}"));
        }
        let started: String = outcome.trial.started.to_string().chars().take(16).collect();
        let facts = format!(
            "{} · trial {} · {} UTC · took {}",
            outcome.trial.name,
            outcome.trial.id,
            started.replace('T', " "),
            number::length(outcome.seconds())
        );
        self.wrapped(DIM, 2, &facts);
    }

    fn capacity(&mut self, outcome: &Outcome) {
        let Some(capacity) = &outcome.capacity else { return };
        self.title("Capacity");
        self.wrapped(BOLD, 2, &capacity.sentence);
        if let Some(gave_way) = &capacity.gave_way {
            self.wrapped("", 2, &format!("What gave way first: {gave_way}"));
        }
        self.lines.extend(capacity.lines());
    }

    fn objectives(&mut self, objectives: &[Objective]) {
        if objectives.is_empty() {
            return;
        }
        self.title("Objectives");
        let rows: Vec<[String; 5]> = objectives.iter().map(objective_row).collect();
        let mut widths = widths(&rows);
        // The name gives way first, as long as names stay apart; then each objective takes two lines.
        let fixed = 2 + widths[0] + widths[2] + widths[3] + widths[4] + 4 * 2;
        let one_line = self.width.saturating_sub(fixed);
        let mut names: Vec<String> = rows.iter().map(|row| text::cut(&row[1], one_line)).collect();
        names.sort_unstable();
        names.dedup();
        let split = one_line < widths[1].min(14) || names.len() < rows.len();
        let room = if split {
            self.width.saturating_sub(2 + widths[0] + widths[2] + 2 * 2)
        } else {
            one_line
        };
        widths[1] = widths[1].min(room.max(8));
        for (objective, row) in objectives.iter().zip(&rows) {
            let [sign, name, value, bound, n] = row;
            let sign = self.paint(color_of(objective.verdict), &text::pad_right(sign, widths[0]));
            let name = text::pad_right(&text::cut(name, widths[1]), widths[1]);
            let value = text::pad_right(value, widths[2]);
            let indent = 2 + widths[0] + 2;
            if split {
                self.lines.push(format!("  {sign}  {name}  {value}").trim_end().to_owned());
                self.wrapped(DIM, indent, &format!("{bound} · {n}"));
            } else {
                let bound = text::pad_right(bound, widths[3]);
                let n = self.paint(DIM, &text::pad_left(n, widths[4]));
                self.lines.push(format!("  {sign}  {name}  {value}  {bound}  {n}"));
            }
            if let Some(answer) = &objective.k6 {
                self.wrapped(DIM, indent, &format!("k6's own answer: {answer}"));
            }
            match objective.verdict {
                Verdict::Pass => {}
                Verdict::Fail => self.wrapped("", indent, &objective.reason),
                Verdict::Inconclusive => {
                    let missing = objective.needs.as_ref().unwrap_or(&objective.reason);
                    self.wrapped("", indent, &format!("missing: {missing}"));
                }
            }
        }
    }

    fn flows(&mut self, flows: &[Flow]) {
        if flows.is_empty() {
            return;
        }
        self.title("Flows");
        let phases = flows.iter().any(|flow| flow.phase != flows[0].phase);
        let head = [
            "flow",
            "requests",
            "rate",
            "p50",
            "p95",
            "p99",
            "failed",
            "max",
            "dropped",
            "checks failed",
        ];
        let mut rows = vec![head.map(str::to_owned)];
        rows.extend(flows.iter().map(|flow| flow_row(flow, phases)));
        let mut widths = widths(&rows);
        widths[0] = widths[0].min((self.width / 3).max(12));
        // Columns are in order of weight: what does not fit falls off at the right.
        let mut used = 2 + widths[0];
        let shown = 1 + widths[1..]
            .iter()
            .take_while(|width| {
                used += 2 + **width;
                used <= self.width
            })
            .count();
        for (index, row) in rows.iter().enumerate() {
            let mut line =
                format!("  {}", text::pad_right(&text::cut(&row[0], widths[0]), widths[0]));
            for (cell, width) in row.iter().zip(&widths).take(shown).skip(1) {
                line.push_str("  ");
                line.push_str(&text::pad_left(cell, *width));
            }
            let line = if index == 0 { self.paint(DIM, &line) } else { line };
            self.lines.push(line);
        }
        let failed: Vec<String> = flows
            .iter()
            .filter(|flow| flow.failed_iterations > 0)
            .map(|flow| {
                format!("{} {}", row_name(flow, phases), number::count(flow.failed_iterations))
            })
            .collect();
        if !failed.is_empty() {
            let text =
                format!("failed iterations (a step ended them early): {}", failed.join(", "));
            self.wrapped("33", 2, &text);
        }
        if flows.iter().any(|flow| !flow.open_model) {
            self.wrapped(
                DIM,
                2,
                "* closed model: these are service times, without waiting for a free virtual user",
            );
        }
    }

    fn notes(&mut self, outcome: &Outcome) {
        if outcome.notes.is_empty() {
            return;
        }
        self.title("Notes");
        for note in &outcome.notes {
            let (code, word) = match note.severity {
                Severity::Warning => ("33", "warning: "),
                Severity::Info => ("", ""),
            };
            self.wrapped(code, 2, &format!("{word}{}", note.text));
        }
    }

    fn files(&mut self, outcome: &Outcome, folder: Option<&str>) {
        if folder.is_none() && outcome.seal.is_none() {
            return;
        }
        self.lines.push(String::new());
        // Paths and commands are never broken: they are there to be copied.
        if let Some(folder) = folder {
            let folder = text::clean(folder).trim_end_matches('/').to_owned();
            self.lines.push(format!("  report  {folder}/report.html"));
            self.lines.push(format!("  files   {folder}/"));
        }
        if let Some(command) = &outcome.seal {
            self.lines.push(format!("  verify  {}", text::one_line(command)));
        }
    }
}

fn objective_row(objective: &Objective) -> [String; 5] {
    let value = Reading::first(objective).map_or_else(
        || if objective.n == 0 { "no data" } else { "not judged" }.to_owned(),
        |reading| format!("{} ({})", reading.value(), reading.short_interval()),
    );
    // The quantile is part of the question; of other statements the bound says enough.
    let bound = match objective.bound_ns {
        Some(_) => text::one_line(&objective.statement),
        None => bound_of(objective),
    };
    [
        format!("{} {}", mark(objective.verdict), word(objective.verdict)),
        text::one_line(&objective.name),
        value,
        bound,
        format!("n {}", number::count(objective.n)),
    ]
}

fn flow_row(flow: &Flow, with_phase: bool) -> [String; 10] {
    let closed = if flow.open_model { "" } else { " *" };
    let name = format!("{}{closed}", row_name(flow, with_phase));
    let time = |nanos: Option<u64>| {
        nanos.map_or("no data".to_owned(), |nanos| number::duration(nanos as f64))
    };
    [
        name,
        number::count(flow.requests),
        number::rate(flow.per_second),
        time(flow.p50_ns),
        time(flow.p95_ns),
        time(flow.p99_ns),
        failed_share(flow),
        time(flow.max_ns),
        number::count(flow.dropped),
        number::count(flow.checks_failed),
    ]
}

fn row_name(flow: &Flow, with_phase: bool) -> String {
    let name = text::one_line(&flow.name);
    if with_phase { format!("{} / {name}", text::one_line(&flow.phase)) } else { name }
}

/// The share of requests that failed; a dash when none was made.
pub(crate) fn failed_share(flow: &Flow) -> String {
    match flow.requests {
        0 => "no data".to_owned(),
        requests => number::percent(flow.failed as f64 / requests as f64),
    }
}

fn widths<const N: usize>(rows: &[[String; N]]) -> [usize; N] {
    std::array::from_fn(|column| {
        rows.iter().map(|row| text::width(&row[column])).max().unwrap_or(0)
    })
}
