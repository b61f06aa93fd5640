//! What a target and everything it started use: CPU, memory, threads, descriptors, disk.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::family::Family;
use crate::table::{self, Stat};

/// A sample of a whole family of processes, summed up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Resources {
    /// Processes that live.
    pub processes: u64,
    /// User and system time so far, in seconds, children that have been reaped included. It can
    /// shrink when a process ends whose parent does not belong to the family.
    pub cpu_seconds: f64,
    /// Resident memory in bytes; pages that processes share count once for each.
    pub rss_bytes: u64,
    /// Threads.
    pub threads: u64,
    /// Open file descriptors; `None` when a process does not let us look (it runs as another user).
    pub fds: Option<u64>,
    /// Bytes read from storage so far; `None` when a process does not let us look.
    pub read_bytes: Option<u64>,
    /// Bytes written, or about to be written, to storage so far; `None` as above.
    pub write_bytes: Option<u64>,
    /// Established TCP connections, of clients and to others; `None` also when they were not asked
    /// for.
    pub connections: Option<u64>,
    /// Of the process that is nearest to its own limit: its open descriptors and that limit
    /// (`RLIMIT_NOFILE`). A limit is a process's, so sums say nothing of it.
    pub fullest: Option<(u64, u64)>,
}

pub(crate) fn sample(family: &Family, established: Option<&Established>) -> io::Result<Resources> {
    let page = rustix::param::page_size() as u64;
    let tick = rustix::param::clock_ticks_per_second() as f64;
    let mut ticks = 0;
    let mut sum = Resources {
        fds: Some(0),
        read_bytes: Some(0),
        write_bytes: Some(0),
        connections: established.map(|_| 0),
        ..Resources::default()
    };
    for Stat { pid, cpu_ticks, threads, resident_pages, .. } in family.living()? {
        sum.processes += 1;
        ticks += cpu_ticks;
        sum.rss_bytes += resident_pages * page;
        sum.threads += threads;
        // One that ended just now has no descriptors any more, and its I/O is in its parent's.
        let open = unless_gone(descriptors(pid, established.is_some()))?;
        let fds = open.as_ref().map(|open| open.count);
        if let (Some(open), Some(limit)) = (fds, descriptor_limit(pid)) {
            let fuller = |(other, of)| open as f64 * of as f64 > other as f64 * limit as f64;
            if sum.fullest.is_none_or(fuller) {
                sum.fullest = Some((open, limit));
            }
        }
        let connected = established
            .zip(open.as_ref())
            .and_then(|(established, open)| established.count(pid, &open.sockets));
        let io = unless_gone(table::read(pid, "io").map(|text| text.unwrap_or_default()))?;
        let count = |name| io.as_deref().map(|text| field(text, name));
        sum.fds = add(sum.fds, fds);
        sum.read_bytes = add(sum.read_bytes, count("read_bytes:"));
        sum.write_bytes = add(sum.write_bytes, count("write_bytes:"));
        sum.connections = add(sum.connections, connected);
    }
    sum.cpu_seconds = ticks as f64 / tick;
    Ok(sum)
}

/// A process's open descriptors: how many, and which sockets are among them, by inode.
#[derive(Debug, Default)]
struct Open {
    count: u64,
    sockets: BTreeSet<u64>,
}

fn descriptors(pid: u32, sockets: bool) -> io::Result<Open> {
    let mut open = Open::default();
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
        open.count += 1;
        if !sockets {
            continue;
        }
        // One that was closed meanwhile was open when it was listed.
        let Ok(link) = fs::read_link(entry?.path()) else { continue };
        let inode = link.to_str().and_then(|link| link.strip_prefix("socket:["));
        open.sockets.extend(inode.and_then(|inode| inode.strip_suffix(']')?.parse::<u64>().ok()));
    }
    Ok(open)
}

/// Established TCP connections of a machine, by socket. Reading them costs milliseconds where there
/// are thousands, so they are read once for many targets.
#[derive(Clone, Debug, Default)]
pub struct Established(BTreeMap<PathBuf, BTreeSet<u64>>);

