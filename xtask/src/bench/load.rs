//! `bench load`: our generator beside wrk and oha in one run, rounds rotated, as ratios with their
//! range; a Markdown table ready for docs/benchmarks.md.

mod parts;
mod stalling;
mod tools;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::measured::Pins;
use super::nginx::Nginx;
use super::table;
use crate::command;
use tools::Tool;

const USAGE: &str = "\
usage: cargo xtask bench load [--quick] [--callgrind] [--only PART]... [--rounds N]
                              [--wrk PATH] [--oha PATH] [--nginx PATH] [--seaworthy PATH]

parts: cost, vus, flat, stall, low, callgrind (only when asked for, or with --callgrind)";

/// What is measured, in order.
const PARTS: [&str; 6] = ["cost", "vus", "flat", "stall", "low", "callgrind"];

/// What was typed.
struct Asked {
    quick: bool,
    rounds: usize,
    parts: Vec<String>,
    wrk: Option<PathBuf>,
    oha: Option<PathBuf>,
    nginx: Option<PathBuf>,
    seaworthy: Option<PathBuf>,
}

/// Everything a part is measured with.
struct Bench {
    quick: bool,
    rounds: usize,
    pins: Pins,
    ours: Tool,
    /// Ours first, then the peers that are there.
    tools: Vec<Tool>,
    nginx: Option<Nginx>,
}

/// What `wrk` printed: requests, and percentiles in milliseconds.
pub(super) fn wrk_said(stdout: &str) -> Option<(u64, Vec<(f64, f64)>)> {
    let said = Tool::Wrk(PathBuf::new()).read(stdout)?;
    Some((said.requests, said.percentiles))
}

/// Runs the benchmark.
pub(super) fn run(arguments: &[String]) -> Result<()> {
    let asked = Asked::read(arguments)?;
    let seaworthy = match &asked.seaworthy {
        Some(path) => path.clone(),
        None => {
            eprintln!("building seaworthy (release)");
            let words = ["build", "--release", "--locked", "-p", "seaworthy"];
            command::run(&mut command::cargo(&words))?;
            command::target_folder().join("release/seaworthy")
        }
    };
    let ours = Tool::Ours(seaworthy);
    let mut tools = vec![ours.clone()];
    let mut missing = Vec::new();
    let mut find = |given: &Option<PathBuf>, name: &'static str| {
        let found = given.clone().or_else(|| command::find(name));
        if found.is_none() {
            missing.push(name);
        }
        found
    };
    tools.extend(find(&asked.wrk, "wrk").map(Tool::Wrk));
    tools.extend(find(&asked.oha, "oha").map(Tool::Oha));
    let pins = Pins::here();
    let nginx = match find(&asked.nginx, "nginx") {
        Some(program) => Some(Nginx::start(&program, &pins)?),
        None => None,
    };
    let quick = asked.quick;
    let bench = Bench { quick, rounds: asked.rounds, pins, ours, tools, nginx };
    print!("{}", table::heading(&bench.pins, bench.rounds, quick, &missing));
    for part in &asked.parts {
        eprintln!("measuring {part}");
        let text = match part.as_str() {
            "cost" => parts::cost(&bench),
            "vus" => parts::vus(&bench),
            "flat" => parts::flat(&bench),
            "stall" => stalling::part(&bench),
            "low" => parts::low(&bench),
            _ => parts::callgrind(&bench),
        };
        match text {
            Ok(text) => println!("{text}"),
            // The rest is still worth having.
            Err(error) => println!("### {part}\n\nnot measured: {error:#}\n"),
        }
    }
    Ok(())
}

impl Asked {
    fn read(arguments: &[String]) -> Result<Self> {
        let mut asked = Self {
            quick: false,
            rounds: 0,
            parts: Vec::new(),
            wrk: None,
            oha: None,
            nginx: None,
            seaworthy: None,
        };
        let mut callgrind = false;
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let mut value =
                || words.next().with_context(|| format!("`{word}` needs a value\n\n{USAGE}"));
            match word.as_str() {
                "--quick" => asked.quick = true,
                "--callgrind" => callgrind = true,
                "--only" => {
                    let part = value()?;
                    if !PARTS.contains(&part.as_str()) {
                        bail!("there is no part `{part}`\n\n{USAGE}");
                    }
                    asked.parts.push(part.clone());
                }
                "--rounds" => {
                    let text = value()?;
                    asked.rounds =
                        text.parse().ok().filter(|rounds| *rounds > 0).with_context(|| {
                            format!("`{text}` is not a number of rounds\n\n{USAGE}")
                        })?;
                }
                "--wrk" => asked.wrk = Some(value()?.into()),
                "--oha" => asked.oha = Some(value()?.into()),
                "--nginx" => asked.nginx = Some(value()?.into()),
                "--seaworthy" => asked.seaworthy = Some(value()?.into()),
                _ => bail!("`bench load` does not take `{word}`\n\n{USAGE}"),
            }
        }
        if asked.parts.is_empty() {
            let usual = PARTS.iter().filter(|part| **part != "callgrind");
            asked.parts = usual.map(ToString::to_string).collect();
        }
        if callgrind && !asked.parts.iter().any(|part| part == "callgrind") {
            asked.parts.push("callgrind".to_owned());
        }
        if asked.rounds == 0 {
            asked.rounds = if asked.quick { 2 } else { 5 };
        }
        Ok(asked)
    }
}

impl Bench {
    fn nginx(&self) -> Result<&Nginx> {
        self.nginx.as_ref().context("nginx is neither on PATH nor given with --nginx")
    }

    /// The tools in an order of their own in each round, so that none always comes first.
    fn rotated(&self, round: usize) -> impl Iterator<Item = &Tool> {
        let start = round % self.tools.len();
        self.tools[start..].iter().chain(&self.tools[..start])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &str) -> Result<Asked> {
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        Asked::read(&words)
    }

    #[test]
    fn what_is_asked_for_is_measured() {
        let asked = read("").unwrap();
        assert_eq!((asked.rounds, asked.parts.len()), (5, PARTS.len() - 1));
        let asked = read("--quick --callgrind --only cost --oha /x/oha --rounds 3").unwrap();
        assert_eq!(
            (asked.rounds, asked.parts),
            (3, vec!["cost".to_owned(), "callgrind".to_owned()])
        );
        assert_eq!(asked.oha, Some("/x/oha".into()));
        for wrong in ["--only speed", "--rounds 0", "--rounds", "--fast"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
