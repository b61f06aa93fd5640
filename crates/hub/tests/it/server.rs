//! What every role has: probes, metrics, request ids, and how it starts and stops.

use std::net::SocketAddr;
use std::time::Duration;

use seaworthy_hub::Role::{Identity, Policy};
use seaworthy_hub::options::Peers;
use seaworthy_hub::{Options, Service};
use serde_json::json;

use crate::harness::{DEADLINE, Hub};

#[tokio::test]
async fn probes_answer_without_a_token() {
    let hub = Hub::start(&[Identity, Policy]).await;
    for (role, service) in [(Identity, "identity-service"), (Policy, "policy-engine")] {
        for path in ["/live", "/ready", "/health", "/startup"] {
            let probe = hub.get(role, path).send().await;
            assert_eq!(probe.ok(200)["service"], service);
        }
    }
}

#[tokio::test]
async fn a_role_whose_peer_is_gone_is_not_ready_and_lets_no_one_in() {
    let hub = Hub::start(&[Identity]).await;
    let token = hub.token("acme", "ada", &["*"]).await;
    let peers = Peers::default().with(Identity, hub.base(Identity));
    let policy = Hub::with(tempfile::tempdir().unwrap(), |mut options| {
        options.peers = peers;
        options.roles([Policy])
    })
    .await;
    policy.get(Policy, "/ready").send().await.ok(200);
    policy.get(Policy, "/v1/policies/acme").bearer(&token).send().await.refused(404, "no_policy");
    hub.stop().await;
    let unready = policy.get(Policy, "/ready").send().await;
    let reasons = unready.ok(503)["reasons"].as_array().unwrap();
    assert!(reasons[0].as_str().unwrap().starts_with("identity cannot be reached"), "{unready:?}");
    policy.get(Policy, "/live").send().await.ok(200);
    assert_eq!(policy.get(Policy, "/health").send().await.ok(200)["status"], "degraded");
    let closed = policy.get(Policy, "/v1/policies/acme").bearer(&token).send().await;
    closed.refused(503, "identity_unavailable");
    assert!(closed.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn requests_are_counted_by_route_and_named_by_id() {
    let hub = Hub::start(&[Identity]).await;
    let named = hub.get(Identity, "/v1/users/ada").header("x-request-id", "mine-1").send().await;
    assert_eq!(named.headers["x-request-id"], "mine-1");
    for odd in ["", "with blank", &"x".repeat(129)] {
        let made = hub.get(Identity, "/live").header("x-request-id", odd).send().await;
        assert_eq!(made.headers["x-request-id"].len(), 36, "{odd}");
    }
    hub.get(Identity, "/v1/users/bob").send().await.refused(401, "no_token");
    hub.call(Identity, "BREW", "/coffee").send().await.refused(404, "no_route");
    let labels = r#"{service="identity-service",method="GET",route="/v1/users/{id}",status="401"}"#;
    assert_eq!(hub.counter(Identity, &format!("http_requests_total{labels}")).await, 2.0);
    let count = format!("http_request_duration_seconds_count{labels}");
    assert_eq!(hub.counter(Identity, &count).await, 2.0);
    let labels = r#"{service="identity-service",method="OTHER",route="unmatched",status="404"}"#;
    assert_eq!(hub.counter(Identity, &format!("http_requests_total{labels}")).await, 1.0);
}

#[tokio::test]
async fn a_port_in_use_is_said() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let data = tempfile::tempdir().unwrap();
    let mut options = Options::new(data.path()).roles([Identity]);
    let address: SocketAddr = taken.local_addr().unwrap();
    options.listen.insert(Identity, address);
    let error = Service::bind(options).await.err().unwrap();
    assert_eq!(error.code(), "hub.listen");
    assert!(error.to_string().contains(&address.to_string()), "{error}");
    assert!(error.hint().is_some());
    let none = Options::new(data.path()).roles([]);
    assert_eq!(Service::bind(none).await.err().unwrap().code(), "hub.no_roles");
}

#[tokio::test]
async fn a_stop_lets_requests_under_way_finish() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let hub = Hub::start(&[Identity]).await;
    let address = hub.base(Identity).strip_prefix("http://").unwrap().to_owned();
    let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
    let body = json!({"token": "x"}).to_string();
    let head = format!(
        "POST /v1/tokens/verify HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         expect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut first = [0_u8; 25];
    // The handler has begun to read: the request is under way.
    stream.read_exact(&mut first).await.unwrap();
    assert!(first.starts_with(b"HTTP/1.1 100 Continue"));
    let stopping = tokio::spawn(hub.stop());
    // Nobody new is let in once the stop has begun.
    let closed = async { while tokio::net::TcpStream::connect(&address).await.is_ok() {} };
    tokio::time::timeout(DEADLINE, closed).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    stopping.await.unwrap();
}

#[tokio::test]
async fn those_who_dawdle_are_cut_off() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let hub = Hub::with(tempfile::tempdir().unwrap(), |mut options| {
        options.limits.head_timeout = Duration::from_millis(200);
        options.limits.body_timeout = Duration::from_millis(200);
        options.roles([Identity])
    })
    .await;
    let address = hub.base(Identity).strip_prefix("http://").unwrap();
    for (begun, answer) in [
        ("GET /live HTTP/1.1\r\nhost:", ""),
        (
            "POST /v1/tokens/verify HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
             content-length: 10\r\n\r\n{",
            "HTTP/1.1 408",
        ),
    ] {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(begun.as_bytes()).await.unwrap();
        let mut text = String::new();
        let read = stream.read_to_string(&mut text);
        tokio::time::timeout(DEADLINE, read).await.unwrap().unwrap();
        assert!(text.starts_with(answer), "{text}");
        assert_eq!(text.contains("hub.body_too_slow"), !answer.is_empty(), "{text}");
    }
}
