//! The process table as `/proc` tells it: `stat` lines, identities that survive pid reuse, kinship.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::sync::OnceLock;

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::{Deserialize, Serialize};

/// A process that cannot be mistaken for another one: process ids are used again, these are not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The process id.
    pub pid: u32,
    /// When it started, in clock ticks since the machine did (field 22 of `/proc/<pid>/stat`).
    pub started: u64,
    /// The boot and the pid namespace that both numbers belong to.
    pub boot: String,
}

impl Identity {
    /// The identity of the process that has this id now; `None` when there is none.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn of(pid: u32) -> io::Result<Option<Self>> {
        let boot = boot()?;
        Ok(stat(pid)?.map(|stat| Self { pid, started: stat.started, boot: boot.to_owned() }))
    }

    /// Whether this very process still runs; a dead one that nobody has reaped does not.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn is_alive(&self) -> io::Result<bool> {
        Ok(self.is_of_this_boot()?
            && stat(self.pid)?.is_some_and(|stat| self.fits(&stat) && stat.lives()))
    }

    pub(crate) fn is_of_this_boot(&self) -> io::Result<bool> {
        Ok(self.boot == boot()?)
    }

    /// Whether `stat` is this process, provided the boot is the same.
    pub(crate) fn fits(&self, stat: &Stat) -> bool {
        self.pid == stat.pid && self.started == stat.started
    }
}

/// What one line of `/proc/<pid>/stat` says, as far as we use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) pid: u32,
    pub(crate) state: u8,
    pub(crate) parent: u32,
    pub(crate) group: u32,
    /// Own and reaped children's time, user and system, in clock ticks.
    pub(crate) cpu_ticks: u64,
    pub(crate) threads: u64,
    pub(crate) started: u64,
    pub(crate) resident_pages: u64,
}

impl Stat {
    /// Reads a `stat` line. The second field is the program's name in brackets, and a program may
    /// call itself anything, brackets and line ends included: only the *last* bracket closes it.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let open = line.iter().position(|byte| *byte == b'(')?;
        let close = line.iter().rposition(|byte| *byte == b')')?;
        let pid = std::str::from_utf8(line.get(..open)?).ok()?.trim().parse().ok()?;
        let rest = std::str::from_utf8(line.get(close + 1..)?).ok()?;
        // The third field of the line is the first one here.
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let text = |number: usize| fields.get(number - 3).copied();
        // Reaped children's ticks are signed in the kernel's format; none is ever below zero.
        let count = |number: usize| text(number)?.parse::<u64>().ok();
        Some(Self {
            pid,
            state: *text(3)?.as_bytes().first()?,
            parent: text(4)?.parse().ok()?,
            group: text(5)?.parse().ok()?,
            cpu_ticks: (14..=17).try_fold(0_u64, |sum, field| sum.checked_add(count(field)?))?,
            threads: count(20)?,
            started: count(22)?,
            resident_pages: count(24)?,
        })
    }

    /// Whether it runs: not a zombie, or one whose first thread ended before the others.
    pub(crate) fn lives(&self) -> bool {
        !matches!(self.state, b'Z' | b'X' | b'x') || self.threads > 1
    }
}

/// Every process there is, by id.
pub(crate) fn all() -> io::Result<BTreeMap<u32, Stat>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        if let Some(stat) = stat(pid)? {
            found.insert(pid, stat);
        }
    }
    Ok(found)
}

