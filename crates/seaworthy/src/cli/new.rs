//! `seaworthy new`: writes a k6 script to start from.

use std::path::PathBuf;

use seaworthy_k6::generate::{Template, create};

use super::{print, say_findings};
use crate::exit::Exit;

/// What was typed.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The file.
    #[arg(value_name = "FILE", default_value = "script.js")]
    file: PathBuf,
    /// What to start from: minimal, protocol or queue.
    #[arg(long, value_name = "NAME", default_value = "minimal")]
    template: String,
    /// Write over a file that is there.
    #[arg(short = 'f', long)]
    force: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let file = &arguments.file;
    let written = Template::named(&arguments.template)
        .and_then(|template| create(file, template, arguments.force));
    match written {
        Ok(()) => {
            let (path, template) = (file.display(), &arguments.template);
            print(&format!("New script created: {path} ({template} template).\n"))?;
            Ok(Exit::Pass)
        }
        Err(finding) => {
            say_findings(&[finding], "");
            Ok(Exit::CouldNotRun)
        }
    }
}
