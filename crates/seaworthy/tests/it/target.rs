//! A real HTTP/1.1 target inside the test's process: the test says what it answers, and it counts
//! what it was asked.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

use serde_json::Value;

use crate::http::PATIENCE;

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

/// What is answered.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: u16,
    body: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self { status, body: body.to_string().into_bytes() }
    }

    /// No answer: the connection is closed.
    pub(crate) fn hang_up() -> Self {
        Self { status: 0, body: Vec::new() }
    }

    pub(crate) fn text(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, body: body.into() }
    }
}

/// Requests answered so far, by path.
type Counts = (Mutex<BTreeMap<String, u64>>, Condvar);

/// A server on a free loopback port, a thread for each connection; it lives as long as the test.
pub(crate) struct Target {
    address: SocketAddr,
    counts: Arc<Counts>,
}

impl Target {
    pub(crate) fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let counts: Arc<Counts> = Arc::default();
        let (shared, answer) = (Arc::clone(&counts), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (counts, answer) = (Arc::clone(&shared), Arc::clone(&answer));
                // A caller may go away in the middle of anything.
                std::thread::spawn(move || serve(stream, &counts, answer.as_ref()).ok());
            }
        });
        Self { address, counts }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// How often a path was asked for, whatever the query.
    pub(crate) fn count(&self, path: &str) -> u64 {
        self.counts.0.lock().unwrap().get(path).copied().unwrap_or(0)
    }

    /// Waits until a path was asked for so often.
    pub(crate) fn wait_for(&self, path: &str, wanted: u64) {
        let reached = |counts: &BTreeMap<String, u64>| counts.get(path).copied().unwrap_or(0);
        let counts = self.counts.0.lock().unwrap();
        let (counts, _) = self
            .counts
            .1
            .wait_timeout_while(counts, PATIENCE, |counts| reached(counts) < wanted)
            .unwrap();
        assert!(reached(&counts) >= wanted, "{path} is not asked for {wanted} times: {counts:?}");
    }
}

fn serve(
    stream: TcpStream,
    counts: &Counts,
    answer: &(impl Fn(&Asked) -> Reply + ?Sized),
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some(asked) = read(&mut reader)? {
        let path = asked.path.split('?').next().unwrap_or_default().to_owned();
        *counts.0.lock().unwrap().entry(path).or_default() += 1;
        counts.1.notify_all();
        let Reply { status, body } = answer(&asked);
        if status == 0 {
            return Ok(());
        }
        let mut bytes = format!(
            "HTTP/1.1 {status} As Told\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        bytes.extend(body);
        (&stream).write_all(&bytes)?;
    }
    Ok(())
}

/// One request, or the end of the connection.
fn read(reader: &mut BufReader<TcpStream>) -> std::io::Result<Option<Asked>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.insert(name.to_ascii_lowercase(), value.to_owned()),
            None if line.trim_end().is_empty() => break,
            None => continue,
        };
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(Asked { method, path, headers, body }))
}
