//! `cargo xtask bench resilience`: what a guarded call costs over the bare one, in nanoseconds and, where
//! valgrind is on the path, in instructions.

use anyhow::{Context, Result, bail};

use super::table::Table;
use crate::command;

/// What the example can be told to make calls through; the bare call comes first.
const PARTS: [&str; 10] = [
    "bare",
    "breaker",
    "retry",
    "bulkhead",
    "deadline",
    "shedder",
    "rate",
    "cache",
    "everything",
    "layers",
];
const FEW: u32 = 2_000;
const MANY: u32 = 12_000;

/// Builds the example and measures with it.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    if let Some(first) = arguments.first() {
        bail!("`bench resilience` does not take `{first}`");
    }
    let words =
        ["build", "--release", "--locked", "-p", "seaworthy-resilience", "--example", "call_cost"];
    command::run(&mut command::cargo(&words))?;
    let example = command::target_folder().join("release/examples/call_cost");
    command::run(&mut std::process::Command::new(&example))?;
    let Some(valgrind) = command::find("valgrind") else {
        println!("\nvalgrind is not on the path: instructions are not counted");
        return Ok(());
    };
    println!(
        "\nInstructions a call, counted by callgrind as the difference of {FEW} and {MANY} calls:\n"
    );
    let mut table = Table::new(&["around a call", "instructions a call", "over the bare one"]);
    let mut bare = 0.0;
    for part in PARTS {
        let count = |calls: u32| -> Result<f64> {
            let mut command = std::process::Command::new(&valgrind);
            command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
            command.arg(&example).args([part, &calls.to_string()]);
            let output = command.output().context("valgrind")?;
            collected(&String::from_utf8_lossy(&output.stderr))
        };
        let each = (count(MANY)? - count(FEW)?) / f64::from(MANY - FEW);
        if part == "bare" {
            bare = each;
        }
        table.row(vec![part.to_owned(), format!("{each:.0}"), format!("{:.0}", each - bare)]);
    }
    println!("{table}");
    Ok(())
}

/// The number that callgrind says it collected.
fn collected(said: &str) -> Result<f64> {
    said.lines()
        .find_map(|line| line.split_once("Collected : "))
        .and_then(|(_, number)| number.trim().parse().ok())
        .with_context(|| format!("callgrind collected nothing: {}", said.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_callgrind_says_is_read() {
        let said = "==7== Events    : Ir\n==7== Collected : 123456\n==7== \n";
        assert_eq!(collected(said).unwrap(), 123_456.0);
        assert!(collected("==7== killed").is_err());
    }
}
