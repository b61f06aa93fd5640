//! `seaworthy heal`: undoes what killed trials left behind.

use super::{HouseArgument, print};
use crate::exit::Exit;

/// What was typed.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    house: HouseArgument,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let lines = seaworthy_trial::heal(&arguments.house.house()?)
        .map_err(|error| anyhow::anyhow!(error.explain()))?;
    if lines.is_empty() {
        print("nothing is left to undo\n")?;
    }
    for line in lines {
        print(&format!("{line}\n"))?;
    }
    Ok(Exit::Pass)
}
