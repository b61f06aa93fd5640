//! A target: a process that we start in a group of its own, watch, sample and stop.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Signal, WaitId, WaitIdOptions, waitid};

use crate::error::Error;
use crate::family::{Family, exits};
use crate::journal::{Change, Journal, Token};
use crate::resources::{self, Established, Limits, Resources};
use crate::table::{self, Identity};

/// What to start and how.
#[derive(Clone, Debug, Default)]
pub struct Launch {
    /// What the target is called in messages.
    pub name: String,
    /// The program and its arguments. A program with a `/` in it counts from `folder`; another
    /// one is looked for in `PATH`.
    pub command: Vec<String>,
    /// Variables added to our own environment, or put in place of ours.
    pub environment: BTreeMap<String, String>,
    /// Names of variables of ours that the target must not see (signing keys, say).
    pub withheld: BTreeSet<String>,
    /// The folder it starts in.
    pub folder: PathBuf,
    /// The file that its standard output and standard error are appended to.
    pub log: PathBuf,
}

/// A started process and all it starts. Dropping it kills what still runs.
///
/// [`Target::exited`] looks whether it has ended, and [`Target::wait_exit`] waits on this thread.
/// Asynchronous code takes a [`Watch`] and waits with it on a blocking thread.
///
/// The process is reaped only when it is stopped or dropped, so that until then its id, and the
/// id of its group, can belong to nobody else.
#[derive(Debug)]
pub struct Target {
    family: Family,
    identity: Identity,
    watch: Watch,
    log: PathBuf,
    journal: Journal,
    entry: u64,
    /// Held for as long as stopping takes.
    stopped: Mutex<Option<Stopped>>,
}

/// The end of a target, waited for on another thread. Cheap to clone; it neither keeps the target
/// alive nor needs it.
#[derive(Clone, Debug)]
pub struct Watch(Arc<Process>);

#[derive(Debug)]
struct Process {
    pidfd: OwnedFd,
    /// Held only for as long as it takes to look, so that looking never waits for stopping.
    exit: Mutex<Option<Exit>>,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It has ended, but someone else took its exit status: it is lost.
    Unknown,
}

/// What stopping a target took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// How the process that we started ended.
    pub exit: Exit,
    /// Processes that outlived the grace time, or came up too late to be asked, and were killed.
    pub killed: Vec<u32>,
}

impl Launch {
    /// Starts it. The journal has the target's token on disk before the process exists.
    ///
    /// # Errors
    /// When the folder, the log's folder or the program is not there or not fit for it, or when
    /// the journal cannot be written: then nothing was started, or it was stopped again.
    pub fn start(&self, journal: &Journal) -> Result<Target, Error> {
        let program = self.program()?;
        self.check_environment()?;
        if !self.folder.is_dir() {
            return Err(Error::FolderMissing {
                target: self.name.clone(),
                path: self.folder.clone(),
            });
        }
        let output = self.open_log()?;
        let errors = output.try_clone().map_err(|source| self.failed(source))?;

        let token = Token::random();
        let entry =
            journal.record(&Change::Process { token: token.clone(), name: self.name.clone() })?;
        let mut command = Command::new(&program);
        for name in &self.withheld {
            command.env_remove(name);
        }
        command
            .args(&self.command[1..])
            .envs(&self.environment)
            .env(Token::VARIABLE, token.as_str())
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .process_group(0);
        let pid = match command.spawn() {
            Ok(child) => child.id(),
            Err(source) => {
                journal.done(entry)?;
                return Err(self.explain(program, source));
            }
        };
        let family = Family { name: self.name.clone(), token, leader: None };
        let known = known(pid).map_err(|source| self.failed(source)).and_then(|known| {
            journal.started(entry, &known.0)?;
            Ok(known)
        });
        let (identity, pidfd) = match known {
            Ok(known) => known,
            Err(error) => {
                family.end(Duration::ZERO)?;
                return Err(error);
            }
        };
        tracing::debug!(target_name = self.name, pid, "target started");
        Ok(Target {
            family: Family { leader: Some(identity.clone()), ..family },
            identity,
            watch: Watch(Arc::new(Process { pidfd, exit: Mutex::default() })),
            log: self.log.clone(),
            journal: journal.clone(),
            entry,
            stopped: Mutex::default(),
        })
    }

