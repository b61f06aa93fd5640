//! A real HTTP server for scripts to talk to: HTTP/1.1, HTTP/2 over TLS and WebSockets on free ports,
//! which counts what reached it.
//!
//! Its first line on stdout says where it listens, as JSON; it ends when its stdin does, so that it
//! never outlives whoever started it. `/__counts` tells what came in, `/__reset` forgets it.

mod answer;
mod auth;
mod echo;
mod multipart;
mod pages;
mod redirects;
mod routes;
mod seen;
mod socket;
mod tally;
mod tls;
mod websockets;

use std::io::{self, Read, Write};
use std::sync::Arc;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

use seen::Channel;
use socket::Socket;
use tally::Tally;

fn main() -> io::Result<()> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let tally = Arc::new(Tally::default());
        let plain = TcpListener::bind("127.0.0.1:0").await?;
        let secure = TcpListener::bind("127.0.0.1:0").await?;
        let addresses = (plain.local_addr()?, secure.local_addr()?);
        tokio::spawn(listen(plain, None, Arc::clone(&tally)));
        tokio::spawn(listen(secure, Some(tls::acceptor()?), tally));
        announce(addresses.0.port(), addresses.1.port())
    })?;
    // Whoever started it holds the other end.
    io::copy(&mut io::stdin().lock().by_ref(), &mut io::sink())?;
    runtime.shutdown_background();
    Ok(())
}

/// Says where it listens, in one line of JSON.
fn announce(plain: u16, secure: u16) -> io::Result<()> {
    let addresses = serde_json::json!({
        "HTTP": format!("http://127.0.0.1:{plain}"),
        "HTTPS": format!("https://127.0.0.1:{secure}"),
        "WS": format!("ws://127.0.0.1:{plain}"),
        "WSS": format!("wss://127.0.0.1:{secure}"),
        "PORT": plain.to_string(),
        "TLS_PORT": secure.to_string(),
    });
    let mut out = io::stdout().lock();
    writeln!(out, "{addresses}")?;
    out.flush()
}

async fn listen(listener: TcpListener, tls: Option<tls::Acceptor>, tally: Arc<Tally>) {
    while let Ok((stream, _)) = listener.accept().await {
        tally.connection();
        let (tls, tally) = (tls.clone(), Arc::clone(&tally));
        // A client may go away in the middle of anything.
        tokio::spawn(async move { drop(serve(stream, tls, tally).await) });
    }
}

async fn serve(stream: TcpStream, tls: Option<tls::Acceptor>, tally: Arc<Tally>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let peer = stream.peer_addr()?;
    let (stream, cut) = Socket::new(stream);
    match tls {
        None => speak(stream, Channel::plain(peer, cut), tally).await,
        Some(tls) => {
            let stream = tls.accept(stream).await?;
            let channel = Channel::secure(peer, cut, stream.get_ref().1);
            speak(stream, channel, tally).await
        }
    }
    Ok(())
}

/// Answers everything that comes over one connection.
async fn speak(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    channel: Channel,
    tally: Arc<Tally>,
) {
    let two = channel.is_http2();
    let channel = Arc::new(channel);
    let service = service_fn(move |request| {
        routes::answer(request, Arc::clone(&channel), Arc::clone(&tally))
    });
    let stream = TokioIo::new(stream);
    // That a connection broke is the client's to notice.
    let _ = if two {
        let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        builder.serve_connection(stream, service).await
    } else {
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder.keep_alive(true).serve_connection(stream, service).with_upgrades().await
    };
}
