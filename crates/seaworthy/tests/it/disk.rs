//! Disks that are full or may not be written to: it is said, nothing panics, and targets are stopped.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::house::{Ended, House, Running, until};
use crate::lifecycle::{alive, scratch, started, tokens};
use crate::trial::{plan, willing};

/// How a command is started where it may mount file systems that nobody else sees; none where the
/// kernel allows neither root nor a user's own namespace to do so.
fn namespace() -> Option<&'static [&'static str]> {
    let ways: [&'static [&'static str]; 2] = [&["unshare", "-rm"], &["unshare", "-m"]];
    ways.into_iter().find(|way| {
        let tried = Command::new(way[0])
            .args(&way[1..])
            .args(["mount", "-t", "tmpfs", "tmpfs", "/mnt"])
            .output();
        tried.is_ok_and(|tried| tried.status.success())
    })
}

/// Runs a trial whose house is a file system of its own, mounted by this shell script (`$1` is the
/// house); `None`, with the reason printed, where nothing can be mounted.
fn mounted(house: &House, mount: &str, text: &str) -> Option<Ended> {
    let Some(namespace) = namespace() else {
        println!("skipped: no namespace to mount a file system in");
        return None;
    };
    fs::create_dir_all(house.home()).unwrap();
    house.write("plan.yaml", text);
    let home = house.home();
    let script = format!("{mount}; shift; exec \"$@\"");
    let mut starter = namespace.to_vec();
    starter.extend(["sh", "-ec", &script, "sh", home.to_str().unwrap()]);
    let words = ["trial", "--plan", "plan.yaml", "--folder", home.to_str().unwrap()];
    Some(Running::start(house.through(&starter, &words)).end())
}

#[test]
fn a_folder_that_may_not_be_written_to_is_said() {
    let (house, target) = (House::new(), willing());
    let text = plan(&target.url(), "1s");
    let ended = if rustix::process::geteuid().is_root() {
        let mount = "mount -t tmpfs tmpfs \"$1\"; mount -o remount,ro \"$1\"";
        let Some(ended) = mounted(&house, mount, &text) else { return };
        assert!(ended.stderr.contains("Read-only file system"), "{}", ended.stderr);
        ended
    } else {
        fs::create_dir(house.home()).unwrap();
        fs::set_permissions(house.home(), fs::Permissions::from_mode(0o555)).unwrap();
        let ended = house.trial(&text);
        assert!(ended.stderr.contains("Permission denied"), "{}", ended.stderr);
        ended
    };
    let ended = ended.expect(3);
    let home = house.home();
    assert!(ended.stderr.contains(home.to_str().unwrap()), "{}", ended.stderr);
    assert!(ended.stderr.contains("name another folder"), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
    assert_eq!(target.count("/work"), 0);
    assert!(house.trials().is_empty());
}

#[test]
fn a_house_that_is_no_folder_is_said() {
    let (house, target) = (House::new(), willing());
    for place in ["file", "file/below", "/proc/seaworthy"] {
        house.write("file", "");
        house.write("plan.yaml", plan(&target.url(), "1s"));
        let ended = house.run(&["trial", "--plan", "plan.yaml", "--folder", place]).expect(3);
        assert!(ended.stderr.contains(place), "{}", ended.stderr);
        assert!(ended.stderr.contains("ledger-io"), "{}", ended.stderr);
    }
    assert_eq!(target.count("/work"), 0);
}

#[test]
fn a_keystore_that_may_not_be_written_to_is_said() {
    let (house, target) = (House::new(), willing());
    house.write("state", "a file where the folder should be");
    let ended = house.trial(&plan(&target.url(), "1s")).expect(3);
    assert!(ended.stderr.contains("state"), "{}", ended.stderr);
    assert!(ended.stderr.contains("[ledger-"), "{}", ended.stderr);
    assert!(house.trials().is_empty() && target.count("/work") == 0);
}

#[test]
fn a_file_system_of_any_size_that_is_too_small_is_said() {
    let target = willing();
    let text = plan(&target.url(), "1s");
    let mut full = 0;
    for kilobytes in [8, 16, 24, 32, 48, 64, 96, 4096] {
        let house = House::new();
        let mount = format!("mount -t tmpfs -o size={kilobytes}k tmpfs \"$1\"");
        let Some(ended) = mounted(&house, &mount, &text) else { return };
        match ended.code {
            Some(3) => {
                full += 1;
                let ended = ended.expect(3);
                assert!(
                    ended.stderr.contains("No space left on device"),
                    "{kilobytes}: {}",
                    ended.stderr
                );
                let last = ended.stderr.lines().last().unwrap();
                assert!(last.starts_with("hint: "), "{kilobytes}: {}", ended.stderr);
            }
            _ => {
                assert!(kilobytes > 32, "nothing fits into {kilobytes} KiB");
                ended.expect(2);
            }
        }
    }
    assert!((2..8).contains(&full), "{full} of them were too small");
}

/// Builds the library that makes a disk full on demand.
fn shim(folder: &Path) -> PathBuf {
    let library = folder.join("full_disk.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/full_disk.c");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .arg(source)
        .status()
        .expect("a C compiler named cc is installed by `cargo xtask test`");
    assert!(built.success());
    library
}

#[test]
fn a_disk_that_fills_up_under_load_ends_the_trial_and_leaves_nothing_running() {
    let (house, target) = (House::new(), willing());
    let library = shim(house.root());
    let flag = house.root().join("full");
    let mut command = house.trial_command(&started(&target, "3s"));
    command
        .env("LD_PRELOAD", &library)
        .env("FULL_DISK_FLAG", &flag)
        .env("FULL_DISK_FOLDER", house.home());
    let running = Running::start(command);
    target.wait_for("/work", 20);
    let tokens = tokens(&house);
    assert!(alive(&tokens).len() >= 2);
    fs::write(&flag, b"").unwrap();
    let ended = running.end().expect(3);
    assert!(ended.stderr.contains("No space left on device"), "{}", ended.stderr);
    assert!(ended.stderr.contains("hint: make room"), "{}", ended.stderr);
    assert!(ended.stderr.contains(house.home().to_str().unwrap()), "{}", ended.stderr);
    until("the targets are gone", || alive(&tokens).is_empty());
    until("the scratch folder is gone", || scratch(&house).is_empty());
    // Nothing claims to be whole: no seal, and so nothing that verifies.
    let folder = house.only_trial();
    house.run(&["receipts", "verify", folder.to_str().unwrap()]).expect(1);
    // With room again, the next trial runs, and the ledger holds.
    fs::remove_file(&flag).unwrap();
    let ended = house.trial(&plan(&target.url(), "1s")).expect(2);
    assert!(!ended.stderr.contains("left:"), "{}", ended.stderr);
    let audit = house.run(&["receipts", "audit"]).expect(0);
    assert!(audit.stdout.contains("unsealed"), "{}", audit.stdout);
    assert!(House::files(&house.home().join("undo")).is_empty(), "nothing is left to undo");
}
