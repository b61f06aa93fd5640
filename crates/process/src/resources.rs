//! What a target and everything it started use: CPU, memory, threads, descriptors, disk.

use std::fs;
use std::io;

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
}

pub(crate) fn sample(family: &Family) -> io::Result<Resources> {
    let page = rustix::param::page_size() as u64;
    let tick = rustix::param::clock_ticks_per_second() as f64;
    let mut ticks = 0;
    let mut sum = Resources {
        fds: Some(0),
        read_bytes: Some(0),
        write_bytes: Some(0),
        ..Resources::default()
    };
    for Stat { pid, cpu_ticks, threads, resident_pages, .. } in family.living()? {
        sum.processes += 1;
        ticks += cpu_ticks;
        sum.rss_bytes += resident_pages * page;
        sum.threads += threads;
        // One that ended just now has no descriptors any more, and its I/O is in its parent's.
        let fds = unless_gone(descriptors(pid))?;
        let io = unless_gone(table::read(pid, "io").map(|text| text.unwrap_or_default()))?;
        let count = |name| io.as_deref().map(|text| field(text, name));
        sum.fds = add(sum.fds, fds);
        sum.read_bytes = add(sum.read_bytes, count("read_bytes:"));
        sum.write_bytes = add(sum.write_bytes, count("write_bytes:"));
    }
    sum.cpu_seconds = ticks as f64 / tick;
    Ok(sum)
}

fn descriptors(pid: u32) -> io::Result<u64> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd"))?.count() as u64)
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
    value.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
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
            descriptors(u32::MAX).map_err(|error| error.kind()),
            Err(io::ErrorKind::NotFound)
        );
    }
}
