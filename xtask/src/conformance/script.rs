//! The scripts, and the head of each, which says how it is run and what of it is compared.
//!
//! A head is the comment block a script begins with; lines of it that begin with one of these words
//! and a colon are read, everything else is prose:
//!
//! - `run:` flags behind `run`; `{HTTP}` and the like are the server's addresses, `{HERE}` the
//!   script's folder
//! - `env:` `NAME=value`, once for each
//! - `command:` another command than `run`, `inspect` say
//! - `compare:` what is observed: see [`WHAT`] and [`USUAL`]
//! - `near: 20% counts` numbers that may differ by so much
//! - `varies: tags.http_reqs` what is not the same from run to run, and is left out; `tag:error` is
//!   one tag of all metrics
//! - `says: word` what both must say on stderr or stdout, whatever their words
//! - `differs: console: why` a known, wanted difference, with its reason
//! - `interrupt: after 3 requests` an interrupt (SIGINT) is sent once so many have reached the server

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

/// What can be compared.
pub(super) const WHAT: &[&str] = &[
    "exit",
    "counts",
    "connections",
    "metrics",
    "values",
    "checks",
    "groups",
    "thresholds",
    "tags",
    "console",
    "lines",
    "stdout",
    "json",
    "files",
    "summary",
];

/// What `usual` stands for.
const USUAL: &[&str] = &["exit", "counts", "metrics", "checks", "groups", "thresholds", "tags"];

/// A script and what its head says.
#[derive(Clone, Debug, Default)]
pub(super) struct Script {
    /// `topic/name`, without the ending.
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) command: String,
    pub(super) flags: Vec<String>,
    pub(super) environment: Vec<(String, String)>,
    pub(super) compare: Vec<String>,
    pub(super) near: Vec<(String, f64)>,
    pub(super) varies: Vec<String>,
    pub(super) says: Vec<String>,
    /// Where it differs, and why that is wanted.
    pub(super) differs: Vec<(String, String)>,
    /// Requests after which it is interrupted.
    pub(super) interrupted: Option<u64>,
}

/// The scripts below `folder`, by name: every `.js` and `.ts` file of its topics. What scripts need
/// lies one folder deeper.
pub(super) fn all(folder: &Path) -> Result<Vec<Script>> {
    let mut scripts = Vec::new();
    for topic in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
        for path in entries(&topic)?.into_iter().filter(|path| is_script(path)) {
            let text = std::fs::read_to_string(&path)
                .with_context(|| format!("read {}", path.display()))?;
            scripts.push(read(&path, &text).with_context(|| path.display().to_string())?);
        }
    }
    ensure!(!scripts.is_empty(), "there are no scripts in {}", folder.display());
    Ok(scripts)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = folder.read_dir().with_context(|| format!("read {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn is_script(path: &Path) -> bool {
    let ending = path.extension().and_then(|it| it.to_str());
    path.is_file() && ending.is_some_and(|it| ["js", "ts"].contains(&it))
}

/// Reads a head.
fn read(path: &Path, text: &str) -> Result<Script> {
    let topic = path.parent().and_then(Path::file_name).context("it has no topic")?;
    let stem = path.file_stem().context("it has no name")?;
    let mut script = Script {
        name: format!("{}/{}", topic.to_string_lossy(), stem.to_string_lossy()),
        path: path.to_path_buf(),
        command: "run".to_owned(),
        ..Script::default()
    };
    for line in text.lines().map_while(|line| line.strip_prefix("//")) {
        let Some((key, value)) = line.trim().split_once(':') else { continue };
        let value = value.trim();
        match key {
            "run" => script.flags.extend(words(value)?),
            "env" => {
                let (name, value) = value.split_once('=').context("`env:` is NAME=value")?;
                script.environment.push((name.to_owned(), value.to_owned()));
            }
            "command" => script.command = value.to_owned(),
            "compare" => {
                let what = value.split_whitespace();
                let what =
                    what.flat_map(|it| if it == "usual" { USUAL.to_vec() } else { vec![it] });
                script.compare.extend(what.map(str::to_owned));
            }
            "near" => {
                let (share, what) = value.split_once("% ").context("`near:` is 10% WHAT")?;
                let share: f64 = share.parse().context("`near:` begins with a number")?;
                let what = what.split_whitespace();
                script.near.extend(what.map(|what| (what.to_owned(), share / 100.0)));
            }
            "varies" => script.varies.extend(value.split_whitespace().map(str::to_owned)),
            "says" => script.says.push(value.to_owned()),
            "differs" => {
                let (what, why) = value.split_once(": ").context("`differs:` is WHAT: why")?;
                script.differs.push((what.to_owned(), why.to_owned()));
            }
            "interrupt" => {
                let number = value.split_whitespace().find_map(|word| word.parse().ok());
                script.interrupted = Some(number.context("`interrupt:` is after N requests")?);
            }
            _ => {}
        }
    }
    if let Some(unknown) = script.compare.iter().find(|it| !WHAT.contains(&it.as_str())) {
        bail!("`compare:` knows {}, not `{unknown}`", WHAT.join(", "));
    }
    ensure!(!script.compare.is_empty(), "its head has no line `// compare: ...`");
    Ok(script)
}

/// Words as a shell splits them, with quotes and no more.
fn words(line: &str) -> Result<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for letter in line.chars() {
        match (quote, letter) {
            (Some(open), _) if open == letter => quote = None,
            (Some(_), _) => word.get_or_insert_default().push(letter),
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, _) if letter.is_whitespace() => words.extend(word.take()),
            (None, _) => word.get_or_insert_default().push(letter),
        }
    }
    ensure!(quote.is_none(), "a quote is not closed: {line}");
    words.extend(word);
    Ok(words)
}

impl Script {
    /// Whether it is meant by `--only`: any part of its name will do.
    pub(super) fn is_meant(&self, only: &[String]) -> bool {
        only.is_empty() || only.iter().any(|part| self.name.contains(part.as_str()))
    }

    /// Whether something of it is compared.
    pub(super) fn compares(&self, what: &str) -> bool {
        self.compare.iter().any(|it| it == what)
    }

    /// Where what the peer did with it is recorded.
    pub(super) fn record(&self) -> PathBuf {
        self.path.with_extension("expected.json")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_and_the_rest_is_not() {
        let text = "// Shows a thing.\n// run: --vus 2 -e 'A=b c'\n// env: K6_X=1=2\n\
            // compare: exit counts\n// near: 5% counts values\n// differs: console: our own words\n\
            // interrupt: after 2 requests\n\nexport default 1;\n// run: --never\n";
        let script = read(Path::new("/x/http/get.js"), text).unwrap();
        assert_eq!(script.name, "http/get");
        assert_eq!(script.flags, ["--vus", "2", "-e", "A=b c"]);
        assert_eq!(script.environment, [("K6_X".to_owned(), "1=2".to_owned())]);
        assert!(script.compares("counts") && !script.compares("tags"));
        assert_eq!(script.near[1], ("values".to_owned(), 0.05));
        assert_eq!(script.differs, [("console".to_owned(), "our own words".to_owned())]);
        assert_eq!(script.interrupted, Some(2));
        assert!(script.record().ends_with("get.expected.json"));
        assert!(script.is_meant(&["http/".to_owned()]) && !script.is_meant(&["ws".to_owned()]));
    }

    #[test]
    fn a_head_that_says_nothing_or_nonsense_is_refused() {
        for wrong in ["", "// compare:\n", "// compare: looks\n", "// compare: exit\n// run: 'a\n"]
        {
            assert!(read(Path::new("/x/http/get.js"), wrong).is_err(), "{wrong}");
        }
    }
}
