//! The workspace's chores: `cargo xtask {test, ci, tidy, bench, conformance}`.

mod bench;
mod ci;
mod command;
mod conformance;
mod needs;
mod postgres;
mod test;
mod tidy;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
usage: cargo xtask <chore>

  test [arguments of cargo test]   install what the tests need, then run every test
  ci                               what every change must pass: format, clippy, tidy, test
  tidy                             hold the sources against the house rules
  bench [name] [its arguments]     run a benchmark; without a name, list them
  conformance k6 [its arguments]   run our scripts with k6 and with ours, and compare

`cargo xtask test -p seaworthy-stats` tests one crate, `cargo xtask test -- ledger` what is named so.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match chore(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn chore(arguments: &[String]) -> Result<()> {
    let Some((name, rest)) = arguments.split_first() else {
        bail!("which chore?\n\n{USAGE}");
    };
    match (name.as_str(), rest) {
        ("test", rest) => test::run(rest),
        ("ci", []) => ci::run(),
        ("tidy", []) => tidy::run(),
        ("bench", []) => bench::list(),
        ("bench", [name, rest @ ..]) => bench::run(name, rest),
        ("conformance", rest) => conformance::run(rest),
        ("help" | "--help" | "-h", _) => {
            println!("{USAGE}");
            Ok(())
        }
        ("ci" | "tidy", rest) => {
            bail!("`{name}` does not take `{}`\n\n{USAGE}", rest.join(" "))
        }
        _ => bail!("there is no chore `{name}`\n\n{USAGE}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_understood_is_refused_with_the_usage() {
        for wrong in [
            &[][..],
            &["tset"],
            &["ci", "fast"],
            &["tidy", "--fix"],
            &["bench", "nosuch"],
            &["conformance"],
        ] {
            let arguments: Vec<String> = wrong.iter().map(ToString::to_string).collect();
            assert!(chore(&arguments).is_err(), "{wrong:?}");
        }
    }
}
