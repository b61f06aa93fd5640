//! Durability: what was acknowledged is there, what was not is never claimed, bad files are named.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use seaworthy_hub::Role::{Identity, Policy};
use seaworthy_hub::{Options, Service};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::harness::{DEADLINE, Hub, Remote, rows_of};

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let options = Options::new(&file).roles([Identity]).any_ports();
    let error = Service::bind(options).await.err().unwrap();
    assert_eq!(error.code(), "store.folder");
    assert!(error.to_string().starts_with("identity: cannot use"), "{error}");
}

/// Compiles the library that makes system calls fail; the bundled SQLite needs a C compiler, too.
pub(crate) fn fault_library(folder: &Path) -> PathBuf {
    let library = folder.join("fault.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fault.c");
    let status = std::process::Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([&library, &source])
        .arg("-ldl")
        .status()
        .unwrap();
    assert!(status.success());
    library
}

/// A hub in a process of its own: this test binary, told to run [`serve`].
struct Hull {
    child: Child,
    remote: Remote,
}

impl Hull {
    async fn launch(data: &Path, fault: Option<(&Path, &Path)>) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["store::serve", "--exact", "--nocapture"])
            .env("SEAWORTHY_SERVE", data)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        if let Some((library, base)) = fault {
            command.env("LD_PRELOAD", library).env("SEAWORTHY_FAULT", base);
        }
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let bases = async {
            loop {
                let line = lines.next_line().await.unwrap().expect("the hub ended early");
                // The test runner's own words may stand in front, on the same line.
                if let Some((_, bases)) = line.split_once("serving ") {
                    return bases.split(' ').map(str::to_owned).collect::<Vec<_>>();
                }
            }
        };
        let bases = tokio::time::timeout(DEADLINE, bases).await.unwrap();
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let remote = Remote::new(data, [Identity, Policy].into_iter().zip(bases).collect());
        Self { child, remote }
    }

    async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}

/// Not a check but what the tests here start as a process of its own; by itself it does nothing.
#[tokio::test]
async fn serve() {
    let Some(data) = std::env::var_os("SEAWORTHY_SERVE") else { return };
    let options = Options::new(data).roles([Identity, Policy]).any_ports();
    let service = Service::bind(options).await.unwrap();
    let address = |role| service.address(role).unwrap();
    println!("serving http://{} http://{}", address(Identity), address(Policy));
    service.run(tokio_util::sync::CancellationToken::new()).await;
}

async fn faulty() -> (TempDir, Hull, impl Fn(&str, bool)) {
    let folder = tempfile::tempdir().unwrap();
    let library = fault_library(folder.path());
    let base = folder.path().join("fault");
    let hull = Hull::launch(&folder.path().join("data"), Some((&library, &base))).await;
    let switch = move |name: &str, on: bool| {
        let file = base.with_extension(name);
        if on {
            std::fs::write(file, "").unwrap();
        } else {
            std::fs::remove_file(file).unwrap();
        }
    };
    (folder, hull, switch)
}

async fn a_failing_disk_is_never_acknowledged(fault: &str) {
    let (folder, hull, switch) = faulty().await;
    let admin = hull.remote.credential();
    let put = |id: &str| {
        let path = format!("/v1/tenants/{id}");
        hull.remote.put(Identity, &path, json!({"name": "n"})).admin(&admin).send()
    };
    put("before").await.ok(201);
    switch(fault, true);
    let burst: Vec<String> = (0..50).map(|index| format!("during-{index}")).collect();
    let answers = futures_util::future::join_all(burst.iter().map(|id| put(id))).await;
    for answer in answers {
        answer.refused(503, "store_failed");
        assert!(answer.headers.contains_key("retry-after"));
    }
    // The disk says it is well again. What it lost meanwhile nobody knows, so nothing is taken.
    if fault != "once" {
        switch(fault, false);
    }
    put("after").await.refused(503, "store_failed");
    let ready = hull.remote.get(Identity, "/ready").send().await;
    assert!(ready.ok(503)["reasons"][0].as_str().unwrap().contains("store has failed"));
    hull.remote.get(Identity, "/live").send().await.ok(200);
    hull.remote.get(Policy, "/ready").send().await.ok(200);
    hull.remote.get(Identity, "/v1/tenants/before").admin(&admin).send().await.ok(200);
    hull.kill().await;

    let hull = Hull::launch(&folder.path().join("data"), None).await;
    let read =
        |id: &str| hull.remote.get(Identity, &format!("/v1/tenants/{id}")).admin(&admin).send();
    read("before").await.ok(200);
    read("after").await.refused(404, "unknown_tenant");
    let put = hull.remote.put(Identity, "/v1/tenants/again", json!({"name": "n"}));
    put.admin(&admin).send().await.ok(201);
    hull.kill().await;
}

#[tokio::test]
async fn a_failing_sync_is_never_acknowledged() {
    a_failing_disk_is_never_acknowledged("sync").await;
}

/// The next sync would succeed, but is not asked for.
#[tokio::test]
async fn one_failed_sync_is_enough() {
    a_failing_disk_is_never_acknowledged("once").await;
}

#[tokio::test]
async fn a_full_disk_is_never_acknowledged() {
    a_failing_disk_is_never_acknowledged("space").await;
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..3 {
        let hull = Hull::launch(folder.path(), None).await;
        let admin = hull.remote.credential();
        // Each writer stops when the process is gone, and says what it was promised.
        let writers = (0..16).map(|writer| {
            let (remote, admin) = (hull.remote.clone(), admin.clone());
            tokio::spawn(async move {
                let mut promised = Vec::new();
                for index in 0.. {
                    let id = format!("t-{round}-{writer}-{index}");
                    let path = format!("/v1/tenants/{id}");
                    let put = remote.put(Identity, &path, json!({"name": "n"})).admin(&admin);
                    match put.attempt().await {
                        Some(answer) => {
                            answer.ok(201);
                            promised.push(id);
                        }
                        None => break,
                    }
                }
                promised
            })
        });
        let writers: Vec<_> = writers.collect();
        let committed = async {
            let line = "store_transactions_total";
            while hull.remote.counter(Identity, line).await < 200.0 {}
        };
        tokio::time::timeout(DEADLINE, committed).await.unwrap();
        hull.kill().await;
        let mut promised = Vec::new();
        for writer in writers {
            promised.extend(writer.await.unwrap());
        }
        assert!(promised.len() >= 100, "only {}", promised.len());
        let hull = Hull::launch(folder.path(), None).await;
        for id in promised {
            let path = format!("/v1/tenants/{id}");
            hull.remote.get(Identity, &path).admin(&admin).send().await.ok(200);
        }
        hull.kill().await;
    }
}

#[tokio::test]
async fn a_second_process_is_turned_away() {
    let hub = Hub::start(&[Identity]).await;
    let rows = rows_of(hub.data.path()).await;
    let options = Options::new(hub.data.path()).roles([Identity]).any_ports().database(rows);
    let error = Service::bind(options).await.err().unwrap();
    assert_eq!(error.code(), "store.in_use");
    hub.get(Identity, "/ready").send().await.ok(200);
}
