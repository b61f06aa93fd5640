//! What a request costs the client: `cost URL [CONNECTIONS] [REQUESTS] [repeat|send]` drives that
//! many connections from one thread, each with its next request as soon as it has an answer, and
//! prints the CPU time per thousand requests.

use std::cell::Cell;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use seaworthy_net::{Client, Keep, Options, Request, Url};

/// What went on over all connections.
#[derive(Debug, Default)]
struct Tally {
    /// Requests that nobody has taken on yet.
    left: Cell<u64>,
    failed: Cell<u64>,
    bytes: Cell<u64>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default| match arguments.get(at) {
        Some(text) => text.parse().ok(),
        None => Some(default),
    };
    let url = arguments.first().and_then(|text| Url::parse(text).ok());
    let (Some(url), Some(connections), Some(requests)) = (url, number(1, 50), number(2, 300_000))
    else {
        eprintln!("cost URL [CONNECTIONS] [REQUESTS] [repeat|send]");
        return ExitCode::FAILURE;
    };
    let sends = arguments.get(3).is_some_and(|mode| mode == "send");
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, run(url, connections, requests, sends));
    ExitCode::SUCCESS
}

async fn run(url: Url, connections: u64, requests: u64, sends: bool) {
    let options = Arc::new(Options::default());
    let tally = Rc::new(Tally::default());
    let mut clients: Vec<Client> = Vec::new();
    for _ in 0..connections {
        // Opening connections is no part of what is measured.
        let mut client = Client::new(Arc::clone(&options));
        if let Err(failure) = client.send(&url, Request::get(url.base())).await {
            eprintln!("{failure}");
            return;
        }
        clients.push(client);
    }
    tally.left.set(requests);
    let (wall, busy) = (options.clock.now(), busy());
    let tasks: Vec<_> = clients
        .into_iter()
        .map(|client| tokio::task::spawn_local(user(client, url.clone(), Rc::clone(&tally), sends)))
        .collect();
    for task in tasks {
        if let Err(error) = task.await {
            eprintln!("{error}");
        }
    }
    let busy = self::busy().saturating_sub(busy).as_secs_f64();
    let wall = (options.clock.now() - wall).as_secs_f64();
    println!(
        "{requests} requests, {} failed, {} bytes, {wall:.3} s, {busy:.3} CPU-s: {:.5} CPU-s per \
         1,000 requests, {:.0} requests per CPU-second",
        tally.failed.get(),
        tally.bytes.get(),
        busy * 1000.0 / requests as f64,
        requests as f64 / busy,
    );
}

async fn user(mut client: Client, url: Url, tally: Rc<Tally>, sends: bool) {
    let mut request = Request::get(url.base());
    request.keep = Keep::Failures;
    let Ok(prepared) = request.prepare(&url) else { return };
    while let Some(left) = tally.left.get().checked_sub(1) {
        tally.left.set(left);
        let result = if sends {
            client.send(&url, Request::get(url.base())).await
        } else {
            client.repeat(&url, &prepared).await
        };
        match result {
            Ok(response) if response.status < 400 => {
                tally.bytes.set(tally.bytes.get() + response.bytes_received);
            }
            _ => tally.failed.set(tally.failed.get() + 1),
        }
    }
}

/// The CPU time this thread, which is the only one, has used; Linux counts it in nanoseconds.
fn busy() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}
