//! The seaworthy command: flags in, exit code out.

fn main() {}
