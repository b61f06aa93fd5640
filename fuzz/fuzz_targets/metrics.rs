//! Any bytes are a page of metrics: bounded, never a panic, and read again as they were.
#![no_main]

use libfuzzer_sys::fuzz_target;
use seaworthy_trial::exposition::{MOST_BYTES, MOST_SAMPLES, read};

fuzz_target!(|bytes: &[u8]| {
    let page = read(bytes, |_| true);
    assert!(page.samples.len() <= MOST_SAMPLES.min(page.valid));
    let again: String = page
        .samples
        .iter()
        .map(|sample| {
            let labels: Vec<String> = sample
                .labels
                .iter()
                .map(|(label, value)| {
                    let value = value.replace('\\', "\\\\").replace('"', "\\\"");
                    format!("{label}=\"{}\"", value.replace('\n', "\\n"))
                })
                .collect();
            format!("{}{{{}}} {}\n", sample.name, labels.join(","), sample.value)
        })
        .collect();
    // Numbers are longer when they are written out: a line that came to be too long is not read.
    let fits = again.lines().all(|line| line.len() <= 16 << 10);
    if fits && again.len() <= MOST_BYTES {
        assert_eq!(read(again.as_bytes(), |_| true).samples.len(), page.samples.len());
    }
});
