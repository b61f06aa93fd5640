//! Any bytes in any pieces are an answer or an error, and hyper's client understands the same.
#![no_main]

#[path = "../../crates/net/tests/oracle/mod.rs"]
mod oracle;

use http::Method;
use libfuzzer_sys::fuzz_target;

thread_local! {
    static RUNTIME: tokio::runtime::Runtime =
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime without I/O");
}

// The first byte says which method asks and how many of the next ones say where the pieces end.
fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let method = if first & 1 == 0 { Method::GET } else { Method::HEAD };
    let (cuts, bytes) = rest.split_at(usize::from(first >> 1).min(rest.len()).min(8));
    let asked = RUNTIME.with(|runtime| runtime.block_on(oracle::disagreement(method, bytes, cuts)));
    assert_eq!(asked, None);
});
