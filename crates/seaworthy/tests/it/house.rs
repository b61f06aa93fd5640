//! A house folder and a keystore in a temporary folder, and the binary run in them as a person would.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use crate::http::PATIENCE;

/// Everything a run of the binary leaves behind is in here, and goes with it.
pub(crate) struct House {
    folder: TempDir,
}

impl House {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// The folder commands are run in.
    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    /// What `--folder` names.
    pub(crate) fn home(&self) -> PathBuf {
        self.root().join("house")
    }

    /// What `SEAWORTHY_STATE` names.
    pub(crate) fn state(&self) -> PathBuf {
        self.root().join("state")
    }

    /// Writes a file beside the house.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.root().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// The binary with these arguments, in a process group of its own as a shell would start it.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.through(&[], arguments)
    }

    /// The same, started by another program, such as `unshare`.
    pub(crate) fn through(&self, starter: &[&str], arguments: &[&str]) -> Command {
        let words: Vec<&str> =
            starter.iter().copied().chain([env!("CARGO_BIN_EXE_seaworthy")]).collect();
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            .args(arguments)
            .current_dir(self.root())
            .env("SEAWORTHY_STATE", self.state())
            .env("SEAWORTHY_FOLDER", self.home())
            .process_group(0);
        for name in ["SEAWORTHY_SIGNING_KEY", "SEAWORTHY_UNDO", "NO_COLOR", "LD_PRELOAD"] {
            command.env_remove(name);
        }
        command
    }

    /// Runs the binary to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        Running::start(self.command(arguments)).end()
    }

    /// `seaworthy trial` of this plan, ready to be started.
    pub(crate) fn trial_command(&self, plan: &str) -> Command {
        self.write("plan.yaml", plan);
        let home = self.home();
        self.command(&["trial", "--plan", "plan.yaml", "--folder", home.to_str().unwrap()])
    }

    /// Runs a trial of this plan to its end.
    pub(crate) fn trial(&self, plan: &str) -> Ended {
        Running::start(self.trial_command(plan)).end()
    }

    /// The folders of all trials, oldest first.
    pub(crate) fn trials(&self) -> Vec<PathBuf> {
        let Ok(listed) = fs::read_dir(self.home().join("trials")) else { return Vec::new() };
        let mut trials: Vec<PathBuf> = listed.map(|entry| entry.unwrap().path()).collect();
        trials.sort();
        trials
    }

    /// The folder of the only trial.
    pub(crate) fn only_trial(&self) -> PathBuf {
        let trials = self.trials();
        assert_eq!(trials.len(), 1, "{trials:?}");
        trials[0].clone()
    }

    /// All files below a folder, sorted.
    pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { files.push(path) }
            }
        }
        files.sort();
        files
    }
}

/// A run of the binary that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Its exit code; none when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Checks the exit code, and that nothing panicked.
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.stdout, self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }

    /// Both streams: where a person looks.
    pub(crate) fn all(&self) -> String {
        format!("{}\n{}", self.stdout, self.stderr)
    }
}

/// A run of the binary. Killed when dropped, should a test give up on it.
pub(crate) struct Running {
    child: Child,
    said: Arc<(Mutex<String>, Condvar)>,
    readers: Vec<JoinHandle<String>>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said: Arc<(Mutex<String>, Condvar)> = Arc::default();
        let mut stdout = child.stdout.take().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let shared = Arc::clone(&said);
        let readers = vec![
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                stdout.read_to_end(&mut bytes).unwrap();
                String::from_utf8(bytes).unwrap()
            }),
            std::thread::spawn(move || {
                let mut all = String::new();
                for line in stderr.split(b'\n') {
                    let line = String::from_utf8(line.unwrap()).unwrap();
                    all.push_str(&line);
                    all.push('\n');
                    shared.0.lock().unwrap().clone_from(&all);
                    shared.1.notify_all();
                }
                all
            }),
        ];
        Self { child, said, readers }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has said this on stderr.
    pub(crate) fn wait_said(&self, text: &str) {
        let said = self.said.0.lock().unwrap();
        let (said, _) =
            self.said.1.wait_timeout_while(said, PATIENCE, |said| !said.contains(text)).unwrap();
        assert!(said.contains(text), "`{text}` is never said:\n{said}");
    }

    /// What it has said on stderr so far.
    pub(crate) fn said(&self) -> String {
        self.said.0.lock().unwrap().clone()
    }

    /// Sends a signal to its process group, as a terminal does.
    pub(crate) fn signal(&self, signal: Signal) {
        let group = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process_group(group, signal).unwrap();
    }

    /// `kill -9`, of it alone.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end.
    pub(crate) fn end(self) -> Ended {
        self.end_within(3 * PATIENCE)
    }

    /// Waits longer for its end.
    pub(crate) fn end_within(mut self, patience: Duration) -> Ended {
        // Its end of the pipes closes when it ends; a reader that does not end means that it hangs.
        until_within("the command ends", patience, || self.child.try_wait().unwrap().is_some());
        let status = self.child.wait().unwrap();
        let mut said = self.readers.drain(..).map(|reader| reader.join().unwrap());
        let (stdout, stderr) = (said.next().unwrap(), said.next().unwrap());
        drop(said);
        Ended { code: status.code(), stdout, stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Its watchdog cleans up after it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until a condition holds; the deadline is for a machine that is busy.
pub(crate) fn until(what: &str, holds: impl FnMut() -> bool) {
    until_within(what, 3 * PATIENCE, holds);
}

#[expect(clippy::disallowed_methods, reason = "a deadline for real processes, on the real clock")]
fn until_within(what: &str, patience: Duration, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + patience;
    while !holds() {
        assert!(Instant::now() < deadline, "it never comes to this: {what}");
        // Looking again at once would take the processor from what is waited for.
        std::thread::park_timeout(Duration::from_millis(10));
    }
}
