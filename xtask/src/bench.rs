//! `cargo xtask bench`: measurements that are too long for a test, by name.

use anyhow::{Result, bail};

use crate::command;

mod hub;

struct Bench {
    name: &'static str,
    tells: &'static str,
    cargo: &'static [&'static str],
}

const BENCHES: &[Bench] = &[Bench {
    name: "stats",
    tells: "how often the judge's intervals cover the truth, simulated, as a table",
    cargo: &["run", "--release", "--locked", "-p", "seaworthy-stats", "--example", "coverage"],
}];

/// Prints the benchmarks there are.
pub(crate) fn list() -> Result<()> {
    println!("{}", listing());
    Ok(())
}

/// Runs one benchmark.
pub(crate) fn run(name: &str) -> Result<()> {
    if name == "hub" {
        return hub::run(&[]);
    }
    let Some(bench) = BENCHES.iter().find(|bench| bench.name == name) else {
        bail!("there is no benchmark `{name}`; there are:\n{}", listing());
    };
    command::run(&mut command::cargo(bench.cargo))
}

fn listing() -> String {
    let lines: Vec<String> =
        BENCHES.iter().map(|bench| format!("  {:8} {}", bench.name, bench.tells)).collect();
    format!(
        "{}\n  {:8} {}",
        lines.join("\n"),
        "hub",
        "what a hub does a second, and what that costs"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = run("nosuch").unwrap_err().to_string();
        assert!(error.contains("nosuch") && error.contains("stats"), "{error}");
    }
}
