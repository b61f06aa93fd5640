//! The stalling server: it answers at once for four seconds and not at all in the fifth. Which tool
//! sees it?

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::Result;

use super::Bench;
use super::measured::now;
use super::table::{Table, milliseconds};
use super::tools::{Task, Tool};

const CYCLE: Duration = Duration::from_secs(5);
const STALL: Duration = Duration::from_secs(1);
const CONNECTIONS: u32 = 10;
const RATE: u32 = 300;
/// A fifth of uniform arrivals waits, evenly between nothing and a second.
const TRUTH: [(f64, f64); 4] = [(50.0, 0.0), (90.0, 500.0), (95.0, 750.0), (99.0, 950.0)];

/// Measures every tool in the ways it offers.
pub(super) fn part(bench: &Bench) -> Result<String> {
    let url = serve()?;
    let seconds = if bench.quick { 5 } else { 15 };
    let open = Task {
        url,
        connections: CONNECTIONS,
        seconds: Some(seconds),
        requests: None,
        rate: Some(RATE),
        corrected: false,
    };
    let closed = Task { rate: None, ..open.clone() };
    let mut table = Table::new(&["tool", "p50", "p90", "p95", "p99", "requests"]);
    let truth = TRUTH.map(|(_, time)| milliseconds(time));
    table.row(
        [&["the truth for uniform arrivals".to_owned()][..], &truth, &["".to_owned()]].concat(),
    );
    for _ in 0..if bench.quick { 1 } else { 3 } {
        for tool in &bench.tools {
            let ways: &[(&str, &Task)] = match tool {
                Tool::Ours(_) => &[("--rate 300", &open), ("closed model", &closed)],
                Tool::Wrk(_) => &[("(closed model only)", &closed)],
                Tool::Oha(_) => &[("-q 300", &open), ("-q 300 --latency-correction", &open)],
            };
            for (way, task) in ways {
                let task = Task { corrected: way.contains("correction"), ..(*task).clone() };
                let (_, said) = tool.run(&bench.pins, &task)?;
                let mut row = vec![format!("{} {way}", tool.name())];
                row.extend(TRUTH.map(|(percent, _)| {
                    said.at(percent).map_or_else(|| "not shown".to_owned(), milliseconds)
                }));
                row.push(said.requests.to_string());
                table.row(row);
            }
        }
    }
    Ok(format!(
        "### A server that stalls for 1 s in every 5 s\n\n{CONNECTIONS} connections, {seconds} s a run.\n\n{table}"
    ))
}

/// A server of a thread for each connection; it ends with this program.
fn serve() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}/", listener.local_addr()?);
    let start = now();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // A caller may go away in the middle of anything.
            std::thread::spawn(move || answer(stream, start).ok());
        }
    });
    Ok(url)
}

fn answer(mut stream: TcpStream, start: Instant) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut head, mut filled) = ([0; 8192], 0);
    loop {
        let read = stream.read(&mut head[filled..])?;
        if read == 0 {
            return Ok(());
        }
        filled += read;
        if !head[..filled].ends_with(b"\r\n\r\n") {
            continue;
        }
        filled = 0;
        let end = now() + stalled_for(start.elapsed());
        while let Some(left) = end.checked_duration_since(now()).filter(|left| !left.is_zero()) {
            std::thread::park_timeout(left);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")?;
    }
}

/// How long the stall still lasts: the last second of each cycle is one.
fn stalled_for(since: Duration) -> Duration {
    let within = Duration::from_nanos((since.as_nanos() % CYCLE.as_nanos()) as u64);
    if within >= CYCLE - STALL { CYCLE - within } else { Duration::ZERO }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_second_of_five_is_a_stall() {
        for (millis, left) in
            [(0, 0), (3_999, 0), (4_000, 1000), (4_700, 300), (5_000, 0), (9_500, 500)]
        {
            assert_eq!(stalled_for(Duration::from_millis(millis)), Duration::from_millis(left));
        }
    }
}
