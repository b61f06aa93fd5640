//! All that belongs to one target: finding it in the process table, signalling it, seeing it end.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Signal, pidfd_send_signal};
use seaworthy_base::Clock;

use crate::error::Error;
use crate::journal::Token;
use crate::table::{self, Identity, Stat};

/// How long a process may take to go after SIGKILL before we say that it does not.
const KILL_TIME: Duration = Duration::from_secs(10);

/// How many processes are watched at a time, so that no family exhausts our descriptors.
const WATCHED: usize = 256;

/// What tells a target's processes from all others.
#[derive(Clone, Debug)]
pub(crate) struct Family {
    pub(crate) name: String,
    pub(crate) token: Token,
    /// The process that we started, if that is known.
    pub(crate) leader: Option<Identity>,
}

/// How a family came to its end.
#[derive(Debug, Default)]
pub(crate) struct End {
    /// Processes that were asked to end.
    pub(crate) asked: Vec<u32>,
    /// Processes that had to be killed.
    pub(crate) killed: Vec<u32>,
}

impl Family {
    /// Its living processes: the leader, those in the leader's group, those that carry the token,
    /// and the descendants of all these. Never process 1, ourselves or our ancestors, and never
    /// one that is older than the leader.
    ///
    /// Not found is an orphan that left the group *and* wiped its environment, and, once the
    /// leader has been reaped, one that did only the latter.
    pub(crate) fn living(&self) -> io::Result<Vec<Stat>> {
        let noted = match &self.leader {
            Some(leader) if leader.is_of_this_boot()? => Some(leader),
            _ => None,
        };
        let setting = format!("{}={}", Token::VARIABLE, self.token.as_str());
        let carries = |pid| table::carries(pid, &setting);
        Ok(members(&table::all()?, noted, std::process::id(), carries))
    }

    /// Asks all of it to end with SIGTERM, waits for `grace`, and kills what is left.
    pub(crate) fn end(&self, grace: Duration) -> Result<End, Error> {
        let mut end = End::default();
        let clock = Clock::system();
        let mut asked = BTreeSet::new();
        let deadline = clock.now() + grace;
        while !grace.is_zero() {
            let members = self.living().map_err(Error::Table)?;
            if members.is_empty() {
                break;
            }
            let mut held = Vec::new();
            for member in &members {
                let Some(process) = hold(member).map_err(Error::Table)? else { continue };
                if asked.insert((member.pid, member.started)) {
                    end.asked.push(member.pid);
                    // One that we may not signal is told apart below, by outliving SIGKILL. A
                    // stopped process takes SIGTERM only once it is continued.
                    let _ = pidfd_send_signal(&process, Signal::TERM);
                    let _ = pidfd_send_signal(&process, Signal::CONT);
                }
                if held.len() < WATCHED {
                    held.push(process);
                }
            }
            let left = deadline.saturating_duration_since(clock.now());
            if left.is_zero() || !all_exit(&held, left).map_err(Error::Table)? {
                break;
            }
        }
        self.kill(&mut end)?;
        Ok(end)
    }

    /// Kills until nothing is left: a process that forks meanwhile is found in the next round.
    fn kill(&self, end: &mut End) -> Result<(), Error> {
        let clock = Clock::system();
        let deadline = clock.now() + KILL_TIME;
        loop {
            let members = self.living().map_err(Error::Table)?;
            if members.is_empty() {
                return Ok(());
            }
            let pids = || members.iter().map(|member| member.pid).collect::<Vec<_>>();
            let mut held = Vec::new();
            let mut refused = Vec::new();
            for member in &members {
                let Some(process) = hold(member).map_err(Error::Table)? else { continue };
                match pidfd_send_signal(&process, Signal::KILL) {
                    Ok(()) if !end.killed.contains(&member.pid) => end.killed.push(member.pid),
                    Ok(()) | Err(Errno::SRCH) => {}
                    Err(_) => refused.push(member.pid),
                }
                if held.len() < WATCHED {
                    held.push(process);
                }
            }
            let failed = |reason: &str, pids| {
                Err(Error::StopFailed { target: self.name.clone(), reason: reason.into(), pids })
            };
            if !refused.is_empty() {
                return failed("it runs as another user, whom we may not signal", refused);
            }
            let left = deadline.saturating_duration_since(clock.now());
            if left.is_zero() || !all_exit(&held, left).map_err(Error::Table)? {
                return failed("it is still there 10 seconds after SIGKILL", pids());
            }
        }
    }
}

/// Waits until the process behind `pidfd` has ended; false when `patience` ran out before.
pub(crate) fn exits(pidfd: BorrowedFd<'_>, patience: Duration) -> io::Result<bool> {
    wait(&mut [PollFd::from_borrowed_fd(pidfd, PollFlags::IN)], patience)
}

/// Waits until something can be read, or the other end is gone; false when `patience` ran out.
pub(crate) fn readable(pipe: BorrowedFd<'_>, patience: Duration) -> io::Result<bool> {
    wait(&mut [PollFd::from_borrowed_fd(pipe, PollFlags::IN)], patience)
}

