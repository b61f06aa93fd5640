//! Writes the report of a simulated trial: `cargo run -p seaworthy-report --example sample -- FOLDER`.

mod simulation;

use std::path::PathBuf;

use seaworthy_report::{Style, html, json, junit, terminal};

fn main() -> std::io::Result<()> {
    let folder: PathBuf = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let (outcome, timeline) = simulation::trial();
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("report.html"), html(&outcome, &timeline))?;
    std::fs::write(folder.join("verdict.json"), json(&outcome))?;
    std::fs::write(folder.join("junit.xml"), junit(&outcome))?;
    let folder = Some(folder.display().to_string());
    print!("{}", terminal(&outcome, &Style { folder, ..Style::default() }));
    Ok(())
}
