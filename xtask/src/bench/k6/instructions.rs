//! Instructions a request, and which functions they are spent in.

use std::path::Path;

use anyhow::{Context, Result};

use super::Bench;
use super::runs::Task;
use crate::bench::table::Table;
use crate::command::{self, find};

const USERS: u32 = 50;
/// Functions that are shown.
const MOST: usize = 20;

/// Ours only: callgrind cannot follow k6's many threads in any time that is worth it.
pub(super) fn part(bench: &Bench) -> Result<String> {
    let valgrind = find("valgrind").context("valgrind is not on PATH")?;
    let (few, many) = if bench.quick { (500, 2500) } else { (2000, 12_000) };
    let mut text = format!(
        "### Instructions a request\n\ncallgrind, user space only, {USERS} users; the difference of {few} and {many} iterations, so that starting up is left out.\n"
    );
    for (title, name, requests) in
        [("one `http.get`", "simple.js", 1), ("60 lines", "realistic.js", 3)]
    {
        let count = |iterations: u32| -> Result<Counted> {
            let flags = format!("--vus {USERS} --iterations {iterations}");
            counted(bench, &valgrind, &Task::new(name, &flags).with("URL", bench.url()?))
        };
        let (less, more) = (count(few)?, count(many)?);
        let made = f64::from((many - few) * requests);
        text += &format!("\n{title}: **{:.0}** a request.\n\n", (more.total - less.total) / made);
        let mut table = Table::new(&["function", "instructions a request"]);
        let mut shares: Vec<(String, f64)> = more
            .functions
            .iter()
            .map(|(name, spent)| {
                let before = less.functions.iter().find(|(other, _)| other == name);
                (name.clone(), (spent - before.map_or(0.0, |(_, spent)| *spent)) / made)
            })
            .collect();
        shares.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        for (name, spent) in shares.into_iter().take(MOST) {
            table.row(vec![format!("`{name}`"), format!("{spent:.0}")]);
        }
        text += &table.to_string();
    }
    Ok(text)
}

struct Counted {
    total: f64,
    /// By name; what is spent in each itself.
    functions: Vec<(String, f64)>,
}

fn counted(bench: &Bench, valgrind: &Path, task: &Task) -> Result<Counted> {
    let folder = &bench.scratch.0;
    let (summary, file) = (folder.join("summary.json"), folder.join("callgrind.out"));
    let words = bench.engines[0].words(task, &summary, folder);
    // `env` and its words come first, the program behind it.
    let (before, program) = words.split_at(2);
    let mut all = before.to_vec();
    all.push(valgrind.display().to_string());
    all.push("--tool=callgrind".to_owned());
    all.push(format!("--callgrind-out-file={}", file.display()));
    all.extend_from_slice(program);
    let ran = bench.pins.run(&all)?;
    let total = ran
        .stderr
        .lines()
        .find_map(|line| line.split_once("Collected : ").map(|(_, number)| number.trim()))
        .and_then(|number| number.parse::<f64>().ok());
    let total =
        total.with_context(|| format!("callgrind collected nothing: {}", ran.stderr.trim()))?;
    let mut annotate = std::process::Command::new("callgrind_annotate");
    let annotated = command::output(annotate.arg("--threshold=99").arg(&file))?;
    Ok(Counted { total, functions: functions(&annotated) })
}

/// The lines `1,234 (5.6%)  file:function [object]` of callgrind_annotate.
fn functions(text: &str) -> Vec<(String, f64)> {
    let line = |line: &str| {
        let (spent, rest) = line.trim().split_once(" (")?;
        let spent: f64 = spent.replace(',', "").trim().parse().ok()?;
        let (_, name) = rest.split_once(')')?;
        let name = name.trim().rsplit_once(" [").map_or(name.trim(), |(name, _)| name);
        let name = name.split_once(':').map_or(name, |(_, function)| function);
        (name != "PROGRAM TOTALS").then(|| (name.to_owned(), spent))
    };
    let mut found: Vec<(String, f64)> = Vec::new();
    for (name, spent) in text.lines().filter_map(line) {
        match found.iter_mut().find(|(other, _)| *other == name) {
            Some((_, sum)) => *sum += spent,
            None => found.push((name, spent)),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_read_with_what_they_spent() {
        let text = "1,000 (100.0%)  PROGRAM TOTALS\n\n600 (60.0%)  ???:JS_CallInternal [/x/seaworthy]\n\
             150 (15.0%)  ./malloc.c:malloc [/lib/libc.so.6]\n50 ( 5.0%)  ???:JS_CallInternal [/x/seaworthy]\n";
        let found = functions(text);
        assert_eq!(found, [("JS_CallInternal".to_owned(), 650.0), ("malloc".to_owned(), 150.0)]);
    }
}
