//! The machine a trial ran on, as the operating system describes it.

use std::fs;

use seaworthy_report::outcome::Host;

/// Reads the host's description; what cannot be read is said to be unknown.
pub(crate) fn describe() -> Host {
    let name = rustix::system::uname();
    let lossy = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    Host {
        os: format!("{} {}", lossy(name.sysname()).to_lowercase(), lossy(name.machine())),
        kernel: lossy(name.release()),
        cpus: std::thread::available_parallelism()
            .map_or(0, |cpus| u32::try_from(cpus.get()).unwrap_or(u32::MAX)),
        memory_bytes: memory_bytes().unwrap_or(0),
    }
}

fn memory_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}