    /// The program as the kernel should look for it.
    fn program(&self) -> Result<PathBuf, Error> {
        let program = self.command.first().filter(|program| !program.is_empty());
        let program = program.ok_or_else(|| Error::CommandEmpty { target: self.name.clone() })?;
        if !program.contains('/') {
            return Ok(program.into());
        }
        std::path::absolute(self.folder.join(program)).map_err(|source| self.failed(source))
    }

    fn check_environment(&self) -> Result<(), Error> {
        let wrong = self.environment.iter().find(|(name, value)| {
            name.is_empty() || name.contains(['=', '\0']) || value.contains('\0')
        });
        match wrong {
            None => Ok(()),
            Some((name, _)) => Err(Error::EnvironmentInvalid {
                target: self.name.clone(),
                variable: name.escape_debug().to_string(),
            }),
        }
    }

    fn open_log(&self) -> Result<File, Error> {
        let folder = match self.log.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        if !folder.is_dir() {
            return Err(Error::LogFolderMissing {
                target: self.name.clone(),
                path: folder.to_owned(),
            });
        }
        let log = OpenOptions::new().create(true).append(true).open(&self.log);
        log.map_err(|source| Error::Log { path: self.log.clone(), source })
    }

    /// Says what kept `program` from starting: the same number of the kernel's has many causes.
    fn explain(&self, program: PathBuf, source: io::Error) -> Error {
        let target = self.name.clone();
        let is_path = program.components().count() > 1;
        let is_there = is_path && program.exists();
        let is_folder = program.is_dir();
        let program = program.display().to_string();
        match source.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::NOENT | Errno::NOTDIR) if !is_there => {
                Error::CommandNotFound { target, program }
            }
            Some(Errno::ACCESS) if is_path && is_folder => {
                let source = io::ErrorKind::IsADirectory.into();
                Error::CommandNotExecutable { target, program, source }
            }
            Some(Errno::NOENT | Errno::ACCESS | Errno::PERM | Errno::NOEXEC) => {
                Error::CommandNotExecutable { target, program, source }
            }
            _ => self.failed(source),
        }
    }

    fn failed(&self, source: io::Error) -> Error {
        Error::StartFailed { target: self.name.clone(), source }
    }
}

impl Target {
    /// What it is called.
    pub fn name(&self) -> &str {
        &self.family.name
    }

    /// Its process id, which stays its own until it is stopped or dropped.
    pub fn pid(&self) -> u32 {
        self.identity.pid
    }

    /// The process that was started.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The file that holds what it writes.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// What waits for its end elsewhere.
    pub fn watch(&self) -> Watch {
        self.watch.clone()
    }

    /// How it ended; `None` while it runs. Its children may outlive it.
    ///
    /// # Errors
    /// When the operating system does not tell.
    pub fn exited(&self) -> Result<Option<Exit>, Error> {
        self.watch.wait(Duration::ZERO)
    }

    /// Waits on this thread until it has ended; `None` when `patience` ran out before.
    ///
    /// # Errors
    /// When the operating system does not tell.
    pub fn wait_exit(&self, patience: Duration) -> Result<Option<Exit>, Error> {
        self.watch.wait(patience)
    }

    /// What it and all it started use now.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn sample(&self) -> Result<Resources, Error> {
        resources::sample(&self.family, None).map_err(Error::Table)
    }

    /// The same, with how many of these connections are its own.
    ///
    /// # Errors
    /// As [`Target::sample`].
    pub fn sample_with(&self, established: &Established) -> Result<Resources, Error> {
        resources::sample(&self.family, Some(established)).map_err(Error::Table)
    }

    /// The most it may use of the machine.
    pub fn limits(&self) -> Limits {
        resources::limits(self.pid())
    }

    /// Asks the whole family to end (SIGTERM), waits up to `grace`, kills what is left, and says
    /// in the journal that it is undone. Blocks; a second call answers as the first one did.
    ///
    /// # Errors
    /// When a process does not end or may not be signalled, or the journal cannot be written.
    pub fn stop(&self, grace: Duration) -> Result<Stopped, Error> {
        let mut stopped = lock(&self.stopped);
        if let Some(stopped) = &*stopped {
            return Ok(stopped.clone());
        }
        let end = self.family.end(grace)?;
        let exit = self.watch.look(WaitIdOptions::empty()).map_err(Error::Table)?;
        let exit = exit.unwrap_or(Exit::Unknown);
        self.journal.done(self.entry)?;
        tracing::debug!(target_name = self.name(), %exit, "target stopped");
        Ok(stopped.insert(Stopped { exit, killed: end.killed }).clone())
    }
}