impl Established {
    /// Reads those that the process with this id can see, unless they are read already. What we may
    /// not look at stays unknown.
    pub fn read(&mut self, pid: u32) {
        let Some(namespace) = network(pid).filter(|namespace| !self.0.contains_key(namespace))
        else {
            return;
        };
        let mut sockets = BTreeSet::new();
        for file in ["net/tcp", "net/tcp6"] {
            // A machine without IPv6 has no second table.
            let Ok(table) = table::read(pid, file) else { return };
            let table = table.unwrap_or_default();
            sockets.extend(String::from_utf8_lossy(&table).lines().filter_map(established_inode));
        }
        self.0.insert(namespace, sockets);
    }

    /// How many of a process's sockets are among them; `None` when its network was not read.
    fn count(&self, pid: u32, sockets: &BTreeSet<u64>) -> Option<u64> {
        let established = self.0.get(&network(pid)?)?;
        Some(sockets.intersection(established).count() as u64)
    }
}

/// The network a process is in.
fn network(pid: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/net")).ok()
}

/// The inode of a line of `/proc/net/tcp` whose state is 01, established.
fn established_inode(line: &str) -> Option<u64> {
    let mut fields = line.split_ascii_whitespace().skip(3);
    (fields.next()? == "01").then_some(())?;
    fields.nth(5)?.parse().ok()
}

/// The soft limit of open descriptors; `None` when it is unlimited or cannot be read.
fn descriptor_limit(pid: u32) -> Option<u64> {
    let text = table::read(pid, "limits").ok()??;
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// The most a process may use, and what says so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Processors: a cgroup's quota, or those it may run on.
    pub cpus: f64,
    /// What sets [`Limits::cpus`], in words: `the machine`, `its CPU set`, `its cgroup`.
    pub cpus_by: String,
    /// Memory in bytes: the cgroup's limit, or all the machine has; `None` when neither is told.
    pub memory_bytes: Option<u64>,
    /// What sets [`Limits::memory_bytes`].
    pub memory_by: String,
}

/// Reads the limits of the process with this id; of one that is gone, the machine's.
pub(crate) fn limits(pid: u32) -> Limits {
    let all = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as f64;
    let mut limits = Limits {
        cpus: all,
        cpus_by: "the machine".to_owned(),
        memory_bytes: machine_memory(),
        memory_by: "the machine".to_owned(),
    };
    let status = table::read(pid, "status").ok().flatten().unwrap_or_default();
    let status = String::from_utf8_lossy(&status);
    let online = fs::read_to_string("/sys/devices/system/cpu/online").unwrap_or_default();
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    if let (Some(online), Some(allowed)) = (listed(&online), allowed.and_then(listed)) {
        limits.cpus = allowed.min(online) as f64;
        if allowed < online {
            "its CPU set".clone_into(&mut limits.cpus_by);
        }
    }
    let groups = table::read(pid, "cgroup").ok().flatten().unwrap_or_default();
    for folder in cgroups(&String::from_utf8_lossy(&groups)) {
        let read = |file: &str| fs::read_to_string(format!("{folder}/{file}")).unwrap_or_default();
        if let Some(cpus) = quota(&read("cpu.max")).filter(|cpus| *cpus < limits.cpus) {
            (limits.cpus, limits.cpus_by) = (cpus, "its cgroup".to_owned());
        }
        let memory = read("memory.max").trim().parse::<u64>().ok();
        if let Some(bytes) =
            memory.filter(|bytes| limits.memory_bytes.is_none_or(|all| *bytes < all))
        {
            (limits.memory_bytes, limits.memory_by) = (Some(bytes), "its cgroup".to_owned());
        }
    }
    limits
}

/// The folders of a process's cgroup (version 2) and all above it: each may limit it.
fn cgroups(groups: &str) -> Vec<String> {
    let Some(path) = groups.lines().find_map(|line| line.strip_prefix("0::")) else {
        return Vec::new();
    };
    let mut folders = vec!["/sys/fs/cgroup".to_owned()];
    for part in path.trim().split('/').filter(|part| !part.is_empty() && *part != "..") {
        let below = format!("{}/{part}", folders[folders.len() - 1]);
        folders.push(below);
    }
    folders
}

/// Processors of a `cpu.max` line: quota over period, both in microseconds.
fn quota(line: &str) -> Option<f64> {
    let (quota, period) = line.trim().split_once(' ')?;
    let (quota, period) = (quota.parse::<f64>().ok()?, period.parse::<f64>().ok()?);
    (quota > 0.0 && period > 0.0).then(|| quota / period)
}

