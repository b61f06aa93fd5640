//! Any bytes are a timeline or an error; a timeline that is read is written and read as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use seaworthy_stats::Timeline;

fuzz_target!(|bytes: &[u8]| {
    let Ok(timeline) = Timeline::decode(bytes) else { return };
    let mut encoded = Vec::new();
    timeline.encode(&mut encoded).expect("a vector takes every write");
    let again = Timeline::decode(encoded.as_slice()).expect("what was written is read");
    let mut twice = Vec::new();
    again.encode(&mut twice).expect("a vector takes every write");
    assert_eq!(encoded, twice);
});
