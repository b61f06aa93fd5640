//! `cargo xtask test`: everything the tests need, then every test of the workspace.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{command, needs, postgres};

/// Everything but the examples in the documentation.
const TARGETS: [&str; 3] = ["--lib", "--bins", "--tests"];

/// The packages whose rows may be in files or in PostgreSQL, and what tells their tests which.
const EITHER: [&str; 2] = ["seaworthy-workflow", "seaworthy-hub"];

/// Their tests that have little to do with rows, or start a PostgreSQL of their own in any case.
const ONCE: [&str; 6] =
    ["hostile::", "server::", "circuits::", "inference::", "outage::", "verdicts::"];
const ROWS: &str = "SEAWORTHY_ROWS";

/// Runs the tests, passing `extra` on to `cargo test`. Prints nothing after them.
pub(crate) fn run(extra: &[String]) -> Result<()> {
    let mut variables: Vec<(&str, OsString)> =
        needs::ready()?.into_iter().map(|(name, path)| (name, path.into())).collect();
    // Stopped at the end, whatever the end is. One that was named beforehand is used and left alone.
    let postgres = variables.iter().find(|(name, _)| *name == needs::POSTGRES);
    let server = match postgres {
        Some((_, program)) if std::env::var_os(postgres::VARIABLE).is_none() => {
            Some(postgres::Server::start(Path::new(program))?)
        }
        _ => None,
    };
    variables.extend(server.iter().map(|one| (postgres::VARIABLE, one.address().into())));
    let extra: Vec<&str> = extra.iter().map(String::as_str).collect();
    if !extra.is_empty() {
        return command::run(command::cargo(&arguments(&extra)).envs(variables));
    }
    // Some tests start an example as a process, and only `cargo build` makes those.
    let examples = ["build", "--locked", "--workspace", "--examples"];
    command::run(command::cargo(&examples).envs(variables.iter().cloned()))?;
    // The documentation's examples first: the last line is then that of tests that ran.
    command::run(command::cargo(&arguments(&["--doc"])).envs(variables.iter().cloned()))?;
    for (package, program) in on_either_database()? {
        println!("     Running {package} with its rows in PostgreSQL");
        let mut tests = std::process::Command::new(program);
        tests.args(ONCE.iter().flat_map(|module| ["--skip", *module]));
        let folder = command::root().join("crates").join(package.trim_start_matches("seaworthy-"));
        let variables = variables.iter().cloned().chain([(ROWS, "postgres".into())]);
        command::run(tests.current_dir(folder).envs(variables))?;
    }
    command::run(command::cargo(&arguments(&TARGETS)).envs(variables))
}

/// The test programs that are run once with their rows in PostgreSQL and, with all others, once with
/// their rows in files. They are built as those others are, so that nothing is built twice.
fn on_either_database() -> Result<Vec<(&'static str, PathBuf)>> {
    let mut build = command::cargo(&arguments(&TARGETS));
    build.args(["--no-run", "--message-format=json"]).stderr(Stdio::inherit());
    let built = command::output(&mut build)?;
    let messages: Vec<Value> = built
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()
        .context("cargo's JSON")?;
    let program = |package: &'static str| {
        let mark = format!("{}#", package.trim_start_matches("seaworthy-"));
        let found = messages.iter().find_map(|message| {
            let is_it = message["target"]["name"] == "it" && message["target"]["kind"][0] == "test";
            let id = message["package_id"].as_str()?.rsplit('/').next()?;
            let program = message["executable"].as_str()?;
            (is_it && id.starts_with(&mark)).then(|| PathBuf::from(program))
        });
        found.map(|program| (package, program)).with_context(|| format!("no tests of {package}"))
    };
    EITHER.into_iter().map(program).collect()
}

/// The whole workspace, unless the caller has named packages.
fn arguments<'a>(extra: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["test", "--locked"];
    let for_cargo = extra.split(|word| *word == "--").next().unwrap_or_default();
    let names_a_package = for_cargo
        .iter()
        .any(|word| word.starts_with("-p") || word.split('=').next() == Some("--package"));
    if !names_a_package {
        arguments.push("--workspace");
    }
    arguments.extend(extra);
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crate_is_tested_unless_some_are_named() {
        assert_eq!(arguments(&[]), ["test", "--locked", "--workspace"]);
        assert_eq!(arguments(&["-p", "base"]), ["test", "--locked", "-p", "base"]);
        assert_eq!(arguments(&["--package=base"]), ["test", "--locked", "--package=base"]);
        let filtered = ["test", "--locked", "--workspace", "--", "-p", "seal"];
        assert_eq!(arguments(&["--", "-p", "seal"]), filtered);
    }
}
