//! Sampling: what a family uses is seen, wherever in the family it is used.

use std::path::Path;
use std::time::Duration;

use crate::room::{Room, until};

const LONG: Duration = Duration::from_secs(30);

#[test]
fn a_busy_child_is_seen() {
    let room = Room::new();
    let target = room.ready("sh -c 'while :; do :; done' & echo ready; wait");
    until("two processes have used CPU time", || {
        let sample = target.sample().unwrap();
        sample.processes == 2 && sample.cpu_seconds >= 0.2
    });
    let sample = target.sample().unwrap();
    assert!(sample.rss_bytes > 100_000 && sample.threads == 2, "{sample:?}");
    target.stop(LONG).unwrap();
    let after = target.sample().unwrap();
    assert_eq!((after.processes, after.rss_bytes, after.fds), (0, 0, Some(0)));
}

#[test]
fn memory_and_descriptors_are_seen() {
    let room = Room::new();
    let small = room.ready("echo ready; exec sleep 1000");
    // In the middle of its `exec` it has no memory at all.
    until("its memory is counted", || small.sample().unwrap().rss_bytes > 0);
    let small = small.sample().unwrap().rss_bytes;
    assert!(small < 20_000_000, "{small}");
    let room = Room::new();
    let target = room.ready(
        "x=$(head -c 40000000 /dev/zero | tr '\\0' x); exec 4</dev/null 5</dev/null 6</dev/null
         echo ready; sleep 1000 & wait",
    );
    let sample = target.sample().unwrap();
    // The kernel counts in batches for each processor, so a little may be missing.
    assert!(sample.rss_bytes > 38_000_000, "{sample:?}");
    // Of the shell and of its child: three standard ones and three more.
    until("both are there", || target.sample().unwrap().fds.unwrap() >= 12);
}

#[test]
fn written_bytes_are_seen_where_the_kernel_counts_them() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let own = || {
        let text = std::fs::read_to_string("/proc/self/io").unwrap();
        let line = text.lines().find(|line| line.starts_with("write_bytes:")).unwrap();
        line["write_bytes:".len()..].trim().parse::<u64>().unwrap()
    };
    let before = own();
    let file = tempfile::NamedTempFile::new_in(folder).unwrap();
    std::fs::write(file.path(), vec![1; 4096]).unwrap();
    file.as_file().sync_all().unwrap();
    let counts = own() > before;

    let room = Room::new();
    let script = format!(
        "dd if=/dev/zero of='{}' bs=65536 count=32 conv=fsync 2>/dev/null; echo ready; exec sleep 1000",
        file.path().display()
    );
    let sample = room.ready(&script).sample().unwrap();
    assert!(sample.read_bytes.is_some());
    // The writer has been reaped: what it did is counted with its parent. A file system in memory
    // counts nothing, which the test's own write shows.
    assert_eq!(sample.write_bytes.unwrap() >= 32 * 65536, counts, "{sample:?}");
}
