//! Requests by a proxy: forwarded, through a tunnel, refused.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use seaworthy_net::network::{Hosts, Mapped};
use seaworthy_net::tls::Version;
use seaworthy_net::{Client, Http, Options, Proxies, Request, Tcp, Tls, Url, sse};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

type Log = Arc<Mutex<Vec<String>>>;

async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(bytes).ok()
}

/// A proxy that tells what it was asked, answers what it should forward, and opens tunnels to
/// `target` for those who say who they are.
async fn proxy(target: SocketAddr) -> (SocketAddr, Log) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let log = Log::default();
    let shared = Arc::clone(&log);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let log = Arc::clone(&shared);
            tokio::spawn(async move {
                while let Some(head) = head(&mut stream).await {
                    let first = head.lines().next().unwrap_or_default().to_owned();
                    let known =
                        head.to_lowercase().contains("proxy-authorization: basic bwu6c2vjcmv0");
                    log.lock().unwrap().push(format!("{first} {known}"));
                    if !first.starts_with("CONNECT") {
                        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nforwarded";
                        stream.write_all(answer.as_bytes()).await.unwrap();
                        continue;
                    }
                    if !known {
                        let answer = "HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno";
                        stream.write_all(answer.as_bytes()).await.unwrap();
                        return;
                    }
                    let mut onwards = TcpStream::connect(target).await.unwrap();
                    stream.write_all(b"HTTP/1.1 200 Go\r\n\r\n").await.unwrap();
                    _ = copy_bidirectional(&mut stream, &mut onwards).await;
                    return;
                }
            });
        }
    });
    (address, log)
}

const CERTIFICATE: &[u8] = include_bytes!("data/server.pem");
const KEY: &[u8] = include_bytes!("data/server.key");

/// A server under TLS that answers `tunnelled`.
async fn tls_server() -> SocketAddr {
    let certificates = CertificateDer::pem_slice_iter(CERTIFICATE).map(Result::unwrap).collect();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificates, PrivateKeyDer::from_pem_slice(KEY).unwrap())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            tokio::spawn(async move {
                let mut bytes = [0; 1024];
                while matches!(stream.read(&mut bytes).await, Ok(1..)) {
                    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ntunnelled";
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    address
}

fn options(address: SocketAddr, login: &str) -> Options {
    let mut hosts = Hosts::new();
    hosts.add("proxy.test", &address.to_string()).unwrap();
    let url = format!("http://{login}proxy.test");
    Options {
        network: Arc::new(Mapped::new(hosts, Arc::new(Tcp))),
        tls: Tls::insecure(),
        proxies: Arc::new(Proxies::new(Some(&url), Some(&url), "").unwrap()),
        ..Options::default()
    }
}

#[tokio::test]
async fn a_proxy_forwards_and_tunnels() {
    let (address, log) = proxy(tls_server().await).await;
    let mut client = Client::new(options(address, "me:secret@"));
    let url = Url::parse("http://shop.test:81/").unwrap();
    let mut request = Request::get("/a?b");
    let prepared = request.prepare(&url).unwrap();
    for _ in 0..2 {
        let response = client.send(&url, request.clone()).await.unwrap();
        assert_eq!(
            (&response.body[..], response.peer.address()),
            (&b"forwarded"[..], Some(address))
        );
        assert_eq!(client.repeat(&url, &prepared).await.unwrap().body, "forwarded");
    }
    request.headers.push((http::header::HOST, "other.test".parse().unwrap()));
    client.send(&url, request.clone()).await.unwrap();
    let forwarded = "GET http://shop.test:81/a?b HTTP/1.1 true";
    let mut expected = vec![forwarded; 4];
    expected.push("GET http://other.test/a?b HTTP/1.1 true");
    assert_eq!(std::mem::take(&mut *log.lock().unwrap()), expected);
    let url = Url::parse("https://shop.test/").unwrap();
    for first in [true, false] {
        let response = client.send(&url, Request::get("/")).await.unwrap();
        assert_eq!((&response.body[..], response.connected), (&b"tunnelled"[..], first));
        assert_eq!(response.peer.tls_version(), Some(Version::Tls13));
        assert_eq!(response.peer.address(), Some(address));
    }
    assert_eq!(*log.lock().unwrap(), ["CONNECT shop.test:443 HTTP/1.1 true"]);
}

#[tokio::test]
async fn a_proxy_that_refuses_is_told() {
    let (address, log) = proxy(SocketAddr::from(([127, 0, 0, 1], 9))).await;
    for (url, http) in [("https://[fd00::1]/", Http::One), ("http://shop.test/", Http::Two)] {
        let mut client = Client::new(Options { http, ..options(address, "") });
        let failure = client.send(&Url::parse(url).unwrap(), Request::get("/")).await.unwrap_err();
        assert_eq!(failure.code(), "proxy_refused");
        let told = "the proxy proxy.test did not open a tunnel: status 407";
        assert_eq!(failure.to_string(), told);
    }
    let expected = ["CONNECT [fd00::1]:443 HTTP/1.1 false", "CONNECT shop.test:80 HTTP/1.1 false"];
    assert_eq!(*log.lock().unwrap(), expected);
}

#[tokio::test]
async fn a_stream_of_events_goes_through_a_tunnel() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let asked = head(&mut stream).await.unwrap();
        let answer = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
        let first = asked.lines().next().unwrap();
        stream.write_all(format!("{answer}data: {first}\n\n").as_bytes()).await.unwrap();
    });
    let (address, log) = proxy(target).await;
    let url = Url::parse("http://shop.test/").unwrap();
    let options = options(address, "me:secret@");
    let mut events = sse::open(&options, &url, Request::get("/x")).await.unwrap();
    assert_eq!(events.peer.address(), Some(address));
    assert_eq!(events.next().await.unwrap().unwrap().data, "GET /x HTTP/1.1");
    assert_eq!(*log.lock().unwrap(), ["CONNECT shop.test:80 HTTP/1.1 true"]);
}
