//! Servers that break the rules: the right error code, never a hang.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use proptest::prelude::*;
use seaworthy_net::{
    Client, Error, Failure, Network, Options, Pending, Refusal, Request, Stream, Url,
};
use tokio::io::AsyncWriteExt;

use crate::peer::*;
use crate::{listen, two};

/// What a client makes of a server that says this to its first request, and then hangs up or not.
async fn hostile(says: impl Fn(u32) -> Vec<Vec<u8>> + Send + 'static, close: bool) -> Failure {
    let (listener, url) = listen("http").await;
    tokio::spawn(async move {
        loop {
            let mut peer = Peer::accept(&listener).await;
            let Some(stream) = peer.request().await else { continue };
            for piece in says(stream) {
                peer.say(&piece).await;
            }
            if !close {
                while peer.request().await.is_some() {}
            }
        }
    });
    let options = Options { max_body: 100_000, ..two() };
    let failure = Client::new(options).send(&url, Request::get("/")).await.unwrap_err();
    assert!(Error::CODES.contains(&failure.code()));
    assert!(failure.bytes_sent > 24);
    failure
}

#[tokio::test]
async fn servers_that_break_the_rules_are_told_apart() {
    let begun = |stream| frame(HEADERS, END_HEADERS, stream, OK);
    let data = |stream, bytes: usize| frame(DATA, 0, stream, &vec![0; bytes]);
    // Not closed for being slow: each comes to its end by what the server said.
    let says = move |stream| vec![begun(stream), data(stream, 10)];
    assert_eq!(hostile(says, true).await.code(), "connection_closed");
    assert_eq!(hostile(|_| vec![], true).await.code(), "connection_closed");
    let says = |stream| vec![frame(RESET, 0, stream, &2_u32.to_be_bytes())];
    let failure = hostile(says, false).await;
    assert_eq!(failure.code(), "stream_reset");
    assert!(failure.to_string().contains("internal error"), "{failure}");
    assert!(matches!(failure.error, Error::StreamReset { code: 2, .. }), "{failure:?}");
    let says = |stream| vec![frame(RESET, 0, stream, &7_u32.to_be_bytes())];
    let failure = hostile(says, false).await;
    assert_eq!(failure.code(), "request_refused");
    assert!(matches!(failure.error, Error::RequestRefused(Refusal::Stream)), "{failure:?}");
    let failure = hostile(|_| vec![go_away(0, 11)], false).await;
    assert_eq!(failure.code(), "request_refused");
    assert!(matches!(failure.error, Error::RequestRefused(Refusal::GoAway(11))), "{failure:?}");
    let says = move |stream| {
        vec![begun(stream), data(stream, 10), frame(RESET, 0, stream, &8_u32.to_be_bytes())]
    };
    assert_eq!(hostile(says, false).await.code(), "stream_reset");
    let says = move |stream| [vec![begun(stream)], vec![data(stream, 16_000); 7]].concat();
    let failure = hostile(says, false).await;
    assert_eq!(failure.code(), "body_too_large", "{failure}");
    // One header of 70,000 bytes, of 300,000 and of 2,000,000: a literal, its name and value
    // uncompressed, in frames.
    for (length, coded) in [
        (70_000, [0xf1, 0xa1, 0x04].as_slice()),
        (300_000, &[0xe1, 0xa6, 0x12]),
        (2_000_000, &[0x81, 0x88, 0x7a]),
    ] {
        let says = move |stream| {
            let mut block = [&[0x88, 0x00, 0x01, b'x', 0x7f], coded].concat();
            block.resize(block.len() + length, b'y');
            let mut pieces = block.chunks(16_000);
            let mut frames = vec![frame(HEADERS, END_STREAM, stream, pieces.next().unwrap())];
            frames.extend(pieces.map(|piece| frame(CONTINUATION, 0, stream, piece)));
            frames.push(frame(CONTINUATION, END_HEADERS, stream, &[]));
            frames
        };
        let failure = hostile(says, false).await;
        assert_eq!(failure.code(), "headers_too_large", "{length}: {failure}");
    }
    let says = |stream| {
        let mut block = OK.to_vec();
        (0..101).for_each(|_| block.extend([0x00, 0x01, b'x', 0x01, b'y']));
        vec![frame(HEADERS, END_HEADERS | END_STREAM, stream, &block)]
    };
    assert_eq!(hostile(says, false).await.code(), "headers_too_large");
    // A head without end.
    let says = |stream| {
        let mut frames = vec![frame(HEADERS, 0, stream, OK)];
        frames.extend(vec![frame(CONTINUATION, 0, stream, &[0x00, 0x01, b'x', 0x01, b'y']); 5000]);
        frames
    };
    assert_eq!(hostile(says, false).await.code(), "headers_too_large");
    for broken in [
        frame(DATA, 0, 0, b"on no stream"),
        frame(HEADERS, END_HEADERS, 7, OK),
        frame(PUSH, END_HEADERS, 1, &[0, 0, 0, 2, 0x82]),
        frame(SETTINGS, 0, 0, &[1]),
        frame(WINDOW, 0, 0, &0_u32.to_be_bytes()),
        frame(HEADERS, END_HEADERS, 1, &[0xff; 20]),
        vec![0xff; 64],
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
    ] {
        let text = format!("{broken:?}");
        let failure = hostile(move |_| vec![broken.clone()], false).await;
        assert_eq!(failure.code(), "protocol_error", "{text}: {failure}");
        let numbered = matches!(failure.error, Error::Http2Failed { code: 1.., .. });
        assert!(numbered, "{text}: {failure:?}");
    }
}

