//! What a search for the capacity found: the highest rate at which the objectives hold.

use maud::{Markup, html};
use seaworthy_base::Verdict;
use serde::{Deserialize, Serialize};

use crate::{number, text};

/// The field `capacity` of `verdict.json`, and what the reports show of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Capacity {
    /// The phase whose loads were scaled.
    pub phase: String,
    /// What was found, in a sentence.
    pub sentence: String,
    /// The highest rate the judge passed.
    pub holds: Option<Rate>,
    /// The lowest rate the judge failed.
    pub breaks: Option<Rate>,
    /// Why the search went no further: `found`, `wide`, `maxFactor`, `generatorLimit`,
    /// `nothingHolds`, `nothingBreaks` or `stopped`.
    pub ended: String,
    /// The objective that gave way first, with its reason.
    pub gave_way: Option<String>,
    /// Neighbouring rates differ by this share.
    pub precision: f64,
    /// Every probe, in order.
    pub probes: Vec<Probe>,
}

/// A rate: of all flows together, and of each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rate {
    /// What the phase's own rates were multiplied with.
    pub factor: f64,
    /// Iterations a second: as they were offered, or in a closed model as they came.
    pub per_second: f64,
    /// The same for each flow.
    pub flows: Vec<FlowRate>,
}

/// A flow's part of a rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FlowRate {
    /// The flow.
    pub flow: String,
    /// Iterations a second.
    pub per_second: f64,
}

/// One probe: a phase of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// The phase, `capacity-N`.
    pub phase: String,
    /// Whether it was long enough to be judged; short ones only say where to look.
    pub full_length: bool,
    /// Seconds of load.
    pub seconds: f64,
    /// The rate.
    pub rate: Rate,
    /// Requests that were counted.
    pub n: u64,
    /// Of these, how many failed.
    pub failed: u64,
    /// The 95th percentile of the response time, in nanoseconds.
    pub p95_ns: Option<u64>,
    /// The judge's verdict; `None` for a short probe.
    pub verdict: Option<Verdict>,
    /// `holds`, `breaks`, `undecided` or `generatorLimit`.
    pub showed: String,
    /// The objective that decided it, with the number.
    pub because: String,
}

impl Capacity {
    /// Applies a change to every text, as blotting out secrets does.
    pub(crate) fn each_text(&mut self, apply: &mut impl FnMut(&mut String)) {
        let Self { phase, sentence, holds, breaks, ended, gave_way, precision: _, probes } = self;
        [phase, sentence, ended].into_iter().chain(gave_way).for_each(&mut *apply);
        let mut each_rate = |rate: &mut Rate| {
            rate.flows.iter_mut().for_each(|flow| apply(&mut flow.flow));
        };
        holds.iter_mut().chain(breaks).for_each(&mut each_rate);
        probes.iter_mut().for_each(|probe| each_rate(&mut probe.rate));
        for probe in probes {
            [&mut probe.phase, &mut probe.showed, &mut probe.because]
                .into_iter()
                .for_each(&mut *apply);
        }
    }

    /// The lines of the terminal's summary, without the sentence.
    pub(crate) fn lines(&self) -> Vec<String> {
        let head = ["probe", "rate", "requests", "p95", "failed", "showed"];
        let mut rows = vec![head.map(str::to_owned)];
        rows.extend(self.probes.iter().map(row));
        let widths: Vec<usize> = (0..head.len())
            .map(|column| rows.iter().map(|row| text::width(&row[column])).max().unwrap_or(0))
            .collect();
        let line = |row: &[String; 6]| {
            let cells =
                row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
                    0 | 5 => text::pad_right(cell, *width),
                    _ => text::pad_left(cell, *width),
                });
            format!("  {}", cells.collect::<Vec<_>>().join("  ")).trim_end().to_owned()
        };
        rows.iter().map(line).collect()
    }

    /// The section of the HTML report.
    pub(crate) fn section(&self) -> Markup {
        html! {
            section {
                h2 { "Capacity" }
                p { (self.sentence) }
                @if let Some(gave_way) = &self.gave_way { p { "What gave way first: " (gave_way) } }
                table {
                    thead { tr {
                        th { "probe" } th { "length" } th { "rate" } th { "requests" } th { "p95" }
                        th { "failed" } th { "showed" } th { "because" }
                    } }
                    tbody {
                        @for probe in &self.probes {
                            @let [name, rate, n, p95, failed, showed] = row(probe);
                            tr {
                                td { (name) } td { (number::length(probe.seconds)) } td { (rate) }
                                td { (n) } td { (p95) } td { (failed) } td { (showed) }
                                td { (probe.because) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn row(probe: &Probe) -> [String; 6] {
    let showed = match (probe.verdict, probe.showed.as_str()) {
        (_, "generatorLimit") => "the generator was the limit".to_owned(),
        (Some(verdict), _) => verdict.to_string(),
        (None, "holds") => "seems to hold".to_owned(),
        (None, _) => "seems to break".to_owned(),
    };
    let p95 = probe.p95_ns.map_or_else(|| "–".to_owned(), |ns| number::duration(ns as f64));
    [
        probe.phase.clone(),
        number::rate(probe.rate.per_second),
        number::count(probe.n),
        p95,
        number::count(probe.failed),
        showed,
    ]
}
