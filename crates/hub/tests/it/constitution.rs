//! The constitution over HTTP: made or given, kept, replaced, bound into tokens and verdicts.

use std::path::{Path, PathBuf};
use std::process::Command;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use seaworthy_hub::Role::{Identity, Policy};
use seaworthy_hub::options::Peers;
use seaworthy_hub::{Options, Role, Service};
use serde_json::{Value, json};

use crate::harness::{Answer, Hub, Remote, change};

const ALL: [&str; 3] = ["policy:read", "policy:write", "policy:evaluate"];

/// Someone who signs constitutions.
struct Signer(Ed25519KeyPair);

impl Signer {
    fn new(seed: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
    }

    /// A bundle as a signer without our code would make it.
    fn bundle(&self, version: &str) -> Value {
        let document = json!({
            "preamble": "Why", "principles": [{"body": "Do.", "id": "p", "title": "P"}],
            "title": format!("Version {version}"),
        });
        let hash = hex(&document.to_string());
        let whole = json!({"document": document, "hash": hash,
            "issued_at": "2026-01-01T00:00:00Z", "version": version});
        let value = BASE64_STANDARD.encode(self.0.sign(whole.to_string().as_bytes()).as_ref());
        let mut whole = whole;
        whole["signature"] = json!({"algorithm": "EdDSA", "value": value});
        whole
    }

    fn key(&self, folder: &Path) -> PathBuf {
        let prefix = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
        let der = [&prefix[..], self.0.public_key().as_ref()].concat();
        let pem = format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            BASE64_STANDARD.encode(der)
        );
        let path = folder.join("trusted.pem");
        std::fs::write(&path, pem).unwrap();
        path
    }
}

