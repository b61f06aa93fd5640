//! JavaScript on a coroutine: sources compiled once, a runtime for each virtual user, waits that block the script and not the thread.

pub mod source;
