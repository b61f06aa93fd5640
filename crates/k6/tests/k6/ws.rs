//! `k6/ws` and `k6/websockets` against a real server.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use seaworthy_k6::options::Flags;
use sha1::{Digest as _, Sha1};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::harness::{Ran, run, run_with};

/// How long a condition is waited for.
const SOON: Duration = Duration::from_secs(10);

/// A server whose behaviour depends on the path.
struct Sockets {
    address: SocketAddr,
    /// How each socket ended: the code of the client's close, or what broke.
    ends: Arc<Mutex<Vec<String>>>,
}

impl Sockets {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let ends: Arc<Mutex<Vec<String>>> = Arc::default();
        let noted = Arc::clone(&ends);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let noted = Arc::clone(&noted);
                tokio::spawn(async move {
                    if let Some(end) = serve(stream).await {
                        noted.lock().unwrap().push(end);
                    }
                });
            }
        });
        Self { address, ends }
    }

    fn fill(&self, script: &str) -> String {
        script.replace("BASE", &format!("ws://{}", self.address))
    }

    async fn run(&self, script: &str) -> Ran {
        run(&self.fill(script)).await
    }

    /// Waits until so many sockets have ended.
    async fn ended(&self, count: usize) -> Vec<String> {
        let all = async {
            loop {
                let ends = self.ends.lock().unwrap().clone();
                if ends.len() >= count {
                    return ends;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(SOON, all).await.expect("the sockets end")
    }
}

async fn serve(mut stream: TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        // A client may also go away.
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    if path == "/refuse" {
        let answer = "HTTP/1.1 403 Forbidden\r\nX-Why: because\r\nContent-Length: 2\r\n\r\nno";
        stream.write_all(answer.as_bytes()).await.unwrap();
        return None;
    }
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    let headers: Vec<String> =
        lines.map(|(name, value)| format!("{}={value}", name.to_lowercase())).collect();
    let key = headers.iter().find_map(|it| it.strip_prefix("sec-websocket-key=")).unwrap();
    let hash = Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
    let chosen = match head.contains("flags") {
        true => "Sec-WebSocket-Protocol: flags\r\n",
        false => "",
    };
    let agreed = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Set-Cookie: seen=1\r\n{chosen}Sec-WebSocket-Accept: {}\r\n\r\n",
        STANDARD.encode(hash)
    );
    stream.write_all(agreed.as_bytes()).await.ok()?;
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
    let headers = headers.join("|");
    let talked = talk(&mut socket, &path, headers).await;
    Some(match talked {
        Ok(Some(Message::Close(Some(frame)))) => u16::from(frame.code).to_string(),
        Ok(other) => format!("{other:?}"),
        Err(error) => format!("broken: {error}"),
    })
}

/// The client's close, if there was one.
async fn talk(
    socket: &mut WebSocketStream<TcpStream>,
    path: &str,
    headers: String,
) -> Result<Option<Message>, Error> {
    let mut parts = path.trim_start_matches('/').split('/');
    let (kind, number) = (parts.next().unwrap(), parts.next().unwrap_or_default());
    match kind {
        "greet" => socket.send(Message::text("hello")).await?,
        "headers" => socket.send(Message::text(headers)).await?,
        "count" => {
            for number in 0..number.parse::<u32>().unwrap() {
                socket.send(Message::text(number.to_string())).await?;
            }
            let frame = CloseFrame { code: 1000.into(), reason: "counted".into() };
            socket.close(Some(frame)).await?;
        }
        "close" => {
            socket.next().await.transpose()?;
            let code = number.parse::<u16>().unwrap();
            let frame = CloseFrame { code: code.into(), reason: "as you wish".into() };
            socket.close(Some(frame)).await?;
        }
        "drop" => return socket.next().await.transpose(),
        "ping" => socket.send(Message::Ping(Bytes::from_static(b"here?"))).await?,
        _ => {}
    }
    while let Some(message) = socket.next().await.transpose()? {
        match message {
            Message::Close(_) => {
                // The answer to it goes out while this waits for the end.
                while let Some(Ok(_)) = socket.next().await {}
                return Ok(Some(message));
            }
            Message::Pong(bytes) if kind == "ping" => {
                let text = format!("pong {}", String::from_utf8_lossy(&bytes));
                socket.send(Message::text(text)).await?;
            }
            Message::Text(_) | Message::Binary(_) if kind != "silent" => {
                socket.send(message).await?;
            }
            _ => {}
        }
    }
    Ok(None)
}

fn tags<'r>(ran: &'r Ran, metric: &str, place: usize, names: &[&str]) -> Vec<Option<&'r str>> {
    let sample = ran.of(metric)[place];
    names.iter().map(|name| sample.tags.get(name)).collect()
}