fn all_exit(processes: &[OwnedFd], patience: Duration) -> io::Result<bool> {
    let clock = Clock::system();
    let deadline = clock.now() + patience;
    for process in processes {
        if !exits(process.as_fd(), deadline.saturating_duration_since(clock.now()))? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn wait(descriptors: &mut [PollFd<'_>], patience: Duration) -> io::Result<bool> {
    let clock = Clock::system();
    let deadline = clock.now() + patience;
    loop {
        let left = deadline.saturating_duration_since(clock.now());
        let left = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        };
        match poll(descriptors, Some(&left)) {
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// A descriptor of exactly this process; `None` when it has gone.
fn hold(stat: &Stat) -> io::Result<Option<OwnedFd>> {
    let process = match table::descriptor(stat.pid) {
        Ok(process) => process,
        Err(error) if table::is_gone(&error) => return Ok(None),
        // The id is that of a thread by now, so the process has gone.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Ok(None),
        Err(error) => return Err(error),
    };
    // Looked up only now: whoever has the id still, with the same start time, had it when the
    // descriptor was opened, so the descriptor is that process or one that died before.
    let same = table::stat(stat.pid)?.is_some_and(|now| now.started == stat.started);
    Ok(same.then_some(process))
}

/// Those of `processes` that belong to the family of `noted` or carry its token, and live.
fn members(
    processes: &BTreeMap<u32, Stat>,
    noted: Option<&Identity>,
    ourselves: u32,
    carries: impl Fn(u32) -> bool,
) -> Vec<Stat> {
    let protected = lineage(processes, ourselves);
    // A leader that has died, but that its parent has not reaped, still names its group: the
    // kernel gives the number to nobody else before.
    let leader = noted
        .and_then(|leader| processes.get(&leader.pid).filter(|stat| leader.fits(stat)))
        .filter(|stat| !protected.contains(&stat.pid));
    let may_belong = |stat: &Stat| {
        !protected.contains(&stat.pid) && noted.is_none_or(|leader| leader.started <= stat.started)
    };
    let mut family: BTreeSet<u32> = processes
        .values()
        .filter(|stat| may_belong(stat))
        .filter(|stat| {
            leader.is_some_and(|leader| stat.pid == leader.pid || stat.group == leader.pid)
                || carries(stat.pid)
        })
        .map(|stat| stat.pid)
        .collect();
    loop {
        let before = family.len();
        for stat in processes.values() {
            // A child is never older than its parent: else that id was used again meanwhile.
            let is_child = family.contains(&stat.parent)
                && processes.get(&stat.parent).is_some_and(|it| it.started <= stat.started);
            if is_child && may_belong(stat) {
                family.insert(stat.pid);
            }
        }
        if family.len() == before {
            break;
        }
    }
    let living = |pid: u32| processes.get(&pid).filter(|stat| stat.lives()).cloned();
    family.into_iter().filter_map(living).collect()
}

/// Process 1, `pid` and its ancestors.
fn lineage(processes: &BTreeMap<u32, Stat>, pid: u32) -> BTreeSet<u32> {
    let mut found = BTreeSet::from([0, 1]);
    let mut next = pid;
    while found.insert(next) {
        let Some(stat) = processes.get(&next) else { break };
        next = stat.parent;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shell 10 started us, 20, and a neighbour, 30; we started the target 40 and its child 50.
    const TABLE: [(u32, u32, u32, u64); 6] = [
        (1, 0, 1, 0),
        (10, 1, 10, 1),
        (20, 10, 10, 2),
        (30, 10, 10, 3),
        (40, 20, 40, 4),
        (50, 40, 40, 5),
    ];

    fn find(
        rows: &[(u32, u32, u32, u64)],
        leader: Option<(u32, u64)>,
        carriers: &[u32],
    ) -> Vec<u32> {
        let stat = |&(pid, parent, group, started): &(u32, u32, u32, u64)| {
            let rest = format!("S {parent} {group} 0 0 0 0 0 0 0 0 1 1 0 0 0 0 1 0 {started} 0 9");
            (pid, Stat::parse(format!("{pid} (name) {rest}").as_bytes()).unwrap())
        };
        let processes = rows.iter().map(stat).collect();
        let leader = leader.map(|(pid, started)| Identity { pid, started, boot: String::new() });
        let found = members(&processes, leader.as_ref(), 20, |pid| carriers.contains(&pid));
        found.iter().map(|stat| stat.pid).collect()
    }

    #[test]
    fn a_family_is_found_by_its_leader_or_its_token() {
        assert_eq!(find(&TABLE, Some((40, 4)), &[]), [40, 50]);
        assert_eq!(find(&TABLE, None, &[40]), [40, 50]);
        assert_eq!(find(&TABLE, Some((40, 4)), &[30]), [40, 50], "30 is older than the leader");
        assert_eq!(find(&TABLE, None, &[]), [0_u32; 0]);
        assert_eq!(find(&TABLE, Some((40, 3)), &[]), [0_u32; 0], "the id was used again");
    }

    #[test]
    fn process_1_ourselves_and_our_ancestors_belong_to_no_family() {
        for leader in [(1, 0), (10, 1), (20, 2)] {
            assert_eq!(find(&TABLE, Some(leader), &[]), [0_u32; 0]);
        }
        // We run inside another trial, and carry its token as our children do.
        assert_eq!(find(&TABLE, None, &[1, 10, 20, 40]), [40, 50]);
        assert_eq!(find(&TABLE, Some((10, 1)), &[10, 20]), [0_u32; 0]);
    }

    #[test]
    fn a_child_that_is_older_than_its_parent_is_none() {
        let mut rows = TABLE;
        rows[5] = (50, 40, 50, 3);
        assert_eq!(find(&rows, None, &[40]), [40]);
    }
}
