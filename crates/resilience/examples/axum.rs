//! A server that sheds load, limits each caller's rate and keeps its callers' deadlines, with axum.
//!
//! `cargo run -p seaworthy-resilience --example axum` starts it on a free port, calls it as a hurried, a
//! greedy and a patient caller would, and prints what each was told.

use std::time::Duration;

use anyhow::Result;
use axum::error_handling::HandleErrorLayer;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use seaworthy_base::Clock;
use seaworthy_resilience::rate::{self, Limiter, Rate};
use seaworthy_resilience::shed::{self, Shedder};
use seaworthy_resilience::{BoxError, Deadline, Error, deadline};
use tower::ServiceBuilder;

/// Everything around the routes, the outermost first. What a layer refuses becomes a response at the top.
fn guarded(routes: Router, clock: &Clock) -> Router {
    let caller = |request: &axum::extract::Request| {
        let name = request.headers().get("x-caller").and_then(|name| name.to_str().ok());
        name.unwrap_or("anonymous").to_owned()
    };
    let layers = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(refuse))
        .layer(shed::Layer::new(Shedder::new(shed::Settings::default(), clock.clone())))
        .layer(rate::Layer::new(Limiter::new(Rate::per_second(2), clock.clone()), caller))
        .layer(deadline::Layer::new(Duration::from_secs(30), clock.clone()));
    routes.layer(layers)
}

async fn refuse(error: BoxError) -> Response {
    match Error::of(&*error) {
        Some(error) => error.response(),
        None => (StatusCode::INTERNAL_SERVER_ERROR, "the service failed").into_response(),
    }
}

/// Knows how long its caller waits, and would tell those it calls itself.
async fn slow(Extension(deadline): Extension<Deadline>) -> String {
    tokio::time::sleep(Duration::from_millis(200)).await;
    let left = deadline.remaining(&Clock::system());
    format!("done, with {} ms to spare", left.as_millis())
}

#[tokio::main]
async fn main() -> Result<()> {
    let routes = Router::new().route("/slow", get(slow));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let app = guarded(routes, &Clock::system());
    tokio::spawn(async move { axum::serve(listener, app).await });

    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let call = async |caller: &str, patience: u32| -> Result<()> {
        let request = Request::get(format!("http://{address}/slow"))
            .header("x-caller", caller)
            .header(deadline::HEADER, patience)
            .body(Empty::new())?;
        let (head, body) = client.request(request).await?.into_parts();
        let text = String::from_utf8(body.collect().await?.to_bytes().to_vec())?;
        let retry =
            head.headers.get("retry-after").map(|value| format!(" (Retry-After: {value:?})"));
        println!("{caller}: {}{}: {text}", head.status, retry.unwrap_or_default());
        Ok(())
    };
    call("patient", 5_000).await?;
    call("hurried", 50).await?;
    for _ in 0..4 {
        call("greedy", 1_000).await?;
    }
    Ok(())
}
