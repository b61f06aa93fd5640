//! A server whose answers depend on the path, and which remembers what it was asked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig};

pub struct Server {
    pub address: SocketAddr,
    pub requests: Arc<Mutex<Vec<Seen>>>,
    pub gauge: Arc<Mutex<Gauge>>,
    scheme: &'static str,
}

/// A request that came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: Bytes,
    /// Where it came from: one address for each connection.
    pub peer: SocketAddr,
    pub at: Instant,
}

/// How many requests for `/hold` were there at once.
#[derive(Debug, Default)]
pub struct Gauge {
    now: BTreeMap<String, usize>,
    pub most: usize,
    pub most_of_host: BTreeMap<String, usize>,
}

/// What a server with TLS insists on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    Anyone,
    /// TLS 1.2 and nothing newer.
    Old,
    /// A certificate of the client's own.
    Known,
}

impl Server {
    pub async fn start() -> Self {
        Self::listen(None).await
    }

    /// With the certificate of `crates/net`'s tests, which nobody trusts.
    pub async fn start_tls(tls: Tls) -> Self {
        Self::listen(Some(acceptor(tls))).await
    }

    async fn listen(tls: Option<tokio_rustls::TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let gauge: Arc<Mutex<Gauge>> = Arc::default();
        let (seen, counts) = (Arc::clone(&requests), Arc::clone(&gauge));
        let scheme = if tls.is_some() { "https" } else { "http" };
        tokio::spawn(async move {
            while let Ok((stream, peer)) = listener.accept().await {
                let (seen, counts) = (Arc::clone(&seen), Arc::clone(&counts));
                tokio::spawn(serve(stream, tls.clone(), peer, seen, counts));
            }
        });
        Self { address, requests, gauge, scheme }
    }

    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// The script with the server's URL in the place of `BASE` and its port in that of `PORT`.
    pub fn fill(&self, script: &str) -> String {
        script.replace("BASE", &self.url()).replace("PORT", &self.address.port().to_string())
    }

    /// What was asked, so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.requests.lock().unwrap().clone()
    }
}

fn acceptor(tls: Tls) -> tokio_rustls::TlsAcceptor {
    const CERTIFICATE: &[u8] = include_bytes!("../../../net/tests/data/server.pem");
    const KEY: &[u8] = include_bytes!("../../../net/tests/data/server.key");
    const USER: &[u8] = include_bytes!("../../../net/tests/data/client.pem");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions = match tls {
        Tls::Old => &[&rustls::version::TLS12][..],
        _ => rustls::ALL_VERSIONS,
    };
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .unwrap();
    let config = if tls == Tls::Known {
        let mut users = RootCertStore::empty();
        users.add(CertificateDer::from_pem_slice(USER).unwrap()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(users), provider);
        config.with_client_cert_verifier(verifier.build().unwrap())
    } else {
        config.with_no_client_auth()
    };
    let certificates = CertificateDer::pem_slice_iter(CERTIFICATE).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
    Arc::new(config.with_single_cert(certificates, key).unwrap()).into()
}

async fn serve(
    stream: TcpStream,
    tls: Option<tokio_rustls::TlsAcceptor>,
    peer: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    gauge: Arc<Mutex<Gauge>>,
) {
    let service =
        service_fn(move |request| answer(request, peer, Arc::clone(&seen), Arc::clone(&gauge)));
    let http = hyper::server::conn::http1::Builder::new();
    match tls {
        None => _ = http.serve_connection(TokioIo::new(stream), service).await,
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                _ = http.serve_connection(TokioIo::new(stream), service).await;
            }
        }
    }
}

