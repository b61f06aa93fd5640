//! Drives a hub on this machine as hard as it goes and prints what came of it: `cargo xtask bench hub`.
//!
//! `drive BINARY all|apart [--seconds N] [--connections N] [--label TEXT] [--json]` starts
//! `BINARY hub serve` on free ports with a folder of its own, fills it through its endpoints (1,000
//! rules, 10,000 memories, 64 sessions), and then calls it in a closed loop, one kind of request at a
//! time. The generator shares the machine, and its processor time is in the table.

mod hub;
mod load;
mod wire;

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde_json::json;

use hub::{Hub, ROLES};
use load::{Measured, Target};

/// What was asked for.
struct Arguments {
    binary: PathBuf,
    apart: bool,
    seconds: u64,
    connections: usize,
    label: String,
    json: bool,
}

fn main() -> Result<()> {
    let arguments = read(std::env::args().skip(1))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(drive(&arguments))
}

fn read(mut words: impl Iterator<Item = String>) -> Result<Arguments> {
    let binary = words.next().context("which binary?")?.into();
    let apart = match words.next().as_deref() {
        Some("all") => false,
        Some("apart") => true,
        other => bail!("`all` or `apart`, not {other:?}"),
    };
    let label = if apart { "six processes" } else { "one process" };
    let mut arguments =
        Arguments { binary, apart, seconds: 5, connections: 64, label: label.into(), json: false };
    while let Some(word) = words.next() {
        if word == "--json" {
            arguments.json = true;
            continue;
        }
        let value = words.next().with_context(|| format!("{word} needs a value"))?;
        match word.as_str() {
            "--seconds" => arguments.seconds = value.parse()?,
            "--connections" => arguments.connections = value.parse()?,
            "--label" => arguments.label = value,
            _ => bail!("unknown option {word}"),
        }
    }
    Ok(arguments)
}

async fn drive(arguments: &Arguments) -> Result<()> {
    let mut hub = Hub::start(&arguments.binary, arguments.apart).await?;
    let world = load::fill(&hub, arguments.connections).await?;
    let mut table = Vec::new();
    for (target, connections) in [
        (Target::Evaluate, arguments.connections),
        (Target::Retrieve, arguments.connections),
        (Target::Turn, arguments.connections),
    ] {
        let measured = load::measure(&hub, &world, target, connections, arguments.seconds).await?;
        eprintln!("{}: {}", arguments.label, sentence(&measured));
        table.push(measured);
    }
    let acknowledged = world.acknowledged();
    let stored = load::count_turns(&hub, &world).await?;
    eprintln!("{}: {acknowledged} turns acknowledged, {stored} stored", arguments.label);
    if stored < acknowledged {
        bail!("{} acknowledged turns are not there", acknowledged - stored);
    }
    let streams = idle_streams(&hub, &world).await?;
    eprintln!("{}: 1,000 idle streams: {streams}", arguments.label);
    hub.stop().await?;
    if arguments.json {
        let rows: Vec<_> = table.iter().map(Measured::json).collect();
        println!(
            "{}",
            json!({"label": arguments.label, "load": rows, "idle_streams": streams,
                "turns_acknowledged": acknowledged, "turns_stored": stored})
        );
    }
    Ok(())
}

fn sentence(measured: &Measured) -> String {
    let cpu: Vec<String> = measured
        .cpu
        .iter()
        .filter(|(_, each)| **each >= 0.0005)
        .map(|(name, each)| format!("{name} {each:.3}"))
        .collect();
    format!(
        "{} {:.0}/s, p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms, {} in all; CPU-ms each: {}",
        measured.target.name(),
        measured.rate,
        measured.quantile(0.5),
        measured.quantile(0.95),
        measured.quantile(0.99),
        measured.count,
        cpu.join(", "),
    )
}

/// Opens 1,000 event streams of one session through the gateway and reads what the processes hold.
async fn idle_streams(hub: &Hub, world: &load::World) -> Result<serde_json::Value> {
    let before = hub.resident()?;
    let gateway: SocketAddr = hub.address("gateway")?;
    let mut open = Vec::new();
    for number in 0..1_000_usize {
        let session = &world.sessions[number % world.sessions.len()];
        let latest = load::latest_event(hub, world, session).await?;
        let head = format!(
            "GET /v1/sessions/{session}/events HTTP/1.1\r\nhost: hub\r\n\
             authorization: Bearer {}\r\nlast-event-id: {latest}\r\n\r\n",
            world.token
        );
        let mut connection = wire::Connection::open(gateway).await?;
        let status = connection.begin(head.as_bytes()).await?;
        if status != 200 {
            bail!("stream {number} was answered {status}");
        }
        open.push(connection);
    }
    // Two keep-alives: what a stream takes while it lives, not just after it was opened.
    tokio::time::sleep(std::time::Duration::from_secs(21)).await;
    let after = hub.resident()?;
    let mut report = serde_json::Map::new();
    for role in ROLES {
        let (Some(before), Some(after)) = (before.get(role), after.get(role)) else { continue };
        report.insert((*role).into(), json!({"before_kb": before, "after_kb": after}));
    }
    drop(open);
    Ok(report.into())
}
