//! The subcommands, one file each: `Arguments` is what was typed, `run` does it.

pub(crate) mod heal;
pub(crate) mod hub;
pub(crate) mod import;
pub(crate) mod inspect;
pub(crate) mod load;
pub(crate) mod new;
pub(crate) mod plan;
pub(crate) mod progress;
pub(crate) mod receipts;
pub(crate) mod run;
pub(crate) mod trial;
pub(crate) mod watchdog;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use seaworthy_document::{Finding, render_all};

/// Prints an error and what caused it to stderr.
pub(crate) fn say_error(error: &anyhow::Error) {
    let mut text = format!("error: {error}");
    let mut previous = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        // Some errors already say what caused them.
        if !previous.contains(&cause) {
            text.push_str(&format!("\n  because: {cause}"));
        }
        previous = cause;
    }
    talk(&text);
}

/// Prints findings about a document to stderr, each with its line.
pub(crate) fn say_findings(findings: &[Finding], source: &str) {
    talk(&render_all(findings, Some(source)));
}

/// A line to stderr. When stderr is gone there is nobody left to talk to, so failure is ignored.
pub(crate) fn talk(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Data to stdout. A reader that went away (a closed pipe) is not an error of ours.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.context("cannot write to stdout"),
    }
}

/// Reads a text file, at most one byte more than a document may have: whoever asks must refuse what is
/// longer than [`seaworthy_document::MAX_BYTES`], as reading it as a document does.
pub(crate) fn read_document(path: &Path) -> anyhow::Result<String> {
    use std::io::Read;
    let file =
        std::fs::File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut bytes = Vec::new();
    file.take(seaworthy_document::MAX_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {}", path.display()))?;
    String::from_utf8(bytes).map_err(|error| {
        anyhow::anyhow!(
            "{} is not UTF-8 text: byte {} is not valid",
            path.display(),
            error.utf8_error().valid_up_to()
        )
    })
}

/// Whether text on this stream should be coloured: a terminal, and `NO_COLOR` is not set.
pub(crate) fn colour(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// The house folder (trials, ledger, undo journals): `--folder`, else `.seaworthy` here.
#[derive(clap::Args)]
pub(crate) struct HouseArgument {
    /// Where trials, their ledger and undo journals are kept.
    #[arg(long, value_name = "DIR", default_value = ".seaworthy", env = "SEAWORTHY_FOLDER")]
    pub(crate) folder: PathBuf,
}

impl HouseArgument {
    pub(crate) fn house(&self) -> anyhow::Result<seaworthy_trial::House> {
        let folder = std::path::absolute(&self.folder)
            .with_context(|| format!("cannot resolve {}", self.folder.display()))?;
        Ok(seaworthy_trial::House::at(folder))
    }
}
