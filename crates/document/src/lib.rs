//! Documents read with line and column, and findings: what is wrong, where, why, and how to mend it.
//!
//! Three nouns: a [`Place`] (file, line, column), a [`Located`] value that remembers its place while
//! it is checked, and a [`Finding`]. Readers ([`yaml`], [`json`]) return the one finding that stopped
//! them; checkers collect as many as they can, so that a person mends a file once and not ten times.

mod finding;
mod located;
mod nearest;
mod read;

pub use finding::{Finding, Place, Severity, errors, render_all};
pub use located::Located;
pub use nearest::nearest;
pub use read::{MAX_BYTES, json, yaml};