#[tokio::test]
async fn servers_that_do_not_even_wait_for_a_request() {
    for (says, codes) in [
        (Vec::new(), &["connection_closed", "connection_reset"][..]),
        (go_away(0, 0), &["request_refused", "connection_closed", "connection_reset"]),
        (b"220 mail ready, and here is what else we do\r\n".to_vec(), &["protocol_error"]),
    ] {
        let (listener, url) = listen("http").await;
        tokio::spawn(async move {
            let mut streams = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.write_all(&says).await;
                if says.starts_with(b"220") {
                    streams.push(stream);
                }
            }
        });
        for _ in 0..20 {
            let failure = Client::new(two()).send(&url, Request::get("/")).await.unwrap_err();
            assert!(codes.contains(&failure.code()), "{failure:?}");
        }
    }
}

/// A network whose server says some bytes, whatever it is asked, in pieces of some size.
#[derive(Debug)]
struct Saying {
    bytes: Vec<u8>,
    size: usize,
    then_close: bool,
}

impl Network for Saying {
    fn look_up<'a>(&'a self, _: &'a str, port: u16) -> Pending<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(std::future::ready(Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))])))
    }

    fn connect(&self, _: SocketAddr) -> Pending<'_, io::Result<Box<dyn Stream>>> {
        let (client, server) = tokio::io::duplex(1 << 16);
        let (bytes, size, then_close) = (self.bytes.clone(), self.size, self.then_close);
        tokio::spawn(async move {
            let (mut reader, mut writer) = tokio::io::split(server);
            tokio::spawn(async move {
                // What the client says is taken, so that it is never stuck.
                let _ = tokio::io::copy(&mut reader, &mut tokio::io::sink()).await;
            });
            for piece in bytes.chunks(size) {
                tokio::time::sleep(Duration::from_millis(1)).await;
                if writer.write_all(piece).await.is_err() {
                    return;
                }
            }
            if !then_close {
                std::future::pending::<()>().await;
            }
            let _ = writer.shutdown().await;
        });
        Box::pin(std::future::ready(Ok(Box::new(client) as Box<dyn Stream>)))
    }
}

fn frames() -> impl Strategy<Value = Vec<u8>> {
    let sound = prop::sample::select(vec![
        frame(SETTINGS, 0, 0, &[]),
        frame(SETTINGS, ACK, 0, &[]),
        frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]),
        frame(HEADERS, END_HEADERS, 1, OK),
        frame(HEADERS, END_HEADERS | END_STREAM, 1, OK),
        frame(HEADERS, 0, 1, OK),
        frame(HEADERS, END_HEADERS | END_STREAM, 3, OK),
        // `:status: 103`, which is not the last word.
        frame(HEADERS, END_HEADERS, 1, &[0x08, 0x03, b'1', b'0', b'3']),
        frame(CONTINUATION, END_HEADERS, 1, &[]),
        frame(DATA, 0, 1, b"data"),
        frame(DATA, END_STREAM, 1, b"data"),
        frame(RESET, 0, 1, &7_u32.to_be_bytes()),
        frame(RESET, 0, 3, &0_u32.to_be_bytes()),
        frame(WINDOW, 0, 0, &0x7fff_ffff_u32.to_be_bytes()),
        frame(6, 0, 0, &[0; 8]),
        go_away(0, 0),
        go_away(1, 0),
        go_away(0x7fff_ffff, 11),
    ]);
    let odd = (any::<u8>(), any::<u8>(), 0..4_u32, prop::collection::vec(any::<u8>(), 0..12))
        .prop_map(|(kind, flags, stream, payload)| frame(kind % 12, flags, stream, &payload));
    let piece = prop_oneof![8 => sound, 2 => odd, 1 => prop::collection::vec(any::<u8>(), 0..20)];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

#[tokio::test(start_paused = true)]
async fn silence_is_waited_for_only_so_long() {
    let network = Arc::new(Saying {
        bytes: [frame(SETTINGS, 0, 0, &[]), frame(SETTINGS, ACK, 0, &[])].concat(),
        size: 100,
        then_close: false,
    });
    let url = Url::parse("http://service/").unwrap();
    let mut request = Request::new(Method::POST, "/");
    request.timeout = Some(Duration::from_millis(100));
    request.body = Bytes::from_static(b"body");
    let mut client = Client::new(Options { network, ..two() });
    let failure = client.send(&url, request).await.unwrap_err();
    assert_eq!(failure.code(), "timeout");
    let timings = failure.timings;
    assert_eq!((timings.sending, timings.waiting, timings.receiving), (0, 100_000_000, 0));
}

proptest! {
    #[test]
    fn whatever_a_server_says_two_requests_come_to_an_end(
        bytes in frames(),
        size in 1_usize..200,
        then_close in any::<bool>(),
        post in any::<bool>(),
    ) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        runtime.unwrap().block_on(async {
            let url = Url::parse("http://service/").unwrap();
            let network = Arc::new(Saying { bytes, size, then_close });
            let timeout = Duration::from_secs(1);
            let mut client = Client::new(Options { network, request_timeout: timeout, ..two() });
            for _ in 0..2 {
                let mut request = Request::get("/");
                if post {
                    request = Request::new(Method::POST, "/");
                    request.body = Bytes::from(vec![0; 100_000]);
                }
                let total = match client.send(&url, request).await {
                    Ok(response) => response.timings.total(),
                    Err(failure) => failure.timings.total(),
                };
                assert!(total <= timeout.as_nanos() as u64, "{total}");
            }
        });
    }
}
