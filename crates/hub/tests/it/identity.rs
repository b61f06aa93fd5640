//! Tenants, users, tokens, keys and the admin credential.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::Duration;

use seaworthy_base::{Clock, Timestamp};
use seaworthy_hub::Role::Identity;
use seaworthy_hub::{Options, Service};
use serde_json::json;

use crate::harness::{Hub, on_postgres, rows_of};

fn clock() -> Clock {
    Clock::manual(Timestamp::from_nanos(1_800_000_000_000_000_000))
}

fn pass(clock: &Clock, seconds: u64) {
    clock.set_wall(clock.wall().plus(Duration::from_secs(seconds)));
}

#[tokio::test]
async fn a_credential_makes_a_tenant_a_user_and_a_token() {
    let hub = Hub::start(&[Identity]).await;
    let admin = hub.credential();
    let tenant = hub.put(Identity, "/v1/tenants/acme", json!({"name": "Acme"}));
    assert_eq!(tenant.admin(&admin).send().await.ok(201)["active"], true);
    let again = hub.put(Identity, "/v1/tenants/acme", json!({"name": "Acme Ltd"}));
    again.admin(&admin).send().await.ok(200);
    let read = hub.get(Identity, "/v1/tenants/acme").admin(&admin).send().await;
    assert_eq!(read.ok(200)["name"], "Acme Ltd");

    let token = hub.token("acme", "ada", &["memory:read", "memory:write"]).await;
    let body = json!({"token": token, "required_capabilities": ["memory:read"]});
    let verified = hub.post(Identity, "/v1/tokens/verify", body).send().await;
    let verified = verified.ok(200);
    assert_eq!(verified["valid"], true);
    assert_eq!(verified["user_id"], "ada");
    assert_eq!(verified["tenant_id"], "acme");
    assert_eq!(verified["capabilities"], json!(["memory:read", "memory:write"]));
    let time = |field: &str| verified[field].as_str().unwrap().parse::<Timestamp>().unwrap();
    assert_eq!(time("expires_at").since(time("issued_at")), Duration::from_secs(3_600));

    let body = json!({"token": token, "required_capabilities": ["policy:write"]});
    let missing = hub.post(Identity, "/v1/tokens/verify", body).send().await;
    missing.refused(403, "missing_capability");
    let own = hub.get(Identity, "/v1/users/ada").bearer(&token).send().await;
    assert_eq!(own.ok(200)["email"], "ada@acme.example");
}

#[tokio::test]
async fn the_credential_file_is_its_owners_alone_and_only_its_hash_is_stored() {
    let hub = Hub::start(&[Identity]).await;
    let credential = hub.credential();
    assert!(credential.len() >= 43, "256 bits of base64");
    let folder = hub.data.path().join("identity");
    let mode = |path: &str| std::fs::metadata(folder.join(path)).unwrap().mode() & 0o7777;
    assert_eq!(mode("admin.credential"), 0o600);
    if !on_postgres() {
        assert_eq!(mode("store.sqlite"), 0o600);
    }
    assert_eq!(mode(""), 0o700);
    let folder = hub.stop().await;
    for entry in std::fs::read_dir(folder.path().join("identity/keys")).unwrap() {
        assert_eq!(entry.unwrap().metadata().unwrap().mode() & 0o7777, 0o600);
    }
    for entry in std::fs::read_dir(folder.path().join("identity")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && !path.ends_with("admin.credential") {
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes.windows(credential.len()).any(|part| part == credential.as_bytes());
            assert!(!found, "{}", path.display());
        }
    }
}

