//! Runs a program on a processor of its own and measures it from outside: processor time, memory.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use crate::command::{find, now, reader};

/// How often a running program's memory is read.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Nothing here runs longer.
const TOO_LONG: Duration = Duration::from_secs(1800);

/// Which processor the server has and which the generator.
pub(super) struct Pins {
    taskset: bool,
    processors: usize,
}

/// Who a program is.
#[derive(Clone, Copy)]
pub(super) enum Side {
    Server,
    Generator,
}

/// What a program used, and what it said.
pub(super) struct Ran {
    pub(super) stdout: String,
    pub(super) stderr: String,
    pub(super) status: ExitStatus,
    /// User and system time of all its threads.
    pub(super) cpu_seconds: f64,
    /// The most memory it held resident, in bytes.
    pub(super) peak_rss: u64,
    /// Memory it held resident at times since its start.
    pub(super) rss: Vec<(Duration, u64)>,
}

impl Pins {
    /// The first processor for the server, the second for the generator, where there are two.
    pub(super) fn here() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self { taskset: find("taskset").is_some(), processors }
    }

    /// How programs are pinned, in words.
    pub(super) fn words(&self) -> &'static str {
        match (self.taskset, self.processors) {
            (true, 2..) => "server on processor 0, generator on processor 1",
            (_, 1) => "server and generator on one processor",
            (false, _) => "nothing pinned: there is no `taskset`",
            (true, _) => "nothing pinned",
        }
    }

    /// The command, pinned.
    pub(super) fn command(&self, side: Side, words: &[String]) -> Command {
        let mut all: Vec<String> = Vec::new();
        if self.taskset && self.processors > 1 {
            let processor = match side {
                Side::Server => "0",
                Side::Generator => "1",
            };
            all.extend(["taskset", "-c", processor].map(str::to_owned));
        }
        all.extend_from_slice(words);
        let mut command = Command::new(&all[0]);
        command.args(&all[1..]);
        command
    }

    /// Runs a generator to its end.
    ///
    /// # Errors
    /// It cannot be started, or does not end.
    pub(super) fn run(&self, words: &[String]) -> Result<Ran> {
        let mut command = self.command(Side::Generator, words);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().with_context(|| format!("`{}` did not start", words[0]))?;
        watch(child, words)
    }
}

fn watch(mut child: Child, words: &[String]) -> Result<Ran> {
    let readers = [
        child.stdout.take().map(|pipe| reader(Box::new(pipe))),
        child.stderr.take().map(|pipe| reader(Box::new(pipe))),
    ];
    let pid = child.id();
    let start = now();
    let (mut rss, mut peak_rss) = (Vec::new(), 0);
    loop {
        if has_ended(pid)? {
            break;
        }
        if let Some((now, peak)) = memory(pid) {
            rss.push((start.elapsed(), now));
            peak_rss = peak.max(peak_rss);
        }
        if start.elapsed() > TOO_LONG {
            child.kill()?;
            child.wait()?;
            bail!("`{}` did not end", words.join(" "));
        }
        std::thread::park_timeout(LOOK_EVERY);
    }
    // It has ended and nobody has waited for it yet: the kernel still has its account.
    let cpu_seconds = processor_time(pid).context("its processor time cannot be read")?;
    let status = child.wait()?;
    let mut said = readers
        .into_iter()
        .map(|reader| reader.and_then(|reader| reader.join().ok()).unwrap_or_default());
    let (stdout, stderr) = (said.next().unwrap_or_default(), said.next().unwrap_or_default());
    Ok(Ran { stdout, stderr, status, cpu_seconds, peak_rss, rss })
}

fn has_ended(pid: u32) -> Result<bool> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).context("a process has a number")?;
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    Ok(waitid(WaitId::Pid(pid), options)?.is_some())
}

/// Resident memory now and at most, in bytes.
fn memory(pid: u32) -> Option<(u64, u64)> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
    };
    Some((field("VmRSS:")?, field("VmHWM:")?))
}

fn processor_time(pid: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may hold anything; fields 14 and 15 are user and system time.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let ticks: f64 = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    Some(ticks / rustix::param::clock_ticks_per_second() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_measured_from_outside() {
        let pins = Pins { taskset: false, processors: 1 };
        let words =
            ["sh", "-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo done; exit 3"];
        let ran = pins.run(&words.map(str::to_owned)).unwrap();
        assert_eq!((ran.stdout.trim(), ran.status.code()), ("done", Some(3)));
        assert!(ran.cpu_seconds > 0.0);
        assert!(pins.run(&["/no/such/program".to_owned()]).is_err());
    }
}