#[tokio::test]
async fn a_blocking_socket_talks_until_it_is_closed() {
    let server = Sockets::start().await;
    let ran = server
        .run(
            "import ws from 'k6/ws'; import { connect } from 'k6/ws';
             export default function () {
               const answer = connect('BASE/echo', { tags: { kind: 'echo', name: 'n' } }, (socket) => {
                 console.log('callback');
                 socket.on('open', () => { console.log('open'); socket.send('first'); });
                 socket.on('message', (text) => {
                   console.log('message ' + text);
                   if (text === 'first') socket.sendBinary(new Uint8Array([0, 1, 255]).buffer);
                 });
                 socket.on('binaryMessage', (bytes) => {
                   console.log(bytes instanceof ArrayBuffer, new Uint8Array(bytes).join(' '));
                   socket.ping();
                 });
                 socket.on('pong', () => { console.log('pong'); socket.close(); console.log('closed'); });
                 socket.on('close', (code) => console.log('close ' + code));
                 socket.on('error', (e) => console.log('error ' + e.error()));
               });
               console.log(answer.status, answer.url === 'BASE/echo', answer.headers.Upgrade, answer.body, answer.error);
               ws.connect('BASE/echo', (socket) => socket.close(4001));
             }",
        )
        .await;
    ran.is_clean();
    let expected = [
        "callback",
        "open",
        "message first",
        "true 0 1 255",
        "pong",
        "close 1001",
        "closed",
        "101 true websocket  ",
    ];
    assert_eq!(ran.logged(), expected);
    let mut ends = server.ended(2).await;
    ends.sort();
    assert_eq!(ends, ["1001", "4001"]);
    let sums = ["ws_sessions", "ws_msgs_sent", "ws_msgs_received"].map(|it| ran.sum(it));
    assert_eq!(sums, [2.0, 2.0, 2.0]);
    let counts = ["ws_ping", "ws_connecting", "ws_session_duration"].map(|it| ran.of(it).len());
    assert_eq!(counts, [1, 2, 2]);
    let url = server.fill("BASE/echo");
    let names = ["url", "status", "subproto", "kind", "name", "group", "scenario"];
    let told = tags(&ran, "ws_msgs_sent", 0, &names);
    let wanted =
        [Some(&*url), Some("101"), Some(""), Some("echo"), Some("n"), Some(""), Some("default")];
    assert_eq!(told, wanted);
    assert!(ran.sum("data_sent") > 200.0 && ran.sum("data_received") > 200.0);
}

#[tokio::test]
async fn closes_of_the_server_and_broken_connections_are_told() {
    let server = Sockets::start().await;
    let ran = server
        .run(
            "import ws from 'k6/ws';
             const listen = (path) => ws.connect('BASE' + path, (socket) => {
               socket.on('open', () => socket.send('go'));
               socket.on('error', (e) => console.log('error ' + e.error()));
               socket.on('close', (code) => console.log('close ' + code));
             });
             export default function () {
               for (const path of ['/close/1000', '/close/4000', '/drop']) listen(path);
             }",
        )
        .await;
    ran.is_clean();
    let expected = [
        "close 1000",
        "error websocket: close 4000: as you wish",
        "close 4000",
        "error websocket: close 1006 (abnormal closure): unexpected EOF",
        "close 1006",
    ];
    assert_eq!(ran.logged(), expected);
}

#[tokio::test]
async fn timers_of_a_socket_ring_and_global_ones_wait() {
    let server = Sockets::start().await;
    let ran = server
        .run(
            "import ws from 'k6/ws';
             export default function () {
               let sent = 0;
               ws.connect('BASE/echo', (socket) => {
                 Promise.resolve().then(() => console.log('promise'));
                 setTimeout(() => console.log('global'), 1);
                 try { socket.setTimeout(() => {}, 0); } catch (e) { console.log(String(e)); }
                 socket.setInterval(() => { sent += 1; if (sent <= 3) socket.send('number ' + sent); }, 10);
                 socket.on('message', (text) => {
                   console.log(text);
                   if (text === 'number 3') socket.setTimeout(() => { console.log('over'); socket.close(); }, 5);
                 });
               });
               console.log('after');
             }",
        )
        .await;
    ran.is_clean();
    let expected = [
        "GoError: setTimeout requires a >0 timeout parameter, received 0.00",
        "number 1",
        "number 2",
        "number 3",
        "over",
        "after",
        "promise",
        "global",
    ];
    assert_eq!(ran.logged(), expected);
}

