//! A hub started from a binary: one process or six, on free ports, with a folder of its own.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use tokio::process::{Child, Command};

use crate::wire::{Connection, request};

/// Every role, by its name on the command line.
pub(crate) const ROLES: &[&str] =
    &["identity", "policy", "memory", "inference", "orchestrator", "gateway"];

/// Clock ticks a second in `/proc/<pid>/stat`: fixed on Linux for what user space sees.
const TICKS: f64 = 100.0;

/// A running hub.
pub(crate) struct Hub {
    data: tempfile::TempDir,
    addresses: BTreeMap<&'static str, SocketAddr>,
    /// By role; all in one process stand under the gateway.
    processes: BTreeMap<&'static str, Child>,
}

impl Hub {
    pub(crate) async fn start(binary: &Path, apart: bool) -> Result<Self> {
        let mut addresses = BTreeMap::new();
        // All held at once, so that no two roles are given the same port.
        let mut held = Vec::new();
        for role in ROLES {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            addresses.insert(*role, listener.local_addr()?);
            held.push(listener);
        }
        drop(held);
        let data = tempfile::tempdir()?;
        let mut hub = Self { data, addresses, processes: BTreeMap::new() };
        let starts: Vec<(&str, &str)> = if apart {
            ROLES.iter().map(|role| (*role, *role)).collect()
        } else {
            vec![("gateway", "all")]
        };
        for (name, role) in starts {
            let mut command = Command::new(binary);
            command.args(["hub", "serve", "--log", "warn", "--role", role]);
            command.arg("--data").arg(hub.data.path());
            for (role, address) in &hub.addresses {
                command.arg(format!("--{role}")).arg(address.to_string());
            }
            command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
            let child = command.spawn().with_context(|| format!("start {}", binary.display()))?;
            let name = ROLES.iter().find(|one| **one == name).context("a role")?;
            hub.processes.insert(name, child);
        }
        for role in ROLES {
            hub.ready(role).await?;
        }
        Ok(hub)
    }

    async fn ready(&self, role: &str) -> Result<()> {
        let ask = request("GET", "/ready", "none", "", &serde_json::Value::Null);
        for _ in 0..600 {
            if let Ok(mut connection) = Connection::open(self.address(role)?).await
                && let Ok((200, _)) = connection.exchange(&ask).await
            {
                return Ok(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        bail!("{role} is not ready after 30 s")
    }

    pub(crate) fn address(&self, role: &str) -> Result<SocketAddr> {
        self.addresses.get(role).copied().with_context(|| format!("no role {role}"))
    }

    /// The password of user `admin`.
    pub(crate) fn credential(&self) -> Result<String> {
        let text = std::fs::read_to_string(self.data.path().join("identity/admin.credential"))?;
        Ok(text.trim().to_owned())
    }

    /// Processor seconds each process has used so far, user and system.
    pub(crate) fn processor(&self) -> Result<BTreeMap<&'static str, f64>> {
        self.each(|pid| used(&format!("/proc/{pid}/stat")))
    }

    /// Resident kilobytes of each process.
    pub(crate) fn resident(&self) -> Result<BTreeMap<&'static str, u64>> {
        self.each(|pid| {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
            let number = line.and_then(|line| line.split_whitespace().next());
            Ok(number.context("VmRSS in /proc")?.parse()?)
        })
    }

    fn each<T>(&self, read: impl Fn(u32) -> Result<T>) -> Result<BTreeMap<&'static str, T>> {
        let one = |(role, child): (&&'static str, &Child)| {
            Ok((*role, read(child.id().context("the process has ended")?)?))
        };
        self.processes.iter().map(one).collect()
    }

    /// Kills what was started: its data goes with it, so nothing is worth a long goodbye.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        for child in self.processes.values_mut() {
            child.kill().await?;
        }
        Ok(())
    }
}

/// Processor seconds in a `stat` file of `/proc`.
pub(crate) fn used(path: &str) -> Result<f64> {
    let stat = std::fs::read_to_string(path)?;
    // The command's name may hold blanks; everything after its closing bracket does not.
    let (_, rest) = stat.rsplit_once(')').context("a stat line")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |at: usize| -> Result<f64> { Ok(fields.get(at).context("a field")?.parse()?) };
    Ok((ticks(11)? + ticks(12)?) / TICKS)
}
