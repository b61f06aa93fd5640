//! Where whole samples go: a thread that takes them from the run and writes them to files.

use std::fs::File;
use std::io::{self, Write};
use std::thread::JoinHandle;

use seaworthy_k6::Script;
use seaworthy_k6::options::Consolidated;
use seaworthy_k6::options::values::SYSTEM_TAGS;
use seaworthy_k6::output::{MOST_WAITING, Outflow, Outlet};
use seaworthy_metrics::output::{Csv, Json, TimeFormat};
use seaworthy_metrics::{Collector, Error, Output, Thresholds};
use tokio_util::sync::CancellationToken;

use super::conduct::Begun;
use super::dashboard::{Dashboard, Settings};
use super::log::Log;
use super::stop::Stop;
use crate::exit::Exit;

/// The outputs of k6 that are not here.
const NOT_HERE: &[(&str, &str)] = &[
    (
        "html",
        "k6 has no such output either; the report of `seaworthy trial` is a page of HTML, and always written",
    ),
    ("cloud", "nothing is sent to k6's cloud"),
    ("influxdb", "write `--out json=FILE` or `--out csv=FILE`"),
    ("opentelemetry", "write `--out json=FILE` or `--out csv=FILE`"),
    ("experimental-opentelemetry", "write `--out json=FILE` or `--out csv=FILE`"),
    ("experimental-prometheus-rw", "write `--out json=FILE` or `--out csv=FILE`"),
    ("statsd", "k6 has taken it away"),
    ("datadog", "k6 has taken it away"),
    ("kafka", "k6 has taken it away"),
];

/// An output that was asked for.
enum Kind {
    Json { file: String },
    Csv { file: String, format: TimeFormat },
}

/// Outputs that were asked for, before anything is opened.
pub(crate) struct Wanted {
    kinds: Vec<Kind>,
    dashboard: Option<Settings>,
    outlet: Option<Outlet>,
    samples: Outflow,
}

impl Wanted {
    /// Reads `--out`, each time it was typed.
    pub(crate) fn read(consolidated: &Consolidated) -> Result<Self, Stop> {
        let typed = consolidated.settings().out.clone().unwrap_or_default();
        let variable = |name: &str| std::env::var(name).ok();
        let (outlet, samples) = Outlet::new(MOST_WAITING);
        let mut wanted = Self { kinds: Vec::new(), dashboard: None, outlet: None, samples };
        if variable("K6_WEB_DASHBOARD").is_some_and(|value| value == "true") {
            wanted.dashboard = Some(Settings::read("", variable)?);
        }
        for text in typed.iter().filter(|text| !text.is_empty()) {
            match text.strip_prefix("web-dashboard") {
                Some("") => wanted.dashboard = Some(Settings::read("", variable)?),
                Some(argument) if argument.starts_with('=') => {
                    wanted.dashboard = Some(Settings::read(&argument[1..], variable)?);
                }
                _ => wanted.kinds.push(kind(text)?),
            }
        }
        wanted.outlet = (!wanted.kinds.is_empty()).then_some(outlet);
        Ok(wanted)
    }

    /// Where the run sends its samples, if anybody wants them.
    pub(crate) fn outlet(&self) -> Option<Outlet> {
        self.outlet.clone()
    }