#[tokio::test]
async fn what_does_not_open_is_an_answer_or_an_exception() {
    let server = Sockets::start().await;
    let script = "import ws from 'k6/ws';
         export default function () {
           for (const url of ['BASE/refuse', 'ws://127.0.0.1:1/', 'nonsense']) {
             try {
               const answer = ws.connect(url, () => console.log('never'));
               console.log(answer.status, answer.body, answer.headers['X-Why'], answer.error !== '');
             } catch (e) { console.log('threw', e.name); }
           }
           const wrong = (...given) => { try { ws.connect(...given); console.log('took it'); } catch (e) { console.log(e.message); } };
           wrong('BASE/echo'); wrong('BASE/echo', {}); wrong('BASE/echo', { compression: 'gzip' }, () => {});
           wrong('BASE/echo', { compression: 'deflate' }, () => {});
         }";
    let ran = server.run(script).await;
    ran.is_clean();
    let common = [
        "invalid number of arguments to ws.connect",
        "last argument to ws.connect must be a function",
        "unsupported compression algorithm 'gzip', supported algorithm is 'deflate'",
        "compression of WebSockets comes in a later version; leave `compression: 'deflate'` out",
    ];
    let answers = ["403 no because false", "0  undefined true", "0  undefined true"];
    assert_eq!(ran.logged(), [&answers[..], &common].concat());
    assert_eq!((ran.sum("ws_sessions"), ran.of("ws_session_duration").len()), (3.0, 3));
    assert_eq!(tags(&ran, "ws_sessions", 0, &["status"]), [Some("403")]);
    assert_eq!(tags(&ran, "ws_sessions", 1, &["status", "subproto"]), [None, None]);

    let flags = Flags { throw: Some(true), ..Flags::default() };
    let ran = run_with(&server.fill(script), &flags, &[]).await.unwrap();
    assert_eq!(ran.logged()[..3], ["threw GoError"; 3]);
}

#[tokio::test]
async fn headers_cookies_and_subprotocols_go_out() {
    let server = Sockets::start().await;
    let ran = server
        .run(
            "import ws from 'k6/ws'; import http from 'k6/http'; import { WebSocket } from 'k6/websockets';
             export const options = { userAgent: 'tug/1' };
             export default function () {
               http.cookieJar().set('BASE/'.replace('ws', 'http'), 'flag', 'up');
               const show = (text) => console.log(text.split('|').filter((it) => /^(x-own|user-agent|cookie|sec-websocket-protocol)=/.test(it)).sort().join(' '));
               const listen = (socket) => socket.on('message', (text) => { show(text); socket.close(); });
               ws.connect('BASE/headers', { headers: { 'X-Own': 5, 'Sec-WebSocket-Protocol': 'signals, flags', Cookie: 'a=b' } }, listen);
               console.log(JSON.stringify(http.cookieJar().cookiesForURL('BASE/'.replace('ws', 'http'))));
               ws.connect('BASE/headers', { jar: new http.CookieJar() }, listen);
               const socket = new WebSocket('BASE/headers', ['signals', 'flags'], { headers: { 'User-Agent': 'tug/2' }, tags: { name: 'own' }, jar: new http.CookieJar() });
               socket.onopen = () => console.log('protocol ' + socket.protocol);
               socket.onmessage = (event) => { show(event.data); socket.close(); };
             }",
        )
        .await;
    ran.is_clean();
    let expected = [
        "cookie=a=b; flag=up sec-websocket-protocol=signals, flags user-agent=tug/1 x-own=5",
        r#"{"flag":["up"],"seen":["1"]}"#,
        "user-agent=tug/1",
        "protocol flags",
        "sec-websocket-protocol=signals, flags user-agent=tug/2",
    ];
    assert_eq!(ran.logged(), expected);
    assert_eq!(tags(&ran, "ws_sessions", 0, &["subproto"]), [Some("flags")]);
    let names = ["url", "name", "subproto"];
    assert_eq!(tags(&ran, "ws_sessions", 2, &names), [Some("own"), Some("own"), Some("flags")]);
}

