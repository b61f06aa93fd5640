//! Servers that go away: what is made anew, and what is not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use seaworthy_net::{Client, Request, Url};

use crate::peer::*;
use crate::{listen, two};

/// A server that answers each connection's first request, and says `then` to the second; the
/// connections, and the requests that came.
async fn failing(
    then: fn(u32) -> Vec<u8>,
    close: bool,
) -> (Url, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let (listener, url) = listen("http").await;
    let counts = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (connections, requests) = counts.clone();
    tokio::spawn(async move {
        loop {
            let mut peer = Peer::accept(&listener).await;
            connections.fetch_add(1, Ordering::SeqCst);
            let requests = Arc::clone(&requests);
            tokio::spawn(async move {
                let Some(first) = peer.request().await else { return };
                requests.fetch_add(1, Ordering::SeqCst);
                peer.say(&answer(first)).await;
                let Some(second) = peer.request().await else { return };
                requests.fetch_add(1, Ordering::SeqCst);
                peer.say(&then(second)).await;
                if !close {
                    while peer.request().await.is_some() {}
                }
            });
        }
    });
    (url, counts.0, counts.1)
}

#[tokio::test]
async fn a_request_that_was_not_looked_at_is_made_anew_on_a_fresh_connection() {
    let refused: fn(u32) -> Vec<u8> = |stream| frame(RESET, 0, stream, &7_u32.to_be_bytes());
    let gone: fn(u32) -> Vec<u8> = |_| go_away(1, 0);
    let calm: fn(u32) -> Vec<u8> = |_| go_away(1, 11);
    for (then, close) in [(refused, false), (gone, false), (gone, true), (calm, true)] {
        for method in [Method::GET, Method::POST] {
            let (url, connections, requests) = failing(then, close).await;
            let mut client = Client::new(two());
            client.send(&url, Request::get("/")).await.unwrap();
            let response = client.send(&url, Request::new(method, "/")).await.unwrap();
            assert_eq!((response.status, &response.body[..]), (200, &b"done"[..]));
            assert!(response.connected && response.timings.connecting > 0);
            let counts = (connections.load(Ordering::SeqCst), requests.load(Ordering::SeqCst));
            assert_eq!(counts, (2, 3));
        }
    }
}

#[tokio::test]
async fn a_request_that_may_have_been_done_is_made_anew_only_if_that_does_no_harm() {
    let closed: fn(u32) -> Vec<u8> = |_| Vec::new();
    // These say that the second request's stream, the third, was looked at.
    let gone: fn(u32) -> Vec<u8> = |_| go_away(3, 0);
    let calm: fn(u32) -> Vec<u8> = |_| go_away(3, 11);
    for then in [closed, gone, calm] {
        for (method, expected, counts) in
            [(Method::GET, "done", (2, 3)), (Method::POST, "connection_closed", (1, 2))]
        {
            let (url, connections, requests) = failing(then, true).await;
            let mut client = Client::new(two());
            client.send(&url, Request::get("/")).await.unwrap();
            let told = match client.send(&url, Request::new(method, "/")).await {
                Ok(response) => String::from_utf8(response.body.to_vec()).unwrap(),
                Err(failure) => failure.code().to_owned(),
            };
            assert_eq!(told, expected);
            let seen = (connections.load(Ordering::SeqCst), requests.load(Ordering::SeqCst));
            assert_eq!(seen, counts);
        }
    }
    // As long as the connection stands the answer may still come.
    let (url, connections, requests) = failing(calm, false).await;
    let mut client = Client::new(two());
    client.send(&url, Request::get("/")).await.unwrap();
    let mut request = Request::new(Method::POST, "/");
    request.timeout = Some(Duration::from_secs(1));
    assert_eq!(client.send(&url, request).await.unwrap_err().code(), "timeout");
    let seen = (connections.load(Ordering::SeqCst), requests.load(Ordering::SeqCst));
    assert_eq!(seen, (1, 2));
}

#[tokio::test]
async fn a_server_that_went_away_while_idle_is_met_anew() {
    let (listener, url) = listen("http").await;
    let (told, tell) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let mut peer = Peer::accept(&listener).await;
        let stream = peer.request().await.unwrap();
        // In one write, so that both have come when the answer has.
        peer.say(&[answer(stream), go_away(stream, 0)].concat()).await;
        let mut second = Peer::accept(&listener).await;
        let stream = second.request().await.unwrap();
        second.say(&answer(stream)).await;
        told.send(peer.request().await).unwrap();
    });
    let mut client = Client::new(two());
    client.send(&url, Request::get("/")).await.unwrap();
    assert!(client.send(&url, Request::new(Method::POST, "/")).await.unwrap().connected);
    assert_eq!(tell.await.unwrap(), None);
}
