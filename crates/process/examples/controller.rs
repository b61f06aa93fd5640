//! A controller as small as can be, for the tests that kill it.
//!
//! `controller <folder>` keeps a journal in the folder, starts a watchdog, a scratch folder and a
//! target with a detached grandchild, prints who they are as one line of JSON, and stays until its
//! standard input ends; then it ends orderly. `controller watchdog <journal>` is the watchdog.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use seaworthy_process::{Journal, Launch, Scratch, watchdog};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [watchdog::SUBCOMMAND, journal] => {
            watchdog::serve(Path::new(journal))?;
            Ok(())
        }
        [folder] => control(Path::new(folder)),
        _ => Err("usage: controller <folder> | controller watchdog <journal>".into()),
    }
}

fn control(folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let journal = Journal::create(&folder.join("undo.jsonl"))?;
    let guard = watchdog::start(&std::env::current_exe()?, journal.path())?;
    let scratch = Scratch::create(&journal, folder, "scratch")?;
    let script = "setsid sh -c 'echo $$ > grandchild; exec sleep 1000' & exec sleep 1000";
    let target = Launch {
        name: "victim".into(),
        command: ["sh", "-c", script].map(String::from).into(),
        folder: scratch.path().into(),
        log: folder.join("victim.log"),
        ..Launch::default()
    }
    .start(&journal)?;
    let told = serde_json::json!({
        "target": target.identity(),
        "watchdog": guard.pid(),
        "scratch": scratch.path(),
    });
    println!("{told}");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    target.stop(Duration::from_secs(5))?;
    scratch.remove()?;
    guard.dismiss()?;
    Ok(())
}
