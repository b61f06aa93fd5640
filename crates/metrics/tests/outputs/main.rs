//! What the outputs write, read back; and a disk that is full.

use std::io::{Read, Write};

use flate2::read::GzDecoder;
use proptest::prelude::*;
use seaworthy_base::Timestamp;
use seaworthy_metrics::output::{Csv, Json, TimeFormat};
use seaworthy_metrics::{
    Collector, Contains, Error, Kind, Options, Output, Registry, Sample, TagSet, Thresholds,
};
use serde_json::{Value, json};

/// A writer whose bytes can be read while an output owns it.
#[derive(Clone, Default)]
struct Shared(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl Shared {
    fn bytes(&self) -> Vec<u8> {
        self.0.lock().expect("nobody panics while writing").clone()
    }

    fn text(&self) -> String {
        String::from_utf8(self.bytes()).expect("outputs write UTF-8")
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("nobody panics while writing").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn sample(registry: &Registry, name: &str, pairs: &[(&str, &str)], value: f64) -> Sample {
    Sample {
        metric: registry.get(name).expect("the metrics of these tests are there"),
        tags: TagSet::of(pairs),
        metadata: TagSet::empty(),
        at: at("2026-11-28T18:24:24.42318614Z"),
        value,
    }
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
}

#[test]
fn json_is_as_k6_writes_it() {
    let registry = Registry::new();
    let wanted = json!({
        "http_reqs": ["count>0", { "threshold": "rate > 0", "abortOnFail": true, "delayAbortEval": "1h" }],
        "http_reqs{status:200}": ["count>0"],
    });
    let thresholds = Thresholds::read(&wanted, &registry).unwrap();
    let collector = Collector::new(&registry, &thresholds, &Options::default());
    let shared = Shared::default();
    let mut output = Json::new(shared.clone(), "out.json", &thresholds, collector.submetrics());
    let mut one = sample(&registry, "http_reqs", &[("group", ""), ("url", "/\"\n")], 1.0);
    one.metadata = TagSet::of(&[("vu", "1"), ("iter", "0")]);
    let two = sample(&registry, "vus", &[], 0.1 + 0.2);
    let mut three = sample(&registry, "vus", &[("a", "é")], 1e21);
    three.at = at("2026-11-28T18:24:25Z");
    let four = sample(&registry, "vus", &[], f64::INFINITY);
    output.samples(&[one, two]).unwrap();
    output.samples(&[three, four]).unwrap();
    output.finish().unwrap();
    assert_eq!(output.skipped(), 1);
    let expected = [
        r#"{"type":"Metric","data":{"name":"http_reqs","type":"counter","contains":"default","thresholds":["count>0",{"threshold":"rate > 0","abortOnFail":true,"delayAbortEval":"1h0m0s"}],"submetrics":[{"name":"http_reqs{status:200}","suffix":"status:200","tags":{"status":"200"}}]},"metric":"http_reqs"}"#,
        r#"{"metric":"http_reqs","type":"Point","data":{"time":"2026-11-28T18:24:24.42318614Z","value":1,"tags":{"group":"","url":"/\"\n"},"metadata":{"iter":"0","vu":"1"}}}"#,
        r#"{"type":"Metric","data":{"name":"vus","type":"gauge","contains":"default","thresholds":[],"submetrics":null},"metric":"vus"}"#,
        r#"{"metric":"vus","type":"Point","data":{"time":"2026-11-28T18:24:24.42318614Z","value":0.30000000000000004,"tags":{}}}"#,
        r#"{"metric":"vus","type":"Point","data":{"time":"2026-11-28T18:24:25Z","value":1e+21,"tags":{"a":"é"}}}"#,
    ];
    assert_eq!(shared.text().lines().collect::<Vec<_>>(), expected);
}

#[test]
fn csv_is_as_k6_writes_it() {
    let registry = Registry::new();
    registry.define("cc", Kind::Counter, Contains::Default).unwrap();
    let write = |format: &str, samples: &[Sample]| {
        let shared = Shared::default();
        let tags = ["url", "status", "vu", "iter", "check"];
        let format: TimeFormat = format.parse().unwrap();
        let mut output = Csv::new(shared.clone(), "out.csv", &tags, format);
        output.samples(samples).unwrap();
        output.finish().unwrap();
        shared.text()
    };
    let pairs = [("url", "http://a/?b=1,2"), ("status", "200"), ("z", "tag, \"q\""), ("run", "x")];
    let mut one = sample(&registry, "http_req_duration", &pairs, 4.875_849_4);
    one.metadata = TagSet::of(&[("vu", "1"), ("iter", "0")]);
    let two = sample(&registry, "cc", &[], f64::INFINITY);
    assert_eq!(
        write("unix", &[one.clone(), two]),
        "metric_name,timestamp,metric_value,check,status,url,extra_tags,metadata\n\
         http_req_duration,1795890264,4.875849,,200,\"http://a/?b=1,2\",\"run=x&z=tag, \"\"q\"\"\",iter=0&vu=1\n\
         cc,1795890264,+Inf,,,,,\n"
    );
    for (format, time) in [
        ("unix_milli", "1795890264423"),
        ("unix_micro", "1795890264423186"),
        ("unix_nano", "1795890264423186140"),
        ("rfc3339", "2026-11-28T18:24:24Z"),
        ("rfc3339_nano", "2026-11-28T18:24:24.42318614Z"),
    ] {
        assert_eq!(
            write(format, &[one.clone()]).lines().nth(1).unwrap().split(',').nth(1),
            Some(time)
        );
    }
    assert_eq!(write("unix", &[]).lines().count(), 1);
    assert_eq!("nope".parse::<TimeFormat>().unwrap_err().code(), "metrics-time-format");
}

#[test]
fn a_name_in_gz_is_packed() {
    let registry = Registry::new();
    let (json, csv) = (Shared::default(), Shared::default());
    let thresholds = Thresholds::default();
    let mut outputs: [Box<dyn Output>; 2] = [
        Box::new(Json::new(json.clone(), "out.json.gz", &thresholds, &[])),
        Box::new(Csv::new(csv.clone(), "out.gz", &["url"], TimeFormat::Unix)),
    ];
    for output in &mut outputs {
        for _ in 0..100 {
            output.samples(&[sample(&registry, "http_reqs", &[("url", "/")], 1.0)]).unwrap();
        }
        output.finish().unwrap();
    }
    for (shared, wanted) in [(json, 101), (csv, 101)] {
        let mut text = String::new();
        GzDecoder::new(shared.bytes().as_slice()).read_to_string(&mut text).unwrap();
        assert_eq!(text.lines().count(), wanted);
    }
}

#[test]
fn a_full_disk_is_told_with_the_file() {
    let registry = Registry::new();
    for name in ["full.json", "full.json.gz", "full.csv"] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut output: Box<dyn Output> = if name.ends_with("csv") {
            Box::new(Csv::new(full, name, &[], TimeFormat::Unix))
        } else {
            Box::new(Json::new(full, name, &Thresholds::default(), &[]))
        };
        let one = sample(&registry, "http_reqs", &[("url", "/")], 1.0);
        let error = output.samples(&[one]).and_then(|()| output.finish()).unwrap_err();
        assert_eq!(error.code(), "metrics-write");
        assert!(error.to_string().starts_with(&format!("cannot write {name}: ")), "{error}");
        let Error::Write { source, .. } = error else { panic!("{error}") };
        assert_eq!(source.kind(), std::io::ErrorKind::StorageFull);
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        pairs in prop::collection::vec(("\\PC{1,8}", "(\\PC|[\n\"\\\\,]){0,12}"), 0..5),
        value in any::<f64>().prop_filter("finite", |value| value.is_finite()),
    ) {
        let registry = Registry::new();
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let one = sample(&registry, "http_reqs", &pairs, value);
        let shared = Shared::default();
        let mut output = Json::new(shared.clone(), "out", &Thresholds::default(), &[]);
        output.samples(std::slice::from_ref(&one)).unwrap();
        output.finish().unwrap();
        let point = &lines(&shared.text())[1]["data"];
        for (name, value) in one.tags.iter() {
            prop_assert_eq!(point["tags"][name].as_str(), Some(value));
        }
        prop_assert_eq!(point["tags"].as_object().unwrap().len(), one.tags.len());
        let read: f64 = point["value"].to_string().parse().unwrap();
        prop_assert!((read - value).abs() <= value.abs() * 1e-15, "{} {}", read, value);

        let shared = Shared::default();
        let mut output = Csv::new(shared.clone(), "out", &["a", "b"], TimeFormat::Unix);
        output.samples(&[one.clone(), one.clone()]).unwrap();
        output.finish().unwrap();
        let bytes = shared.bytes();
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        prop_assert_eq!(rows.len(), 2);
        prop_assert_eq!(&rows[0][3], one.tags.get("a").unwrap_or_default());
        prop_assert_eq!(rows[1].len(), 7);
    }
}
