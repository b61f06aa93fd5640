//! `seaworthy import`: turns what other tools run into what this one runs.

use std::path::{Path, PathBuf};

use anyhow::Context;
use seaworthy_base::Span;
use seaworthy_document::errors;
use seaworthy_k6::generate;
use seaworthy_locust::{Options, read_as};

use super::{print, read_document, say_findings, talk};
use crate::exit::Exit;

/// What was typed.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Turn a Locust file into a plan; what cannot be carried over is listed.
    Locust(Locust),
    /// Write a k6 script for each row of a table of load profiles (CSV, YAML or JSON). Each rises to
    /// its number of virtual users within a minute, holds it for the row's duration, and goes down
    /// within another.
    Profiles {
        /// The table: name, url, vus, duration, and more.
        #[arg(value_name = "TABLE")]
        table: PathBuf,
        /// The folder the scripts go to; files that are there are left alone.
        #[arg(short = 'o', long, value_name = "DIR")]
        output: PathBuf,
    },
}

#[derive(clap::Args)]
struct Locust {
    /// The file. It is read, never run.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where the plan goes; stdout when not given. A file that is there is left alone.
    #[arg(short = 'o', long, value_name = "PLAN")]
    output: Option<PathBuf>,
    /// Where the requests go, as Locust's --host.
    #[arg(long, value_name = "URL")]
    host: Option<String>,
    /// How many users, as Locust's --users.
    #[arg(short = 'u', long, value_name = "N")]
    users: Option<u32>,
    /// How many more users each second, as Locust's --spawn-rate.
    #[arg(short = 'r', long, value_name = "N")]
    spawn_rate: Option<f64>,
    /// For how long, as Locust's --run-time.
    #[arg(short = 't', long, value_name = "TIME")]
    run_time: Option<Span>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    match &arguments.command {
        Command::Locust(typed) => locust(typed),
        Command::Profiles { table, output } => profiles(table, output),
    }
}

fn locust(typed: &Locust) -> anyhow::Result<Exit> {
    let text = read_document(&typed.file)?;
    let options = Options {
        host: typed.host.clone(),
        users: typed.users,
        spawn_rate: typed.spawn_rate,
        run_time: typed.run_time,
    };
    let (import, findings) = read_as(&typed.file.display().to_string(), &text, &options);
    if !findings.is_empty() {
        say_findings(&findings, &text);
    }
    let Some(import) = import else { return Ok(Exit::CouldNotRun) };
    match &typed.output {
        Some(path) => create(path, &import.plan)?,
        None => print(&import.plan)?,
    }
    talk(&format!(
        "{} flow(s), {} request(s), {} phase(s) carried over; {} finding(s)",
        import.flows,
        import.requests,
        import.phases,
        findings.len()
    ));
    for (what, names) in [("files", &import.files), ("variables", &import.environment)] {
        if !names.is_empty() {
            talk(&format!("the plan reads these {what}: {}", names.join(", ")));
        }
    }
    Ok(if errors(&findings) { Exit::CouldNotRun } else { Exit::Pass })
}

fn profiles(table: &Path, output: &Path) -> anyhow::Result<Exit> {
    let text = read_document(table)?;
    let (scripts, findings) = generate::scripts(&table.display().to_string(), &text);
    if !findings.is_empty() {
        say_findings(&findings, &text);
    }
    if !scripts.is_empty() {
        std::fs::create_dir_all(output)
            .with_context(|| format!("cannot make the folder {}", output.display()))?;
    }
    for script in &scripts {
        let path = output.join(&script.file);
        create(&path, &script.text)?;
        print(&format!("{}\n", path.display()))?;
    }
    Ok(if scripts.is_empty() || errors(&findings) { Exit::CouldNotRun } else { Exit::Pass })
}

/// Writes a file that is not there yet.
fn create(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    let opened = options.write(true).create_new(true).open(path);
    let mut file = opened.with_context(|| {
        format!("cannot create {}\nhint: what is there is left alone: name another with --output, or take it away first", path.display())
    })?;
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}
