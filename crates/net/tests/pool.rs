//! A user's pool of connections against real servers: several requests at once, reuse and its
//! bounds, and closings.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use seaworthy_net::{Http, Keeping, Options, Pool, Request, Url};
use tokio::net::TcpListener;
use tokio::sync::Barrier;

/// What a server saw.
#[derive(Debug, Default)]
struct Seen {
    connections: AtomicUsize,
    open: AtomicUsize,
    closing: AtomicUsize,
}

/// A server that answers `/together/N` only when N such requests are there.
async fn server(two: bool) -> (SocketAddr, Arc<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::new(Seen::default());
    let shared = Arc::clone(&seen);
    let barriers: Arc<Vec<Barrier>> =
        Arc::new((0..9).map(|count| Barrier::new(count.max(1))).collect());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            shared.connections.fetch_add(1, Ordering::SeqCst);
            shared.open.fetch_add(1, Ordering::SeqCst);
            let (seen, barriers) = (Arc::clone(&shared), Arc::clone(&barriers));
            tokio::spawn(async move {
                let counted = Arc::clone(&seen);
                let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                    let (seen, barriers) = (Arc::clone(&seen), Arc::clone(&barriers));
                    async move {
                        if request.headers().get("connection").is_some_and(|it| it == "close") {
                            seen.closing.fetch_add(1, Ordering::SeqCst);
                        }
                        let path = request.uri().path().to_owned();
                        if let Some(count) = path.strip_prefix("/together/") {
                            barriers[count.parse::<usize>().unwrap()].wait().await;
                        }
                        Ok::<_, std::convert::Infallible>(http::Response::new(Full::new(
                            bytes::Bytes::from(path),
                        )))
                    }
                });
                let stream = TokioIo::new(stream);
                if two {
                    let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    _ = builder.serve_connection(stream, service).await;
                } else {
                    let builder = hyper::server::conn::http1::Builder::new();
                    _ = builder.serve_connection(stream, service).await;
                }
                counted.open.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    (address, seen)
}

fn url(address: SocketAddr) -> Url {
    Url::parse(&format!("http://{address}/")).unwrap()
}

/// Asks for `count` answers that the server gives only all at once.
async fn together(pool: &Pool, origin: &Url, count: usize) {
    let request = Request::get(format!("/together/{count}"));
    for result in join_all((0..count).map(|_| pool.send(origin, &request))).await {
        assert_eq!(result.unwrap().body, request.target);
    }
}

#[tokio::test]
async fn requests_under_way_at_once_have_a_connection_each() {
    for two in [false, true] {
        let (address, seen) = server(two).await;
        let http = if two { Http::Two } else { Http::One };
        let options = Options { http, ..Options::default() };
        let pool = Pool::new(options, Keeping::default());
        let origin = url(address);
        for _ in 0..3 {
            together(&pool, &origin, 5).await;
            assert_eq!(pool.idle(), 5);
        }
        for _ in 0..10 {
            pool.send(&origin, &Request::get("/")).await.unwrap();
        }
        assert_eq!((seen.connections.load(Ordering::SeqCst), pool.idle()), (5, 5));
        // More than are kept: the others are closed.
        together(&pool, &origin, 8).await;
        assert_eq!((seen.connections.load(Ordering::SeqCst), pool.idle()), (8, 6));
    }
}

#[tokio::test]
async fn the_bounds_hold_over_all_origins() {
    let (first, one) = server(false).await;
    let (second, two) = server(false).await;
    let pool = Pool::new(Options::default(), Keeping { per_origin: 3, total: 4 });
    together(&pool, &url(first), 3).await;
    together(&pool, &url(second), 3).await;
    assert_eq!(pool.idle(), 4);
    // Those unused for longest made room.
    together(&pool, &url(second), 3).await;
    together(&pool, &url(first), 2).await;
    assert_eq!(two.connections.load(Ordering::SeqCst), 3);
    assert_eq!(one.connections.load(Ordering::SeqCst), 4);
    let nothing = Pool::new(Options::default(), Keeping { per_origin: 3, total: 0 });
    nothing.send(&url(first), &Request::get("/")).await.unwrap();
    assert_eq!(nothing.idle(), 0);
}

#[tokio::test]
async fn each_request_may_have_its_own_connection() {
    let (address, seen) = server(false).await;
    let pool = Pool::new(Options::default(), Keeping::NOTHING);
    let origin = url(address);
    let prepared = Request::get("/").prepare(&origin).unwrap();
    for _ in 0..3 {
        let sent = pool.send(&origin, &Request::get("/")).await.unwrap();
        let repeated = pool.repeat(&origin, &prepared).await.unwrap();
        assert!(sent.connected && repeated.connected);
    }
    assert_eq!((pool.idle(), seen.connections.load(Ordering::SeqCst)), (0, 6));
    assert_eq!(seen.closing.load(Ordering::SeqCst), 6);
}

#[tokio::test]
async fn what_was_lent_before_a_closing_does_not_come_back() {
    let (address, seen) = server(false).await;
    let origin = url(address);
    let pool = Rc::new(Pool::new(Options::default(), Keeping::default()));
    together(&pool, &origin, 2).await;
    // One is in use while the pool is closed, as an `asyncRequest` is at an iteration's end.
    let local = tokio::task::LocalSet::new();
    let lent = Rc::clone(&pool);
    let waiting = local.spawn_local({
        let origin = origin.clone();
        async move { lent.send(&origin, &Request::get("/together/2")).await.map(|it| it.status) }
    });
    local
        .run_until(async {
            while pool.idle() > 1 {
                tokio::task::yield_now().await;
            }
            pool.close();
            assert_eq!(pool.idle(), 0);
            pool.send(&origin, &Request::get("/together/2")).await.unwrap();
            assert_eq!(waiting.await.unwrap().unwrap(), 200);
        })
        .await;
    assert_eq!(pool.idle(), 1);
    assert_eq!(seen.connections.load(Ordering::SeqCst), 3);
    // A request that is dropped takes its connection with it.
    {
        let request = Request::get("/together/8");
        let mut asking = Box::pin(pool.send(&origin, &request));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(asking.as_mut().poll(&mut context).is_pending());
        assert_eq!(pool.idle(), 0);
    }
    assert_eq!(pool.idle(), 0);
    while seen.open.load(Ordering::SeqCst) > 0 {
        tokio::task::yield_now().await;
    }
}