#[tokio::test]
async fn an_exception_closes_the_socket_and_goes_on() {
    let server = Sockets::start().await;
    let ran = server
        .run(
            "import ws from 'k6/ws'; import { WebSocket } from 'k6/websockets';
             export const options = { iterations: 3 };
             export default function () {
               if (__ITER === 2) return console.log('last');
               if (__ITER === 1) {
                 setTimeout(() => console.log('too late'), 50);
                 const other = new WebSocket('BASE/silent');
                 other.onclose = () => console.log('other');
                 const socket = new WebSocket('BASE/greet');
                 other.onopen = () => { socket.onmessage = () => { throw new Error('boo'); }; socket.send('again'); };
                 socket.onerror = (event) => console.log('error', event.error);
                 socket.onclose = (event) => console.log('close', event.code);
                 return;
               }
               try {
                 ws.connect('BASE/greet', (socket) => {
                   socket.on('message', () => { throw new Error('seasick'); });
                   socket.on('error', () => console.log('error'));
                   socket.on('close', (code) => console.log('close ' + code));
                 });
               } catch (e) { console.log('caught ' + e.message); }
             }",
        )
        .await;
    assert!(ran.said.contains("Error: boo"), "{}", ran.said);
    let expected = ["close 1001", "caught seasick", "error boo", "close undefined", "last"];
    assert_eq!(ran.logged(), expected);
    assert_eq!(server.ended(3).await, ["1001", "1001", "1001"]);
}

#[tokio::test]
async fn a_socket_with_events_talks() {
    let server = Sockets::start().await;
    let ran = server
        .run(
            "import { WebSocket, Blob } from 'k6/websockets';
             export default function () {
               const socket = new WebSocket('BASE/echo', null, { tags: { kind: 'echo' } });
               console.log(socket.readyState, socket.url === 'BASE/echo', socket.binaryType, socket.bufferedAmount, socket.onopen);
               try { socket.send('early'); } catch (e) { console.log(e.name, e.message); }
               let seen = 0;
               socket.addEventListener('open', (event) => console.log('second', event.target === socket));
               socket.onopen = (event) => {
                 console.log(Object.keys(event).join(), event.type, socket.readyState);
                 socket.send('héllo'); console.log(socket.bufferedAmount);
                 socket.send(new Blob(['xyz'])); socket.send(new Uint8Array([1, 2]).buffer);
                 try { socket.send(5); } catch (e) { console.log(e.message); }
               };
               socket.onmessage = async (event) => {
                 seen += 1;
                 if (seen === 1) { console.log(event.data, event.origin === socket.url); return; }
                 if (seen === 2) { socket.binaryType = 'arraybuffer'; console.log(await event.data.text(), event.data.size); return; }
                 console.log(new Uint8Array(event.data).join(), socket.bufferedAmount);
                 socket.ping();
               };
               socket.onpong = () => {
                 for (const code of [999, 1001, 5000]) { try { socket.close(code); } catch (e) { console.log(code + ' refused'); } }
                 socket.close(3001, 'enough'); console.log(socket.readyState);
                 try { socket.send('late'); } catch (e) { console.log(e.message); }
               };
               socket.onclose = (event) => console.log('close', event.code, socket.readyState);
               socket.onerror = (event) => console.log('error', event.error);
             }",
        )
        .await;
    ran.is_clean();
    let expected = [
        "0 true blob 0 null",
        "GoError InvalidStateError",
        "type,target,timestamp open 1",
        "6",
        "unsupported send type int",
        "second true",
        "héllo true",
        "xyz 3",
        "1,2 0",
        "999 refused",
        "1001 refused",
        "5000 refused",
        "2",
        "InvalidStateError",
        "close 3001 3",
    ];
    assert_eq!(ran.logged(), expected);
    assert_eq!(server.ended(1).await, ["3001"]);
    // Three messages, a ping and the close.
    assert_eq!((ran.sum("ws_msgs_sent"), ran.sum("ws_msgs_received")), (5.0, 3.0));
    assert_eq!((ran.of("ws_ping").len(), ran.of("ws_session_duration").len()), (1, 1));
    let url = server.fill("BASE/echo");
    let names = ["url", "name", "kind", "status"];
    let wanted = [Some(&*url), Some(&*url), Some("echo"), Some("101")];
    assert_eq!(tags(&ran, "ws_msgs_received", 0, &names), wanted);
}

