//! Runs a script as `seaworthy run` does.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex};

use seaworthy_base::Clock;
use seaworthy_k6::console::{Console, Level};
use seaworthy_k6::options::Flags;
use seaworthy_k6::output::{MOST_WAITING, Outlet};
use seaworthy_k6::{Error, Options, Reading, Report, Script, Service};
use seaworthy_load::SharedTimeline;
use seaworthy_metrics::{Sample, Snapshot};
use tokio_util::sync::CancellationToken;

pub use crate::server::{Server, Tls};

/// What the console said.
#[derive(Clone, Default)]
pub struct Said(Arc<Mutex<Vec<u8>>>);

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Said {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

/// A run that is over.
pub struct Ran {
    pub report: Report,
    pub said: String,
    pub samples: Vec<Sample>,
    pub thresholds: Vec<(String, String, bool)>,
}

impl Ran {
    /// The messages of `console.log`, in order.
    pub fn logged(&self) -> Vec<&str> {
        let mine = self.said.lines().filter_map(|line| line.strip_suffix("  source=console"));
        mine.map(|line| line.split_once("] ").unwrap().1).collect()
    }

    /// Checks by name: passes and fails.
    pub fn checks(&self) -> BTreeMap<String, (u64, u64)> {
        checks(&self.report.snapshot)
    }

    /// The samples of a metric.
    pub fn of(&self, metric: &str) -> Vec<&Sample> {
        self.samples.iter().filter(|sample| sample.metric.name() == metric).collect()
    }

    /// The sum of a metric's samples.
    pub fn sum(&self, metric: &str) -> f64 {
        self.of(metric).iter().map(|sample| sample.value).sum()
    }

    /// Fails with what was said unless all checks held and nothing broke.
    pub fn is_clean(&self) -> &Self {
        assert!(self.report.fault.is_none(), "{:?}\n{}", self.report.fault, self.said);
        assert!(!self.said.contains("ERRO"), "{}", self.said);
        for (name, (_, fails)) in self.checks() {
            assert_eq!(fails, 0, "check {name}: {}", self.said);
        }
        self
    }
}

fn checks(snapshot: &Snapshot) -> BTreeMap<String, (u64, u64)> {
    snapshot.checks().map(|check| (check.name.to_string(), (check.passes, check.fails))).collect()
}

/// Runs a script that needs nothing.
pub async fn run(text: &str) -> Ran {
    run_with(text, &Flags::default(), &[]).await.unwrap_or_else(|error| panic!("{error}"))
}

/// Runs a script with flags and environment.
pub async fn run_with(
    text: &str,
    flags: &Flags,
    environment: &[(&str, &str)],
) -> Result<Ran, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("script.js");
    std::fs::write(&path, text).unwrap();
    run_file(&path, flags, environment).await
}

/// Runs a script until it ends, or is stopped.
pub async fn run_until(text: &str, stop: CancellationToken) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("script.js");
    std::fs::write(&path, text).unwrap();
    run_whole(&path, &Flags::default(), &[], stop).await.unwrap_or_else(|error| panic!("{error}"))
}

/// Runs a file.
pub async fn run_file(
    path: &std::path::Path,
    flags: &Flags,
    environment: &[(&str, &str)],
) -> Result<Ran, Error> {
    run_whole(path, flags, environment, CancellationToken::new()).await
}

async fn run_whole(
    path: &std::path::Path,
    flags: &Flags,
    environment: &[(&str, &str)],
    stop: CancellationToken,
) -> Result<Ran, Error> {
    let clock = Clock::system();
    let said = Said::default();
    let console = Console::new(clock.clone(), Level::Debug, Box::new(said.clone()));
    let environment =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let script = Script::read(Reading {
        path: path.to_owned(),
        text: None,
        environment,
        modules_dir: path.parent().map(|folder| folder.join("modules")),
        console,
        clock: clock.clone(),
        memory_limit: 256 << 20,
        seed: 7,
        stop,
    })
    .await?;
    let (consolidated, _) = script.consolidate(flags, None)?;
    let (outlet, mut samples) = Outlet::new(MOST_WAITING);
    let timeline = SharedTimeline::new(clock.wall(), clock.now(), BTreeMap::new());
    let service = Service::new(
        &script,
        Options {
            consolidated,
            phase: "script".to_owned(),
            timeline,
            outlet: Some(outlet),
            queue: false,
            workers: None,
        },
    )?;
    let thresholds = service.thresholds().clone();
    let report = service.run().await;
    drop(script);
    let mut all = Vec::new();
    while let Ok(batch) = samples.try_recv() {
        all.extend(batch);
    }
    let held = thresholds.evaluate(&report.snapshot);
    let held = held
        .iter()
        .map(|it| (it.target.name.clone(), it.threshold.source.clone(), it.passed))
        .collect();
    Ok(Ran { report, said: said.text(), samples: all, thresholds: held })
}
