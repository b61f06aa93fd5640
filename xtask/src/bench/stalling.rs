//! The stalling server: it answers at once for four seconds and not at all in the fifth.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::command::now;

const CYCLE: Duration = Duration::from_secs(5);
const STALL: Duration = Duration::from_secs(1);
/// A fifth of uniform arrivals waits, evenly between nothing and a second: percentiles in milliseconds.
pub(super) const TRUTH: [(f64, f64); 4] =
    [(50.0, 0.0), (90.0, 500.0), (95.0, 750.0), (99.0, 950.0)];

/// A server of a thread for each connection; it ends with this program.
pub(super) fn serve() -> Result<String> {
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
