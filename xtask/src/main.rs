//! The workspace chores: `cargo xtask {test, ci, tidy, bench}`.

fn main() {}