/// How many processors a list such as `0-3,8` names.
fn listed(list: &str) -> Option<u64> {
    list.trim().split(',').try_fold(0_u64, |sum, range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (first.parse::<u64>().ok()?, last.parse::<u64>().ok()?);
        sum.checked_add(last.checked_sub(first)?.checked_add(1)?)
    })
}

fn machine_memory() -> Option<u64> {
    let text = fs::read("/proc/meminfo").ok()?;
    let kibibytes = field(&text, "MemTotal:");
    (kibibytes > 0).then_some(kibibytes * 1024)
}

/// The value; nothing of it when the process is gone; `None` when we may not look.
fn unless_gone<T: Default>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if table::is_gone(&error) => Ok(Some(T::default())),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(None),
        Err(error) => Err(error),
    }
}

fn add(sum: Option<u64>, value: Option<u64>) -> Option<u64> {
    sum.zip(value).map(|(sum, value)| sum + value)
}

/// The number behind `name` in a text of `name value` lines; zero when it is not there.
fn field(text: &[u8], name: &str) -> u64 {
    let text = String::from_utf8_lossy(text);
    let value = text.lines().find_map(|line| line.strip_prefix(name));
    value.and_then(|value| value.split_ascii_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_by_their_whole_name() {
        let text = b"rchar: 1\nread_bytes: 4096\nwrite_bytes: 8192\ncancelled_write_bytes: 5\n";
        assert_eq!(field(text, "read_bytes:"), 4096);
        assert_eq!(field(text, "write_bytes:"), 8192);
        assert_eq!(field(text, "absent:"), 0);
    }

    #[test]
    fn what_cannot_be_seen_is_not_counted_as_zero() {
        assert_eq!(add(Some(1), None), None);
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        assert_eq!(unless_gone::<u64>(Err(denied)).unwrap(), None);
        assert_eq!(
            descriptors(u32::MAX, true).map(|open| open.count).map_err(|error| error.kind()),
            Err(io::ErrorKind::NotFound)
        );
    }

    #[test]
    fn connections_are_told_from_other_sockets() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let pid = std::process::id();
        // Other tests of this process may hold connections too, so the sockets are our own.
        let ours = std::net::TcpStream::connect(address).unwrap();
        let (theirs, _) = listener.accept().unwrap();
        let inode = |socket: &dyn std::os::fd::AsRawFd| {
            let link = fs::read_link(format!("/proc/{pid}/fd/{}", socket.as_raw_fd())).unwrap();
            let link = link.to_str().unwrap().to_owned();
            link.trim_start_matches("socket:[").trim_end_matches(']').parse::<u64>().unwrap()
        };
        let all = BTreeSet::from([inode(&listener), inode(&ours), inode(&theirs)]);
        let mut established = Established::default();
        assert_eq!(established.count(pid, &all), None, "nothing was read yet");
        established.read(pid);
        assert_eq!(established.count(pid, &all), Some(2));
        let open = descriptors(pid, true).unwrap();
        assert!(open.sockets.is_superset(&all) && open.count >= 3);
        assert!(established.count(pid, &open.sockets) >= Some(2));
        assert_eq!(established.count(u32::MAX, &all), None);
    }

    #[test]
    fn limits_are_the_tightest_of_all() {
        assert_eq!(quota("150000 100000\n"), Some(1.5));
        assert_eq!(quota("max 100000\n"), None);
        assert_eq!(quota(""), None);
        assert_eq!(listed("0-3,8\n"), Some(5));
        assert_eq!(listed("0"), Some(1));
        assert_eq!(listed("3-1"), None);
        assert_eq!(
            cgroups("1:name=x:/y\n0::/a/b\n"),
            ["/sys/fs/cgroup", "/sys/fs/cgroup/a", "/sys/fs/cgroup/a/b"]
        );
        assert!(cgroups("1:name=x:/y\n").is_empty());
        let own = limits(std::process::id());
        assert!(own.cpus > 0.0 && own.memory_bytes.is_some_and(|bytes| bytes > 1 << 20), "{own:?}");
        let limit = descriptor_limit(std::process::id()).unwrap();
        assert!(limit >= descriptors(std::process::id(), false).unwrap().count);
    }
}
