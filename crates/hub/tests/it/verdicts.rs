//! Tokens judged once and remembered: what ends a token ends it everywhere, at once.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD as BASE64};
use futures_util::future::join_all;
use http::Method;
use seaworthy_base::{Clock, Timestamp};
use seaworthy_hub::Role::{self, Gateway, Identity, Inference, Memory, Orchestrator, Policy};
use serde_json::{Value, json};

use crate::fleet::{Fleet, MEMBER, Member};
use crate::harness::Hub;
use crate::wire::{Answer, Call, until};

/// One request for each role that judges tokens.
const DOORS: [(Role, &str); 5] = [
    (Gateway, "/v1/status"),
    (Orchestrator, "/v1/sessions/nowhere"),
    (Policy, "/v1/policies/acme"),
    (Memory, "/v1/recall/nothing"),
    (Inference, "/models"),
];

/// Asks every role at once.
async fn knock(fleet: &Fleet, token: &str) -> Vec<Answer> {
    let member = &Member { fleet, token: token.to_owned() };
    join_all(DOORS.map(|(role, path)| member.get(role, path))).await
}

async fn revoke(fleet: &Fleet, token: &str) {
    let call = Call::new(Method::POST, fleet.url(Identity, "/v1/tokens/revoke"));
    let done = fleet.http.send(call.json(&json!({"token": token}))).await;
    assert_eq!(done.status, 200, "{done:?}");
}

/// A call of identity as its administrator.
async fn administer(fleet: &Fleet, method: Method, path: &str, body: &Value) -> Answer {
    let credential =
        std::fs::read_to_string(fleet.data().join("identity/admin.credential")).unwrap();
    let pair = BASE64_STANDARD.encode(format!("admin:{}", credential.trim()));
    let call = Call::new(method, fleet.url(Identity, path)).json(body);
    let done = fleet.http.send(call.header("authorization", &format!("Basic {pair}"))).await;
    assert!(done.status.is_success(), "{done:?}");
    done
}

async fn metric(fleet: &Fleet, role: Role, line: &str) -> f64 {
    let text = fleet.http.send(Call::new(Method::GET, fleet.url(role, "/metrics"))).await.text;
    let value = text.lines().find_map(|row| row.strip_prefix(line)?.strip_prefix(' '));
    value.map_or(0.0, |value| value.parse().unwrap())
}

