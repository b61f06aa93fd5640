//! Digest and NTLM against servers that work out for themselves, from the standards, what the
//! right answer is.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::Method;
use http::header::{AUTHORIZATION, HeaderValue};
use md5::{Digest as _, Md5};
use seaworthy_net::auth::{self, Login, Scheme};
use seaworthy_net::{Failure, Keeping, Options, Pool, Request, Response, Url};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

const USER: &str = "seaworthy";
const PASSWORD: &str = "salt & \"water\"";

/// A request, as a server read it.
#[derive(Debug)]
struct Asked {
    method: String,
    target: String,
    authorization: String,
    body: Vec<u8>,
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok().filter(|length| *length > 0)?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let (mut length, mut authorization) = (0, String::new());
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "authorization" => value.clone_into(&mut authorization),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Asked { method, target, authorization, body })
}

async fn write(stream: &mut BufReader<TcpStream>, status: u16, headers: &str, close: bool) {
    let close = if close { "Connection: close\r\n" } else { "" };
    let text = format!("HTTP/1.1 {status} X\r\nContent-Length: 2\r\n{headers}{close}\r\nok");
    _ = stream.get_mut().write_all(text.as_bytes()).await;
}

type Log = Arc<Mutex<Vec<(usize, String)>>>;

/// A server that hands each connection, with its number, to `serve`.
async fn server<F>(
    serve: impl Fn(BufReader<TcpStream>, usize, Log) -> F + Send + 'static,
) -> (Url, Log)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let log = Log::default();
    let shared = Arc::clone(&log);
    tokio::spawn(async move {
        for number in 0.. {
            let Ok((stream, _)) = listener.accept().await else { return };
            tokio::spawn(serve(BufReader::new(stream), number, Arc::clone(&shared)));
        }
    });
    (Url::parse(&format!("http://{address}/")).unwrap(), log)
}

fn login(user: &str, password: &str) -> Login {
    Login { user: user.to_owned(), password: password.to_owned() }
}