#[tokio::test]
async fn a_start_that_died_before_its_rows_adopts_the_credential_it_left() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("identity");
    std::fs::create_dir(&folder).unwrap();
    let file = folder.join("admin.credential");
    let left = "bGVmdCBiZWhpbmQgYnkgYSBzdGFydCB0aGF0IGRpZWQ";
    std::fs::write(&file, format!("{left}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let rows = rows_of(data.path()).await;
    let options = Options::new(data.path()).roles([Identity]).any_ports().database(rows);
    let refused = Service::bind(options).await.err().unwrap();
    assert_eq!(refused.code(), "hub.secret");
    assert!(refused.to_string().contains("0644"), "{refused}");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    // One that was cut off would be easy to guess.
    for broken in ["", "\n", &left[..10], "not base64 at all, though as long as one is"] {
        std::fs::write(&file, broken).unwrap();
        let rows = rows_of(data.path()).await;
        let options = Options::new(data.path()).roles([Identity]).any_ports().database(rows);
        assert_eq!(Service::bind(options).await.err().unwrap().code(), "hub.secret", "{broken}");
    }
    std::fs::write(&file, format!("{left}\n")).unwrap();
    let hub = Hub::with(data, |options| options.roles([Identity])).await;
    let put = hub.put(Identity, "/v1/tenants/acme", json!({"name": "Acme"}));
    put.admin(left).send().await.ok(201);
}

#[tokio::test]
async fn wrong_credentials_are_refused_and_counted() {
    let hub = Hub::start(&[Identity]).await;
    let put = || hub.put(Identity, "/v1/tenants/acme", json!({"name": "Acme"}));
    put().admin("guess").send().await.refused(401, "wrong_credential");
    put().header("authorization", "Basic %%%").send().await.refused(401, "wrong_credential");
    put().send().await.refused(401, "no_token");
    assert_eq!(hub.counter(Identity, "identity_credential_failures_total").await, 2.0);
    let admin = hub.credential();
    let read = hub.get(Identity, "/v1/tenants/acme").admin(&admin).send().await;
    read.refused(404, "unknown_tenant");
}

#[tokio::test]
async fn tokens_are_refused_to_the_unknown_the_inactive_and_the_greedy() {
    let hub = Hub::start(&[Identity]).await;
    let admin = hub.credential();
    let token = hub.token("acme", "ada", &["memory:read"]).await;
    let issue = |user: &str, tenant: &str, capability: &str| {
        let body = json!({"user_id": user, "tenant_id": tenant, "capabilities": [capability]});
        hub.post(Identity, "/v1/tokens/issue", body).admin(&admin).send()
    };
    issue("bob", "acme", "memory:read").await.refused(404, "unknown_user");
    issue("ada", "other", "memory:read").await.refused(404, "unknown_user");
    issue("ada", "acme", "memory:write").await.refused(403, "capability_not_held");
    issue("ada", "acme", "*").await.refused(403, "capability_not_held");
    for expires_in in [0, 86_401] {
        let body = json!({
            "user_id": "ada", "tenant_id": "acme", "capabilities": [], "expires_in": expires_in
        });
        let refused = hub.post(Identity, "/v1/tokens/issue", body).admin(&admin).send().await;
        refused.refused(422, "invalid_value");
        assert_eq!(refused.body["pointer"], "/expires_in");
    }

    let user = |active: bool, capabilities: serde_json::Value| {
        let body = json!({
            "tenant_id": "acme", "name": "Ada", "email": "ada@acme.example",
            "capabilities": capabilities, "active": active
        });
        hub.put(Identity, "/v1/users/ada", body).admin(&admin).send()
    };
    user(false, json!(["memory:read"])).await.ok(200);
    issue("ada", "acme", "memory:read").await.refused(403, "inactive");
    hub.verify(&token).await.refused(401, "inactive");
    user(true, json!(["policy:read"])).await.ok(200);
    // What a user has lost, a token issued before has lost too.
    assert_eq!(hub.verify(&token).await.ok(200)["capabilities"], json!([]));
    let off = hub.put(Identity, "/v1/tenants/acme", json!({"name": "Acme", "active": false}));
    off.admin(&admin).send().await.ok(200);
    hub.verify(&token).await.refused(401, "inactive");
}

#[tokio::test]
async fn an_administrator_stays_in_its_tenant_but_for_the_platforms_own() {
    let hub = Hub::start(&[Identity]).await;
    let local = hub.token("acme", "boss", &["identity:admin"]).await;
    hub.token("other", "eve", &["*"]).await;
    let user = |id: &str, tenant: &str| {
        let body = json!({
            "tenant_id": tenant, "name": "N", "email": "n@e.example", "capabilities": []
        });
        hub.put(Identity, &format!("/v1/users/{id}"), body).bearer(&local).send()
    };
    user("bob", "acme").await.ok(201);
    user("bob", "other").await.refused(403, "wrong_tenant");
    user("eve", "acme").await.refused(409, "id_taken");
    user("root", "system").await.refused(403, "wrong_tenant");
    user("admin", "acme").await.refused(403, "reserved");
    let read = hub.get(Identity, "/v1/users/eve").bearer(&local).send().await;
    read.refused(404, "unknown_user");
    let tenant = hub.put(Identity, "/v1/tenants/acme", json!({"name": "Mine"}));
    tenant.bearer(&local).send().await.refused(403, "wrong_tenant");

    let credential = hub.credential();
    let body = json!({"user_id": "admin", "tenant_id": "system", "capabilities": ["*"]});
    let issued = hub.post(Identity, "/v1/tokens/issue", body).admin(&credential).send().await;
    let root = issued.ok(200)["token"].as_str().unwrap().to_owned();
    let tenant = hub.put(Identity, "/v1/tenants/new", json!({"name": "New"}));
    tenant.bearer(&root).send().await.ok(201);
    let system = hub.put(Identity, "/v1/tenants/system", json!({"name": "x"}));
    system.bearer(&root).send().await.refused(403, "reserved");
    let body = json!({
        "tenant_id": "nowhere", "name": "N", "email": "n@e.example", "capabilities": []
    });
    let lost = hub.put(Identity, "/v1/users/lost", body).bearer(&root).send().await;
    lost.refused(404, "unknown_tenant");
}

#[tokio::test]
async fn a_token_ends_when_it_said_it_would() {
    let clock = clock();
    let options = clock.clone();
    let hub = Hub::with(tempfile::tempdir().unwrap(), |mut all| {
        all.clock = options;
        all.roles([Identity])
    })
    .await;
    hub.token("acme", "ada", &[]).await;
    let body = json!({
        "user_id": "ada", "tenant_id": "acme", "capabilities": [], "expires_in": 2
    });
    let issued = hub.post(Identity, "/v1/tokens/issue", body).admin(&hub.credential()).send().await;
    assert_eq!(issued.ok(200)["expires_in"], 2);
    let token = issued.body["token"].as_str().unwrap();
    pass(&clock, 1);
    hub.verify(token).await.ok(200);
    pass(&clock, 1);
    hub.verify(token).await.refused(401, "token_expired");
    hub.get(Identity, "/v1/users/ada").bearer(token).send().await.refused(401, "token_expired");
    clock.set_wall(Timestamp::from_nanos(1_700_000_000_000_000_000));
    hub.verify(token).await.refused(401, "token_not_yet");
}

#[tokio::test]
async fn a_revoked_token_is_refused_at_once_and_after_a_restart() {
    let hub = Hub::start(&[Identity]).await;
    let token = hub.token("acme", "ada", &["memory:read"]).await;
    let kept = hub.token("acme", "bob", &["memory:read"]).await;
    for _ in 0..2 {
        let revoke = hub.post(Identity, "/v1/tokens/revoke", json!({"token": token}));
        assert_eq!(revoke.send().await.ok(200), &json!({"revoked": true}));
        hub.verify(&token).await.refused(401, "token_revoked");
    }
    let credential = hub.credential();
    let data = hub.stop().await;
    let hub = Hub::with(data, |options| options.roles([Identity])).await;
    assert_eq!(hub.credential(), credential);
    hub.verify(&token).await.refused(401, "token_revoked");
    assert_eq!(hub.verify(&kept).await.ok(200)["user_id"], "bob");
    let read = hub.get(Identity, "/v1/tenants/acme").admin(&credential).send().await;
    assert_eq!(read.ok(200)["name"], "acme");
}

#[tokio::test]
async fn keys_rotate_and_old_ones_verify_until_their_tokens_are_gone() {
    let clock = clock();
    let start = |data| {
        let clock = clock.clone();
        Hub::with(data, move |mut options| {
            options.clock = clock;
            options.tokens.rotation = Duration::from_secs(3_600);
            options.tokens.longest = Duration::from_secs(7_200);
            options.tokens.lifetime = Duration::from_secs(7_200);
            options.roles([Identity])
        })
    };
    let hub = start(tempfile::tempdir().unwrap()).await;
    let old = hub.token("acme", "ada", &[]).await;
    let kids = |keys: &serde_json::Value| keys["keys"].as_array().unwrap().len();
    let keys = hub.get(Identity, "/.well-known/jwks.json").send().await;
    assert_eq!(kids(keys.ok(200)), 1);
    assert_eq!(keys.body["keys"][0]["crv"], "Ed25519");
    pass(&clock, 3_600);
    let new = hub.token("acme", "ada", &[]).await;
    let kid = |token: &str| token.split('.').next().unwrap().to_owned();
    assert_ne!(kid(&old), kid(&new));
    hub.verify(&old).await.ok(200);
    hub.verify(&new).await.ok(200);
    let keys = hub.get(Identity, "/.well-known/jwks.json").send().await;
    assert_eq!(kids(keys.ok(200)), 2);
    let private = std::fs::read_dir(hub.data.path().join("identity/keys")).unwrap().count();
    assert_eq!(private, 1, "a retired key's private half is removed");

    let data = hub.stop().await;
    let keys = data.path().join("identity/keys");
    std::fs::write(keys.join("0123456789abcdef.pk8"), "left by a rotation that died").unwrap();
    let hub = start(data).await;
    assert_eq!(std::fs::read_dir(&keys).unwrap().count(), 1);
    hub.verify(&old).await.ok(200);
    hub.verify(&new).await.ok(200);
    pass(&clock, 3_600);
    hub.verify(&old).await.refused(401, "token_expired");
    hub.verify(&new).await.ok(200);
    pass(&clock, 3_601);
    hub.verify(&old).await.refused(401, "token_unknown_key");
    hub.verify(&new).await.refused(401, "token_expired");
    hub.token("acme", "ada", &[]).await;
    let keys = hub.get(Identity, "/.well-known/jwks.json").send().await;
    assert_eq!(kids(keys.ok(200)), 2, "the first key is forgotten, the second still verifies");
}

#[tokio::test]
async fn a_lost_signing_key_is_replaced_and_a_swapped_one_refused() {
    let hub = Hub::start(&[Identity]).await;
    let token = hub.token("acme", "ada", &[]).await;
    let data = hub.stop().await;
    let keys = data.path().join("identity/keys");
    let key = std::fs::read_dir(&keys).unwrap().next().unwrap().unwrap().path();
    std::fs::remove_file(&key).unwrap();
    let hub = Hub::with(data, |options| options.roles([Identity])).await;
    hub.verify(&token).await.ok(200);
    hub.verify(&hub.token("acme", "ada", &[]).await).await.ok(200);
    let data = hub.stop().await;
    let key = std::fs::read_dir(&keys).unwrap().next().unwrap().unwrap().path();
    std::fs::write(&key, "not a key").unwrap();
    let rows = rows_of(data.path()).await;
    let options = Options::new(data.path()).roles([Identity]).any_ports().database(rows);
    assert_eq!(Service::bind(options).await.err().unwrap().code(), "hub.secret");
}