/// The process with this id; `None` when there is none, or none that we may see.
pub(crate) fn stat(pid: u32) -> io::Result<Option<Stat>> {
    match read(pid, "stat") {
        Ok(line) => Ok(line.and_then(|line| Stat::parse(&line))),
        // A `/proc` that hides other users' processes: none of them is ours.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the process's environment holds exactly this `NAME=value`.
pub(crate) fn carries(pid: u32, setting: &str) -> bool {
    // Unreadable means another user's process: not ours.
    let environment = read(pid, "environ").ok().flatten().unwrap_or_default();
    environment.split(|byte| *byte == 0).any(|entry| entry == setting.as_bytes())
}

/// The contents of `/proc/<pid>/<file>`; `None` when the process is gone.
pub(crate) fn read(pid: u32, file: &str) -> io::Result<Option<Vec<u8>>> {
    /// More than the kernel takes for arguments and environment together by default.
    const LIMIT: u64 = 8 << 20;
    let mut bytes = Vec::new();
    let result = File::open(format!("/proc/{pid}/{file}"))
        .and_then(|file| file.take(LIMIT).read_to_end(&mut bytes));
    match result {
        Ok(_) => Ok(Some(bytes)),
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the error means that the process has ended meanwhile.
pub(crate) fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

/// The id as the kernel's calls take it.
fn kernel_pid(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

/// A descriptor of the process that has this id now. It is the caller's to know which one that is.
pub(crate) fn descriptor(pid: u32) -> io::Result<OwnedFd> {
    let pid = kernel_pid(pid).ok_or(io::ErrorKind::InvalidInput)?;
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}

/// This boot and pid namespace, in one word.
fn boot() -> io::Result<&'static str> {
    static BOOT: OnceLock<String> = OnceLock::new();
    if let Some(boot) = BOOT.get() {
        return Ok(boot);
    }
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    let namespace = fs::read_link("/proc/self/ns/pid")?;
    Ok(BOOT.get_or_init(|| format!("{}/{}", boot.trim(), namespace.display())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn we_find_ourselves() {
        let own = stat(std::process::id()).unwrap().unwrap();
        assert_eq!(own.parent, std::os::unix::process::parent_id());
        assert!(own.lives() && own.threads >= 1 && own.resident_pages > 0);
        assert_eq!(all().unwrap()[&own.pid].started, own.started);
        let identity = Identity::of(own.pid).unwrap().unwrap();
        assert!(identity.is_alive().unwrap());
        assert!(!Identity { started: own.started + 1, ..identity.clone() }.is_alive().unwrap());
        assert!(!Identity { boot: "another".into(), ..identity }.is_alive().unwrap());
    }

    #[test]
    fn a_process_that_is_not_there_is_none() {
        assert_eq!(stat(u32::MAX).unwrap(), None);
        assert_eq!(Identity::of(0).unwrap(), None);
        assert!(!carries(u32::MAX, "A=b"));
        assert_eq!(kernel_pid(0), None);
        assert_eq!(kernel_pid(u32::MAX), None);
    }

    proptest! {
        #[test]
        fn any_name_is_stepped_over(
            name in prop_oneof![
                "[ ()0-9A-Za-z\n]{0,15}",
                Just(") S 1 1 1 0".to_owned()),
                Just("((".to_owned()),
                Just(") ) (".to_owned()),
            ],
            pid in 1_u32..4_194_304,
            parent in 0_u32..4_194_304,
            group in 0_u32..4_194_304,
            ticks in prop::array::uniform4(0_u64..1 << 40),
            threads in 0_u64..10_000,
            started: u64,
            resident_pages: u64,
        ) {
            let [user, system, children_user, children_system] = ticks;
            let line = format!(
                "{pid} ({name}) S {parent} {group} 9 0 -1 4194560 1 2 3 4 {user} {system} \
                 {children_user} {children_system} 20 0 {threads} 0 {started} 99999 \
                 {resident_pages} 18446744073709551615 0 0 0 0 0 0\n"
            );
            let expected = Stat {
                pid, state: b'S', parent, group, cpu_ticks: ticks.iter().sum(), threads, started,
                resident_pages,
            };
            prop_assert_eq!(Stat::parse(line.as_bytes()), Some(expected));
            // Cut off anywhere before the last field we use, it is refused, never misread.
            let end = line.len() - " 18446744073709551615 0 0 0 0 0 0\n".len();
            for cut in 0..end - resident_pages.to_string().len() {
                prop_assert_eq!(Stat::parse(&line.as_bytes()[..cut]), None);
            }
        }

        #[test]
        fn no_bytes_panic(line: Vec<u8>) {
            let _ = Stat::parse(&line);
        }
    }
}
