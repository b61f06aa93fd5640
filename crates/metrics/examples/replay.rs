//! Reads the samples that `k6 run --out json=FILE` wrote, and sums them up as this crate does: to be
//! laid beside the summary k6 itself printed.
//!
//! `cargo run -p seaworthy-metrics --example replay -- FILE RUN_MS [compact|full] [THRESHOLDS_JSON]`

use std::collections::HashMap;
use std::error::Error;
use std::io::BufRead;
use std::time::Duration;

use seaworthy_base::Timestamp;
use seaworthy_metrics::summary::{Mode, Options, State, Summary, indented};
use seaworthy_metrics::{Collector, Contains, Kind, Metric, Registry, TagSet, Thresholds};
use serde_json::Value;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(file), Some(run)) = (arguments.next(), arguments.next()) else {
        return Err("say which file and how many milliseconds the run took".into());
    };
    let run = Duration::from_secs_f64(run.parse::<f64>()? / 1e3);
    let mode: Mode = arguments.next().as_deref().unwrap_or("compact").parse()?;
    let wanted: Value = match arguments.next() {
        Some(text) => serde_json::from_str(&text)?,
        None => Value::Null,
    };
    let registry = Registry::new();
    let mut metrics: HashMap<String, Metric> = HashMap::new();
    let mut points = Vec::new();
    for line in std::io::BufReader::new(std::fs::File::open(file)?).lines() {
        let line: Value = serde_json::from_str(&line?)?;
        let name = line["metric"].as_str().ok_or("a record without a metric")?.to_owned();
        if line["type"] == "Metric" {
            let metric = define(&registry, &line["data"])?;
            metrics.insert(name, metric);
        } else {
            points.push((name, line["data"].clone()));
        }
    }
    // A metric without samples has no record, but may have thresholds.
    for name in wanted.as_object().into_iter().flat_map(|wanted| wanted.keys()) {
        let name = name.split('{').next().unwrap_or_default().trim();
        if registry.get(name).is_none() {
            registry.define(name, Kind::Counter, Contains::Default)?;
        }
    }
    let thresholds =
        Thresholds::read(&wanted, &registry).map_err(|errors| errors[0].to_string())?;
    let options = seaworthy_metrics::Options { full: mode == Mode::Full, ..Default::default() };
    let collector = Collector::new(&registry, &thresholds, &options);
    let mut first = None;
    for (name, point) in points {
        let at: Timestamp = point["time"].as_str().ok_or("a point without a time")?.parse()?;
        let at = at.since(*first.get_or_insert(at));
        let none = serde_json::Map::new();
        let tags = point["tags"].as_object().unwrap_or(&none);
        let pairs: Vec<_> = tags
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
            .collect();
        let value = point["value"].as_f64().ok_or("a point without a value")?;
        let metric = metrics.get(&name).ok_or("a point before its metric")?;
        collector.shard(0).record(at, &TagSet::of(&pairs), &[(metric, value)]);
    }
    let snapshot = collector.snapshot(run);
    let color = std::env::var_os("CLICOLOR_FORCE").is_some();
    let options = Options { mode, color, ..Options::default() };
    let summary = Summary {
        snapshot: &snapshot,
        registry: &registry,
        thresholds: &thresholds,
        options: &options,
    };
    print!("{}", summary.text());
    std::fs::write("/dev/stderr", indented(&summary.data(&State::default())))?;
    Ok(())
}

fn define(registry: &Registry, data: &Value) -> Result<Metric, Box<dyn Error>> {
    let kind = match data["type"].as_str() {
        Some("counter") => Kind::Counter,
        Some("gauge") => Kind::Gauge,
        Some("rate") => Kind::Rate,
        _ => Kind::Trend,
    };
    let contains = match data["contains"].as_str() {
        Some("time") => Contains::Time,
        Some("data") => Contains::Data,
        _ => Contains::Default,
    };
    Ok(registry.define(data["name"].as_str().unwrap_or_default(), kind, contains)?)
}
