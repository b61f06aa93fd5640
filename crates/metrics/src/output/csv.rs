//! CSV, a line for each sample: a column for each system tag that is on, the rest in one.

use std::fmt::Write as _;
use std::io::Write;
use std::str::FromStr;

use seaworthy_base::Timestamp;

use super::json::time;
use super::packed::Packed;
use super::{Output, Sample};
use crate::Error;
use crate::tags::TagSet;

/// How a CSV file writes times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeFormat {
    /// Whole seconds since 1970.
    #[default]
    Unix,
    /// Milliseconds since 1970.
    UnixMilli,
    /// Microseconds since 1970.
    UnixMicro,
    /// Nanoseconds since 1970.
    UnixNano,
    /// RFC 3339 in UTC, to the second.
    Rfc3339,
    /// RFC 3339 in UTC, to the nanosecond.
    Rfc3339Nano,
}

impl FromStr for TimeFormat {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Ok(match text {
            "unix" => Self::Unix,
            "unix_milli" => Self::UnixMilli,
            "unix_micro" => Self::UnixMicro,
            "unix_nano" => Self::UnixNano,
            "rfc3339" => Self::Rfc3339,
            "rfc3339_nano" => Self::Rfc3339Nano,
            _ => return Err(Error::TimeFormat { format: text.to_owned() }),
        })
    }
}

impl TimeFormat {
    fn write(self, at: Timestamp) -> String {
        let nanos = at.as_nanos();
        match self {
            Self::Unix => (nanos / 1_000_000_000).to_string(),
            Self::UnixMilli => (nanos / 1_000_000).to_string(),
            Self::UnixMicro => (nanos / 1_000).to_string(),
            Self::UnixNano => nanos.to_string(),
            Self::Rfc3339 => time(Timestamp::from_nanos(nanos - nanos % 1_000_000_000)),
            Self::Rfc3339Nano => time(at),
        }
    }
}

/// Writes CSV as `k6 run --out csv` does: `metric_name,timestamp,metric_value`, a column for each
/// system tag that is on (but `vu` and `iter`, which are metadata), then the other tags and the
/// metadata as `name=value&…`.
pub struct Csv<W: Write> {
    write: Packed<W>,
    columns: Vec<String>,
    format: TimeFormat,
    begun: bool,
    rows: csv::Writer<Vec<u8>>,
    file: String,
}

impl<W: Write> Csv<W> {
    /// To a file of that name, packed by gzip if it ends in `.gz`, with a column for each of these
    /// system tags, in the order of their names.
    pub fn new(write: W, file: &str, system_tags: &[&str], format: TimeFormat) -> Self {
        let columns = system_tags.iter().filter(|tag| !["vu", "iter"].contains(tag));
        let mut columns: Vec<String> = columns.map(|&tag| tag.to_owned()).collect();
        columns.sort();
        columns.dedup();
        Self {
            write: Packed::new(write, file),
            columns,
            format,
            begun: false,
            rows: csv::Writer::from_writer(Vec::new()),
            file: file.to_owned(),
        }
    }

    fn rows(&mut self, samples: &[Sample]) -> Result<(), csv::Error> {
        if !self.begun {
            self.begun = true;
            let first = ["metric_name", "timestamp", "metric_value"].into_iter();
            let names = first.chain(self.columns.iter().map(String::as_str));
            self.rows.write_record(names.chain(["extra_tags", "metadata"]))?;
        }
        for sample in samples {
            let value = if sample.value.is_infinite() {
                if sample.value > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() }
            } else {
                format!("{:.6}", sample.value)
            };
            self.rows.write_field(sample.metric.name())?;
            self.rows.write_field(self.format.write(sample.at))?;
            self.rows.write_field(value)?;
            for column in &self.columns {
                self.rows.write_field(sample.tags.get(column).unwrap_or_default())?;
            }
            let rest = |name: &str| self.columns.binary_search_by(|own| own.as_str().cmp(name));
            self.rows.write_field(joined(&sample.tags, |name| rest(name).is_err()))?;
            self.rows.write_field(joined(&sample.metadata, |_| true))?;
            self.rows.write_record(None::<&[u8]>)?;
        }
        self.rows.flush()?;
        Ok(())
    }
}

impl<W: Write + Send> Output for Csv<W> {
    fn samples(&mut self, samples: &[Sample]) -> Result<(), Error> {
        self.rows(samples).map_err(|error| Error::Write {
            file: self.file.clone(),
            source: std::io::Error::other(error),
        })?;
        self.write.write(self.rows.get_ref())?;
        self.rows = csv::Writer::from_writer(Vec::new());
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Error> {
        // A run without samples has its head line all the same.
        self.samples(&[])?;
        self.write.finish()
    }
}

fn joined(tags: &TagSet, wanted: impl Fn(&str) -> bool) -> String {
    let mut text = String::new();
    for (name, value) in tags.iter().filter(|(name, _)| wanted(name)) {
        let between = if text.is_empty() { "" } else { "&" };
        // Writing into a string does not fail.
        let _ = write!(text, "{between}{name}={value}");
    }
    text
}
