//! The one call that no safe crate offers: telling the kernel that this process ignores a signal.
#![expect(unsafe_code, reason = "signal(2) has no safe binding; the argument stands beside it")]

use std::ffi::c_int;

use rustix::process::Signal;

/// `SIG_IGN` of `<signal.h>`: on every Linux architecture the handler value 1.
const IGNORE: usize = 1;

unsafe extern "C" {
    /// `signal(2)` of the C library, its handler pointer passed as the integer it is.
    fn signal(number: c_int, handler: usize) -> usize;
}

/// Ignores each of `signals` from now on, in this process and in what it executes.
pub(crate) fn ignore(signals: &[Signal]) {
    for number in signals {
        // SAFETY: the handler is SIG_IGN, so no code of ours ever runs in a signal context. An
        // unknown or uncatchable number makes the call fail with EINVAL and change nothing.
        unsafe { signal(number.as_raw(), IGNORE) };
    }
}
