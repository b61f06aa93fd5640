//! The tools side by side: how each is told what to do, and what its output says.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::bench::measured::{Pins, Ran};

/// A load generator.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tool {
    Ours(PathBuf),
    Wrk(PathBuf),
    Oha(PathBuf),
}

/// What a tool is to do: so many connections, for a time or a number, at a rate or not.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) url: String,
    pub(super) connections: u32,
    pub(super) seconds: Option<u32>,
    pub(super) requests: Option<u64>,
    pub(super) rate: Option<u32>,
    /// oha: response times from the intended start.
    pub(super) corrected: bool,
}

/// What a tool says it did. Times in milliseconds, by percentile.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    pub(super) requests: u64,
    pub(super) percentiles: Vec<(f64, f64)>,
}

impl Tool {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Ours(_) => "seaworthy load",
            Self::Wrk(_) => "wrk",
            Self::Oha(_) => "oha",
        }
    }

    /// The words of its command; `None` when it cannot do the task.
    pub(super) fn words(&self, task: &Task) -> Option<Vec<String>> {
        let mut words: Vec<String> = Vec::new();
        let connections = task.connections.to_string();
        match self {
            Self::Ours(program) => {
                words.push(program.display().to_string());
                words.extend(
                    ["load", &task.url, "--json", "--no-live", "--workers", "1"].map(str::to_owned),
                );
                words.extend(["-c".to_owned(), connections.clone()]);
                if let Some(seconds) = task.seconds {
                    words.extend(["-z".to_owned(), format!("{seconds}s")]);
                }
                if let Some(requests) = task.requests {
                    words.extend(["-n".to_owned(), requests.to_string()]);
                }
                if let Some(rate) = task.rate {
                    words.extend(["-q".to_owned(), rate.to_string()]);
                    words.extend(["--max-vus".to_owned(), connections]);
                }
            }
            Self::Wrk(program) => {
                if task.rate.is_some() || task.requests.is_some() {
                    return None;
                }
                words.push(program.display().to_string());
                let seconds = format!("-d{}s", task.seconds?);
                words.extend(["-t1".to_owned(), format!("-c{connections}"), seconds]);
                words.extend(["--latency".to_owned(), task.url.clone()]);
            }
            Self::Oha(program) => {
                words.push(program.display().to_string());
                words.extend(["--no-tui", "--output-format", "json"].map(str::to_owned));
                words.extend(["-c".to_owned(), connections]);
                match (task.seconds, task.requests) {
                    (Some(seconds), _) => words.extend(["-z".to_owned(), format!("{seconds}s")]),
                    (None, requests) => words.extend(["-n".to_owned(), requests?.to_string()]),
                }
                if let Some(rate) = task.rate {
                    words.extend(["-q".to_owned(), rate.to_string()]);
                }
                if task.corrected {
                    words.push("--latency-correction".to_owned());
                }
                words.push(task.url.clone());
            }
        }
        Some(words)
    }

    /// What its output says.
    pub(super) fn read(&self, stdout: &str) -> Option<Said> {
        match self {
            Self::Ours(_) => ours(stdout),
            Self::Wrk(_) => wrk(stdout),
            Self::Oha(_) => oha(stdout),
        }
    }

    /// Runs it; a run that went wrong is an error with what it said.
    pub(super) fn run(&self, pins: &Pins, task: &Task) -> Result<(Ran, Said)> {
        let words = self.words(task).with_context(|| format!("{} cannot do that", self.name()))?;
        let ran = pins.run(&words)?;
        match self.read(&ran.stdout) {
            Some(said) if said.requests > 0 && ran.status.success() => Ok((ran, said)),
            _ => {
                let tail: String = ran.stderr.chars().rev().take(400).collect();
                let tail: String = tail.chars().rev().collect();
                bail!("`{}` ({}): {}", words.join(" "), ran.status, tail.trim())
            }
        }
    }
}

fn ours(text: &str) -> Option<Said> {
    let summary: Value = serde_json::from_str(text).ok()?;
    let at = |one: &Value| Some((one["q"].as_f64()? * 100.0, one["ns"].as_f64()? / 1e6));
    let answered = summary["requests"].as_u64()?.checked_sub(summary["failed"].as_u64()?)?;
    let percentiles = summary["latency"]["quantiles"].as_array()?.iter().filter_map(at).collect();
    Some(Said { requests: answered, percentiles })
}

fn wrk(text: &str) -> Option<Said> {
    let line = text.lines().find(|line| line.contains(" requests in "))?;
    let requests = line.split_whitespace().next()?.parse().ok()?;
    let percentile = |line: &str| {
        let (percent, time) = line.trim().split_once('%')?;
        Some((percent.trim().parse::<f64>().ok()?, milliseconds(time.trim())?))
    };
    let after = text.lines().skip_while(|line| !line.contains("Latency Distribution")).skip(1);
    Some(Said { requests, percentiles: after.map_while(percentile).collect() })
}

/// wrk's times: `540.00us`, `1.23ms`, `1.01s`.
fn milliseconds(text: &str) -> Option<f64> {
    for (unit, size) in [("us", 1e-3), ("ms", 1.0), ("m", 60_000.0), ("s", 1000.0)] {
        if let Some(number) = text.strip_suffix(unit).and_then(|number| number.parse::<f64>().ok())
        {
            return Some(number * size);
        }
    }
    None
}

fn oha(text: &str) -> Option<Said> {
    let summary: Value = serde_json::from_str(text).ok()?;
    let counts = summary["statusCodeDistribution"].as_object()?.values();
    let requests = counts.filter_map(Value::as_u64).sum();
    let percentiles = summary["latencyPercentiles"]
        .as_object()?
        .iter()
        .filter_map(|(name, at)| Some((name.strip_prefix('p')?.parse().ok()?, at.as_f64()? * 1e3)));
    Some(Said { requests, percentiles: percentiles.collect() })
}

impl Said {
    /// A percentile in milliseconds, if the tool shows it.
    pub(super) fn at(&self, percent: f64) -> Option<f64> {
        self.percentiles.iter().find(|(at, _)| (at - percent).abs() < 1e-6).map(|(_, time)| *time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_read() {
        let text = "Running\n  Latency Distribution\n     50%  540.00us\n     99%    1.01s \n  61637 requests in 1.11s, 8.76MB read\n";
        let said = wrk(text).unwrap();
        assert_eq!(said.requests, 61637);
        assert_eq!((said.at(50.0), said.at(99.0), said.at(95.0)), (Some(0.54), Some(1010.0), None));
        let text =
            r#"{"statusCodeDistribution":{"200":7,"500":1},"latencyPercentiles":{"p99.9":0.5}}"#;
        let said = oha(text).unwrap();
        assert_eq!((said.requests, said.at(99.9)), (8, Some(500.0)));
        let text = r#"{"requests":9,"failed":2,"latency":{"quantiles":[{"q":0.95,"ns":2000000}]}}"#;
        let said = ours(text).unwrap();
        assert_eq!((said.requests, said.at(95.0)), (7, Some(2.0)));
    }

    #[test]
    fn a_tool_refuses_what_it_cannot_do() {
        let task = Task {
            url: "http://a/".to_owned(),
            connections: 10,
            seconds: Some(5),
            requests: None,
            rate: Some(300),
            corrected: false,
        };
        assert!(Tool::Wrk("wrk".into()).words(&task).is_none());
        let words = Tool::Ours("s".into()).words(&task).unwrap().join(" ");
        assert_eq!(
            words,
            "s load http://a/ --json --no-live --workers 1 -c 10 -z 5s -q 300 --max-vus 10"
        );
    }
}
