//! TLS as it is asked for, against real rustls servers: versions, suites, client certificates, and
//! what a peer is known as.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use seaworthy_net::tls::{Identity, Settings, Suite, Version};
use seaworthy_net::{Client, Error, Failure, Options, Request, Response, Tls, Trouble, Url};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const CERTIFICATE: &[u8] = include_bytes!("data/server.pem");
const KEY: &[u8] = include_bytes!("data/server.key");
const USER: &[u8] = include_bytes!("data/client.pem");
const USERS_KEY: &[u8] = include_bytes!("data/client.key");

/// What a server insists on: nothing, TLS 1.2, or knowing who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Insists {
    Nothing,
    Old,
    Knowing,
}

/// A server whose answers say who asked and whether the session was taken up again.
async fn server(insists: Insists) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions = match insists {
        Insists::Old => &[&rustls::version::TLS12][..],
        _ => rustls::ALL_VERSIONS,
    };
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .unwrap();
    let mut users = RootCertStore::empty();
    users.add(CertificateDer::from_pem_slice(USER).unwrap()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(users), provider);
    let config = match insists {
        Insists::Knowing => config.with_client_cert_verifier(verifier.build().unwrap()),
        _ => config.with_no_client_auth(),
    };
    let certificates = CertificateDer::pem_slice_iter(CERTIFICATE).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
    let config = config.with_single_cert(certificates, key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let (_, session) = stream.get_ref();
                let known = session.peer_certificates().is_some();
                let kind = session.handshake_kind();
                let text = format!("known={known} {kind:?}");
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", text.len());
                let mut bytes = [0; 1024];
                while matches!(stream.read(&mut bytes).await, Ok(1..)) {
                    if stream.write_all(format!("{head}{text}").as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

fn trusting() -> Settings {
    Settings { roots: Some(CERTIFICATE.to_vec()), ..Settings::default() }
}

async fn ask(host: &str, address: SocketAddr, tls: &Tls) -> Result<Response, Failure> {
    let url = Url::parse(&format!("https://{host}:{}/", address.port())).unwrap();
    let options = Options { tls: tls.clone(), ..Options::default() };
    Client::new(options).send(&url, Request::get("/")).await
}

fn text(response: &Response) -> &str {
    std::str::from_utf8(&response.body).unwrap()
}

#[tokio::test]
async fn a_peer_is_known_by_address_version_and_suite() {
    for (insists, version) in [(Insists::Nothing, Version::Tls13), (Insists::Old, Version::Tls12)] {
        let address = server(insists).await;
        let tls = Tls::new(trusting()).unwrap();
        let response = ask("localhost", address, &tls).await.unwrap();
        assert_eq!(response.peer.address(), Some(address));
        assert_eq!(response.peer.tls_version(), Some(version));
        assert_eq!(response.peer.tls_suite().map(Suite::version), Some(version));
        // The second answer on a connection knows it too.
        let url = Url::parse(&format!("https://{address}/")).unwrap();
        let mut client = Client::new(Options { tls, ..Options::default() });
        let first = client.send(&url, Request::get("/")).await.unwrap();
        let second = client.send(&url, Request::get("/")).await.unwrap();
        assert!(!second.connected);
        assert_eq!(first.peer, second.peer);
    }
    // Whoever fails in the handshake was connected.
    let address = server(Insists::Nothing).await;
    let failure = ask("localhost", address, &Tls::system()).await.unwrap_err();
    assert_eq!((failure.peer.address(), failure.peer.tls_version()), (Some(address), None));
}

#[tokio::test]
async fn only_what_is_chosen_is_spoken() {
    let (new, old) = (server(Insists::Nothing).await, server(Insists::Old).await);
    for suite in Suite::all() {
        let tls = Tls::new(Settings { suites: vec![suite], ..trusting() }).unwrap();
        let address = if suite.version() == Version::Tls12 { old } else { new };
        let result = ask("localhost", address, &tls).await;
        // The server's key is of the other kind.
        if suite.as_str().contains("ECDHE_RSA") {
            assert_eq!(result.unwrap_err().code(), "tls_failed", "{suite:?}");
            continue;
        }
        assert_eq!(result.unwrap().peer.tls_suite(), Some(suite));
    }
    let only = |least, most| Tls::new(Settings { least, most, ..trusting() }).unwrap();
    let (tls12, tls13) = (Version::Tls12, Version::Tls13);
    let response = ask("localhost", new, &only(tls12, tls12)).await.unwrap();
    assert_eq!(response.peer.tls_version(), Some(tls12));
    let failure = ask("localhost", old, &only(tls13, tls13)).await.unwrap_err();
    assert!(
        matches!(&failure.error, Error::TlsFailed { trouble: Trouble::Alert, .. }),
        "{failure:?}"
    );
    // Suites of 1.2 leave 1.3 as it is, and nothing left is told before anybody connects.
    let older = Suite::named("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384").unwrap();
    let tls = Tls::new(Settings { suites: vec![older], ..trusting() }).unwrap();
    assert_eq!(ask("localhost", new, &tls).await.unwrap().peer.tls_version(), Some(tls13));
    assert_eq!(ask("localhost", old, &tls).await.unwrap().peer.tls_suite(), Some(older));
    let newer = Suite::named("TLS_AES_128_GCM_SHA256").unwrap();
    for settings in [
        Settings { suites: vec![newer], most: tls12, ..trusting() },
        Settings { least: tls13, most: tls12, ..trusting() },
    ] {
        assert_eq!(Tls::new(settings).unwrap_err().code(), "invalid_setting");
    }
}

#[tokio::test]
async fn sessions_are_taken_up_unless_told_not_to() {
    let address = server(Insists::Nothing).await;
    for (resumes, expected) in [(true, "Resumed"), (false, "Full")] {
        let tls = Tls::new(Settings { resumes, ..trusting() }).unwrap();
        let first = ask("localhost", address, &tls).await.unwrap();
        assert!(text(&first).contains("Full"), "{}", text(&first));
        let second = ask("localhost", address, &tls).await.unwrap();
        assert!(text(&second).contains(expected), "{}", text(&second));
    }
}

#[tokio::test]
async fn we_say_who_we_are_to_those_it_is_meant_for() {
    let (asks, careless) = (server(Insists::Knowing).await, server(Insists::Nothing).await);
    let encrypted: &[u8] = include_bytes!("data/client-aes.key");
    for (key, password) in [(USERS_KEY, None), (encrypted, Some("secret"))] {
        let hosts = ["localhost", "*.example.com"].map(|host| host.parse().unwrap());
        let identity = Identity::from_pem(hosts.to_vec(), USER, key, password).unwrap();
        assert!(!format!("{identity:?}").contains("PRIVATE"));
        let tls = Tls::new(Settings { identities: vec![identity], ..trusting() }).unwrap();
        for _ in 0..2 {
            let response = ask("localhost", asks, &tls).await.unwrap();
            assert!(text(&response).contains("known=true"), "{}", text(&response));
        }
        let response = ask("localhost", careless, &tls).await.unwrap();
        assert!(text(&response).contains("known=false"));
        let failure = ask("127.0.0.1", asks, &tls).await.unwrap_err();
        let Error::TlsFailed { trouble, .. } = &failure.error else { panic!("{failure}") };
        assert_eq!(*trouble, Trouble::Alert, "{failure}");
    }
    // Without hosts it is for all.
    let identity = Identity::from_pem(Vec::new(), USER, USERS_KEY, None).unwrap();
    let tls = Tls::new(Settings { identities: vec![identity], ..trusting() }).unwrap();
    assert_eq!(ask("127.0.0.1", asks, &tls).await.unwrap().status, 200);
}

#[test]
fn an_identity_that_cannot_be_used_is_refused_with_its_reason() {
    let des: &[u8] = include_bytes!("data/client-des.key");
    let pkcs8: &[u8] = include_bytes!("data/client-pkcs8.key");
    let aes: &[u8] = include_bytes!("data/client-aes.key");
    for (certificate, key, password, reason) in [
        (&b""[..], USERS_KEY, None, "holds no certificate"),
        (USER, &b""[..], None, "key cannot be read"),
        (USER, KEY, None, "cannot be used"),
        (USER, des, Some("secret"), "DES-EDE3-CBC, which is not known here"),
        (USER, pkcs8, Some("secret"), "PKCS #8, which is not known here"),
        (USER, aes, None, "there is no password"),
        (USER, aes, Some("wrong"), "another password"),
        (USER, &aes[..aes.len() / 2], Some("secret"), "not as RFC 1423 has it"),
    ] {
        let result = Identity::from_pem(Vec::new(), certificate, key, password);
        let error = result.unwrap_err();
        assert_eq!(error.code(), "invalid_setting");
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_told_apart() {
    let address = server(Insists::Nothing).await;
    for (host, tls, expected) in [
        ("localhost", Tls::system(), Trouble::UnknownIssuer),
        ("localhost", Tls::trusting(USER).unwrap(), Trouble::UnknownIssuer),
        ("[::ffff:127.0.0.1]", Tls::new(trusting()).unwrap(), Trouble::WrongHost),
    ] {
        let failure = ask(host, address, &tls).await.unwrap_err();
        let Error::TlsFailed { trouble, .. } = &failure.error else { panic!("{failure}") };
        assert_eq!((*trouble, failure.code()), (expected, "tls_failed"), "{failure}");
    }
}