async fn answer(
    request: Request<Incoming>,
    peer: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    gauge: Arc<Mutex<Gauge>>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let headers = parts.headers.iter().map(|(name, value)| {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let one = Seen {
        method: parts.method.to_string(),
        path: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        headers: headers.collect(),
        body: body.clone(),
        peer,
        at: seaworthy_base::Clock::system().now().into_std(),
    };
    let header = |name| one.headers.get(name).cloned().unwrap_or_default();
    let cookie = header("cookie");
    seen.lock().unwrap().push(one.clone());
    let response = Response::builder();
    let path = parts.uri.path().to_owned();
    let mut pieces = path.trim_start_matches('/').split('/');
    let response = match (pieces.next().unwrap_or_default(), pieces.next()) {
        ("status", Some(code)) => {
            response.status(code.parse::<u16>().unwrap()).body(Bytes::from("status"))
        }
        ("json", _) => response
            .header("content-type", "application/json")
            .body(Bytes::from(r#"{"a":{"b":[1,2,{"c":"deep"}]},"name":"it"}"#)),
        ("broken", _) => response.body(Bytes::from("{\"a\": [1,\n  2,}")),
        ("big", Some(count)) => {
            let all: Vec<String> = (0..count.parse().unwrap())
                .map(|id: u32| format!("{{\"id\":{id},\"name\":\"item {id}\"}}"))
                .collect();
            response.body(Bytes::from(format!("{{\"items\":[{}]}}", all.join(","))))
        }
        ("hold", Some(millis)) => {
            hold(&gauge, &header("host"), millis.parse().unwrap()).await;
            response.body(Bytes::from("held"))
        }
        ("redirect", Some(left)) => {
            let left: u32 = left.parse().unwrap();
            let next =
                if left > 1 { format!("/redirect/{}", left - 1) } else { "/final".to_owned() };
            response.status(302).header("location", next).body(Bytes::new())
        }
        ("setcookie", Some(pair)) => response
            .header("set-cookie", format!("{pair}; Path=/; HttpOnly"))
            .body(Bytes::from("set")),
        ("cookie", _) => response.body(Bytes::from(cookie)),
        ("echo", _) => response
            .header("x-method", one.method.as_str())
            .header("x-type", header("content-type"))
            .body(body),
        ("digest", _) => digest(response, &header("authorization"), &one),
        ("ntlm", _) => ntlm(response, &header("authorization")),
        _ => response.header("x-path", path.as_str()).body(Bytes::from("ok")),
    };
    Ok(response.unwrap().map(Full::new))
}

/// Takes its time, and counts who is there meanwhile.
async fn hold(gauge: &Mutex<Gauge>, host: &str, millis: u64) {
    {
        let mut gauge = gauge.lock().unwrap();
        let here = gauge.now.entry(host.to_owned()).or_default();
        *here += 1;
        let here = *here;
        let all = gauge.now.values().sum();
        gauge.most = gauge.most.max(all);
        let most = gauge.most_of_host.entry(host.to_owned()).or_default();
        *most = (*most).max(here);
    }
    // As long as it was asked to take.
    let taken = tokio::time::timeout(Duration::from_millis(millis), std::future::pending::<()>());
    assert!(taken.await.is_err());
    *gauge.lock().unwrap().now.get_mut(host).unwrap() -= 1;
}

type Answer = Result<Response<Bytes>, hyper::http::Error>;

/// RFC 7616 for `user` with the password `pass`, worked out here.
fn digest(response: hyper::http::response::Builder, authorization: &str, seen: &Seen) -> Answer {
    use md5::{Digest as _, Md5};
    let field = |name: &str| {
        authorization.split(&[',', ' '][..]).find_map(|part| {
            let (key, value) = part.split_once('=')?;
            (key == name).then(|| value.trim_matches('"').to_owned())
        })
    };
    let hash = |text: String| -> String {
        Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let [uri, nc, cnonce, qop, given] =
        ["uri", "nc", "cnonce", "qop", "response"].map(|name| field(name).unwrap_or_default());
    let secret = hash("user:sea:pass".to_owned());
    let target = hash(format!("{}:{uri}", seen.method));
    if uri == seen.path && given == hash(format!("{secret}:n1:{nc}:{cnonce}:{qop}:{target}")) {
        return response.body(Bytes::from("in"));
    }
    let challenge = "Digest realm=\"sea\", qop=\"auth\", nonce=\"n1\", algorithm=MD5";
    response.status(401).header("www-authenticate", challenge).body(Bytes::new())
}

/// The steps of NTLM; that its answers are right is shown where they are made.
fn ntlm(response: hyper::http::response::Builder, authorization: &str) -> Answer {
    let token = authorization.strip_prefix("NTLM ").map(|token| STANDARD.decode(token).unwrap());
    let user: Vec<u8> = "user".bytes().flat_map(|byte| [byte, 0]).collect();
    let mut challenge = "NTLM".to_owned();
    match token.as_deref().and_then(|token| token.get(8).copied()) {
        Some(3)
            if token
                .as_deref()
                .is_some_and(|it| it.windows(user.len()).any(|part| part == user)) =>
        {
            return response.body(Bytes::from("in"));
        }
        Some(1) => {
            let mut message = b"NTLMSSP\0\x02\0\0\0".to_vec();
            message.extend_from_slice(&[0; 8]);
            message.extend_from_slice(&0xa288_8205_u32.to_le_bytes());
            message.extend_from_slice(b"sailing!");
            message.extend_from_slice(&[0; 8]);
            message.extend_from_slice(&[4, 0, 4, 0, 56, 0, 0, 0]);
            message.extend_from_slice(&[0; 12]);
            challenge = format!("NTLM {}", STANDARD.encode(message));
        }
        _ => {}
    }
    response.status(401).header("www-authenticate", challenge).body(Bytes::new())
}
