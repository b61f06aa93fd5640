//! Sessions over real sockets: redirects and cookies as browsers have them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, HeaderName, HeaderValue, REFERER};
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use seaworthy_net::session::{Follow, Session, leads_to, redirect};
use seaworthy_net::{
    Failure, Keep, Keeping, Network, Options, Pending, Pool, Request, Response, Stream, Url,
};
use tokio::net::TcpListener;

/// What a server was asked: a line for each request.
type Asked = Arc<Mutex<Vec<String>>>;

/// A server whose paths say what it answers: `/301/next` redirects to the rest of the path (a `|`
/// stands for `/`, as in `/302/http:||host|path`), `/set/a=1` sets a cookie, `/slow` never answers.
async fn server() -> (Url, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let asked = Asked::default();
    let seen = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let seen = Arc::clone(&seen);
            let serving = service_fn(move |request| answer(request, Arc::clone(&seen)));
            let connection = hyper::server::conn::http1::Builder::new();
            tokio::spawn(connection.serve_connection(TokioIo::new(stream), serving));
        }
    });
    (url, asked)
}

async fn answer(
    request: http::Request<Incoming>,
    asked: Asked,
) -> Result<http::Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let mut line = format!("{} {}", head.method, head.uri);
    for name in [AUTHORIZATION, COOKIE, CONTENT_TYPE, REFERER] {
        for value in head.headers.get_all(&name) {
            line = format!("{line} {name}={}", value.to_str().unwrap());
        }
    }
    asked.lock().unwrap().push(format!("{line} {}", String::from_utf8_lossy(&body)));
    let mut response = http::Response::new(Full::new(body));
    let path = head.uri.path().replace('|', "/").replace("%7C", "/");
    if path == "/slow" {
        std::future::pending::<()>().await;
    }
    let mut parts = path.splitn(3, '/').skip(1);
    let (first, rest) = (parts.next().unwrap_or_default(), parts.next());
    if let Ok(status) = first.parse::<StatusCode>() {
        *response.status_mut() = status;
        if let Some(rest) = rest {
            response.headers_mut().insert("location", HeaderValue::from_str(rest).unwrap());
        }
    }
    if first == "set" {
        let cookie = HeaderValue::from_str(rest.unwrap_or_default()).unwrap();
        response.headers_mut().append("set-cookie", cookie);
    }
    if first == "login" {
        *response.status_mut() = StatusCode::FOUND;
        response.headers_mut().insert("location", HeaderValue::from_static("/login"));
        response.headers_mut().append("set-cookie", HeaderValue::from_static("in=yes"));
        if head.headers.get(COOKIE).is_some() {
            *response.status_mut() = StatusCode::OK;
        }
    }
    Ok(response)
}

/// Fetches with a fresh session and gives, besides the answer, the URLs that were followed.
async fn fetch(
    url: &Url,
    request: Request,
    follow: Follow,
) -> (Result<Response, Failure>, Vec<String>) {
    let mut hops = Vec::new();
    let mut session = Session::new(Options::default());
    let result = session
        .fetch(url, request, &follow, &mut |url, response| {
            assert!((300..400).contains(&response.status));
            hops.push(url.to_string());
        })
        .await;
    (result, hops)
}

fn taken(asked: &Asked) -> Vec<String> {
    asked.lock().unwrap().drain(..).map(|line| line.trim_end().to_owned()).collect()
}

fn post(target: &str) -> Request {
    let mut request = Request::new(Method::POST, target);
    request.headers = vec![
        (CONTENT_TYPE, HeaderValue::from_static("text/plain")),
        (AUTHORIZATION, HeaderValue::from_static("secret")),
    ];
    request.body = Bytes::from_static(b"body");
    request
}

#[tokio::test]
async fn methods_and_bodies_follow_the_status() {
    let (url, asked) = server().await;
    for (status, next) in [
        (301, "GET /|next authorization=secret"),
        (302, "GET /|next authorization=secret"),
        (303, "GET /|next authorization=secret"),
        (307, "POST /|next authorization=secret content-type=text/plain body"),
        (308, "POST /|next authorization=secret content-type=text/plain body"),
    ] {
        let target = format!("/{status}/%7Cnext#fragment");
        let target = target.split('#').next().unwrap();
        let (response, hops) = fetch(&url, post(target), Follow::default()).await;
        assert_eq!(response.unwrap().status, 200);
        let first = format!("POST {target} authorization=secret content-type=text/plain body");
        assert_eq!(taken(&asked), [first, next.replace('|', "")]);
        assert_eq!(hops, [format!("{url}{}", &target[1..])]);
        // A `HEAD` stays one.
        let (response, _) =
            fetch(&url, Request::new(Method::HEAD, target), Follow::default()).await;
        assert_eq!(response.unwrap().status, 200);
        assert_eq!(taken(&asked)[1], "HEAD /next");
    }
    // What is no redirect, or not to be followed, is an answer.
    for (target, status, redirects) in
        [("/302/next", 302, 0), ("/304/next", 304, 9), ("/300/next", 300, 9), ("/302", 302, 9)]
    {
        for cookies in [true, false] {
            let follow = Follow { redirects, cookies };
            let (response, hops) = fetch(&url, Request::get(target), follow).await;
            assert_eq!((response.unwrap().status, hops.len()), (status, 0), "{target}");
            assert_eq!(taken(&asked).len(), 1);
        }
    }
}

