//! `bench k6`: the same scripts on our engine and on k6, beside `wrk`, in one run, rounds rotated, as
//! ratios with their range; Markdown ready for docs/benchmarks.md.

mod cost;
mod instructions;
mod latency;
mod memory;
mod runs;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::measured::Pins;
use super::nginx::Nginx;
use super::table;
use crate::command;
use runs::Engine;

const USAGE: &str = "\
usage: cargo xtask bench k6 [--quick] [--only PART]... [--rounds N] [--vus N]
                            [--k6 PATH] [--wrk PATH] [--nginx PATH] [--seaworthy PATH]

parts: cost, latency, stall, busy, ready, memory, native, instructions
--vus N: users in `memory` and `native` (5000), twice as many in `ready`";

/// A part: its name, and what measures it.
type Part = (&'static str, fn(&Bench) -> Result<String>);

/// What is measured, in order.
const PARTS: [Part; 8] = [
    ("cost", cost::part),
    ("latency", latency::closed),
    ("stall", latency::stalling),
    ("busy", latency::busy),
    ("ready", memory::ready),
    ("memory", memory::scripts),
    ("native", memory::native),
    ("instructions", instructions::part),
];

/// What was typed.
#[derive(Default)]
struct Asked {
    quick: bool,
    rounds: usize,
    vus: u32,
    parts: Vec<String>,
    k6: Option<PathBuf>,
    wrk: Option<PathBuf>,
    nginx: Option<PathBuf>,
    seaworthy: Option<PathBuf>,
}

/// Everything a part is measured with.
struct Bench {
    quick: bool,
    rounds: usize,
    vus: u32,
    pins: Pins,
    /// Ours first, then k6 if it is there.
    engines: Vec<Engine>,
    wrk: Option<PathBuf>,
    nginx: Option<Nginx>,
    scratch: Scratch,
}

/// A folder that goes away with this.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays, stays in the temporary folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
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
    let mut missing = Vec::new();
    let mut find = |given: &Option<PathBuf>, name: &'static str| {
        let found = given.clone().or_else(|| command::find(name));
        if found.is_none() {
            missing.push(name);
        }
        found
    };
    let mut engines = vec![Engine::ours(seaworthy)];
    engines.extend(find(&asked.k6, "k6").map(Engine::k6));
    let wrk = find(&asked.wrk, "wrk");
    let pins = Pins::here();
    let nginx = match find(&asked.nginx, "nginx") {
        Some(program) => Some(Nginx::start(&program, &pins)?),
        None => None,
    };
    let scratch = std::env::temp_dir().join(format!("seaworthy-bench-k6-{}", std::process::id()));
    std::fs::create_dir_all(&scratch)?;
    let bench = Bench {
        quick: asked.quick,
        rounds: asked.rounds,
        vus: asked.vus,
        pins,
        engines,
        wrk,
        nginx,
        scratch: Scratch(scratch),
    };
    print!("{}", table::heading(&bench.pins, bench.rounds, bench.quick, &missing));
    for (name, part) in PARTS.iter().filter(|(name, _)| asked.wants(name)) {
        eprintln!("measuring {name}");
        match part(&bench) {
            Ok(text) => println!("{text}"),
            // The rest is still worth having.
            Err(error) => println!("### {name}\n\nnot measured: {error:#}\n"),
        }
    }
    Ok(())
}

impl Asked {
    fn read(arguments: &[String]) -> Result<Self> {
        let mut asked = Self::default();
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let mut value =
                || words.next().with_context(|| format!("`{word}` needs a value\n\n{USAGE}"));
            let number = |text: &String| {
                let number = text.parse::<u32>().ok().filter(|number| *number > 0);
                number.with_context(|| format!("`{text}` is not a number of {word}\n\n{USAGE}"))
            };
            match word.as_str() {
                "--quick" => asked.quick = true,
                "--only" => {
                    let part = value()?;
                    if !PARTS.iter().any(|(name, _)| name == part) {
                        bail!("there is no part `{part}`\n\n{USAGE}");
                    }
                    asked.parts.push(part.clone());
                }
                "--rounds" => asked.rounds = number(value()?)? as usize,
                "--vus" => asked.vus = number(value()?)?,
                "--k6" => asked.k6 = Some(value()?.into()),
                "--wrk" => asked.wrk = Some(value()?.into()),
                "--nginx" => asked.nginx = Some(value()?.into()),
                "--seaworthy" => asked.seaworthy = Some(value()?.into()),
                _ => bail!("`bench k6` does not take `{word}`\n\n{USAGE}"),
            }
        }
        if asked.rounds == 0 {
            asked.rounds = if asked.quick { 2 } else { 5 };
        }
        if asked.vus == 0 {
            asked.vus = if asked.quick { 500 } else { 5000 };
        }
        Ok(asked)
    }

    fn wants(&self, part: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|it| it == part)
    }
}

impl Bench {
    fn url(&self) -> Result<&str> {
        let nginx = self.nginx.as_ref();
        Ok(&nginx.context("nginx is neither on PATH nor given with --nginx")?.url)
    }

    /// How long a run lasts, in seconds.
    fn seconds(&self, quick: u32, thorough: u32) -> u32 {
        if self.quick { quick } else { thorough }
    }

    /// The engines in an order of their own in each round, so that none always comes first.
    fn rotated(&self, round: usize) -> impl Iterator<Item = &Engine> {
        let start = round % self.engines.len();
        self.engines[start..].iter().chain(&self.engines[..start])
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
        assert_eq!((asked.rounds, asked.vus), (5, 5000));
        assert!(PARTS.iter().all(|(name, _)| asked.wants(name)));
        let asked = read("--quick --only cost --k6 /x/k6 --rounds 3 --vus 9").unwrap();
        assert_eq!((asked.rounds, asked.vus, asked.k6.clone()), (3, 9, Some("/x/k6".into())));
        assert!(asked.wants("cost") && !asked.wants("memory"));
        for wrong in ["--only speed", "--rounds 0", "--rounds", "--vus none", "--fast"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