async fn send(
    pool: &Pool,
    url: &Url,
    scheme: Scheme,
    login: &Login,
) -> (Result<Response, Failure>, usize) {
    let mut request = Request::new(Method::POST, "/sea?a=b,c");
    request.body = "a body".into();
    request.headers.push((AUTHORIZATION, HeaderValue::from_static("Basic own")));
    let mut told = 0;
    let result = auth::send(pool, url, &request, scheme, login, &mut |answer| {
        assert_eq!(answer.status, 401);
        told += 1;
    })
    .await;
    (result, told)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a client must answer by RFC 7616 §3.4, worked out from what it says.
fn digest_is_right(asked: &Asked, kind: &str, hash: fn(&str) -> String) -> bool {
    let Some(rest) = asked.authorization.strip_prefix("Digest ") else { return false };
    let mut said = HashMap::new();
    // None of these values has a comma in it but the target.
    for part in rest.replace("b,c", "b;c").split(", ") {
        let (name, value) = part.split_once('=').unwrap();
        said.insert(name.to_owned(), value.trim_matches('"').replace("b;c", "b,c"));
    }
    let it = |name: &str| said.get(name).cloned().unwrap_or_default();
    if it("username") != USER || it("uri") != asked.target || it("opaque") != "shut" {
        return false;
    }
    let mut secret = hash(&format!("{USER}:the sea:{PASSWORD}"));
    if kind.contains("-sess") {
        secret = hash(&format!("{secret}:{}:{}", it("nonce"), it("cnonce")));
    }
    let mut what = format!("{}:{}", asked.method, asked.target);
    if it("qop") == "auth-int" {
        let body = std::str::from_utf8(&asked.body).unwrap();
        what = format!("{what}:{}", hash(body));
    }
    let what = hash(&what);
    let expected = match it("qop").as_str() {
        "" => hash(&format!("{secret}:{}:{what}", it("nonce"))),
        qop => {
            let (nonce, nc, cnonce) = (it("nonce"), it("nc"), it("cnonce"));
            hash(&format!("{secret}:{nonce}:{nc}:{cnonce}:{qop}:{what}"))
        }
    };
    it("response") == expected && !it("nonce").is_empty()
}

#[tokio::test]
async fn digest_is_answered_in_all_its_kinds() {
    let md5: fn(&str) -> String = |text| hex(&Md5::digest(text));
    let sha256: fn(&str) -> String = |text| hex(&sha2::Sha256::digest(text));
    for (kind, hash) in [
        ("", md5),
        ("algorithm=MD5, qop=\"auth\", ", md5),
        ("algorithm=MD5-sess, qop=\"auth,auth-int\", ", md5),
        ("algorithm=SHA-256, qop=\"auth-int\", ", sha256),
        ("algorithm=SHA-256-sess, qop=\"auth-int\", ", sha256),
    ] {
        for closes in [false, true] {
            let (url, log) = server(move |mut stream, number, log| async move {
                while let Some(asked) = read(&mut stream).await {
                    // The first number is used up at once.
                    let fresh = asked.authorization.contains("fresh");
                    let status = match digest_is_right(&asked, kind, hash) && fresh {
                        true => 200,
                        false => 401,
                    };
                    log.lock().unwrap().push((number, format!("{status}")));
                    let (nonce, stale) = match asked.authorization.as_str() {
                        "" => ("used", ""),
                        _ => ("fresh", ", stale=TRUE"),
                    };
                    let challenge = format!(
                        "WWW-Authenticate: Digest realm=\"the sea\", {kind}opaque=\"shut\", \
                        nonce=\"{nonce}\"{stale}\r\n"
                    );
                    write(&mut stream, status, &challenge, closes).await;
                    if closes {
                        return;
                    }
                }
            })
            .await;
            let pool = Pool::new(Options::default(), Keeping::default());
            let (result, told) = send(&pool, &url, Scheme::Digest, &login(USER, PASSWORD)).await;
            assert_eq!((result.unwrap().status, told), (200, 2), "{kind}");
            let (result, told) = send(&pool, &url, Scheme::Digest, &login(USER, "wrong")).await;
            assert_eq!((result.unwrap().status, told), (401, 2), "{kind}");
            let log = log.lock().unwrap();
            let statuses: Vec<&str> = log.iter().map(|(_, status)| &**status).collect();
            assert_eq!(statuses, ["401", "401", "200", "401", "401", "401"]);
            let connections = log.iter().map(|(number, _)| *number).max();
            assert_eq!(connections, Some(if closes { 5 } else { 0 }));
        }
    }
}

#[tokio::test]
async fn what_is_not_asked_for_is_not_answered() {
    for (challenge, scheme, expected) in [
        ("Basic realm=x", Scheme::Digest, Ok(401)),
        ("Basic realm=x", Scheme::Ntlm, Ok(401)),
        ("Digest nonce=x, algorithm=MD6", Scheme::Digest, Err("authentication_failed")),
        ("NTLM TlRMTVNTUAAC", Scheme::Ntlm, Err("authentication_failed")),
    ] {
        let (url, _) = server(move |mut stream, _, _| async move {
            while let Some(asked) = read(&mut stream).await {
                assert!(!asked.authorization.contains("own"));
                write(&mut stream, 401, &format!("WWW-Authenticate: {challenge}\r\n"), false).await;
            }
        })
        .await;
        let pool = Pool::new(Options::default(), Keeping::default());
        let (result, _) = send(&pool, &url, scheme, &login(USER, PASSWORD)).await;
        let got = match &result {
            Ok(response) => Ok(response.status),
            Err(failure) => Err(failure.code()),
        };
        assert_eq!(got, expected, "{challenge}");
    }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Md5>::new_from_slice(key).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// What NTLM wants of an answer (MS-NLMP §3.2.5.1.2), worked out on the server's side.
fn ntlm_is_right(first: &[u8], second: &[u8], third: &[u8], timed: bool) -> bool {
    let field = |at: usize| {
        let length = usize::from(u16::from_le_bytes([third[at], third[at + 1]]));
        let start = third[at + 4..at + 8].try_into().map(u32::from_le_bytes).unwrap() as usize;
        &third[start..start + length]
    };
    if !third.starts_with(b"NTLMSSP\0\x03") || field(28) != wide("SEA") || field(36) != wide(USER) {
        return false;
    }
    let secret = md4::Md4::digest(wide(PASSWORD));
    let key = mac(&secret, &[&wide(&USER.to_uppercase()), &wide("SEA")]);
    let (proof, rest) = field(20).split_at(16);
    if proof != mac(&key, &[&second[24..32], rest]) {
        return false;
    }
    if !timed {
        let (proof, ours) = field(12).split_at(16);
        return proof == mac(&key, &[&second[24..32], ours]);
    }
    let session = mac(&key, &[proof]);
    let mut blank = third.to_vec();
    blank[72..88].fill(0);
    third[72..88] == mac(&session, &[first, second, &blank])
}

fn challenge(timed: bool) -> Vec<u8> {
    let mut target = Vec::new();
    target.extend_from_slice(&[2, 0, 6, 0]);
    target.extend_from_slice(&wide("SEA"));
    if timed {
        target.extend_from_slice(&[7, 0, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
    }
    target.extend_from_slice(&[0; 4]);
    let mut message = b"NTLMSSP\0\x02\0\0\0".to_vec();
    message.extend_from_slice(&[0; 8]);
    message.extend_from_slice(&0xa288_8205_u32.to_le_bytes());
    message.extend_from_slice(b"sailing!");
    message.extend_from_slice(&[0; 8]);
    let length = u16::try_from(target.len()).unwrap().to_le_bytes();
    message.extend_from_slice(&[length[0], length[1], length[0], length[1], 56, 0, 0, 0]);
    message.extend_from_slice(&[0; 8]);
    message.extend_from_slice(&target);
    message
}

/// An NTLM server: who is authenticated is remembered with the connection. `closes` after the first
/// 401 or after the challenge.
async fn ntlm(scheme: &'static str, timed: bool, closes: Option<usize>) -> (Url, Log) {
    server(move |mut stream, number, log| async move {
        let (mut first, mut known) = (None, false);
        while let Some(asked) = read(&mut stream).await {
            let token = asked.authorization.strip_prefix(scheme).unwrap_or_default();
            let token = STANDARD.decode(token.trim()).unwrap();
            let (mut status, mut header) = (401, format!("WWW-Authenticate: {scheme}\r\n"));
            let mut step = 0;
            if known
                || (token.get(8) == Some(&3) && {
                    let first: Vec<u8> = first.take().unwrap_or_default();
                    ntlm_is_right(&first, &challenge(timed), &token, timed)
                })
            {
                (known, status, header) = (true, 200, String::new());
                step = 2;
            } else if token.get(8) == Some(&1) {
                header =
                    format!("WWW-Authenticate: {scheme} {}\r\n", STANDARD.encode(challenge(timed)));
                first = Some(token);
                step = 1;
            }
            log.lock().unwrap().push((number, format!("{status} {}", asked.body.len())));
            write(&mut stream, status, &header, closes == Some(step)).await;
            if closes == Some(step) {
                return;
            }
        }
    })
    .await
}

#[tokio::test]
async fn ntlm_authenticates_its_connection() {
    for scheme in ["NTLM", "Negotiate"] {
        for (timed, closes) in [(false, None), (true, None), (true, Some(0))] {
            let (url, log) = ntlm(scheme, timed, closes).await;
            let pool = Pool::new(Options::default(), Keeping::default());
            let user = login(&format!("SEA\\{USER}"), PASSWORD);
            let (result, told) = send(&pool, &url, Scheme::Ntlm, &user).await;
            assert_eq!((result.unwrap().status, told), (200, 2), "{scheme} {timed} {closes:?}");
            let connection = usize::from(closes == Some(0));
            let steps: Vec<_> = log.lock().unwrap().drain(..).collect();
            assert_eq!(
                steps[1..],
                [(connection, "401 6".to_owned()), (connection, "200 6".to_owned())]
            );
            // What is authenticated stays so.
            let (result, told) = send(&pool, &url, Scheme::Ntlm, &user).await;
            assert_eq!((result.unwrap().status, told, pool.idle()), (200, 0, 1));
            pool.close();
            let wrong = login(&format!("SEA\\{USER}"), "wrong");
            let (result, told) = send(&pool, &url, Scheme::Ntlm, &wrong).await;
            assert_eq!((result.unwrap().status, told), (401, 2));
        }
    }
}

#[tokio::test]
async fn a_connection_that_ends_in_between_is_told() {
    let (url, _) = ntlm("NTLM", true, Some(1)).await;
    let pool = Pool::new(Options::default(), Keeping::default());
    let user = login(&format!("SEA\\{USER}"), PASSWORD);
    let (result, _) = send(&pool, &url, Scheme::Ntlm, &user).await;
    let failure = result.unwrap_err();
    assert_eq!(failure.code(), "authentication_failed", "{failure}");
    // With no connection kept the conversation has one all the same.
    let (url, log) = ntlm("NTLM", true, None).await;
    let pool = Pool::new(Options::default(), Keeping::NOTHING);
    for _ in 0..2 {
        let (result, _) = send(&pool, &url, Scheme::Ntlm, &user).await;
        assert_eq!(result.unwrap().status, 200);
    }
    assert_eq!((pool.idle(), log.lock().unwrap().len()), (0, 6));
}
