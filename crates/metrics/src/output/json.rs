//! JSON, an object a line: each metric before its first sample, and each sample as a point.

use std::io::Write;

use seaworthy_base::Timestamp;
use serde_json::{Value, json};

use super::packed::Packed;
use super::{Output, Sample};
use crate::Error;
use crate::number;
use crate::part::Submetric;
use crate::registry::Metric;
use crate::tags::TagSet;
use crate::threshold::Thresholds;

/// Writes JSON lines as `k6 run --out json` does.
///
/// `{"type":"Metric","data":{"name","type","contains","thresholds","submetrics"},"metric"}` once for
/// each metric, `{"metric","type":"Point","data":{"time","value","tags","metadata"}}` for each
/// sample, with times in UTC to the nanosecond. Infinite values have no JSON and are left out,
/// as in k6.
pub struct Json<W: Write> {
    write: Packed<W>,
    thresholds: Thresholds,
    submetrics: Vec<Submetric>,
    told: Vec<bool>,
    line: Vec<u8>,
    time: (Timestamp, String),
    tags: (TagSet, Vec<u8>),
    skipped: u64,
}

impl<W: Write> Json<W> {
    /// To a file of that name, packed by gzip if it ends in `.gz`. The submetrics are the
    /// [`Collector::submetrics`](crate::Collector::submetrics).
    pub fn new(write: W, file: &str, thresholds: &Thresholds, submetrics: &[Submetric]) -> Self {
        Self {
            write: Packed::new(write, file),
            thresholds: thresholds.clone(),
            submetrics: submetrics.to_vec(),
            told: Vec::new(),
            line: Vec::new(),
            time: (Timestamp::default(), time(Timestamp::default())),
            tags: (TagSet::empty(), b"{}".to_vec()),
            skipped: 0,
        }
    }

    fn metric(&mut self, metric: &Metric) {
        if self.told.len() <= metric.id() {
            self.told.resize(metric.id() + 1, false);
        }
        if std::mem::replace(&mut self.told[metric.id()], true) {
            return;
        }
        let name = metric.name();
        let targets = self.thresholds.targets().iter();
        let own = targets.filter(|target| target.name == name);
        let thresholds: Vec<_> = own.flat_map(|target| &target.thresholds).collect();
        let parts = self.submetrics.iter().filter(|part| part.metric == *metric);
        let parts: Vec<_> = parts
            .map(
                |part| json!({ "name": part.name(), "suffix": part.suffix, "tags": part.selector }),
            )
            .collect();
        let record = json!({
            "type": "Metric",
            "data": {
                "name": name,
                "type": metric.kind().name(),
                "contains": metric.contains().name(),
                "thresholds": thresholds,
                "submetrics": if parts.is_empty() { Value::Null } else { parts.into() },
            },
            "metric": name,
        });
        self.line.extend_from_slice(record.to_string().as_bytes());
        self.line.push(b'\n');
    }

    fn point(&mut self, sample: &Sample) {
        // Most samples come in groups that share their time and their tags.
        if self.time.0 != sample.at {
            self.time = (sample.at, time(sample.at));
        }
        if !self.tags.0.is(&sample.tags) {
            self.tags.0 = sample.tags.clone();
            self.tags.1.clear();
            object(&mut self.tags.1, &sample.tags);
        }
        let value = match sample.value {
            zero if zero == 0.0 && zero.is_sign_negative() => "-0".to_owned(),
            value => number::plain(value),
        };
        let line = &mut self.line;
        line.extend_from_slice(b"{\"metric\":");
        text(line, sample.metric.name());
        line.extend_from_slice(b",\"type\":\"Point\",\"data\":{\"time\":\"");
        line.extend_from_slice(self.time.1.as_bytes());
        line.extend_from_slice(b"\",\"value\":");
        line.extend_from_slice(value.as_bytes());
        line.extend_from_slice(b",\"tags\":");
        line.extend_from_slice(&self.tags.1);
        if !sample.metadata.is_empty() {
            line.extend_from_slice(b",\"metadata\":");
            object(line, &sample.metadata);
        }
        line.extend_from_slice(b"}}\n");
    }
}

impl<W: Write + Send> Output for Json<W> {
    fn samples(&mut self, samples: &[Sample]) -> Result<(), Error> {
        for sample in samples {
            self.metric(&sample.metric);
            if sample.value.is_finite() {
                self.point(sample);
            } else {
                self.skipped += 1;
            }
        }
        self.write.write(&self.line)?;
        self.line.clear();
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.write.finish()
    }

    fn skipped(&self) -> u64 {
        self.skipped
    }
}

/// RFC 3339 with as many digits as it takes.
pub(super) fn time(at: Timestamp) -> String {
    let text = at.to_string();
    match text.strip_suffix('Z').and_then(|text| text.split_once('.')) {
        Some((whole, fraction)) => match fraction.trim_end_matches('0') {
            "" => format!("{whole}Z"),
            fraction => format!("{whole}.{fraction}Z"),
        },
        None => text,
    }
}

fn object(line: &mut Vec<u8>, tags: &TagSet) {
    line.push(b'{');
    for (place, (name, value)) in tags.iter().enumerate() {
        if place > 0 {
            line.push(b',');
        }
        text(line, name);
        line.push(b':');
        text(line, value);
    }
    line.push(b'}');
}

fn text(line: &mut Vec<u8>, text: &str) {
    let plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    if text.bytes().all(plain) {
        line.push(b'"');
        line.extend_from_slice(text.as_bytes());
        line.push(b'"');
    } else {
        line.extend_from_slice(Value::from(text).to_string().as_bytes());
    }
}
