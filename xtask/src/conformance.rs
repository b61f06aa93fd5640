//! `cargo xtask conformance k6`: the scripts in `crates/k6/conformance`, each run with k6 and with
//! ours against the same server, and where what they did differs.
//!
//! What k6 did with a script is also recorded beside it (`NAME.expected.json`, written by `--record`),
//! so that ours is held against it where there is no k6 (`--recorded`).

mod difference;
mod engine;
mod observed;
mod script;
mod server;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::command;
use difference::Difference;
use engine::Tool;
use script::Script;

const USAGE: &str = "\
usage: cargo xtask conformance k6 [--peer PATH] [--only PART]... [--list] [--jobs N]
                                  [--recorded | --record] [--ours PATH] [--server PATH]

  --peer PATH    the k6 to hold ours against (the one on PATH)
  --only PART    only scripts with PART in their topic/name
  --list         say which scripts there are and what is compared of each
  --recorded     hold ours against what is recorded of k6, without one
  --record       run k6 alone and record what it does
  --jobs N       so many runs at once (1)
  --ours PATH    another build of seaworthy than target/release
  --server PATH  another build of the server than target/release/examples";

/// What was typed.
#[derive(Default)]
struct Asked {
    peer: Option<PathBuf>,
    ours: Option<PathBuf>,
    server: Option<PathBuf>,
    only: Vec<String>,
    list: bool,
    recorded: bool,
    record: bool,
    jobs: usize,
}

/// What each script is held against.
enum Against {
    Peer(Tool),
    Record,
}

/// What came of a script.
enum Outcome {
    /// Ours took so long, theirs so long.
    Compared {
        differences: Vec<Difference>,
        took: (Duration, Duration),
    },
    Failed(String),
}

/// Runs the chore.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let asked = match arguments.split_first() {
        Some((which, rest)) if which == "k6" => Asked::read(rest)?,
        Some((which, _)) => bail!("there is nothing to conform to called `{which}`\n\n{USAGE}"),
        None => bail!("conform to what?\n\n{USAGE}"),
    };
    let scripts = script::all(&command::root().join("crates/k6/conformance"))?;
    let scripts: Vec<Script> =
        scripts.into_iter().filter(|script| script.is_meant(&asked.only)).collect();
    if scripts.is_empty() {
        bail!("no script has {} in its name", asked.only.join(" or "));
    }
    if asked.list {
        for script in &scripts {
            println!("{:44} {}", script.name, script.compare.join(" "));
        }
        println!("{} scripts", scripts.len());
        return Ok(());
    }
    // Whether there is a peer is said before anything is built for it.
    let against = if asked.recorded { Against::Record } else { Against::Peer(asked.peer()?) };
    let server = asked.server()?;
    if let (true, Against::Peer(peer)) = (asked.record, &against) {
        return record(peer, &server, &scripts, asked.jobs);
    }
    let ours = asked.ours()?;
    if let Against::Peer(peer) = &against {
        let version = command::output(std::process::Command::new(&peer.program).arg("version"))?;
        println!("beside {}", version.lines().next().unwrap_or_default());
    }
    let outcomes = in_parallel(&scripts, asked.jobs, |script| {
        let outcome = compare(&against, &ours, &server, script);
        let outcome = outcome.unwrap_or_else(|error| Outcome::Failed(format!("{error:#}")));
        print!("{}", shown(script, &outcome));
        outcome
    });
    conclude(&outcomes)
}

/// Runs `work` on every script, so many at once; the results are in the scripts' order.
fn in_parallel<T: Send>(
    scripts: &[Script],
    jobs: usize,
    work: impl Fn(&Script) -> T + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(script) = scripts.get(index) else { break };
                    let result = work(script);
                    if let Ok(mut results) = results.lock() {
                        results.push((index, result));
                    }
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_default();
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

fn compare(against: &Against, ours: &Tool, server: &Path, script: &Script) -> Result<Outcome> {
    let (theirs, theirs_took) = match against {
        Against::Peer(peer) => {
            let ran = peer.run(script, server).context("k6")?;
            (observed::of(&ran, script), ran.took)
        }
        Against::Record => {
            let path = script.record();
            let text = std::fs::read_to_string(&path).with_context(|| {
                format!("nothing is recorded in {}: use --record", path.display())
            })?;
            (serde_json::from_str(&text)?, Duration::ZERO)
        }
    };
    let ran = ours.run(script, server).context("ours")?;
    let mine = observed::of(&ran, script);
    let mut differences = difference::between(&theirs, &mine, script);
    if differences.iter().any(|it| it.at == "exit" && it.wanted.is_none()) {
        // What it said is the quickest way to why.
        let last = ran.stderr.lines().last().unwrap_or_default();
        differences.push(Difference {
            at: "ours said".to_owned(),
            theirs: String::new(),
            ours: last.chars().take(300).collect(),
            wanted: None,
        });
    }
    Ok(Outcome::Compared { differences, took: (ran.took, theirs_took) })
}

/// A script's lines of the table.
fn shown(script: &Script, outcome: &Outcome) -> String {
    let cut = |text: &str| match text.char_indices().nth(240) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    };
    match outcome {
        Outcome::Failed(why) => format!("{:44} FAILED: {why}\n", script.name),
        Outcome::Compared { differences, took: (ours, theirs) } => {
            let word = match differences.iter().filter(|it| it.wanted.is_none()).count() {
                0 if differences.is_empty() => "same",
                0 => "differs, as declared",
                _ => "DIFFERS",
            };
            let mut text = format!(
                "{:44} {word}  ({:.1} s, theirs {:.1} s)\n",
                script.name,
                ours.as_secs_f64(),
                theirs.as_secs_f64()
            );
            for it in differences {
                let wanted =
                    it.wanted.as_ref().map_or_else(String::new, |why| format!("  [{why}]"));
                let (theirs, ours) = (cut(&it.theirs), cut(&it.ours));
                text += &format!("    {}: k6 {theirs}, ours {ours}{wanted}\n", it.at);
            }
            text
        }
    }
}

