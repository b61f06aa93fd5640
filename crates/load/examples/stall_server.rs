//! A server that stands still: it answers at once, but the whole process stalls for a second in
//! every five.
//!
//! `cargo run --release -p seaworthy-load --example stall_server -- [PORT [STALL [EVERY]]]` listens on
//! 127.0.0.1 (port 0 by default: a free one) and prints `listening on ADDRESS`. One thread serves all
//! connections, so that while it stalls nothing is read, answered or accepted beyond what the kernel
//! does by itself. The first stall begins `EVERY - STALL` after the start.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use seaworthy_base::{Clock, Span};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: text/plain\r\n\r\nok";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let port: u16 = arguments.next().map_or(Ok(0), |text| text.parse())?;
    let mut span = |default: u64| {
        arguments.next().map_or(Ok(Duration::from_secs(default)), |text| {
            text.parse::<Span>().map(|span| span.0)
        })
    };
    let (stall, every) = (span(1)?, span(5)?);
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    listener.set_nonblocking(true)?;
    println!("listening on {}", listener.local_addr()?);
    let clock = Clock::system();
    let start = clock.now();
    let mut stalls = 1;
    let mut connections: BTreeMap<RawFd, (TcpStream, Vec<u8>)> = BTreeMap::new();
    loop {
        let due = start + every * stalls - stall;
        let left = due.saturating_duration_since(clock.now());
        if left.is_zero() {
            // The whole process stands still until the stall is over.
            let over = due + stall;
            wait(&mut [], over.saturating_duration_since(clock.now()))?;
            stalls += 1;
            continue;
        }
        let mut ready: Vec<RawFd> = Vec::new();
        let mut accepting = false;
        {
            let watch = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
            let mut all = vec![watch(listener.as_fd())];
            all.extend(connections.values().map(|(stream, _)| watch(stream.as_fd())));
            wait(&mut all, left)?;
            for (position, entry) in
                all.iter().enumerate().filter(|(_, entry)| !entry.revents().is_empty())
            {
                if position == 0 {
                    accepting = true;
                } else {
                    ready.push(entry.as_fd().as_raw_fd());
                }
            }
        }
        while accepting {
            match listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(true)?;
                    stream.set_nodelay(true)?;
                    connections.insert(stream.as_raw_fd(), (stream, Vec::new()));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => accepting = false,
                Err(error) => return Err(error.into()),
            }
        }
        for ready in ready {
            if let Some((stream, head)) = connections.get_mut(&ready)
                && !serve(stream, head)
            {
                connections.remove(&ready);
            }
        }
    }
}

/// Answers each whole request that has come; `false` when the connection is over.
fn serve(stream: &mut TcpStream, head: &mut Vec<u8>) -> bool {
    let mut buffer = [0; 4096];
    match stream.read(&mut buffer) {
        Ok(0) => return false,
        Ok(read) => head.extend_from_slice(&buffer[..read]),
        Err(error) => return error.kind() == ErrorKind::WouldBlock,
    }
    while let Some(end) = head.windows(4).position(|window| window == b"\r\n\r\n") {
        head.drain(..end + 4);
        if stream.write_all(ANSWER).is_err() {
            return false;
        }
    }
    true
}

fn wait(all: &mut [PollFd<'_>], time: Duration) -> Result<(), Box<dyn Error>> {
    let time = Timespec { tv_sec: time.as_secs().try_into()?, tv_nsec: time.subsec_nanos().into() };
    match poll(all, Some(&time)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
