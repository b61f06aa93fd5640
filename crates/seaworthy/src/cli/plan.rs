//! `seaworthy plan`: check a plan, write a starter, print the schema.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use seaworthy_document::errors;

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
    /// Read a plan and every file it names, and say what is wrong with it. Exit 0: it can run.
    Check {
        /// The plan.
        file: PathBuf,
    },
    /// Write a commented plan for your own service.
    Init {
        /// Where to write it; never overwrites.
        #[arg(default_value = "trial.yaml")]
        file: PathBuf,
        /// Write the default trial of the hub instead, to change it.
        #[arg(long)]
        default: bool,
    },
    /// Print the plan's JSON Schema.
    Schema,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    match &arguments.command {
        Command::Check { file } => {
            let text = read_document(file)?;
            let (checked, findings) = seaworthy_trial::check(&file.display().to_string(), &text);
            if !findings.is_empty() {
                say_findings(&findings, &text);
            }
            match checked {
                Some(checked) if !errors(&findings) => {
                    print(&format!("{}\n", checked.summary()))?;
                    Ok(Exit::Pass)
                }
                _ => Ok(Exit::CouldNotRun),
            }
        }
        Command::Init { file, default } => {
            let text = if *default { super::trial::DEFAULT_PLAN } else { seaworthy_trial::STARTER };
            let mut options = OpenOptions::new();
            options.write(true).create_new(true);
            let mut written = options.open(file).with_context(|| {
                format!(
                    "cannot create {}\nhint: name another file, as `seaworthy plan init mine.yaml`",
                    file.display()
                )
            })?;
            written
                .write_all(text.as_bytes())
                .and_then(|()| written.sync_all())
                .with_context(|| format!("cannot write {}", file.display()))?;
            talk(&format!("wrote {0}; check it with `seaworthy plan check {0}`", file.display()));
            Ok(Exit::Pass)
        }
        Command::Schema => {
            print(&seaworthy_trial::schema())?;
            Ok(Exit::Pass)
        }
    }
}