    /// Opens all of them and begins to write.
    pub(crate) fn open(
        self,
        script: &Script,
        thresholds: &Thresholds,
        begun: &Begun,
        consolidated: &Consolidated,
    ) -> Result<Outputs, Stop> {
        let samples = self.samples;
        let dashboard = self.dashboard.map(|it| it.begin(script, thresholds, begun)).transpose()?;
        // The parts of metrics that the run will keep by themselves.
        let options = seaworthy_metrics::Options {
            expected_response: consolidated.options().has_system_tag("expected_response"),
            ..seaworthy_metrics::Options::default()
        };
        let kept = Collector::new(script.registry(), thresholds, &options);
        let mut names = Vec::new();
        let mut outputs: Vec<Box<dyn Output>> = Vec::new();
        names.extend(dashboard.as_ref().map(Dashboard::name));
        for kind in self.kinds {
            match kind {
                Kind::Json { file } => {
                    let to = open(&file)?;
                    let shown = shown(&file);
                    names.push(format!("json ({shown})"));
                    outputs.push(Box::new(Json::new(to, &shown, thresholds, kept.submetrics())));
                }
                Kind::Csv { file, format } => {
                    let to = open(&file)?;
                    let shown = shown(&file);
                    names.push(format!("csv ({shown})"));
                    let all = SYSTEM_TAGS.iter().map(|(name, _)| *name);
                    let tags: Vec<&str> =
                        all.filter(|name| consolidated.options().has_system_tag(name)).collect();
                    outputs.push(Box::new(Csv::new(to, &shown, &tags, format)));
                }
            }
        }
        let over = CancellationToken::new();
        let thread = if outputs.is_empty() {
            None
        } else {
            let over = over.clone();
            let thread = std::thread::Builder::new().name("outputs".to_owned());
            let thread = thread.spawn(move || write(outputs, samples, &over));
            Some(thread.map_err(|error| {
                Stop::new(Exit::Unspecified, format!("cannot start a thread: {error}"))
            })?)
        };
        Ok(Outputs { names, over, thread, dashboard })
    }
}

fn kind(text: &str) -> Result<Kind, Stop> {
    let (name, argument) = text.split_once('=').unwrap_or((text, ""));
    match name {
        "json" => {
            let file = if argument.is_empty() { "-" } else { argument };
            Ok(Kind::Json { file: file.to_owned() })
        }
        "csv" => csv(argument),
        _ => {
            let known = NOT_HERE.iter().find(|(other, _)| *other == name);
            let words = match known {
                Some(_) => format!("the output `{name}` is not here"),
                None => format!("there is no output `{name}`"),
            };
            let hint = known.map_or("there are json, csv and web-dashboard", |(_, hint)| hint);
            Err(Stop::new(Exit::Unspecified, words).hint(hint))
        }
    }
}

/// `csv=file.csv`, or `csv=fileName=file.csv,timeFormat=unix_nano`.
fn csv(argument: &str) -> Result<Kind, Stop> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let mut file = set("K6_CSV_FILENAME").unwrap_or_else(|| "file.csv".to_owned());
    let mut format = set("K6_CSV_TIME_FORMAT").unwrap_or_default();
    if argument.contains('=') {
        for part in argument.split(',') {
            match part.split_once('=') {
                Some(("fileName", value)) => value.clone_into(&mut file),
                Some(("timeFormat", value)) => value.clone_into(&mut format),
                // How often k6 writes; here a full buffer is written at once.
                Some(("saveInterval", _)) => {}
                _ => {
                    let words = format!("`{part}` is nothing that csv can be told");
                    let hint = "write csv=fileName=FILE,timeFormat=unix_nano";
                    return Err(Stop::new(Exit::Unspecified, words).hint(hint));
                }
            }
        }
    } else if !argument.is_empty() {
        argument.clone_into(&mut file);
    }
    let format = match format.as_str() {
        "" => TimeFormat::default(),
        format => format.parse().map_err(Stop::from)?,
    };
    Ok(Kind::Csv { file, format })
}

/// All that went wrong with outputs.
fn stop_of(first: &Error, others: &[Error]) -> Stop {
    let all = std::iter::once(first).chain(others);
    let words: Vec<String> = all.map(|error| format!("{error} [{}]", error.code())).collect();
    let stop = Stop::new(Exit::Unspecified, words.join("; "));
    match first.hint() {
        Some(hint) => stop.hint(hint),
        None => stop,
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        stop_of(&error, &[])
    }
}

fn open(file: &str) -> Result<Box<dyn Write + Send>, Stop> {
    if file == "-" {
        return Ok(Box::new(io::stdout()));
    }
    let opened = File::create(file);
    let opened = opened.map_err(|source| Error::Write { file: file.to_owned(), source })?;
    Ok(Box::new(opened))
}

fn shown(file: &str) -> String {
    if file == "-" { "stdout".to_owned() } else { file.to_owned() }
}

/// Outputs that are being written.
pub(crate) struct Outputs {
    names: Vec<String>,
    over: CancellationToken,
    thread: Option<JoinHandle<Vec<Error>>>,
    dashboard: Option<Dashboard>,
}

impl Outputs {
    /// As a person reads them.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// Shows what is to be seen.
    pub(crate) fn show(&self, log: &Log) {
        if let Some(dashboard) = &self.dashboard {
            dashboard.say(log);
            dashboard.open(log);
        }
    }

