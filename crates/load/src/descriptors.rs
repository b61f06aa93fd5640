//! File descriptors: every connection takes one, and the usual limit is for far fewer.

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

/// Whether this process may open enough connections for so many virtual users, one each.
pub(crate) fn shortage(users: u64) -> Option<Shortage> {
    let needed = users.saturating_add(MARGIN);
    // No limit is said by none.
    let most = getrlimit(Resource::Nofile).maximum?;
    (needed > most).then_some(Shortage { needed, most })
}

/// Raises this process's limit to what so many virtual users need, or as far as it may.
///
/// # Errors
/// When it may not be raised far enough.
pub(crate) fn make_room(users: u64) -> Result<(), Shortage> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let needed = users.saturating_add(MARGIN);
    let goal = maximum.map_or(needed, |most| needed.min(most));
    if current.is_some_and(|current| current < goal) {
        let refused = setrlimit(Resource::Nofile, Rlimit { current: Some(goal), maximum }).is_err();
        if refused {
            return Err(Shortage { needed, most: current.unwrap_or(goal) });
        }
    }
    shortage(users).map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

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