impl Watch {
    /// Waits on this thread until the target has ended; `None` when `patience` ran out before.
    ///
    /// # Errors
    /// When the operating system does not tell.
    pub fn wait(&self, patience: Duration) -> Result<Option<Exit>, Error> {
        if !exits(self.0.pidfd.as_fd(), patience).map_err(Error::Table)? {
            return Ok(None);
        }
        self.look(WaitIdOptions::NOWAIT).map_err(Error::Table)
    }

    /// Looks whether it has ended; with `NOWAIT` it stays to be reaped.
    fn look(&self, option: WaitIdOptions) -> io::Result<Option<Exit>> {
        let mut exit = lock(&self.0.exit);
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | option;
        let found = match waitid(WaitId::PidFd(self.0.pidfd.as_fd()), options) {
            Ok(status) => {
                status.map(|status| match (status.exit_status(), status.terminating_signal()) {
                    (Some(code), _) => Exit::Code(code),
                    (None, Some(signal)) => Exit::Signal(signal),
                    (None, None) => Exit::Unknown,
                })
            }
            // Reaped already: by us, or by someone else, as happens where SIGCHLD is ignored.
            Err(Errno::CHILD) => {
                exits(self.0.pidfd.as_fd(), Duration::ZERO)?.then_some(Exit::Unknown)
            }
            Err(error) => return Err(error.into()),
        };
        *exit = exit.or(found);
        Ok(*exit)
    }
}

/// A panic of another holder leaves at most less known than could be.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Err(error) = self.stop(Duration::ZERO) {
            tracing::warn!(target_name = self.name(), %error, "target not stopped");
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(formatter, "exited with code {code}"),
            Self::Signal(number) => match signal_name(*number) {
                Some(name) => write!(formatter, "killed by signal {number} ({name})"),
                None => write!(formatter, "killed by signal {number}"),
            },
            Self::Unknown => formatter.write_str("exited, with a status that is lost"),
        }
    }
}

fn signal_name(number: i32) -> Option<&'static str> {
    const NAMES: [(Signal, &str); 11] = [
        (Signal::HUP, "SIGHUP"),
        (Signal::INT, "SIGINT"),
        (Signal::QUIT, "SIGQUIT"),
        (Signal::ILL, "SIGILL"),
        (Signal::ABORT, "SIGABRT"),
        (Signal::BUS, "SIGBUS"),
        (Signal::FPE, "SIGFPE"),
        (Signal::KILL, "SIGKILL"),
        (Signal::SEGV, "SIGSEGV"),
        (Signal::PIPE, "SIGPIPE"),
        (Signal::TERM, "SIGTERM"),
    ];
    NAMES.iter().find(|(signal, _)| signal.as_raw() == number).map(|(_, name)| *name)
}

/// A child of ours that nobody has reaped, and a descriptor of it.
fn known(pid: u32) -> io::Result<(Identity, OwnedFd)> {
    let pidfd = table::descriptor(pid)?;
    let identity = Identity::of(pid)?.ok_or(io::ErrorKind::NotFound)?;
    Ok((identity, pidfd))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exits_read_as_sentences() {
        assert_eq!(Exit::Code(3).to_string(), "exited with code 3");
        assert_eq!(Exit::Signal(9).to_string(), "killed by signal 9 (SIGKILL)");
        assert_eq!(Exit::Signal(64).to_string(), "killed by signal 64");
    }
}
