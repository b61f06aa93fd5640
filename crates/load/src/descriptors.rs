//! File descriptors: every connection takes one, and the usual limit is for far fewer.

use std::collections::BTreeSet;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What a process needs besides its connections: logs, the targets' pipes, event queues.
const MARGIN: u64 = 256;

/// A limit that is too low for a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shortage {
    /// What the load may need.
    pub(crate) needed: u64,
    /// The most this process may have.
    pub(crate) most: u64,
}

/// What a step is done over.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Line<'a> {
    /// The connection a virtual user keeps to a target or an origin.
    Kept(&'a str),
    /// A stream of events: a connection of its own that stays open.
    Stream,
    /// A WebSocket: a connection of its own until the step is over, so that one counts for all.
    Socket,
}

/// The most connections a virtual user has at a time; at least one.
pub(crate) fn per_user<'a>(lines: impl Iterator<Item = Line<'a>>) -> u64 {
    let (mut kept, mut streams, mut socket) = (BTreeSet::new(), 0_u64, false);
    for line in lines {
        match line {
            Line::Kept(origin) => drop(kept.insert(origin)),
            Line::Stream => streams += 1,
            Line::Socket => socket = true,
        }
    }
    (kept.len() as u64 + streams + u64::from(socket)).max(1)
}

/// What tells one target or origin from another: the target's name, or the beginning of a full URL.
pub(crate) fn origin<'a>(target: Option<&'a str>, address: &'a str) -> &'a str {
    let Some(host) = address.find("://").map(|at| at + 3) else { return target.unwrap_or("") };
    let end = address[host..].find(['/', '?']).map_or(address.len(), |at| host + at);
    &address[..end]
}

/// Whether this process may open so many connections.
pub(crate) fn shortage(connections: u64) -> Option<Shortage> {
    let needed = connections.saturating_add(MARGIN);
    // No limit is said by none.
    let most = getrlimit(Resource::Nofile).maximum?;
    (needed > most).then_some(Shortage { needed, most })
}

/// Raises this process's limit to what so many connections need, or as far as it may.
///
/// # Errors
/// When it may not be raised far enough.
pub(crate) fn make_room(connections: u64) -> Result<(), Shortage> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let needed = connections.saturating_add(MARGIN);
    let goal = maximum.map_or(needed, |most| needed.min(most));
    if current.is_some_and(|current| current < goal) {
        let refused = setrlimit(Resource::Nofile, Rlimit { current: Some(goal), maximum }).is_err();
        if refused {
            return Err(Shortage { needed, most: current.unwrap_or(goal) });
        }
    }
    shortage(connections).map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_origin_stream_and_socket_counts() {
        let kept = |address| Line::Kept(origin(Some("api"), address));
        assert_eq!(per_user([].into_iter()), 1);
        assert_eq!(per_user([kept("/a"), kept("/b"), kept("${link}")].into_iter()), 1);
        let lines = [
            kept("/a"),
            kept("http://other:80/x"),
            kept("http://other:80?y"),
            Line::Kept(origin(None, "https://third")),
            Line::Stream,
            Line::Stream,
            Line::Socket,
            Line::Socket,
        ];
        assert_eq!(per_user(lines.into_iter()), 3 + 2 + 1);
    }

    #[test]
    fn the_limit_is_raised_as_far_as_it_may_and_never_lowered() {
        let before = getrlimit(Resource::Nofile);
        let users = before.current.unwrap_or(1024).saturating_add(1);
        let made = make_room(users);
        let after = getrlimit(Resource::Nofile);
        assert_eq!(after.maximum, before.maximum);
        let needed = users + MARGIN;
        match after.maximum {
            Some(most) if most < needed => {
                assert_eq!(made, Err(Shortage { needed, most }));
                assert_eq!(after.current, Some(most));
            }
            _ => {
                assert_eq!(made, Ok(()));
                assert!(after.current.is_none_or(|current| current >= needed));
            }
        }
        assert_eq!(make_room(1), Ok(()));
        assert_eq!(getrlimit(Resource::Nofile), after);
        assert_eq!(shortage(u64::MAX).is_some(), after.maximum.is_some());
    }
}
