//! The unsafe of this crate: stacks that are switched, and QuickJS calls that rquickjs does not wrap.

mod buffer;
mod bytecode;
mod entries;
mod fiber;

pub use buffer::{byte_length, copy_bytes, overwrite_bytes};
pub use bytecode::end_script;
pub(crate) use bytecode::{Bytecode, compile_script, has_jobs, load_module, run_script};
pub use entries::{Entries, Text, lent};
pub use fiber::{Completion, Cut, Fiber, Port, background, wait};
pub(crate) use fiber::{Interrupted, forget_background, is_cut, poll_interrupt, take_ready};
