//! The watchdog: a process in a session of its own that undoes what we leave when we die.
//!
//! It holds one end of a pipe whose other end only we hold. However we end, the kernel closes our
//! end; the watchdog reads the end of file and plays the journal back.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use seaworthy_base::Clock;

use crate::error::Error;
use crate::family::{exits, readable};
use crate::journal::{self, Token};
use crate::table;
use crate::undo::{self, Healed};

/// The name of the hidden subcommand that runs [`serve`].
pub const SUBCOMMAND: &str = "watchdog";

/// How long the watchdog may take to come up, and to go when it is dismissed.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the watchdog says once nothing that happens to us can take it along.
const READY: &[u8] = b"ready\n";

/// What we say to it when all is undone.
const DISMISSED: &[u8] = b"dismissed\n";

/// A running watchdog. Dropping the guard without dismissing it makes the watchdog play back the
/// journal as soon as the journal is let go.
#[derive(Debug)]
pub struct Guard {
    watchdog: Option<(Child, ChildStdin)>,
    journal: PathBuf,
}

/// Starts `<exe> watchdog <journal>` and waits until it is on guard.
///
/// # Errors
/// When it cannot be started or does not report for duty; the message holds what it said.
pub fn start(exe: &Path, journal: &Path) -> Result<Guard, Error> {
    let failed = |error: io::Error| Error::WatchdogFailed {
        reason: format!("`{} {SUBCOMMAND}`: {error}", exe.display()),
    };
    let journal = std::path::absolute(journal).map_err(failed)?;
    let mut watchdog = Command::new(std::path::absolute(exe).map_err(failed)?)
        .arg(SUBCOMMAND)
        .arg(&journal)
        // Were we a target ourselves, the one who stops us must not stop our watchdog with us.
        .env_remove(Token::VARIABLE)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let said = handshake(&mut watchdog);
    match (said, watchdog.stdin.take()) {
        (Ok(()), Some(stdin)) => Ok(Guard { watchdog: Some((watchdog, stdin)), journal }),
        (said, _) => {
            // Our own child, not reaped yet: its id is still its own.
            let _ = watchdog.kill();
            let _ = watchdog.wait();
            let reason = said.err().unwrap_or_else(|| "it has no standard input".into());
            Err(Error::WatchdogFailed { reason })
        }
    }
}

/// The watchdog's side: what the hidden subcommand runs. Returns when all is done: `None` when it
/// was dismissed and nothing was left.
///
/// # Errors
/// When the journal cannot be read, at first or when it is played back.
pub fn serve(journal: &Path) -> Result<Option<Healed>, Error> {
    let failed = |error: io::Error| Error::WatchdogFailed { reason: error.to_string() };
    // Refused only when we lead a session or group already, which serves as well.
    let _ = rustix::process::setsid();
    crate::sys::ignore(&[Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM, Signal::TSTP]);
    // Opened now, so that a journal that is moved or removed later is still played back.
    let file = journal::open(journal)?;
    let mut output = io::stdout();
    output.write_all(READY).and_then(|()| output.flush()).map_err(failed)?;
    // Nobody reads what we say from now on, and nobody's terminal or pipe is held open by us.
    let nowhere = File::options().write(true).open("/dev/null").map_err(failed)?;
    rustix::stdio::dup2_stdout(&nowhere).map_err(|error| failed(error.into()))?;
    rustix::stdio::dup2_stderr(&nowhere).map_err(|error| failed(error.into()))?;

    let mut message = Vec::new();
    // An error on the pipe means the same as its end.
    let _ = io::stdin().take(64).read_to_end(&mut message);
    if message == DISMISSED && journal::contents(&file, journal)?.pending().next().is_none() {
        return Ok(None);
    }
    // A writer that only lost its guard keeps the journal; its death lets it go.
    file.lock().map_err(Error::journal(journal))?;
    undo::play_back(file, journal).map(Some)
}

impl Guard {
    /// The watchdog's process id.
    pub fn pid(&self) -> Option<u32> {
        self.watchdog.as_ref().map(|(child, _)| child.id())
    }

    /// Whether the watchdog is still there; someone may have killed it.
    ///
    /// # Errors
    /// When the operating system does not tell.
    pub fn is_on_guard(&mut self) -> Result<bool, Error> {
        match &mut self.watchdog {
            Some((child, _)) => Ok(child.try_wait().map_err(Error::Table)?.is_none()),
            None => Ok(false),
        }
    }

    /// The orderly end: all is undone, the watchdog may go. Waits until it has gone.
    ///
    /// # Errors
    /// [`Error::Unfinished`] when something is left in the journal: then the watchdog stays until
    /// this process ends, and undoes it.
    pub fn dismiss(mut self) -> Result<(), Error> {
        let left = journal::read(&self.journal)?.pending().count();
        if left > 0 {
            return Err(Error::Unfinished { path: self.journal.clone(), left });
        }
        let Some((mut child, mut stdin)) = self.watchdog.take() else { return Ok(()) };
        // Fails only when the watchdog has gone already.
        let _ = stdin.write_all(DISMISSED);
        drop(stdin);
        let failed = |error: io::Error| Error::WatchdogFailed { reason: error.to_string() };
        match wait(&mut child).map_err(failed)? {
            true => Ok(()),
            false => Err(Error::WatchdogFailed { reason: "it did not go when dismissed".into() }),
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some((mut child, stdin)) = self.watchdog.take() {
            drop(stdin);
            // It ends only after we have let go of the journal: someone must reap it then.
            std::thread::spawn(move || child.wait());
        }
    }
}

/// Reads what the watchdog says first; anything but `ready` is why it failed.
fn handshake(watchdog: &mut Child) -> Result<(), String> {
    let (Some(mut stdout), Some(mut stderr)) = (watchdog.stdout.take(), watchdog.stderr.take())
    else {
        return Err("it has no standard output".into());
    };
    let clock = Clock::system();
    let deadline = clock.now() + PATIENCE;
    let mut said = Vec::new();
    while said.len() < READY.len() {
        let left = deadline.saturating_duration_since(clock.now());
        if !readable(stdout.as_fd(), left).map_err(|error| error.to_string())? {
            return Err("it did not report for duty in 10 seconds".into());
        }
        let mut byte = [0];
        match stdout.read(&mut byte) {
            Ok(1) => said.push(byte[0]),
            Ok(_) => break,
            Err(error) => return Err(error.to_string()),
        }
    }
    if said == READY {
        return Ok(());
    }
    // What it said on standard error, so far as it is there.
    let mut complaint = vec![0; 4096];
    let size = match readable(stderr.as_fd(), Duration::from_secs(1)) {
        Ok(true) => stderr.read(&mut complaint).unwrap_or(0),
        _ => 0,
    };
    complaint.truncate(size);
    let complaint = crate::logs::printable(complaint.trim_ascii());
    Err(format!("it did not report for duty; it said `{complaint}`"))
}

/// Waits until the child has ended, and reaps it; kills it when it does not.
fn wait(child: &mut Child) -> io::Result<bool> {
    if child.try_wait()?.is_some() {
        return Ok(true);
    }
    let gone = exits(table::descriptor(child.id())?.as_fd(), PATIENCE)?;
    if !gone {
        child.kill()?;
    }
    child.wait()?;
    Ok(gone)
}