#[tokio::test]
async fn ends_of_sockets_with_events_are_told() {
    let server = Sockets::start().await;
    let ran = server
        .run(
            "import { WebSocket } from 'k6/websockets';
             const listen = (path) => new Promise((done) => {
               const socket = new WebSocket(path.startsWith('ws') ? path : 'BASE' + path);
               socket.onopen = () => { console.log('open'); if (!path.startsWith('/count')) socket.send('go'); };
               socket.onerror = (event) => console.log('error', event.error.startsWith('websocket: close') ? event.error : 'other', socket.readyState);
               socket.onclose = (event) => { console.log('close', event.code, event.reason); done(); };
             });
             export default async function () {
               for (const path of ['/count/3', '/close/4002', '/drop', '/refuse', 'ws://127.0.0.1:1/']) await listen(path);
               const early = new WebSocket('BASE/echo');
               early.onopen = () => console.log('never');
               early.onclose = (event) => console.log('early', event.code);
               early.close();
               for (const wrong of [() => new WebSocket(), () => new WebSocket('http://a/'), () => new WebSocket('BASE/#a'), () => new WebSocket('BASE/', null, { foo: 1 })])
                 try { wrong(); } catch (e) { console.log(e.message); }
             }",
        )
        .await;
    ran.is_clean();
    let expected = [
        "open",
        "close 1000 counted",
        "open",
        "error websocket: close 4002: as you wish 3",
        "close 4002 as you wish",
        "open",
        "error websocket: close 1006 (abnormal closure): unexpected EOF 3",
        "close 1006 unexpected EOF",
        "error other 3",
        "close undefined ",
        "error other 3",
        "close undefined ",
        "WebSocket requires a url",
        "WebSocket requires url with scheme ws or wss, but got \"http\"",
        "WebSocket requires no url fragment, but got \"a\"",
        "unknown WebSocket's option foo",
        "early 1000",
    ];
    assert_eq!(ran.logged(), expected);
    assert_eq!((ran.sum("ws_sessions"), ran.of("ws_session_duration").len()), (6.0, 4));
}

#[tokio::test]
async fn a_socket_goes_on_while_its_script_waits_for_something_else() {
    let server = Sockets::start().await;
    let ran = server
        .run(
            "import { WebSocket } from 'k6/websockets'; import { sleep } from 'k6';
             export default function () {
               const socket = new WebSocket('BASE/ping');
               let slept = 0;
               socket.onping = () => console.log('ping');
               socket.onmessage = (event) => {
                 if (event.data === 'pong here?') { socket.send('x'); slept = Date.now(); sleep(0.3); return; }
                 console.log(event.data, Date.now() - slept >= 300); socket.close();
               };
             }",
        )
        .await;
    ran.is_clean();
    assert_eq!(ran.logged(), ["ping", "x true"]);
    // It was received while the script slept.
    let (sent, received) = (ran.of("ws_msgs_sent")[0].at, ran.of("ws_msgs_received")[1].at);
    assert!(received.since(sent) < Duration::from_millis(250), "{:?}", received.since(sent));
}

#[tokio::test]
async fn scripts_that_are_cut_off_close_their_sockets() {
    let server = Sockets::start().await;
    let options = "export const options = { scenarios: { a: { executor: 'constant-vus', vus: 1, duration: '1s', gracefulStop: '0s' } } };";
    let blocking = format!("import ws from 'k6/ws'; {options}
         export default function () {{ ws.connect('BASE/silent', (socket) => socket.on('open', () => socket.send('x'))); console.log('never'); }}");
    let events = format!("import {{ WebSocket }} from 'k6/websockets'; {options}
         export default function () {{ const socket = new WebSocket('BASE/silent'); socket.onopen = () => socket.send('x'); }}");
    for (count, script) in [blocking, events].iter().enumerate() {
        let ran = server.run(script).await;
        assert_eq!(ran.logged(), [""; 0]);
        assert_eq!((ran.sum("iterations"), ran.sum("ws_msgs_sent")), (0.0, 1.0), "{}", ran.said);
        assert!(ran.sum("data_sent") > 100.0);
        assert_eq!(server.ended(count + 1).await[count], "1001");
    }
}
