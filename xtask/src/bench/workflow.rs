//! `cargo xtask bench workflow`: durable steps a second on SQLite, beside Temporal's development server
//! where its program is there.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::measured::Pins;
use super::table::{Table, heading};
use crate::command;

const USAGE: &str = "\
usage: cargo xtask bench workflow [--seconds N] [--rounds N] [--temporal PATH] [--python PATH]

  --seconds N      how long each measurement lasts (10)
  --rounds N       how often each is measured, in turns (3)
  --temporal PATH  Temporal's command, whose development server is measured too (from PATH)
  --python PATH    a Python that has the package `temporalio`, for the worker (python3)";

/// Workflows at once, and steps in each.
const SHAPE: [&str; 2] = ["64", "20"];
/// At least so many steps a second, and so many times as many as the peer, are asked for.
const LEAST: f64 = 1_000.0;
const TIMES: f64 = 5.0;
/// The peer's worker.
const WORKER: &str = "xtask/src/bench/workflow/temporal.py";

struct Asked {
    seconds: String,
    rounds: usize,
    temporal: Option<PathBuf>,
    python: PathBuf,
}

/// Measures both in turns, and prints a table.
pub(super) fn run(arguments: &[String]) -> Result<()> {
    let asked = Asked::read(arguments)?;
    let words =
        ["build", "--release", "--locked", "-p", "seaworthy-workflow", "--example", "steps"];
    command::run(&mut command::cargo(&words))?;
    let example = command::target_folder().join("release/examples/steps");
    let temporal = asked.temporal.clone().or_else(|| command::find("temporal"));
    let missing: &[&str] = if temporal.is_some() { &[] } else { &["temporal"] };
    println!("{}", heading(&Pins::here(), asked.rounds, false, missing));
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..asked.rounds {
        let mut command = Command::new(&example);
        command.args(SHAPE).arg(&asked.seconds);
        ours.push(measured(&mut command)?);
        if let Some(temporal) = &temporal {
            theirs.push(beside(temporal, &asked)?);
        }
    }
    let mut table = Table::new(&["durable steps a second", "least", "median", "most"]);
    table.row(row("ours, SQLite, each step synced to disk", &mut ours));
    if !theirs.is_empty() {
        table.row(row("Temporal's development server, in memory", &mut theirs));
    }
    println!("{table}");
    if let (Some(ours), Some(theirs)) = (median(&ours), median(&theirs)) {
        println!("{:.1} times Temporal's (asked: {TIMES})", ours / theirs);
        ensure!(ours >= TIMES * theirs, "fewer than {TIMES} times as many steps");
    }
    ensure!(median(&ours).is_some_and(|it| it >= LEAST), "fewer than {LEAST} steps a second");
    Ok(())
}

/// One measurement of the peer: a server of its own, and a worker.
fn beside(temporal: &Path, asked: &Asked) -> Result<f64> {
    let server = Server::start(temporal)?;
    let mut command = Command::new(&asked.python);
    command.arg(command::root().join(WORKER)).arg(&server.address);
    command.args(SHAPE).arg(&asked.seconds);
    measured(&mut command).context("the worker needs a Python with `pip install temporalio`")
}

/// What a program says it did in a second.
fn measured(command: &mut Command) -> Result<f64> {
    let said = command::output(command)?;
    println!("{}", said.trim());
    steps(&said).with_context(|| format!("no steps a second in: {said}"))
}

fn steps(said: &str) -> Option<f64> {
    said.lines().find_map(|line| line.split_once(" steps/s")?.0.parse().ok())
}

fn median(sorted: &[f64]) -> Option<f64> {
    sorted.get(sorted.len() / 2).copied()
}

fn row(name: &str, each: &mut [f64]) -> Vec<String> {
    each.sort_by(f64::total_cmp);
    let (least, most) = (each.first().copied(), each.last().copied());
    let shown = |value: Option<f64>| value.map_or_else(String::new, |it| format!("{it:.0}"));
    vec![name.to_owned(), shown(least), shown(median(each)), shown(most)]
}

/// Temporal's development server, with its rows in memory.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(temporal: &Path) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new(temporal);
        command.args(["server", "start-dev", "--headless", "--log-level", "never"]);
        command.args(["--ip", "127.0.0.1", "--port", &port.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().with_context(|| format!("{}", temporal.display()))?;
        Ok(Self { child, address: format!("127.0.0.1:{port}") })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Ours alone; nothing is lost when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Asked {
    fn read(arguments: &[String]) -> Result<Self> {
        let mut asked =
            Self { seconds: "10".to_owned(), rounds: 3, temporal: None, python: "python3".into() };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            if !["--seconds", "--rounds", "--temporal", "--python"].contains(&word.as_str()) {
                bail!("`bench workflow` does not take `{word}`\n\n{USAGE}");
            }
            let value = words.next().with_context(|| format!("{word} needs a value\n\n{USAGE}"))?;
            let number = || {
                let number = value.parse::<u32>().ok().filter(|it| (1..=600).contains(it));
                number.with_context(|| format!("{word} takes 1 to 600\n\n{USAGE}"))
            };
            match word.as_str() {
                "--seconds" => asked.seconds = number()?.to_string(),
                "--rounds" => asked.rounds = number()? as usize,
                "--temporal" => asked.temporal = Some(value.into()),
                _ => asked.python = value.into(),
            }
        }
        Ok(asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_read_or_refused() {
        let read = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            Asked::read(&words)
        };
        let asked = read(&["--rounds", "5", "--temporal", "/opt/temporal"]).unwrap();
        assert_eq!(asked.rounds, 5);
        assert_eq!(asked.temporal.as_deref(), Some(Path::new("/opt/temporal")));
        assert!(read(&["--rounds", "0"]).is_err());
        assert!(read(&["--seconds"]).is_err());
        assert!(read(&["--fast", "1"]).is_err());
    }

    #[test]
    fn what_both_say_is_read() {
        assert_eq!(steps("1234 steps/s (12340 steps, 64 workflows)\n"), Some(1234.0));
        assert_eq!(steps("nothing was done\n"), None);
        let row = row("ours", &mut [3.0, 1.0, 2.0]);
        assert_eq!(row, ["ours", "1", "2", "3"]);
    }
}