/// The last line, and whether all is well.
fn conclude(outcomes: &[Outcome]) -> Result<()> {
    let count = |which: fn(&Outcome) -> bool| outcomes.iter().filter(|it| which(it)).count();
    let same =
        count(|it| matches!(it, Outcome::Compared { differences, .. } if differences.is_empty()));
    let failed = count(|it| matches!(it, Outcome::Failed(_)));
    let differ = count(|it| {
        matches!(it, Outcome::Compared { differences, .. }
            if differences.iter().any(|it| it.wanted.is_none()))
    });
    let declared = outcomes.len() - same - failed - differ;
    println!(
        "{} scripts: {same} the same, {declared} differ as declared, {differ} differ, {failed} could not be run",
        outcomes.len()
    );
    if differ + failed > 0 {
        bail!("ours is not k6 in {} of {} scripts", differ + failed, outcomes.len());
    }
    Ok(())
}

/// Writes down what k6 does.
fn record(peer: &Tool, server: &Path, scripts: &[Script], jobs: usize) -> Result<()> {
    let outcomes = in_parallel(scripts, jobs, |script| -> Result<()> {
        let ran = peer.run(script, server).with_context(|| script.name.clone())?;
        let mut observed = observed::of(&ran, script);
        observed.sort_all_objects();
        std::fs::write(script.record(), written(&observed))?;
        let seconds = ran.took.as_secs_f64();
        let exit = ran.exit.map_or_else(|| "a signal".to_owned(), |exit| exit.to_string());
        println!("{:44} exit {exit}, {seconds:.1} s{}", script.name, unsaid(&observed));
        Ok(())
    });
    let total = outcomes.len();
    let wrong: Vec<String> =
        outcomes.into_iter().filter_map(Result::err).map(|it| format!("{it:#}")).collect();
    if !wrong.is_empty() {
        bail!("not recorded: {}", wrong.join("; "));
    }
    println!("{total} scripts recorded");
    Ok(())
}

/// JSON with a line for each thing that is compared, so that a change of one is a change of a line.
fn written(observed: &Value) -> String {
    let lines = |open: &str, values: Vec<String>, close: &str, indent: &str| match values.len() {
        0 => format!("{open}{close}"),
        _ => {
            format!("{open}\n{indent}  {}\n{indent}{close}", values.join(&format!(",\n{indent}  ")))
        }
    };
    let inner = |value: &Value| match value {
        Value::Object(values) => {
            let entry = |(name, value): (&String, &Value)| {
                format!("{}: {value}", Value::from(name.as_str()))
            };
            lines("{", values.iter().map(entry).collect(), "}", "  ")
        }
        Value::Array(values) => {
            lines("[", values.iter().map(Value::to_string).collect(), "]", "  ")
        }
        other => other.to_string(),
    };
    let entries = observed.as_object().into_iter().flatten();
    let entries =
        entries.map(|(name, value)| format!("{}: {}", Value::from(name.as_str()), inner(value)));
    format!("{}\n", lines("{", entries.collect(), "}", ""))
}

fn unsaid(observed: &Value) -> String {
    match observed["unsaid"].as_array() {
        Some(words) if !words.is_empty() => format!("  k6 itself does not say {words:?}"),
        _ => String::new(),
    }
}

