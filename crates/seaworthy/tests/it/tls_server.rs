//! A real hyper server that speaks HTTP/1.1 and HTTP/2, in the clear and over TLS with a
//! certificate that nobody vouches for, and counts what it was spoken to in.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;

const CERTIFICATE: &[u8] = include_bytes!("../../../net/tests/data/server.pem");
const KEY: &[u8] = include_bytes!("../../../net/tests/data/server.key");

type Versions = Arc<Mutex<BTreeMap<String, u64>>>;

pub(crate) struct Server {
    pub(crate) plain: SocketAddr,
    pub(crate) secure: SocketAddr,
    versions: Versions,
    _runtime: tokio::runtime::Runtime,
}

impl Server {
    /// Requests by the protocol they came in, as `plain HTTP/2.0`.
    pub(crate) fn versions(&self) -> BTreeMap<String, u64> {
        self.versions.lock().unwrap().clone()
    }
}

/// Starts the server on two free ports; it ends with what is returned.
pub(crate) fn start() -> Server {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let versions = Versions::default();
    let (plain, secure) = runtime.block_on(async {
        let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let secure = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addresses = (plain.local_addr().unwrap(), secure.local_addr().unwrap());
        let counted = Arc::clone(&versions);
        tokio::spawn(async move {
            while let Ok((stream, _)) = plain.accept().await {
                tokio::spawn(serve(stream, "plain", Arc::clone(&counted)));
            }
        });
        let counted = Arc::clone(&versions);
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config()));
        tokio::spawn(async move {
            while let Ok((stream, _)) = secure.accept().await {
                let (acceptor, counted) = (acceptor.clone(), Arc::clone(&counted));
                tokio::spawn(async move {
                    // A client that does not trust us hangs up here.
                    if let Ok(stream) = acceptor.accept(stream).await {
                        serve(stream, "secure", counted).await;
                    }
                });
            }
        });
        addresses
    });
    Server { plain, secure, versions, _runtime: runtime }
}

async fn serve(
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
    kind: &'static str,
    versions: Versions,
) {
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let version = format!("{kind} {:?}", request.version());
        *versions.lock().unwrap().entry(version).or_default() += 1;
        async { Ok::<_, Infallible>(hyper::Response::new(Full::new(Bytes::from_static(b"ok")))) }
    });
    // A client may go away in the middle of anything.
    let _ =
        Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}

fn config() -> rustls::ServerConfig {
    let certificates = CertificateDer::pem_slice_iter(CERTIFICATE).map(Result::unwrap).collect();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificates, PrivateKeyDer::from_pem_slice(KEY).unwrap())
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}
