//! Bodies, paths and tokens sent by someone who means harm: a 4xx problem, and nothing stored.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use bytes::Bytes;
use seaworthy_hub::Role::{Identity, Policy};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::Hub;

#[tokio::test]
async fn broken_bodies_are_refused_and_store_nothing() {
    let hub = Hub::start(&[Identity, Policy]).await;
    let token = hub.token("acme", "ada", &["*"]).await;
    let before = (writes(&hub, Identity).await, writes(&hub, Policy).await);
    let deep = format!("{}1{}", "[".repeat(50_000), "]".repeat(50_000));
    let long = format!(r#"{{"rules":[],"x":"{}"}}"#, "x".repeat(1 << 20));
    let json_type = "application/json";
    let cases: Vec<(&str, Bytes, u16, &str)> = vec![
        (json_type, Bytes::new(), 400, "malformed_json"),
        (json_type, "{".into(), 400, "malformed_json"),
        (json_type, "{} {}".into(), 400, "malformed_json"),
        (json_type, "\u{0}".into(), 400, "malformed_json"),
        (json_type, Bytes::from_static(b"{\"rules\":[\xff\xfe]}"), 400, "malformed_json"),
        (json_type, Bytes::from_static(b"{\"rules\":\"\xc3\x28\"}"), 400, "malformed_json"),
        (json_type, deep.into(), 400, "body_too_deep"),
        (json_type, r#"{"rules":[],"rules":[]}"#.into(), 400, "duplicate_key"),
        (json_type, "[]".into(), 422, "wrong_type"),
        (json_type, "null".into(), 422, "wrong_type"),
        (json_type, r#"{"rules":{}}"#.into(), 422, "wrong_type"),
        (json_type, "{}".into(), 422, "missing_field"),
        (json_type, r#"{"rules":[],"admin":true}"#.into(), 422, "unknown_field"),
        (json_type, long.into(), 413, "body_too_large"),
        ("text/plain", r#"{"rules":[]}"#.into(), 415, "not_json"),
        ("application/x-www-form-urlencoded", "rules=".into(), 415, "not_json"),
    ];
    for (media, body, status, code) in cases {
        let put = hub.call(Policy, "PUT", "/v1/policies/acme").bearer(&token);
        put.body(media, body).send().await.refused(status, code);
    }
    let untyped = hub.call(Policy, "PUT", "/v1/policies/acme").bearer(&token).send().await;
    untyped.refused(415, "not_json");
    let unknown = hub.put(Policy, "/v1/policies/acme", json!({"rules": [], "admin": true}));
    let unknown = unknown.bearer(&token).send().await;
    assert!(unknown.body["detail"].as_str().unwrap().contains("`admin`"), "{unknown:?}");
    let user = json!({"tenant_id": "acme", "name": "x", "email": "x", "capabilities": []});
    hub.put(Identity, "/v1/users/x", user)
        .bearer(&token)
        .send()
        .await
        .refused(422, "invalid_value");
    let after = (writes(&hub, Identity).await, writes(&hub, Policy).await);
    assert_eq!(before, after, "something was written");
}

async fn writes(hub: &Hub, role: seaworthy_hub::Role) -> f64 {
    hub.counter(role, "store_transactions_total").await
}

#[tokio::test]
async fn a_body_that_never_ends_is_cut_off() {
    let hub = Hub::start(&[Identity]).await;
    let address = hub.base(Identity).strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = "POST /v1/tokens/verify HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                transfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    // Writes until the server has had enough; a reset while writing is an answer, too.
    while stream.write_all(chunk.as_bytes()).await.is_ok() {}
    hub.get(Identity, "/live").send().await.ok(200);
}

#[tokio::test]
async fn heads_beyond_the_limits_are_refused() {
    let hub = Hub::start(&[Identity]).await;
    let address = hub.base(Identity).strip_prefix("http://").unwrap();
    let many = (0..200).map(|index| format!("x-{index}: 1\r\n")).collect::<String>();
    let long = format!("x: {}\r\n", "x".repeat(64 << 10));
    for (head, status) in [(many, "431"), (long, "431"), ("no colon\r\n".to_owned(), "400")] {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!("GET /live HTTP/1.1\r\nhost: x\r\n{head}\r\n");
        let _ = stream.write_all(request.as_bytes()).await;
        let mut answer = [0_u8; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&answer), format!("HTTP/1.1 {status}"));
    }
}

#[tokio::test]
async fn hostile_paths_and_ids_are_refused() {
    let hub = Hub::start(&[Identity, Policy]).await;
    let token = hub.token("acme", "ada", &["*"]).await;
    let admin = hub.credential();
    for id in ["..%2Fetc", "a%00b", "%20", "a%2Fb", "%C3%A9", &"a".repeat(200)] {
        let put = hub.put(Identity, &format!("/v1/tenants/{id}"), json!({"name": "n"}));
        put.admin(&admin).send().await.refused(422, "invalid_id");
    }
    let bad = hub.put(Identity, "/v1/tenants/%FF%FE", json!({"name": "n"}));
    bad.admin(&admin).send().await.refused(400, "invalid_path");
    let sql = hub.get(Policy, "/v1/policies/acme'%20OR%201=1--").bearer(&token).send().await;
    sql.refused(403, "wrong_tenant");
    hub.get(Identity, "/v1/nothing").send().await.refused(404, "no_route");
    let wrong = hub.call(Identity, "DELETE", "/v1/tenants/acme").admin(&admin).send().await;
    wrong.refused(405, "no_method");
    assert!(wrong.headers["allow"].to_str().unwrap().contains("PUT"), "{wrong:?}");
    let metrics = hub.get(Identity, "/metrics").send().await.text;
    assert!(!metrics.contains("nothing") && !metrics.contains("etc"), "{metrics}");
}

#[tokio::test]
async fn forged_and_tampered_tokens_open_nothing() {
    let hub = Hub::start(&[Identity, Policy]).await;
    let token = hub.token("acme", "ada", &["policy:read"]).await;
    let jwks = hub.get(Identity, "/.well-known/jwks.json").send().await;
    let kid = jwks.body["keys"][0]["kid"].as_str().unwrap().to_owned();
    let public = BASE64.decode(jwks.body["keys"][0]["x"].as_str().unwrap()).unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let mut claims: Value = serde_json::from_slice(&BASE64.decode(parts[1]).unwrap()).unwrap();
    claims["capabilities"] = json!(["*"]);
    let greedy = BASE64.encode(claims.to_string());
    let header = |value: Value| BASE64.encode(value.to_string());

    let none = header(json!({"alg": "none", "typ": "JWT", "kid": kid}));
    let symmetric = header(json!({"alg": "HS256", "typ": "JWT", "kid": kid}));
    let unsigned = format!("{symmetric}.{greedy}");
    let key = hmac::Key::new(hmac::HMAC_SHA256, &public);
    let mac = BASE64.encode(hmac::sign(&key, unsigned.as_bytes()));
    let stranger = header(json!({"alg": "EdDSA", "typ": "JWT", "kid": "0123456789abcdef"}));
    let nameless = header(json!({"alg": "EdDSA", "typ": "JWT"}));
    let mut flipped = BASE64.decode(parts[2]).unwrap();
    flipped[10] ^= 1;
    let cases = [
        (format!("{none}.{greedy}."), "token_malformed"),
        (format!("{none}.{greedy}.{}", parts[2]), "token_malformed"),
        (format!("{unsigned}.{mac}"), "token_forged"),
        (format!("{}.{greedy}.{}", parts[0], parts[2]), "token_forged"),
        (format!("{}.{}.{}", parts[0], parts[1], BASE64.encode(flipped)), "token_forged"),
        (format!("{}.{}.", parts[0], parts[1]), "token_forged"),
        (format!("{stranger}.{}.{}", parts[1], parts[2]), "token_unknown_key"),
        (format!("{nameless}.{}.{}", parts[1], parts[2]), "token_malformed"),
        (format!("{}.{}", parts[0], parts[1]), "token_malformed"),
        ("x".repeat(20_000), "token_malformed"),
        ("....".to_owned(), "token_malformed"),
        (String::new(), "token_malformed"),
    ];
    for (forged, code) in &cases {
        hub.verify(forged).await.refused(401, code);
        let revoke = hub.post(Identity, "/v1/tokens/revoke", json!({"token": forged}));
        revoke.send().await.refused(401, code);
        if !forged.is_empty() && forged.len() < 10_000 {
            let read = hub.get(Policy, "/v1/policies/acme").bearer(forged).send().await;
            read.refused(401, code);
            assert_eq!(read.body["instance"], "/v1/policies/acme");
        }
    }
    for header in ["", "Bearer", "Token abc", "Bearer a, Bearer b"] {
        let call = hub.get(Policy, "/v1/policies/acme").header("authorization", header);
        assert_eq!(call.send().await.status, 401, "{header}");
    }
    let twice = hub.get(Policy, "/v1/policies/acme").bearer(&token).bearer(&token).send().await;
    twice.refused(401, "no_token");
    hub.verify(&token).await.ok(200);
}