impl Asked {
    fn read(arguments: &[String]) -> Result<Self> {
        let mut asked = Self { jobs: 1, ..Self::default() };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let mut value =
                || words.next().with_context(|| format!("`{word}` needs a value\n\n{USAGE}"));
            match word.as_str() {
                "--peer" => asked.peer = Some(value()?.into()),
                "--ours" => asked.ours = Some(value()?.into()),
                "--server" => asked.server = Some(value()?.into()),
                "--only" => asked.only.push(value()?.clone()),
                "--jobs" => {
                    let text = value()?;
                    asked.jobs =
                        text.parse().ok().filter(|jobs| *jobs > 0).with_context(|| {
                            format!("`{text}` is not a number of runs\n\n{USAGE}")
                        })?;
                }
                "--list" => asked.list = true,
                "--recorded" => asked.recorded = true,
                "--record" => asked.record = true,
                _ => bail!("`conformance k6` does not take `{word}`\n\n{USAGE}"),
            }
        }
        if asked.record && asked.recorded {
            bail!("`--record` writes what `--recorded` reads: one of them\n\n{USAGE}");
        }
        Ok(asked)
    }

    fn peer(&self) -> Result<Tool> {
        let found = self.peer.clone().or_else(|| command::find("k6"));
        let program = found.context(
            "there is no k6 on PATH and none given with --peer, so nothing was compared; \
             --recorded holds ours against what was recorded of it",
        )?;
        if !program.is_file() {
            bail!("--peer names {}, which is no program", program.display());
        }
        Ok(Tool { program, peer: true })
    }

    fn ours(&self) -> Result<Tool> {
        let program = match &self.ours {
            Some(path) => path.clone(),
            None => built(&["-p", "seaworthy"], "seaworthy")?,
        };
        // k6 held against itself shows what varies from run to run.
        let peer = program.file_name().is_some_and(|name| name == "k6");
        Ok(Tool { program, peer })
    }

    fn server(&self) -> Result<PathBuf> {
        match &self.server {
            Some(path) => Ok(path.clone()),
            None => built(
                &["-p", "seaworthy-k6", "--example", "conformance_server"],
                "examples/conformance_server",
            ),
        }
    }
}

/// Builds something in release; returns where it is.
fn built(what: &[&str], path: &str) -> Result<PathBuf> {
    eprintln!("building {path} (release)");
    let words = [&["build", "--release", "--locked"], what].concat();
    command::run(&mut command::cargo(&words))?;
    Ok(command::target_folder().join("release").join(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(words: &str) -> String {
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        format!("{:#}", run(&words).unwrap_err())
    }

    #[test]
    fn what_is_not_understood_is_said_before_anything_is_built() {
        assert!(refused("").contains("conform to what"));
        assert!(refused("jmeter").contains("jmeter"));
        assert!(refused("k6 --fast").contains("--fast"));
        assert!(refused("k6 --jobs 0").contains("not a number of runs"));
        assert!(refused("k6 --record --recorded").contains("one of them"));
        assert!(refused("k6 --only no-such-script").contains("no-such-script"));
    }

    /// A script that nothing was recorded of would be held against nothing where there is no k6.
    #[test]
    fn every_script_has_a_record_of_just_what_it_compares() {
        let scripts = script::all(&command::root().join("crates/k6/conformance")).unwrap();
        assert!(scripts.len() >= 100, "{}", scripts.len());
        for script in scripts {
            let text = std::fs::read_to_string(script.record()).expect(&script.name);
            let record: Value = serde_json::from_str(&text).expect(&script.name);
            let recorded: Vec<&String> = record.as_object().unwrap().keys().collect();
            let mut compared = script.compare.clone();
            if !script.says.is_empty() {
                compared.push("unsaid".to_owned());
                assert_eq!(record["unsaid"], serde_json::json!([]), "{}", script.name);
            }
            compared.sort();
            compared.dedup();
            assert_eq!(recorded, compared.iter().collect::<Vec<_>>(), "{}", script.name);
        }
    }

    #[test]
    fn without_a_peer_it_says_so() {
        let asked = Asked { peer: Some("/no/such/k6".into()), ..Asked::default() };
        assert!(asked.peer().unwrap_err().to_string().contains("/no/such/k6"));
    }

    #[test]
    fn only_declared_differences_are_well() {
        let difference = |wanted: Option<&str>| Difference {
            at: "exit".to_owned(),
            theirs: "0".to_owned(),
            ours: "1".to_owned(),
            wanted: wanted.map(str::to_owned),
        };
        let of = |differences| Outcome::Compared { differences, took: Default::default() };
        assert!(conclude(&[of(vec![]), of(vec![difference(Some("why"))])]).is_ok());
        assert!(conclude(&[of(vec![difference(None)])]).is_err());
        assert!(conclude(&[Outcome::Failed("no".to_owned())]).is_err());
        let text = shown(&Script::default(), &of(vec![difference(Some("why"))]));
        assert!(text.contains("as declared") && text.contains("[why]"), "{text}");
    }
}
