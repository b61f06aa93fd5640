//! The limit on open files: raised for this process and, because children inherit it, for the targets
//! and the hub. The usual 1,024 are for programs that still call `select`, and none of these does.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit to the hard one.
pub(crate) fn raise() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        // Where that is refused, whoever needs more than there are says so: the load engine before it
        // begins, anybody else with the error itself.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
}
