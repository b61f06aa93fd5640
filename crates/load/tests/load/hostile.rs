//! Servers that misbehave, end to end: each is counted under its own error, and the run ends.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use crate::world::{Done, Trial, World};
use seaworthy_net::{Options, Url};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the server does with a connection after it has read something.
#[derive(Clone, Copy, Debug)]
enum Manner {
    /// Never answers.
    Stalls,
    /// Resets the connection.
    Resets,
    /// Answers with bytes that are no HTTP.
    Garbage,
    /// A body without an end.
    EndlessBody,
    /// Headers without an end.
    EndlessHeaders,
    /// Half of the body it promised.
    ClosesMidBody,
    /// Closes without a word.
    Closes,
    /// Two lengths that contradict each other.
    TwoLengths,
}

async fn misbehave(mut stream: TcpStream, manner: Manner) -> std::io::Result<()> {
    let mut buffer = [0; 4096];
    if stream.read(&mut buffer).await? == 0 {
        return Ok(());
    }
    match manner {
        Manner::Stalls => std::future::pending().await,
        Manner::Resets => {
            // What was not read makes the close a reset.
            stream.set_zero_linger()?;
        }
        Manner::Garbage => stream.write_all(b"\x16\x03\x01 what is this?\r\n\r\n").await?,
        Manner::EndlessBody => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
            loop {
                stream.write_all(b"1000\r\n").await?;
                stream.write_all(&[b'x'; 0x1000]).await?;
                stream.write_all(b"\r\n").await?;
            }
        }
        Manner::EndlessHeaders => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
            loop {
                stream.write_all(b"x-more: and more and more and more and more\r\n").await?;
            }
        }
        Manner::ClosesMidBody => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await?;
        }
        Manner::Closes => {}
        Manner::TwoLengths => {
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok";
            stream.write_all(answer).await?;
        }
    }
    Ok(())
}

async fn meet(manner: Manner) -> Done {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(misbehave(stream, manner));
        }
    });
    let yaml = "
flows: [{name: f, target: service, steps: [{name: s, request: GET /, timeout: 2s}]}]
load: [{flow: f, executor: per-vu-iterations, vus: 3, iterations: 2, gracefulStop: 10s}]";
    let world = World::taking(Duration::ZERO);
    let mut trial = Trial::new(&world, yaml, Duration::from_secs(60));
    trial.options.client = Options { max_body: 1 << 20, ..Options::default() };
    trial.options.workers = NonZeroUsize::new(2);
    let url = Url::parse(&format!("http://{address}/")).unwrap();
    trial.options.targets = BTreeMap::from([("service".to_owned(), url)]);
    let run = tokio::time::timeout(Duration::from_secs(60), trial.run_for_real());
    run.await.unwrap_or_else(|_| panic!("{manner:?} keeps the run from ending"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_is_counted_under_its_own_error() {
    for (manner, code) in [
        (Manner::Stalls, "timeout"),
        (Manner::Resets, "connection_reset"),
        (Manner::Garbage, "protocol_error"),
        (Manner::EndlessBody, "body_too_large"),
        (Manner::EndlessHeaders, "headers_too_large"),
        (Manner::ClosesMidBody, "connection_closed"),
        (Manner::Closes, "connection_closed"),
        (Manner::TwoLengths, "protocol_error"),
    ] {
        let done = meet(manner).await;
        let load = &done.report.loads[0];
        let counts = (load.started, load.failed_iterations, load.requests, load.failed);
        assert_eq!(counts, (6, 6, 6, 6), "{manner:?}");
        assert_eq!(load.interrupted, 0, "{manner:?}");
        let status = format!("error:{code}");
        assert_eq!(done.count("http_reqs", &[("status", &status)]), 6, "{manner:?}");
        assert_eq!(done.rate("http_req_failed", &[]), (6, 6), "{manner:?}");
        assert_eq!(done.times("http_req_duration", &[]).count(), 6, "{manner:?}");
        assert_eq!(load.failures.len(), 1, "{manner:?}: {:?}", load.failures);
        assert_eq!((load.failures[0].code.as_str(), load.failures[0].count), (code, 6));
    }
}
