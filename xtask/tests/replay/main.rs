//! Ours, held against what is recorded of k6: every script of `crates/k6/conformance`, by topic.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// A test for each topic, so that each is named when it fails.
macro_rules! topics {
    ($($topic:ident)+) => {
        $(#[test]
        fn $topic() {
            replay(stringify!($topic));
        })+

        #[test]
        fn no_topic_is_left_out() {
            let listed = [$(stringify!($topic)),+];
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/k6/conformance");
            for entry in folder.read_dir().unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_str().unwrap();
                assert!(!path.is_dir() || listed.contains(&name), "{name} has no test");
            }
        }
    };
}

topics! {
    checks console crypto data encoding execution executors groups html http imports language lifecycle
    metrics misuse options outputs random scenarios summary tags thresholds timers typescript websockets ws
}

fn replay(topic: &str) {
    static OURS: LazyLock<PathBuf> = LazyLock::new(|| lean(&built("seaworthy")));
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    // Each run syncs what it writes, which takes longer than most scripts do.
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        command.env("TMPDIR", memory);
    }
    let output = command
        .args(["conformance", "k6", "--recorded", "--jobs", "2"])
        .arg("--only")
        .arg(format!("{topic}/"))
        .arg("--ours")
        .arg(&*OURS)
        .arg("--server")
        .arg(built("examples/conformance_server"))
        .output()
        .unwrap();
    let (said, why) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{why}");
}

/// What the rest of the workspace has built beside this test.
fn built(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_BIN_EXE_xtask")).parent().unwrap();
    let path = folder.join(name);
    assert!(path.is_file(), "{} is not built: `cargo xtask test` builds it", path.display());
    path
}

/// A copy without symbols, where they can be taken off: each run hashes its whole program for the
/// receipts, and in a debug build half of that is symbols.
fn lean(program: &Path) -> PathBuf {
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("replayed");
    let stripped = Command::new("strip").arg("-o").arg(&copy).arg(program).status();
    if stripped.is_ok_and(|status| status.success()) { copy } else { program.to_owned() }
}
