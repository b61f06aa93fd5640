//! What the jar takes, sends, refuses and forgets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;
use seaworthy_base::{Clock, Timestamp};
use seaworthy_net::Url;
use seaworthy_net::cookies::Jar;

fn start() -> Timestamp {
    "2026-11-20T22:00:00Z".parse().unwrap()
}

/// A jar into which `from` (URL and target) set these, and what `to` would be sent of it.
fn sent(from: (&str, &str), set: &[&str], to: (&str, &str)) -> String {
    let mut jar = Jar::new(Clock::manual(start()));
    store(&mut jar, from, set);
    header(&mut jar, to)
}

fn store(jar: &mut Jar, (origin, target): (&str, &str), set: &[&str]) {
    let mut headers = HeaderMap::new();
    for text in set {
        headers.append(SET_COOKIE, HeaderValue::from_bytes(text.as_bytes()).unwrap());
    }
    jar.store(&Url::parse(origin).unwrap(), target, &headers);
}

fn header(jar: &mut Jar, (origin, target): (&str, &str)) -> String {
    let header = jar.header(&Url::parse(origin).unwrap(), target);
    header.map(|(_, value)| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

#[test]
fn cookies_go_where_domain_path_and_scheme_let_them() {
    let home = ("https://www.Example.org", "/shop/cart?x=/y/");
    for (set, to, expected) in [
        // Host-only without a domain.
        ("a=1", ("https://www.example.org:8443", "/shop/"), "a=1"),
        ("a=1", ("https://sub.www.example.org", "/shop/"), ""),
        ("a=1", ("https://example.org", "/shop/"), ""),
        // With one, its subdomains too.
        ("a=1; Domain=.EXAMPLE.org", ("https://other.example.org", "/shop"), "a=1"),
        ("a=1; Domain=example.org", ("https://badexample.org", "/shop"), ""),
        ("a=1; Domain=www.example.org", ("https://a.www.example.org", "/shop"), "a=1"),
        ("a=1; Domain=", ("https://www.example.org", "/shop"), "a=1"),
        // Not for others, nor for all of a top-level domain.
        ("a=1; Domain=a.www.example.org", ("https://a.www.example.org", "/shop"), ""),
        ("a=1; Domain=example.net", ("https://example.net", "/shop"), ""),
        ("a=1; Domain=org", ("https://www.example.org", "/shop"), ""),
        // The path is the request's folder unless one is given.
        ("a=1", ("https://www.example.org", "/shop"), "a=1"),
        ("a=1", ("https://www.example.org", "/shopping"), ""),
        ("a=1", ("https://www.example.org", "/"), ""),
        ("a=1; Path=/", ("https://www.example.org", "/other?q=1"), "a=1"),
        ("a=1; Path=relative", ("https://www.example.org", "/shop/x"), "a=1"),
        ("a=1; Path=/shop/", ("https://www.example.org", "/shop"), ""),
        // Secure ones only over TLS.
        ("a=1; Secure", ("https://www.example.org", "/shop"), "a=1"),
        ("a=1; Secure", ("http://www.example.org", "/shop"), ""),
        ("a=1; HttpOnly; SameSite=Strict; New=x", ("http://www.example.org", "/shop"), "a=1"),
        // Odd, but what browsers take.
        ("  a = b=c ; path=/", ("https://www.example.org", "/"), "a=b=c"),
        ("a", ("https://www.example.org", "/shop"), "a"),
        ("=a", ("https://www.example.org", "/shop"), "a"),
        ("a=", ("https://www.example.org", "/shop"), "a="),
        ("a=\"q;p\"", ("https://www.example.org", "/shop"), "a=\"q"),
        ("", ("https://www.example.org", "/shop"), ""),
        ("=; Path=/", ("https://www.example.org", "/shop"), ""),
        // The prefixes hold what they promise.
        ("__Secure-a=1", ("https://www.example.org", "/shop"), ""),
        ("__Secure-a=1; Secure", ("https://www.example.org", "/shop"), "__Secure-a=1"),
        ("__Host-a=1; Secure; Path=/", ("https://www.example.org", "/"), "__Host-a=1"),
        ("__host-a=1; Secure; Path=/x", ("https://www.example.org", "/x"), ""),
        ("__Host-a=1; Path=/", ("https://www.example.org", "/"), ""),
        (
            "__Host-a=1; Secure; Path=/; Domain=www.example.org",
            ("https://www.example.org", "/"),
            "",
        ),
        ("=__Host-a=1", ("https://www.example.org", "/shop"), ""),
    ] {
        assert_eq!(sent(home, &[set], to), expected, "{set} to {to:?}");
    }
    let plain = ("http://127.0.0.1:8080", "/");
    assert_eq!(sent(plain, &["a=1; Domain=127.0.0.1"], ("http://127.0.0.1", "/x")), "a=1");
    assert_eq!(sent(plain, &["a=1; Domain=0.0.1"], plain), "");
    // What stays on this machine is as good as secret, as browsers see it.
    for here in ["http://localhost", "http://a.LOCALHOST:81", "http://127.0.0.2", "http://[::1]"] {
        assert_eq!(sent((here, "/"), &["a=1; Secure"], (here, "/")), "a=1", "{here}");
    }
    for there in ["http://10.0.0.1", "http://nolocalhost", "http://localhost.test"] {
        assert_eq!(sent((there, "/"), &["a=1; Secure"], (there, "/")), "", "{there}");
    }
    let local = ("http://localhost", "/");
    assert_eq!(sent(local, &["a=1; Domain=localhost"], local), "a=1");
    assert_eq!(sent(local, &["a=1; Domain=localhost"], ("http://x.localhost", "/")), "");
}

#[test]
fn longer_paths_and_older_cookies_come_first_and_a_name_is_replaced_in_place() {
    let home = ("http://a.test", "/x/y");
    let set = ["one=1; Path=/", "two=2; Path=/x/y", "three=3; Path=/x", "four=4; Path=/"];
    assert_eq!(sent(home, &set, home), "two=2; three=3; one=1; four=4");
    let set = [&set[..], &["one=new; Path=/"]].concat();
    assert_eq!(sent(home, &set, home), "two=2; three=3; one=new; four=4");
}

#[test]
fn cookies_end_when_they_say() {
    let clock = Clock::manual(start());
    let mut jar = Jar::new(clock.clone());
    let home = ("http://a.test", "/");
    let set = [
        "session=1",
        "minute=1; Max-Age=60",
        "both=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=60",
        "hour=1; Expires=Fri, 20 Nov 2026 23:00:00 GMT",
        "ever=1; Expires=Fri, 31-Dec-9999 23:59:59 GMT",
        "long=1; Max-Age=99999999999999999999999",
        "odd=1; Max-Age=+60; Expires=whenever",
        "past=1; Expires=Thu, 19 Nov 2026 23:00:00 GMT",
        "none=1; Max-Age=0",
        "less=1; Max-Age=-5",
    ];
    store(&mut jar, home, &set);
    assert_eq!(
        header(&mut jar, home),
        "session=1; minute=1; both=1; hour=1; ever=1; long=1; odd=1"
    );
    clock.set_wall(start().plus(Duration::from_secs(60)));
    assert_eq!(header(&mut jar, home), "session=1; hour=1; ever=1; long=1; odd=1");
    clock.set_wall(start().plus(Duration::from_secs(400 * 86_400)));
    assert_eq!(header(&mut jar, home), "session=1; odd=1");
    // Setting one that is over takes it away.
    store(&mut jar, home, &["odd=; Max-Age=0"]);
    assert_eq!((header(&mut jar, home).as_str(), jar.len()), ("session=1", 1));
    jar.clear();
    assert!(jar.is_empty() && header(&mut jar, home).is_empty());
}

#[test]
fn plain_http_puts_nothing_in_the_way_of_a_secure_cookie() {
    let mut jar = Jar::new(Clock::manual(start()));
    let secure = ("https://a.test", "/login/x");
    store(&mut jar, secure, &["id=real; Secure; Path=/login", "other=1; Path=/"]);
    store(&mut jar, ("http://a.test", "/"), &["id=fake; Path=/login/en", "other=2; Path=/"]);
    assert_eq!(header(&mut jar, ("https://a.test", "/login/en")), "id=real; other=2");
    store(&mut jar, ("http://a.test", "/"), &["id=elsewhere; Path=/"]);
    assert_eq!(header(&mut jar, ("http://a.test", "/")), "other=2; id=elsewhere");
}

#[test]
fn a_flood_is_bounded_and_the_cookies_in_use_stay() {
    let mut jar = Jar::new(Clock::manual(start()));
    let home = ("http://a.test", "/");
    store(&mut jar, home, &["kept=1"]);
    for round in 0..5_000 {
        let name = format!("c{round}={}; Path=/other", "x".repeat(1000));
        store(&mut jar, home, &[name.as_str()]);
        assert_eq!(header(&mut jar, home), "kept=1", "{round}");
        assert!(jar.len() <= 50);
    }
    for host in 0..1_000 {
        store(&mut jar, (&format!("http://h{host}.test"), "/"), &["a=1", "b=2"]);
        assert!(jar.len() <= 300);
    }
    assert_eq!(jar.len(), 300);
    // Of one host's, those over TLS stay longest.
    let mut jar = Jar::new(Clock::manual(start()));
    let secure = ("https://a.test", "/");
    store(&mut jar, secure, &["safe=1; Secure"]);
    for round in 0..100 {
        store(&mut jar, secure, &[format!("c{round}=1").as_str()]);
    }
    assert!(header(&mut jar, secure).starts_with("safe=1; "));
    // Too long a pair, header or attribute.
    let mut jar = Jar::new(Clock::manual(start()));
    let long = "x".repeat(4096);
    store(&mut jar, home, &[&format!("a={long}"), &format!("b=1; x={long}{long}")]);
    assert!(jar.is_empty());
    store(&mut jar, home, &[&format!("a=1; Domain={}", &long[..1025])]);
    assert_eq!(header(&mut jar, home), "a=1");
}

proptest! {
    #[test]
    fn whatever_is_set_the_jar_stays_sound(
        set in prop::collection::vec(
            "[a=\\PC]{0,6}(; ?(Domain|Path|Max-Age|Expires|Secure|__Host-)?=?[./a-t0-9-]{0,8}){0,4}",
            0..8,
        ),
        target in "/[a-t/?]{0,8}",
    ) {
        let mut jar = Jar::new(Clock::manual(start()));
        let set: Vec<&str> = set.iter().map(String::as_str).collect();
        let set: Vec<&str> =
            set.into_iter().filter(|it| HeaderValue::from_bytes(it.as_bytes()).is_ok()).collect();
        store(&mut jar, ("http://a.test", &target), &set);
        let url = Url::parse("http://a.test").unwrap();
        if let Some((_, value)) = jar.header(&url, &target) {
            prop_assert!(value.as_bytes().iter().all(|byte| *byte >= 0x20 && *byte != 0x7f));
        }
        prop_assert!(jar.len() <= set.len());
    }
}

#[test]
fn cookies_can_be_looked_at_and_forgotten() {
    let mut jar = Jar::new(Clock::manual(start()));
    let url = Url::parse("https://a.test/").unwrap();
    for text in ["a=1; path=/", "b=2; path=/x", "a=3; path=/x", "c=4; path=/y"] {
        jar.set(&url, "/", text);
    }
    assert_eq!(jar.cookies(&url, "/x/z"), [("b", "2"), ("a", "3"), ("a", "1")]);
    jar.forget(&url, "/", Some("a"));
    assert_eq!(jar.cookies(&url, "/x"), [("b", "2"), ("a", "3")]);
    jar.forget(&url, "/x", None);
    let other = Url::parse("https://b.test/").unwrap();
    jar.forget(&other, "/y", None);
    assert_eq!((jar.cookies(&url, "/x").len(), jar.cookies(&url, "/y")), (0, vec![("c", "4")]));
    assert_eq!(jar.len(), 1);
}
