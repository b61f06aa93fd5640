//! The server that scripts talk to, as a process of its own for each run.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Map, Value};

/// A running server. It ends when this is dropped, and when this program ends.
pub(super) struct Server {
    child: Child,
    /// Closed, it ends.
    _stdin: Option<ChildStdin>,
    /// What scripts find in `__ENV`: names and addresses.
    pub(super) addresses: Vec<(String, String)>,
}

impl Server {
    pub(super) fn start(program: &Path) -> Result<Self> {
        let mut child = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} did not start", program.display()))?;
        let stdin = child.stdin.take();
        let mut server = Self { child, _stdin: stdin, addresses: Vec::new() };
        let stdout = server.child.stdout.take().context("its output is a pipe")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let addresses: Map<String, Value> =
            serde_json::from_str(&line).context("the server did not say where it listens")?;
        let text = |value: Value| value.as_str().map(str::to_owned);
        server.addresses =
            addresses.into_iter().filter_map(|(name, value)| Some((name, text(value)?))).collect();
        Ok(server)
    }

    /// What reached it so far: `requests` by method and path, `connections`.
    pub(super) fn counts(&self) -> Result<Value> {
        let port =
            self.addresses.iter().find(|(name, _)| name == "PORT").context("it has no port")?;
        let mut stream = TcpStream::connect(format!("127.0.0.1:{}", port.1))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /__counts HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (_, body) = answer.split_once("\r\n\r\n").context("the server did not answer")?;
        let mut counts: Value = serde_json::from_str(body)?;
        // This look was a connection too.
        if let Some(connections) = counts["connections"].as_u64() {
            counts["connections"] = connections.saturating_sub(1).into();
        }
        Ok(counts)
    }

    /// How many requests reached it so far.
    pub(super) fn requests(&self) -> Result<u64> {
        let counts = self.counts()?;
        let requests = counts["requests"].as_object().into_iter().flat_map(Map::values);
        Ok(requests.filter_map(Value::as_u64).sum())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Ours alone; nothing is lost when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
