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

/// What the machine's processors did so far, in processor seconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Work {
    /// Everything but idling, time stolen by the hypervisor left out.
    pub(crate) busy: f64,
    /// Time the hypervisor gave to others while we wanted it.
    pub(crate) stolen: f64,
    /// Time this process used.
    pub(crate) own: f64,
    /// How many processors there are.
    pub(crate) processors: f64,
}

/// Reads it; `None` where the system does not say.
pub(crate) fn work() -> Option<Work> {
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    let all = fs::read_to_string("/proc/stat").ok()?;
    let numbers = |text: &str| -> Vec<f64> {
        text.split_ascii_whitespace().filter_map(|number| number.parse().ok()).collect()
    };
    // user nice system idle iowait irq softirq steal
    let cpu = numbers(all.lines().next()?.strip_prefix("cpu ")?);
    let [user, nice, system, _idle, _waiting, irq, softirq, stolen, ..] = cpu[..] else {
        return None;
    };
    let own = fs::read_to_string("/proc/self/stat").ok()?;
    // The name in brackets may hold anything; fields 14 and 15 are user and system time.
    let own = numbers(own.rsplit_once(')')?.1.get(2..)?);
    Some(Work {
        busy: (user + nice + system + irq + softirq) / ticks,
        stolen: stolen / ticks,
        own: (own.get(10)? + own.get(11)?) / ticks,
        // A line for each, below that of all together.
        processors: all.lines().skip(1).take_while(|line| line.starts_with("cpu")).count() as f64,
    })
}

/// How many bytes this user may still write to the disk that holds `path`.
pub(crate) fn free_bytes(path: &std::path::Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(path).ok()?;
    disk.f_bavail.checked_mul(disk.f_frsize)
}

fn memory_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}
