//! `cargo xtask tidy`: the house rules that no compiler knows, held against the whole repository.
//!
//! A rule is a function from texts to findings, so that each has a test in which it fails. All
//! findings are printed, one after another, before the chore says no.

mod code;
mod codes;
mod edges;
mod files;
mod manifests;
mod sources;
mod tree;

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::command;

/// Something that breaks a rule of the house, and what to do about it.
#[derive(Debug)]
struct Finding {
    rule: &'static str,
    path: String,
    /// 1-based; 0 is the file as a whole.
    line: usize,
    what: String,
    why: &'static str,
    mend: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}:{}: {} [{}]", self.path, self.line.max(1), self.what, self.rule)?;
        writeln!(formatter, "  why:  {}", self.why)?;
        write!(formatter, "  mend: {}", self.mend)
    }
}

/// A file of the repository; the path is relative to its root. What is not UTF-8 (a picture, an
/// archive) counts as empty: no rule speaks of it but those that ask whether it is there.
struct File {
    path: String,
    text: String,
}

/// Runs every rule; findings go to stdout, the sum of it to stderr.
pub(crate) fn run() -> Result<()> {
    let files = read(&command::root())?;
    let metadata = ["metadata", "--no-deps", "--format-version", "1"];
    let metadata = command::output(&mut command::cargo(&metadata))?;
    let packages = manifests::packages(&metadata)?;
    let tree = command::output(&mut command::cargo(tree::ARGUMENTS))?;

    let mut findings = sources::check(&files);
    findings.extend(files::check(&files));
    findings.extend(codes::check(&files));
    findings.extend(manifests::check(&files, &packages));
    findings.extend(edges::check(&files, &packages));
    findings.extend(tree::check(&files, &tree));
    findings.sort_by(|one, other| (&one.path, one.line).cmp(&(&other.path, other.line)));
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => eprintln!("{} files are tidy", files.len()),
        1 => bail!("one finding to mend"),
        count => bail!("{count} findings to mend"),
    }
    Ok(())
}

/// Every file below the root, without what tools write.
fn read(root: &Path) -> Result<Vec<File>> {
    const WRITTEN_BY_TOOLS: &[&str] = &[".git", ".seaworthy", "target", "corpus", "artifacts"];
    // Others' sources keep their own habits.
    const OF_OTHERS: &str = "third_party";
    let mut files = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = folder.read_dir().with_context(|| format!("read {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let path = entry.path();
            let kind = entry.file_type()?;
            if kind.is_dir() {
                let name = entry.file_name();
                if name != OF_OTHERS && !WRITTEN_BY_TOOLS.iter().any(|other| name == *other) {
                    folders.push(path);
                }
            } else if kind.is_file() {
                let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
                let path = path.strip_prefix(root)?.to_string_lossy().into_owned();
                files.push(File { path, text: String::from_utf8(bytes).unwrap_or_default() });
            }
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

/// The number of the first line that `matches`; 0 when none does.
fn line_of(text: &str, matches: impl Fn(&str) -> bool) -> usize {
    text.lines().position(matches).map_or(0, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file list of a test: paths and texts.
    pub(super) fn files(entries: &[(&str, &str)]) -> Vec<File> {
        let file = |(path, text): &(&str, &str)| File {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
        };
        entries.iter().map(file).collect()
    }

    /// `path:line [rule]` of each finding.
    pub(super) fn places(findings: &[Finding]) -> Vec<String> {
        let place =
            |finding: &Finding| format!("{}:{} {}", finding.path, finding.line, finding.rule);
        findings.iter().map(place).collect()
    }

    #[test]
    fn a_finding_says_where_what_why_and_how_to_mend_it() {
        let finding = Finding {
            rule: "length",
            path: "src/lib.rs".into(),
            line: 0,
            what: "too long".into(),
            why: "nobody reads it",
            mend: "cut it".into(),
        };
        assert_eq!(
            finding.to_string(),
            "src/lib.rs:1: too long [length]\n  why:  nobody reads it\n  mend: cut it"
        );
    }

    #[test]
    fn reading_leaves_out_what_tools_write_and_the_text_of_pictures() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, bytes: &[u8]| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        };
        write("src/lib.rs", b"//! One.");
        write("target/debug/out.rs", b"x");
        write(".ci/run", b"y");
        write("picture.png", &[0x89, 0x50, 0xff]);
        let files = read(folder.path()).unwrap();
        let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, [".ci/run", "picture.png", "src/lib.rs"]);
        assert_eq!((files[1].text.as_str(), files[2].text.as_str()), ("", "//! One."));
    }
}
