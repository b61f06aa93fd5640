//! Memory of a virtual user, of scripts and without one, and how soon many users are ready.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::Bench;
use super::runs::{Engine, Task};
use crate::bench::table::{Table, megabytes, spread};
use crate::command::now;

/// Users of the script with a large bundle.
const WITH_BUNDLE: u32 = 300;
/// Functions in the bundle: 275 KB of them.
const FUNCTIONS: usize = 1365;

/// What many users take beyond what one takes.
pub(super) fn scripts(bench: &Bench) -> Result<String> {
    let seconds = bench.seconds(6, 15);
    let bundle = bundle(bench)?;
    let size = bundle.metadata()?.len();
    let many = bench.vus;
    let url = bench.url()?;
    let task = |name: &str| Task::new(name, "").with("URL", url).with("WAIT", 1);
    let with_bundle = Task { script: bundle, ..task("simple_waiting.js") };
    let mut table =
        Table::new(&["script", "users", "engine", "1 user", "all", "a user", "ours ÷ this"]);
    let kinds = [
        ("one `http.get`", task("simple_waiting.js"), many),
        ("60 lines", task("realistic.js"), many),
        ("275 KB of code", with_bundle, WITH_BUNDLE.min(many)),
    ];
    for (title, task, users) in kinds {
        let mut ours = None;
        for engine in &bench.engines {
            let peak = |users: u32| -> Result<f64> {
                let mut task = task.clone();
                let flags = format!("--vus {users} --duration {seconds}s");
                task.flags.extend(flags.split_whitespace().map(str::to_owned));
                engine.run(bench, &task)?.peak()
            };
            let row = |one: String, all: String, each: String, ratio: String| {
                vec![
                    title.to_owned(),
                    users.to_string(),
                    engine.name.to_owned(),
                    one,
                    all,
                    each,
                    ratio,
                ]
            };
            match peak(1).and_then(|one| Ok((one, peak(users)?))) {
                Ok((one, all)) => {
                    let each = (all - one) / f64::from(users - 1).max(1.0);
                    let ours = *ours.get_or_insert(each);
                    table.row(row(
                        megabytes(one),
                        megabytes(all),
                        format!("{:.1} KB", each / 1e3),
                        format!("{:.2}", ours / each),
                    ));
                }
                // The others are still worth having.
                Err(error) => {
                    table.row(row(
                        "not measured".to_owned(),
                        format!("{error:#}"),
                        String::new(),
                        String::new(),
                    ));
                }
            }
        }
    }
    Ok(format!(
        "### Memory of a virtual user\n\nEach with an open connection and a second's sleep between iterations, {seconds} s; peak resident memory beyond that of one user. The bundle has {size} bytes.\n\n{table}"
    ))
}

/// A script with 275 KB of code that it has little use for, as bundlers make them.
fn bundle(bench: &Bench) -> Result<PathBuf> {
    let mut text = String::from(
        "import http from 'k6/http';\nimport { sleep } from 'k6';\nconst parts = {};\n",
    );
    for index in 0..FUNCTIONS {
        text += &format!(
            "parts.part{index} = function (first, second) {{\n  const list = [first, second, {index}];\n  \
             if (list.length > {index} % 7) {{ return list.map((one) => one + {index}).join('-'); }}\n  \
             return {{ name: 'part {index}', list }};\n}};\n"
        );
    }
    text += "export default function () {\n  parts.part7(__VU, __ITER);\n  http.get(__ENV.URL);\n  sleep(1);\n}\n";
    let path = bench.scratch.0.join("bundle.js");
    std::fs::write(&path, text)?;
    Ok(path)
}

/// The engine without a script.
pub(super) fn native(bench: &Bench) -> Result<String> {
    let seconds = bench.seconds(4, 10);
    let program = bench.engines[0].program.display().to_string();
    let peak = |connections: u32| -> Result<f64> {
        let (connections, time) = (connections.to_string(), format!("{seconds}s"));
        let words = [
            &program,
            "load",
            bench.url()?,
            "--json",
            "--no-live",
            "-c",
            &connections,
            "-z",
            &time,
        ];
        let ran = bench.pins.run(&words.map(str::to_owned))?;
        ensure!(ran.status.success(), "`seaworthy load` ({}): {}", ran.status, ran.stderr.trim());
        ensure!(!ran.rss.is_empty(), "it was over before its memory could be read");
        Ok(ran.peak_rss as f64)
    };
    let (one, all) = (peak(1)?, peak(bench.vus)?);
    let each = (all - one) / f64::from(bench.vus - 1).max(1.0);
    Ok(format!(
        "### Memory of a virtual user without a script\n\n`seaworthy load`: {} with one connection, {} with {}: {:.1} KB each.\n",
        megabytes(one),
        megabytes(all),
        bench.vus,
        each / 1e3
    ))
}

/// From the start of the program to the first request of many users, none of whom begins before all
/// are ready.
pub(super) fn ready(bench: &Bench) -> Result<String> {
    let users = bench.vus * 2;
    let rounds = if bench.quick { 1 } else { bench.rounds.min(3) };
    let mut table = Table::new(&["engine", "ready after", "processor time in all", "peak memory"]);
    for engine in &bench.engines {
        let (mut times, mut costs, mut peaks) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds {
            let (time, cost, peak) = once(bench, engine, users)?;
            times.push(time);
            costs.push(cost);
            peaks.push(peak);
        }
        let seconds = |time: f64| format!("{time:.2} s");
        table.row(vec![
            engine.name.to_owned(),
            spread(&times, seconds),
            spread(&costs, seconds),
            spread(&peaks, megabytes),
        ]);
    }
    Ok(format!(
        "### {users} users, ready\n\nFrom starting the program to its first request, on one processor, script of one request.\n\n{table}"
    ))
}

fn once(bench: &Bench, engine: &Engine, users: u32) -> Result<(f64, f64, f64)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}/", listener.local_addr()?);
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        // The first request is all there is to see.
        if let Ok((mut stream, _)) = listener.accept() {
            let _ = sender.send(now());
            let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
        }
    });
    let task = Task::new("ready.js", "").with("URL", url).with("USERS", users);
    let start = now();
    let done = engine.run(bench, &task)?;
    let first = receiver.recv_timeout(Duration::from_secs(1)).context("no request came")?;
    Ok((first.duration_since(start).as_secs_f64(), done.ran.cpu_seconds, done.peak()?))
}