#[tokio::test]
async fn what_belongs_to_an_origin_stays_there() {
    let (url, asked) = server().await;
    let (other, seen) = server().await;
    let away = other.to_string().replace('/', "%7C");
    let mut request = post(&format!("/307/{away}307%7C%7Cback"));
    request.headers.push((COOKIE, HeaderValue::from_static("own=1")));
    request.headers.push((HOST, HeaderValue::from_static("virtual")));
    request.headers.push((REFERER, HeaderValue::from_static("page")));
    let (response, hops) = fetch(&url, request, Follow::default()).await;
    assert_eq!((response.unwrap().status, hops.len()), (200, 2));
    assert!(taken(&asked)[0].contains("authorization=secret cookie=own=1 content-type"));
    let stayed = "content-type=text/plain referer=page body";
    assert_eq!(taken(&seen), [format!("POST /307//back {stayed}"), format!("POST /back {stayed}")]);
}

#[tokio::test]
async fn circles_come_to_an_end() {
    let (url, asked) = server().await;
    for redirects in [1, 10] {
        let follow = Follow { redirects, cookies: false };
        let (result, hops) = fetch(&url, Request::get("/302/302"), follow).await;
        let failure = result.unwrap_err();
        assert_eq!((failure.code(), hops.len()), ("too_many_redirects", usize::from(redirects)));
        assert!(failure.error.hint().is_some() && failure.bytes_received > 0);
        assert_eq!(taken(&asked).len(), usize::from(redirects) + 1);
    }
    let (response, hops) =
        fetch(&url, Request::get("/302/%7C302%7C%7Cend"), Follow { redirects: 2, cookies: false })
            .await;
    assert_eq!((response.unwrap().status, hops.len()), (200, 2));
    for location in ["mailto:me", "ftp:||host|", "http:||", "http:||me:secret@host|"] {
        let target = format!("/302/{}", location.replace('|', "%7C"));
        let (result, hops) = fetch(&url, Request::get(target), Follow::default()).await;
        let failure = result.unwrap_err();
        assert_eq!((failure.code(), hops.len()), ("invalid_redirect", 0), "{location}");
        assert!(!failure.to_string().contains("secret"), "{failure}");
    }
}

#[tokio::test]
async fn who_follows_on_their_own_is_told_where_to() {
    let (url, asked) = server().await;
    let pool = Pool::new(Options::default(), Keeping::default());
    let (mut origin, mut request) = (url.clone(), post("/302/%7C307%7C%7Cend"));
    let mut statuses = Vec::new();
    loop {
        let response = pool.send(&origin, &request).await.unwrap();
        statuses.push(response.status);
        let Some(next) = leads_to(&origin, &request.target, &response).unwrap() else { break };
        redirect(&mut request, response.status, &origin, &next);
        origin = next;
    }
    assert_eq!(statuses, [302, 307, 200]);
    let authorized = "authorization=secret";
    assert_eq!(
        taken(&asked)[1..],
        [format!("GET /307//end {authorized}"), format!("GET /end {authorized}")]
    );
    let response = pool.send(&url, &Request::get("/302/mailto:me")).await.unwrap();
    assert_eq!(leads_to(&url, "/", &response).unwrap_err().code(), "invalid_redirect");
}

/// A network of in-memory streams to the server above, for paused time.
#[derive(Debug, Default)]
struct Memory(Asked);

impl Network for Memory {
    fn look_up<'a>(&'a self, _: &'a str, port: u16) -> Pending<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(std::future::ready(Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))])))
    }

    fn connect(&self, _: SocketAddr) -> Pending<'_, io::Result<Box<dyn Stream>>> {
        let (client, server) = tokio::io::duplex(64 * 1024);
        let seen = Arc::clone(&self.0);
        let serving = service_fn(move |request| answer(request, Arc::clone(&seen)));
        let connection = hyper::server::conn::http1::Builder::new();
        tokio::spawn(connection.serve_connection(TokioIo::new(server), serving));
        Box::pin(std::future::ready(Ok(Box::new(client) as Box<dyn Stream>)))
    }
}

#[tokio::test(start_paused = true)]
async fn one_time_limit_is_for_all_hops() {
    let url = Url::parse("http://service/").unwrap();
    let mut session =
        Session::new(Options { network: Arc::new(Memory::default()), ..Options::default() });
    let mut request = Request::get("/302/%7C302%7C%7Cslow");
    request.timeout = Some(Duration::from_millis(300));
    let mut hops = 0;
    let told = &mut |_: &Url, _: &Response| hops += 1;
    let failure = session.fetch(&url, request, &Follow::default(), told).await.unwrap_err();
    assert_eq!((failure.code(), failure.timings.total(), hops), ("timeout", 300_000_000, 2));
    // Told as it was asked for, not as what was left of it.
    assert_eq!(failure.to_string(), "no complete answer within 300ms");
}

