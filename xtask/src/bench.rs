//! `cargo xtask bench`: measurements that are too long for a test, by name.

mod hub;
mod k6;
mod load;
mod measured;
mod nginx;
mod resilience;
mod stalling;
mod table;
mod workflow;

use anyhow::{Result, bail};

use crate::command;

struct Bench {
    name: &'static str,
    tells: &'static str,
    run: fn(&[String]) -> Result<()>,
}

const BENCHES: &[Bench] = &[
    Bench {
        name: "load",
        tells: "the load generator beside wrk and oha: cost, memory, and what a stalling server shows",
        run: load::run,
    },
    Bench {
        name: "k6",
        tells: "k6 scripts on our engine beside k6 and wrk: cost, memory, start, stalls, latencies",
        run: k6::run,
    },
    Bench {
        name: "hub",
        tells: "the hub on this machine: evaluations and durable turns a second, and what idle streams hold",
        run: hub::run,
    },
    Bench {
        name: "resilience",
        tells: "what a guarded call costs over the bare one, in nanoseconds and in instructions",
        run: resilience::run,
    },
    Bench {
        name: "workflow",
        tells: "durable workflow steps a second on SQLite, beside Temporal's development server",
        run: workflow::run,
    },
    Bench {
        name: "stats",
        tells: "how often the judge's intervals cover the truth, simulated, as a table",
        run: stats,
    },
];

/// Prints the benchmarks there are.
pub(crate) fn list() -> Result<()> {
    println!("{}", listing());
    Ok(())
}

/// Runs one benchmark with its own arguments.
pub(crate) fn run(name: &str, arguments: &[String]) -> Result<()> {
    if name == "list" && arguments.is_empty() {
        return list();
    }
    let Some(bench) = BENCHES.iter().find(|bench| bench.name == name) else {
        bail!("there is no benchmark `{name}`; there are:\n{}", listing());
    };
    (bench.run)(arguments)
}

fn stats(arguments: &[String]) -> Result<()> {
    if let Some(first) = arguments.first() {
        bail!("`bench stats` does not take `{first}`");
    }
    let words = ["run", "--release", "--locked", "-p", "seaworthy-stats", "--example", "coverage"];
    command::run(&mut command::cargo(&words))
}

fn listing() -> String {
    let lines: Vec<String> =
        BENCHES.iter().map(|bench| format!("  {:8} {}", bench.name, bench.tells)).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = run("nosuch", &[]).unwrap_err().to_string();
        assert!(error.contains("nosuch") && error.contains("stats"), "{error}");
    }

    #[test]
    fn arguments_that_are_not_known_are_refused() {
        for (name, argument) in [
            ("stats", "--fast"),
            ("load", "--fast"),
            ("k6", "--fast"),
            ("resilience", "--fast"),
            ("list", "all"),
        ] {
            assert!(run(name, &[argument.to_owned()]).is_err(), "{name} {argument}");
        }
    }
}