    /// The run is over: writes what is left. What could not be written is an error; nothing else of
    /// the run is lost by it.
    pub(crate) fn finish(&mut self) -> Result<(), Stop> {
        self.over.cancel();
        let errors = self.thread.take().map(|thread| thread.join().unwrap_or_default());
        let shown = self.dashboard.as_mut().map_or(Ok(()), Dashboard::finish);
        match errors.unwrap_or_default().as_slice() {
            [first, others @ ..] => Err(stop_of(first, others)),
            [] => shown,
        }
    }
}

/// Writes until the run is over; an output that fails is left, and the others go on.
fn write(
    mut outputs: Vec<Box<dyn Output>>,
    mut samples: Outflow,
    over: &CancellationToken,
) -> Vec<Error> {
    let mut errors = Vec::new();
    let mut keep = |outputs: &mut Vec<Box<dyn Output>>,
                    act: &mut dyn FnMut(&mut dyn Output) -> Result<(), Error>| {
        outputs.retain_mut(|output| match act(&mut **output) {
            Ok(()) => true,
            Err(error) => {
                errors.push(error);
                false
            }
        });
    };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else { return errors };
    runtime.block_on(async {
        loop {
            let batch = tokio::select! {
                batch = samples.recv() => batch,
                () = over.cancelled(), if !samples.is_closed() => {
                    // What was sent until now still comes out.
                    samples.close();
                    continue;
                }
            };
            let Some(batch) = batch else { break };
            keep(&mut outputs, &mut |output| output.samples(&batch));
        }
    });
    keep(&mut outputs, &mut |output| output.finish());
    match samples.lost() {
        0 => {}
        count => errors.push(Error::Lost { count }),
    }
    errors
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    use seaworthy_metrics::Sample;

    use super::*;

    /// Writes a batch when it is let.
    struct Slow {
        begins: SyncSender<()>,
        may: Receiver<()>,
        written: std::sync::Arc<std::sync::Mutex<Vec<f64>>>,
    }

    impl Output for Slow {
        fn samples(&mut self, samples: &[Sample]) -> Result<(), Error> {
            self.begins.send(()).unwrap();
            self.may.recv().unwrap();
            self.written.lock().unwrap().extend(samples.iter().map(|sample| sample.value));
            Ok(())
        }

        fn finish(&mut self) -> Result<(), Error> {
            Err(Error::Write { file: "slow".to_owned(), source: io::ErrorKind::StorageFull.into() })
        }
    }

    #[test]
    fn a_slow_disk_neither_stops_the_run_nor_loses_anything_unsaid() {
        let (outlet, outflow) = Outlet::new(10);
        let (begins, begun) = sync_channel(100);
        let (let_it, may) = sync_channel(100);
        let written = std::sync::Arc::default();
        let slow = Slow { begins, may, written: std::sync::Arc::clone(&written) };
        let over = CancellationToken::new();
        let end = over.clone();
        let thread = std::thread::spawn(move || write(vec![Box::new(slow)], outflow, &end));
        let clock = seaworthy_base::Clock::system();
        let registry = seaworthy_metrics::Registry::new();
        let send = |value: f64| {
            outlet.send(std::iter::once(Sample {
                metric: registry.builtin().iterations.clone(),
                tags: seaworthy_metrics::TagSet::empty(),
                metadata: seaworthy_metrics::TagSet::empty(),
                at: clock.wall(),
                value,
            }));
        };
        // One is in the disk's hands, ten wait, four find no room.
        send(0.0);
        begun.recv_timeout(std::time::Duration::from_secs(30)).unwrap();
        (1..15).for_each(|value| send(f64::from(value)));
        (0..11).for_each(|_| let_it.send(()).unwrap());
        over.cancel();
        let mut outputs =
            Outputs { names: Vec::new(), over, thread: Some(thread), dashboard: None };
        let stop = outputs.finish().unwrap_err();
        assert_eq!(*written.lock().unwrap(), (0..11).map(f64::from).collect::<Vec<_>>());
        let words = stop.words();
        assert!(words.contains("slow") && words.contains("4 samples are not in them"), "{words}");
        assert_eq!(stop.exit, Exit::Unspecified);
    }
}
