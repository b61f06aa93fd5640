//! Runs a script with nothing around it and tells what it cost: for profilers, and for counting
//! instructions (`valgrind --tool=callgrind`).
//!
//! `cost SCRIPT.js [iterations] [vus]`

use std::collections::BTreeMap;
use std::path::PathBuf;

use seaworthy_base::Clock;
use seaworthy_k6::console::{Console, Level};
use seaworthy_k6::options::Flags;
use seaworthy_k6::{Options, Reading, Script, Service};
use seaworthy_load::SharedTimeline;
use tokio_util::sync::CancellationToken;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let Some(path) = arguments.next().map(PathBuf::from) else {
        eprintln!("usage: cost SCRIPT.js [iterations] [vus]");
        return;
    };
    let (iterations, vus) = (arguments.next(), arguments.next());
    let clock = Clock::system();
    let console = Console::new(clock.clone(), Level::Warning, Box::new(std::io::stderr()));
    let reading = Reading {
        path,
        text: None,
        environment: std::env::vars().collect(),
        modules_dir: None,
        console,
        clock: clock.clone(),
        memory_limit: 0,
        seed: 1,
        stop: CancellationToken::new(),
    };
    let script = Script::read(reading).await.unwrap_or_else(|error| panic!("{error}"));
    let flags = Flags { iterations, vus, ..Flags::default() };
    let options = script.consolidate(&flags, None);
    let (consolidated, _) = options.unwrap_or_else(|error| panic!("{error}"));
    let timeline = SharedTimeline::new(clock.wall(), clock.now(), BTreeMap::new());
    let options = Options {
        consolidated,
        phase: "cost".to_owned(),
        timeline,
        outlet: None,
        queue: false,
        workers: Some(std::num::NonZeroUsize::MIN),
    };
    let service = Service::new(&script, options).unwrap_or_else(|error| panic!("{error}"));
    let began = clock.now();
    let report = service.run().await;
    let took = clock.now().saturating_duration_since(began);
    let phase = report.phase.unwrap_or_else(|| panic!("{:?}", report.fault));
    let requests: u64 = phase.loads.iter().map(|load| load.requests).sum();
    let failed: u64 = phase.loads.iter().map(|load| load.failed).sum();
    let usage = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let memory = usage.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    println!("{requests} requests, {failed} failed, {took:?}, {memory}");
}
