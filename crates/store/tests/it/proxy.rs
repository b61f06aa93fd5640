//! A line to PostgreSQL that can be cut, before or after the server has heard a `COMMIT`.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What happens to the next commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// It goes through, and so does its answer.
    Never,
    /// The line is cut before the server has heard of it.
    Before,
    /// The server does it; the line is cut before its answer.
    After,
}

/// Listens on a port of its own and passes on.
pub(crate) struct Proxy {
    port: u16,
    cut: Arc<Mutex<Cut>>,
    /// While this is false nobody gets through.
    open: watch::Sender<bool>,
}

impl Proxy {
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let cut = Arc::new(Mutex::new(Cut::Never));
        let (open, opened) = watch::channel(true);
        let next = Arc::clone(&cut);
        let closer = open.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if !*opened.borrow() {
                    continue;
                }
                let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let pass = pass(client, server, Arc::clone(&next), closer.clone());
                tokio::spawn(pass);
            }
        });
        Self { port: own, cut, open }
    }

    /// The same address by way of this line.
    pub(crate) fn address(&self, address: &str, port: u16) -> String {
        address.replace(&format!(":{port}/"), &format!(":{}/", self.port))
    }

    /// Has the next commit cut; then nobody gets through until [`Proxy::set_open`].
    pub(crate) fn cut(&self, cut: Cut) {
        *self.cut.lock().unwrap() = cut;
    }

    /// Lets nobody through any more, or again.
    pub(crate) fn set_open(&self, open: bool) {
        self.open.send_replace(open);
    }
}

/// Passes both ways until one end is closed or a commit is cut.
async fn pass(
    client: TcpStream,
    server: TcpStream,
    cut: Arc<Mutex<Cut>>,
    open: watch::Sender<bool>,
) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = from_client.read(&mut asked) => {
                let Ok(read @ 1..) = read else { return };
                let bytes = &asked[..read];
                let what = if bytes.windows(7).any(|window| window == b"COMMIT\0") {
                    std::mem::replace(&mut *cut.lock().unwrap(), Cut::Never)
                } else {
                    Cut::Never
                };
                if what != Cut::Never {
                    open.send_replace(false);
                }
                if what == Cut::Before || to_server.write_all(bytes).await.is_err() {
                    return;
                }
                if what == Cut::After {
                    // That it is done is heard here and nowhere else.
                    let _ = from_server.read(&mut answered).await;
                    return;
                }
            }
            read = from_server.read(&mut answered) => {
                let Ok(read @ 1..) = read else { return };
                if to_client.write_all(&answered[..read]).await.is_err() {
                    return;
                }
            }
        }
    }
}