#[tokio::test]
async fn cookies_are_kept_between_requests_until_forgotten() {
    let (url, asked) = server().await;
    let mut session = Session::new(Options::default());
    let follow = Follow::default();
    let mut ask = Request::get("/set/a=1;path=%7C");
    ask.keep = Keep::Failures;
    let response = session.fetch(&url, ask, &follow, &mut |_, _| {}).await.unwrap();
    assert!(response.headers.is_empty() && response.bytes_received > 0);
    let mut ask = Request::get("/set/b=2;path=%7C");
    ask.headers.push((COOKIE, HeaderValue::from_static("own=1")));
    session.fetch(&url, ask, &follow, &mut |_, _| {}).await.unwrap();
    session.fetch(&url, Request::get("/x"), &follow, &mut |_, _| {}).await.unwrap();
    let without = Follow { cookies: false, ..follow };
    session.fetch(&url, Request::get("/y"), &without, &mut |_, _| {}).await.unwrap();
    session.client_mut().send(&url, Request::get("/z")).await.unwrap();
    assert_eq!(session.jar_mut().len(), 2);
    session.clear();
    session.fetch(&url, Request::get("/w"), &follow, &mut |_, _| {}).await.unwrap();
    let asked = taken(&asked);
    assert!(asked[1].ends_with(" cookie=own=1; a=1"), "{asked:?}");
    assert_eq!(asked[2..], ["GET /x cookie=a=1; b=2", "GET /y", "GET /z", "GET /w"]);
}

#[tokio::test]
async fn a_cookie_set_on_the_way_goes_with_the_next_hop() {
    let (url, asked) = server().await;
    let (response, hops) = fetch(&url, post("/login"), Follow::default()).await;
    assert_eq!((response.unwrap().status, hops.len()), (200, 1));
    assert_eq!(taken(&asked)[1], "GET /login authorization=secret cookie=in=yes");
    let name = HeaderName::from_static("x");
    let mut request = post("/login");
    request.headers.push((name, HeaderValue::from_static("y")));
    let (result, _) = fetch(&url, request, Follow { cookies: false, redirects: 5 }).await;
    assert_eq!(result.unwrap_err().code(), "too_many_redirects");
}

#[tokio::test]
async fn a_request_written_out_before_follows_too() {
    let (url, asked) = server().await;
    let mut hops = 0;
    for keep in [Keep::Everything, Keep::Leads, Keep::Failures] {
        let mut session = Session::new(Options::default());
        let follow = Follow::default();
        for (target, status, seen) in [
            ("/plain", 200, &["GET /plain"][..]),
            ("/302/%7Cnext", 200, &["GET /302/%7Cnext", "GET /next"]),
            ("/404", 404, &["GET /404"]),
            ("/set/a=1;path=%7C", 200, &["GET /set/a=1;path=%7C"]),
            ("/plain", 200, &["GET /plain cookie=a=1"]),
            ("/302/%7Cnext", 200, &["GET /302/%7Cnext cookie=a=1", "GET /next cookie=a=1"]),
        ] {
            let mut request = Request::get(target);
            request.keep = keep;
            let prepared = request.prepare(&url).unwrap();
            let told = &mut |_: &Url, _: &Response| hops += 1;
            let response = session.repeat(&url, &prepared, &follow, told).await.unwrap();
            assert_eq!(
                (response.status, taken(&asked)),
                (status, seen.iter().map(|it| it.to_string()).collect())
            );
            let left_out = keep == Keep::Failures && status == 200;
            assert!(!left_out || response.headers.is_empty(), "{target}");
            assert!(keep != Keep::Everything || !response.headers.is_empty());
        }
        // Nothing is followed and kept but what is asked for.
        let mut request = Request::get("/302/%7Cnext");
        request.keep = keep;
        let prepared = request.prepare(&url).unwrap();
        let told = &mut |_: &Url, _: &Response| hops += 1;
        let response = session.repeat(&url, &prepared, &Follow::NOTHING, told).await.unwrap();
        assert_eq!((response.status, taken(&asked)), (302, vec!["GET /302/%7Cnext".to_owned()]));
        let mut request = Request::get("/302/302");
        request.keep = keep;
        let prepared = request.prepare(&url).unwrap();
        let follow = Follow { redirects: 3, cookies: true };
        let told = &mut |_: &Url, _: &Response| hops += 1;
        let failure = session.repeat(&url, &prepared, &follow, told).await.unwrap_err();
        assert_eq!((failure.code(), taken(&asked).len()), ("too_many_redirects", 4));
    }
    assert_eq!(hops, 3 * (2 + 3));
}