/// Until every role answers from what it remembers: a role that just started has to find identity.
async fn remembered(fleet: &Fleet, token: &str) {
    for (role, path) in DOORS {
        let hits = || metric(fleet, role, r#"cache_hits_total{cache="tokens"}"#);
        let before = hits().await;
        until("the role remembers the token", || async {
            Member { fleet, token: token.to_owned() }.get(role, path).await;
            hits().await > before
        })
        .await;
    }
}

/// Until every role says why it refuses; a role that cannot ask identity yet refuses, too, and none ever
/// lets the token in.
async fn refused_by_all(fleet: &Fleet, token: &str, code: &str) {
    until("every role says why it refuses", || async {
        let answers = knock(fleet, token).await;
        for answer in &answers {
            match answer.status.as_u16() {
                401 => answer.refused(401, code),
                _ => answer.refused(503, "identity_unavailable"),
            }
        }
        answers.iter().all(|answer| answer.status == 401)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_holds_everywhere_once_it_was_answered() {
    let fleet = Fleet::launch().await;
    fleet.token("acme", "ada", &["*"]).await;
    for _ in 0..10 {
        let token = fleet.token("acme", "ada", &["*"]).await;
        remembered(&fleet, &token).await;
        assert!(knock(&fleet, &token).await.iter().all(|answer| answer.status != 401));
        revoke(&fleet, &token).await;
        for answer in knock(&fleet, &token).await {
            answer.refused(401, "token_revoked");
        }
    }
    assert_eq!(metric(&fleet, Identity, "identity_followers").await, 5.0);
    // Remembered means remembered: a hundred requests more ask identity nothing.
    let token = fleet.token("acme", "ada", &["*"]).await;
    remembered(&fleet, &token).await;
    let misses = || metric(&fleet, Policy, r#"cache_misses_total{cache="tokens"}"#);
    let before = misses().await;
    let member = Member { fleet: &fleet, token: token.clone() };
    join_all((0..100).map(|_| member.get(Policy, "/v1/policies/acme"))).await;
    assert_eq!(misses().await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_user_or_a_tenant_loses_is_lost_at_once() {
    let fleet = Fleet::launch().await;
    let token = fleet.token("acme", "ada", &MEMBER).await;
    remembered(&fleet, &token).await;
    let member = Member { fleet: &fleet, token: token.clone() };
    let user = |active: bool, capabilities: Value| {
        json!({"tenant_id": "acme", "name": "Ada", "email": "ada@acme.example", "active": active,
            "capabilities": capabilities})
    };
    administer(&fleet, Method::PUT, "/v1/users/ada", &user(true, json!(["memory:write"]))).await;
    member.get(Memory, "/v1/recall/nothing").await.refused(403, "missing_capability");
    administer(&fleet, Method::PUT, "/v1/users/ada", &user(true, json!(MEMBER))).await;
    member.get(Memory, "/v1/recall/nothing").await.refused(404, "unknown_key");
    administer(&fleet, Method::PUT, "/v1/users/ada", &user(false, json!(MEMBER))).await;
    for answer in knock(&fleet, &token).await {
        answer.refused(401, "inactive");
    }
    administer(&fleet, Method::PUT, "/v1/users/ada", &user(true, json!(MEMBER))).await;
    remembered(&fleet, &token).await;
    let tenant = json!({"name": "Acme", "active": false});
    administer(&fleet, Method::PUT, "/v1/tenants/acme", &tenant).await;
    for answer in knock(&fleet, &token).await {
        answer.refused(401, "inactive");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_lost_identity_lets_no_one_in_until_it_is_back() {
    let mut fleet = Fleet::launch_apart().await;
    let token = fleet.token("acme", "ada", &["*"]).await;
    remembered(&fleet, &token).await;
    fleet.kill(Identity).await;
    let closed = || async {
        let answers = knock(&fleet, &token).await;
        answers.iter().all(|answer| answer.status == 503)
    };
    until("every role refuses", closed).await;
    for answer in knock(&fleet, &token).await {
        answer.refused(503, "identity_unavailable");
    }
    fleet.start(Identity).await;
    remembered(&fleet, &token).await;
    // Killed and back before anyone's verdicts ran out: they still count for nothing once a token
    // was revoked.
    fleet.kill(Identity).await;
    fleet.start(Identity).await;
    revoke(&fleet, &token).await;
    refused_by_all(&fleet, &token, "token_revoked").await;
    fleet.kill(Policy).await;
    fleet.start(Policy).await;
    refused_by_all(&fleet, &token, "token_revoked").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_one_process_too_a_token_ends_when_it_is_revoked_or_over() {
    let clock = Clock::manual(Timestamp::from_nanos(1_800_000_000_000_000_000));
    let options = clock.clone();
    let hub = Hub::with(tempfile::tempdir().unwrap(), |mut all| {
        all.clock = options;
        all
    })
    .await;
    let (lost, kept) =
        (hub.token("acme", "ada", &["*"]).await, hub.token("acme", "bob", &["*"]).await);
    for (role, path) in DOORS {
        for token in [&lost, &kept] {
            assert_ne!(hub.get(role, path).bearer(token).send().await.status, 401);
        }
    }
    hub.post(Identity, "/v1/tokens/revoke", json!({"token": lost})).send().await.ok(200);
    for (role, path) in DOORS {
        hub.get(role, path).bearer(&lost).send().await.refused(401, "token_revoked");
        assert_ne!(hub.get(role, path).bearer(&kept).send().await.status, 401);
    }
    clock.set_wall(clock.wall().plus(std::time::Duration::from_secs(3_600)));
    for (role, path) in DOORS {
        hub.get(role, path).bearer(&kept).send().await.refused(401, "token_expired");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forgery_of_a_remembered_token_is_no_token() {
    let fleet = Fleet::launch().await;
    let token = fleet.token("acme", "ada", &["policy:read"]).await;
    remembered(&fleet, &token).await;
    let parts: Vec<&str> = token.split('.').collect();
    let header: Value = serde_json::from_slice(&BASE64.decode(parts[0]).unwrap()).unwrap();
    let with = |algorithm: &str| {
        let mut header = header.clone();
        header["alg"] = algorithm.into();
        BASE64.encode(header.to_string())
    };
    let mut signature = BASE64.decode(parts[2]).unwrap();
    signature[10] ^= 1;
    for (forged, code) in [
        (format!("{}.{}.", with("none"), parts[1]), "token_malformed"),
        (format!("{}.{}.{}", with("HS256"), parts[1], parts[2]), "token_forged"),
        (format!("{}.{}.{}", parts[0], parts[1], BASE64.encode(&signature)), "token_forged"),
    ] {
        for answer in knock(&fleet, &forged).await {
            answer.refused(401, code);
        }
    }
    assert!(knock(&fleet, &token).await.iter().all(|answer| answer.status != 401));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_are_told_in_order_and_a_silent_follower_holds_no_one_up_for_long() {
    let fleet = Fleet::launch().await;
    let token = fleet.token("acme", "ada", &["*"]).await;
    let ask = |question: Value| {
        let call = Call::new(Method::POST, fleet.url(Identity, "/v1/tokens/changes"));
        fleet.http.send(call.json(&question))
    };
    ask(json!({"follower": "", "run": null, "after": 0})).await.refused(422, "invalid_value");
    let first = ask(json!({"follower": "me", "run": null, "after": 0})).await.json;
    assert_eq!((&first["reset"], &first["stopping"]), (&json!(true), &json!(false)));
    let question = json!({"follower": "me", "run": first["run"], "after": first["latest"]});
    // Answered because of the revocation, or after a while without news: then asked again.
    let revoked = revoke(&fleet, &token);
    let told = async {
        loop {
            let news = ask(question.clone()).await.json;
            if news["changes"] != json!([]) {
                return news;
            }
        }
    };
    // The follower never says that it has followed the change; the revocation ends all the same.
    let (news, ()) = tokio::join!(told, revoked);
    assert_eq!(news["latest"], first["latest"].as_u64().unwrap() + 1);
    assert_eq!(news["changes"].as_array().unwrap().len(), 1);
    assert_eq!(news["reset"], false);
    let behind = ask(json!({"follower": "me", "run": "an earlier one", "after": 0})).await.json;
    assert_eq!((&behind["reset"], &behind["changes"]), (&json!(true), &json!([])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_stream_ends_with_its_token() {
    let fleet = Fleet::launch().await;
    let member = fleet.member("acme").await;
    let session = member.session().await;
    fleet.token("acme", "reader", &["session:read"]).await;
    let issue = json!({"user_id": "reader", "tenant_id": "acme", "capabilities": ["session:read"],
        "expires_in": 2});
    let issued = administer(&fleet, Method::POST, "/v1/tokens/issue", &issue).await;
    let short = issued.json["token"].as_str().unwrap().to_owned();
    let long = fleet.token("acme", "reader", &["session:read"]).await;
    let mut expiring = Member { fleet: &fleet, token: short }.listen(Gateway, &session, None).await;
    let reader = Member { fleet: &fleet, token: long.clone() };
    let mut revoked = reader.listen(Gateway, &session, None).await;
    let mut kept = member.listen(Gateway, &session, None).await;
    for stream in [&mut expiring, &mut revoked, &mut kept] {
        stream.take(1).await;
    }
    revoke(&fleet, &long).await;
    assert_eq!(revoked.next().await, None);
    assert_eq!(expiring.next().await, None);
    member.say(&session, "", "still there?").await;
    assert_eq!(kept.take(1).await[0].data["message"], "still there?");
}