fn hex(text: &str) -> String {
    digest(&SHA256, text.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn claims(token: &str) -> Value {
    let claims = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}

async fn hash(hub: &Remote, role: Role) -> String {
    let summary = hub.get(role, "/v1/constitution").send().await;
    summary.ok(200)["hash"].as_str().unwrap().to_owned()
}

async fn evaluate(hub: &Remote, token: &str) -> Answer {
    let body = json!({"session_id": "s", "tenant": "acme", "user": "ada", "prompt": "hello"});
    hub.post(Policy, "/v1/evaluate", body).bearer(token).send().await
}

async fn open_policy(hub: &Remote, token: &str) {
    let put = hub.put(Policy, "/v1/policies/acme", json!({"rules": []}));
    assert!(put.bearer(token).send().await.status.is_success());
}

#[tokio::test]
async fn a_first_start_makes_one_that_tokens_and_verdicts_carry() {
    let hub = Hub::start(&[Identity, Policy]).await;
    let ours = hash(&hub, Identity).await;
    assert_eq!(hash(&hub, Policy).await, ours);
    let token = hub.token("acme", "ada", &ALL).await;
    assert_eq!(claims(&token)["constitution_hash"], ours.as_str());
    assert_eq!(hub.verify(&token).await.ok(200)["constitution_hash"], ours.as_str());
    open_policy(&hub, &token).await;
    let verdict = evaluate(&hub, &token).await;
    let reasons = &verdict.ok(200)["reasons"];
    assert_eq!(reasons, &json!({"constitution_hash": ours, "policy": []}));

    for role in [Identity, Policy] {
        let get = |path: &str| hub.get(role, path).bearer(&token).send();
        let bundle = get("/v1/constitution/acme").await;
        assert_eq!(bundle.ok(200)["hash"], ours.as_str());
        let hashed = get("/v1/constitution/acme/hash").await;
        assert_eq!(hashed.ok(200), &json!({"hash": ours, "version": "1", "tenant": "acme"}));
        get("/v1/constitution/other").await.refused(403, "wrong_tenant");
        get("/v1/constitution/other/hash").await.refused(403, "wrong_tenant");
        hub.get(role, "/v1/constitution/acme").send().await.refused(401, "no_token");
        let validate = |bundle: Value| {
            hub.post(role, "/v1/constitution/validate", bundle).bearer(&token).send()
        };
        let sound = validate(bundle.body.clone()).await;
        assert_eq!(sound.ok(200), &json!({"valid": true, "issues": []}));
        let mut forged = bundle.body.clone();
        forged["document"]["principles"][0]["body"] = "Anything goes.".into();
        let found = validate(forged).await;
        assert_eq!(found.ok(200)["valid"], false);
        assert_eq!(found.body["issues"].as_array().unwrap().len(), 2, "{found:?}");
        validate(json!({"version": "1"})).await.refused(422, "missing_field");
    }

    let data = hub.stop().await;
    let hub = Hub::with(data, |options| options.roles([Identity, Policy])).await;
    assert_eq!(hash(&hub, Identity).await, ours);
    evaluate(&hub, &token).await.ok(200);
}

#[tokio::test]
async fn a_bundle_that_openssl_signed_with_rsa_is_taken() {
    let data = tempfile::tempdir().unwrap();
    let place = |name: &str| data.path().join(name);
    let openssl = |arguments: &[&str]| {
        let done = Command::new("openssl").current_dir(data.path()).args(arguments).output();
        let done = done.expect("openssl is installed");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    let bits = "rsa_keygen_bits:2048";
    openssl(&["genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", bits, "-out", "private.pem"]);
    openssl(&["pkey", "-in", "private.pem", "-pubout", "-out", "trusted.pem"]);
    // Sorted by hand: nothing of ours makes what is signed.
    let document =
        r#"{"preamble":"P","principles":[{"body":"B","id":"i","title":"T"}],"title":"T"}"#;
    std::fs::write(place("document"), document).unwrap();
    openssl(&["dgst", "-sha256", "-sign", "private.pem", "-out", "signature", "document"]);
    let value = BASE64_STANDARD.encode(std::fs::read(place("signature")).unwrap());
    let bundle = json!({
        "version": "2025.10.01", "issued_at": "2025-10-01T00:00:00Z", "hash": hex(document),
        "document": serde_json::from_str::<Value>(document).unwrap(),
        "signature": {"algorithm": "RS256", "value": value},
    });
    std::fs::write(place("bundle.json"), bundle.to_string()).unwrap();
    let (bundle, key) = (place("bundle.json"), place("trusted.pem"));
    let hub = Hub::with(data, |mut options| {
        options.constitution.bundle = Some(bundle);
        options.constitution.key = Some(key);
        options.roles([Identity, Policy])
    })
    .await;
    assert_eq!(hash(&hub, Identity).await, hex(document));
    let token = hub.token("acme", "ada", &ALL).await;
    open_policy(&hub, &token).await;
    let verdict = evaluate(&hub, &token).await;
    assert_eq!(verdict.ok(200)["reasons"]["constitution_hash"], hex(document));
}

#[tokio::test]
async fn what_does_not_hold_gives_way_to_the_last_that_did_and_to_nothing_else() {
    let signer = Signer::new(1);
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("bundle.json");
    let key = signer.key(data.path());
    std::fs::write(&file, signer.bundle("1").to_string()).unwrap();
    let start = async |data| {
        let (file, key) = (file.clone(), key.clone());
        Hub::with(data, |mut options| {
            options.constitution.bundle = Some(file);
            options.constitution.key = Some(key);
            options.roles([Identity, Policy])
        })
        .await
    };
    let hub = start(data).await;
    let first = hash(&hub, Identity).await;
    let token = hub.token("acme", "ada", &ALL).await;
    open_policy(&hub, &token).await;
    let mut data = hub.stop().await;
    let mut forged = signer.bundle("2");
    forged["document"]["title"] = "Forged".into();
    let foreign = Signer::new(2).bundle("2").to_string();
    for broken in ["", "{", "\u{0}", &forged.to_string(), &foreign, &" ".repeat(2 << 20)] {
        std::fs::write(&file, broken).unwrap();
        let hub = start(data).await;
        assert_eq!(hash(&hub, Identity).await, first, "{broken:.20}");
        assert_eq!(evaluate(&hub, &token).await.ok(200)["allowed"], true);
        data = hub.stop().await;
    }
    std::fs::remove_file(&file).unwrap();
    let hub = start(data).await;
    evaluate(&hub, &token).await.ok(200);
    let data = hub.stop().await;

    // What was kept is changed on disk, behind the hub's back.
    let changed = "UPDATE constitutions SET bundle = replace(bundle, 'Why', 'Because')";
    assert_eq!(change(data.path(), Identity, changed).await, 1);
    let hub = start(data).await;
    denies_everything(&hub, Some(&token)).await;
    let data = hub.stop().await;
    // Neither does a hub then fall back on one of its own making.
    let hub = Hub::with(data, |options| options.roles([Identity, Policy])).await;
    denies_everything(&hub, Some(&token)).await;
    // Those that would have to refuse everything say so, too.
    let unready = hub.get(Policy, "/ready").send().await;
    assert!(unready.ok(503)["reasons"][0].as_str().unwrap().contains("identity is not ready"));
    hub.get(Policy, "/ready?reads=true").send().await.ok(200);
    let data = hub.stop().await;
    std::fs::write(&file, signer.bundle("3").to_string()).unwrap();
    let hub = start(data).await;
    hub.get(Identity, "/ready").send().await.ok(200);
    hub.verify(&token).await.refused(401, "constitution_mismatch");
    let token = hub.token("acme", "ada", &ALL).await;
    assert_eq!(evaluate(&hub, &token).await.ok(200)["allowed"], true);
}

async fn denies_everything(hub: &Hub, token: Option<&str>) {
    let unready = hub.get(Identity, "/ready").send().await;
    assert!(unready.ok(503)["reasons"][0].as_str().unwrap().contains("constitution"));
    for role in [Identity, Policy] {
        let summary = hub.get(role, "/v1/constitution").send().await;
        summary.refused(503, "no_constitution");
    }
    if let Some(token) = token {
        evaluate(hub, token).await.refused(503, "no_constitution");
        hub.verify(token).await.refused(503, "no_constitution");
    }
    let body = json!({"user_id": "ada", "tenant_id": "acme", "capabilities": ["policy:read"]});
    let issued = hub.post(Identity, "/v1/tokens/issue", body).admin(&hub.credential());
    issued.send().await.refused(503, "no_constitution");
}

#[tokio::test]
async fn a_first_start_on_a_bundle_that_does_not_hold_denies() {
    let data = tempfile::tempdir().unwrap();
    let key = Signer::new(1).key(data.path());
    let file = data.path().join("bundle.json");
    std::fs::write(&file, Signer::new(2).bundle("1").to_string()).unwrap();
    let hub = Hub::with(data, |mut options| {
        options.constitution.bundle = Some(file);
        options.constitution.key = Some(key);
        options.roles([Identity, Policy])
    })
    .await;
    denies_everything(&hub, None).await;
}

#[tokio::test]
async fn a_key_that_cannot_be_used_is_said_at_once() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("file");
    std::fs::write(&file, "no key").unwrap();
    let refused = async |bundle: Option<&Path>, key: Option<&Path>| {
        let mut options = Options::new(data.path()).roles([Identity]).any_ports();
        options.constitution.bundle = bundle.map(Path::to_owned);
        options.constitution.key = key.map(Path::to_owned);
        let error = Service::bind(options).await.err().unwrap();
        assert_eq!(error.code(), "hub.constitution_key", "{error}");
        assert!(error.hint().is_some());
    };
    refused(Some(&file), None).await;
    refused(Some(&file), Some(&file)).await;
    refused(None, Some(&data.path().join("missing"))).await;
}

#[tokio::test]
async fn another_constitution_ends_the_tokens_of_the_old_one_at_once() {
    let signer = Signer::new(1);
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("bundle.json");
    let key = signer.key(data.path());
    std::fs::write(&file, signer.bundle("1").to_string()).unwrap();
    let trusted = key.clone();
    let hub = Hub::with(data, |mut options| {
        options.constitution.bundle = Some(file);
        options.constitution.key = Some(trusted);
        options.roles([Identity])
    })
    .await;
    // The policy engine is another process, as far as it knows, and trusts the key for itself.
    let peers = Peers::default().with(Identity, hub.base(Identity));
    let policy = Hub::with(tempfile::tempdir().unwrap(), |mut options| {
        options.peers = peers;
        options.constitution.key = Some(key);
        options.roles([Policy])
    })
    .await;
    let old = hub.token("acme", "ada", &ALL).await;
    open_policy(&policy, &old).await;
    evaluate(&policy, &old).await.ok(200);

    let put = |bundle: Value| hub.put(Identity, "/v1/constitution", bundle);
    let admin = hub.credential();
    put(signer.bundle("2")).bearer(&old).send().await.refused(403, "missing_capability");
    let local = hub.token("acme", "boss", &["*"]).await;
    put(signer.bundle("2")).bearer(&local).send().await.refused(403, "wrong_tenant");
    let foreign = put(Signer::new(2).bundle("2")).admin(&admin).send().await;
    foreign.refused(422, "constitution_invalid");
    assert!(foreign.body["issues"][0].as_str().unwrap().contains("signature"), "{foreign:?}");
    evaluate(&policy, &old).await.ok(200);

    put(signer.bundle("2")).admin(&admin).send().await.ok(200);
    evaluate(&policy, &old).await.refused(401, "constitution_mismatch");
    hub.verify(&old).await.refused(401, "constitution_mismatch");
    let new = hub.token("acme", "ada", &ALL).await;
    let verdict = evaluate(&policy, &new).await;
    let current = hash(&hub, Identity).await;
    assert_eq!(verdict.ok(200)["reasons"]["constitution_hash"], current.as_str());
    assert_eq!(hash(&policy, Policy).await, current);

    // The same again changes nothing.
    put(signer.bundle("2")).admin(&admin).send().await.ok(200);
    evaluate(&policy, &new).await.ok(200);
}

#[tokio::test]
async fn a_policy_engine_that_trusts_another_key_denies() {
    let hub = Hub::start(&[Identity]).await;
    let token = hub.token("acme", "ada", &ALL).await;
    let data = tempfile::tempdir().unwrap();
    let key = Signer::new(9).key(data.path());
    let peers = Peers::default().with(Identity, hub.base(Identity));
    let policy = Hub::with(data, |mut options| {
        options.peers = peers;
        options.constitution.key = Some(key);
        options.roles([Policy])
    })
    .await;
    open_policy(&policy, &token).await;
    for _ in 0..2 {
        let denied = evaluate(&policy, &token).await;
        assert_eq!(
            denied.ok(200),
            &json!({"allowed": false, "score": 0.0, "severity": "critical",
                    "reasons": {"code": "no_constitution", "policy": []}})
        );
    }
    policy.get(Policy, "/v1/constitution").send().await.refused(503, "no_constitution");
}
