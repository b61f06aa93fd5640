//! A client with everything around it, with hyper: it meets a server that fails, goes away and comes back.
//!
//! `cargo run -p seaworthy-resilience --example hyper` prints what its caller sees and where its circuit
//! stands.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::TokioExecutor;
use seaworthy_base::Clock;
use seaworthy_base::chance::Chance;
use seaworthy_resilience::dependency::{Dependency, Settings};
use seaworthy_resilience::outcome::{Outcome, Safety, of_response};
use seaworthy_resilience::{Error, breaker};

/// What a call may end with, besides an answer.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Refused(#[from] Error),
    #[error("no answer: {0}")]
    Network(#[from] legacy::Error),
    #[error("the answer broke off: {0}")]
    Body(#[from] hyper::Error),
}

type Answer = (StatusCode, HeaderMap, Bytes);

/// hyper knows whether a connection was made at all: if not, nothing was sent.
fn judge(result: &Result<Answer, Failure>) -> Outcome {
    match result {
        Ok((status, headers, _)) => of_response(*status, headers),
        Err(Failure::Network(error)) if error.is_connect() => Outcome::NeverSent,
        Err(_) => Outcome::Failed,
    }
}

struct Tea {
    client: Client<HttpConnector, Empty<Bytes>>,
    dependency: Dependency,
    address: SocketAddr,
}

impl Tea {
    async fn price(&self) -> Result<Answer, Failure> {
        let clock = Clock::system();
        let ask = async |deadline: seaworthy_resilience::Deadline| {
            let mut request = Request::new(Empty::new());
            *request.uri_mut() = format!("http://{}/price", self.address)
                .parse()
                .expect("an address and a path make a URI");
            deadline.hand_on(&clock, request.headers_mut())?;
            let (head, body) = self.client.request(request).await?.into_parts();
            Ok((head.status, head.headers, body.collect().await?.to_bytes()))
        };
        self.dependency.call(Safety::Idempotent, None, judge, ask).await
    }

    async fn show(&self, what: &str) -> Result<()> {
        let answer = match self.price().await {
            Ok((status, _, body)) => format!("{status}: {}", String::from_utf8_lossy(&body)),
            Err(failure) => failure.to_string(),
        };
        let state = self.dependency.breaker().state().as_str();
        println!("{what:28} {answer} [circuit {state}]");
        Ok(())
    }
}

/// A server whose first answers are a 502.
async fn serve(
    address: &str,
    failures: usize,
) -> Result<(SocketAddr, tokio::task::JoinHandle<()>)> {
    let calls = Arc::new(AtomicUsize::new(0));
    let price = move || {
        let call = calls.fetch_add(1, Ordering::Relaxed);
        async move {
            match call < failures {
                true => (StatusCode::BAD_GATEWAY, "try again"),
                false => (StatusCode::OK, "42"),
            }
        }
    };
    let listener = tokio::net::TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let routes = Router::new().route("/price", get(price));
    let running = tokio::spawn(async move {
        // It ends by being aborted.
        let _ = axum::serve(listener, routes).await;
    });
    Ok((address, running))
}

#[tokio::main]
async fn main() -> Result<()> {
    let (address, running) = serve("127.0.0.1:0", 2).await?;
    let clock = Clock::system();
    let quick =
        breaker::Settings { cooldown: Duration::from_secs(1), ..breaker::Settings::default() };
    let settings = Settings { breaker: quick, ..Settings::default() };
    let tea = Tea {
        // No connection outlives its call, so that a server that is gone is gone.
        client: Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http(),
        dependency: Dependency::new("tea", settings, clock, Chance::system()),
        address,
    };
    tea.show("two failures, then an answer").await?;
    running.abort();
    let _ = running.await;
    for _ in 0..3 {
        tea.show("the server is gone").await?;
    }
    let (_, running) = serve(&address.to_string(), 0).await?;
    tea.show("it is back, too early").await?;
    while tea.dependency.breaker().state() != breaker::State::Closed {
        tokio::time::sleep(Duration::from_millis(250)).await;
        tea.show("a while later").await?;
    }
    running.abort();
    println!("{}", serde_json::to_string_pretty(&tea.dependency.snapshot())?);
    Ok(())
}
