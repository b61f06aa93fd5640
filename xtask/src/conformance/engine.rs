//! One run of one script with one tool: in a folder of its own, against a server of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::script::Script;
use super::server::Server;
use crate::command::{now, reader};

/// No script takes longer than this.
const TOO_LONG: Duration = Duration::from_secs(90);

/// A program that runs scripts, by k6's command line.
#[derive(Clone, Debug)]
pub(super) struct Tool {
    pub(super) program: PathBuf,
    /// Whether it is k6 itself, which is told to keep to this machine.
    pub(super) peer: bool,
}

/// What a run left behind.
pub(super) struct Ran {
    /// `None` when a signal ended it.
    pub(super) exit: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
    /// Lines of `--out json`.
    pub(super) points: String,
    pub(super) summary: Value,
    pub(super) counts: Value,
    /// What the script wrote into its folder, by name.
    pub(super) files: Vec<(String, String)>,
    /// What stands for an address or a folder of this run alone: the text, and its name.
    pub(super) names: Vec<(String, String)>,
    pub(super) took: Duration,
}

/// A folder that goes away with this.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Result<Self> {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name =
            format!("conformance-{}-{number}-{}", std::process::id(), name.replace('/', "-"));
        let folder = std::env::temp_dir().join(name);
        for part in ["here", "home", "out"] {
            std::fs::create_dir_all(folder.join(part))?;
        }
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing in it is needed any more; what stays, stays in the temporary folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Tool {
    /// Runs a script to its end.
    ///
    /// # Errors
    /// It does not start or does not end; the server does not answer.
    pub(super) fn run(&self, script: &Script, server: &Path) -> Result<Ran> {
        let scratch = Scratch::new(&script.name)?;
        let server = Server::start(server)?;
        let (here, out) = (scratch.0.join("here"), scratch.0.join("out"));
        let (points, summary) = (out.join("points.json"), out.join("summary.json"));
        let home = script.path.parent().context("a script lies in a folder")?;
        let mut names = server.addresses.clone();
        names.push(("HERE".to_owned(), home.display().to_string()));
        names.push(("SCRATCH".to_owned(), here.display().to_string()));

        let mut command = Command::new(&self.program);
        command.arg(&script.command);
        if script.command == "run" {
            command.args(["--quiet", "--no-color", "--log-format", "json"]);
            command.arg("--out").arg(format!("json={}", points.display()));
            command.arg("--summary-export").arg(&summary);
        }
        for (name, address) in &server.addresses {
            command.arg("-e").arg(format!("{name}={address}"));
        }
        command.args(script.flags.iter().map(|flag| filled_in(flag, &names)));
        command.arg(&script.path);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("K6_") {
                command.env_remove(name);
            }
        }
        command
            .current_dir(&here)
            .env("HOME", scratch.0.join("home"))
            .env("SEAWORTHY_FOLDER", scratch.0.join("trials"))
            .env_remove("XDG_CONFIG_HOME");
        if self.peer {
            command.env("K6_NO_USAGE_REPORT", "true").env("K6_AUTO_EXTENSION_RESOLUTION", "false");
        }
        command
            .envs(script.environment.iter().map(|(name, value)| (name, filled_in(value, &names))));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());

        let start = now();
        let child =
            command.spawn().with_context(|| format!("{} did not start", self.program.display()))?;
        let (exit, stdout, stderr) = wait(child, script.interrupted.map(|after| (&server, after)))?;
        let took = start.elapsed();
        let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
        Ok(Ran {
            exit,
            stdout,
            stderr,
            points: read(&points),
            summary: serde_json::from_str(&read(&summary)).unwrap_or(Value::Null),
            counts: server.counts()?,
            files: files(&here)?,
            names: names.into_iter().map(|(name, text)| (text, format!("{{{name}}}"))).collect(),
            took,
        })
    }
}

/// `{NAME}` replaced by what it stands for.
fn filled_in(text: &str, names: &[(String, String)]) -> String {
    names
        .iter()
        .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

/// Waits for the end; interrupts it once so many requests have reached the server, if one is given.
fn wait(
    mut child: Child,
    interrupt: Option<(&Server, u64)>,
) -> Result<(Option<i32>, String, String)> {
    let mut interrupt = interrupt;
    let readers = [
        child.stdout.take().map(|pipe| reader(Box::new(pipe))),
        child.stderr.take().map(|pipe| reader(Box::new(pipe))),
    ];
    let start = now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if start.elapsed() > TOO_LONG {
            child.kill()?;
            child.wait()?;
            bail!("it did not end within {} s", TOO_LONG.as_secs());
        }
        if let Some((server, after)) = interrupt
            && server.requests()? >= after
        {
            let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
            kill_process(pid.context("a process has a number")?, Signal::INT)?;
            interrupt = None;
        }
        std::thread::park_timeout(Duration::from_millis(10));
    };
    let [stdout, stderr] = readers.map(|it| it.and_then(|it| it.join().ok()).unwrap_or_default());
    Ok((status.code(), stdout, stderr))
}

/// What lies in a folder, by path below it.
fn files(folder: &Path) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in next.read_dir()? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(folder)?.to_string_lossy().into_owned();
            found.push((name, String::from_utf8_lossy(&std::fs::read(&path)?).into_owned()));
        }
    }
    found.sort();
    Ok(found)
}
