//! Our HTTP/1.1 client and hyper's on the same bytes, whole and in pieces: the same answer, or both
//! refuse. The deliberate differences stand in `oracle`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod oracle;

use http::Method;
use proptest::prelude::*;

/// Asks both clients on a runtime of its own.
fn disagreement(method: &Method, bytes: &[u8], cuts: &[u8]) -> Option<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(oracle::disagreement(method.clone(), bytes, cuts))
}

fn status_line() -> impl Strategy<Value = Vec<u8>> {
    let line = prop::sample::select(vec![
        &b"HTTP/1.1 200 OK\r\n"[..],
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 404 Not Found\r\n",
        b"HTTP/1.0 200 OK\r\n",
        b"HTTP/1.1 204 No Content\r\n",
        b"HTTP/1.1 304 Not Modified\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 103 Early\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 101 Switching\r\n",
        b"HTTP/1.1 200\r\n",
        b"HTTP/1.1 200 \xe9\r\n",
        b"\r\nHTTP/1.1 200 OK\n",
        b"HTTP/1.1 999 Odd\r\n",
        b"HTTP/1.1 099 Low\r\n",
        b"HTTP/2.0 200 OK\r\n",
        b"HTTP/1.1  200 OK\r\n",
        b"ICY 200 OK\r\n",
    ]);
    line.prop_map(<[u8]>::to_vec)
}

fn header() -> impl Strategy<Value = Vec<u8>> {
    let line = prop::sample::select(vec![
        &b"content-length: 5\r\n"[..],
        b"Content-Length:5\r\n",
        b"content-length: 5 \r\n",
        b"content-length: 0\r\n",
        b"content-length: +5\r\n",
        b"content-length: 5, 5\r\n",
        b"content-length: 18446744073709551616\r\n",
        b"transfer-encoding: chunked\r\n",
        b"Transfer-Encoding: gzip, CHUNKED\r\n",
        b"transfer-encoding: chunked, gzip\r\n",
        b"transfer-encoding: identity\r\n",
        b"transfer-encoding:\r\n",
        b"connection: close\r\n",
        b"connection: keep-alive\r\n",
        b"x-one: \t a b \xff \r\n",
        b"x-one:\r\n",
        b"set-cookie: a=b\n",
        b"bad name: x\r\n",
        b"space-before : x\r\n",
        b" folded\r\n",
        b"nul: \0\r\n",
        b"no colon\r\n",
        b": no name\r\n",
        b"cr: a\rb\r\n",
    ]);
    line.prop_map(<[u8]>::to_vec)
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let part = prop::sample::select(vec![
        &b"hello"[..],
        b"5\r\nhello\r\n",
        b"5\r\nhello\r\n",
        b"1;name=value\r\nx\r\n",
        b"1 \t;x\r\ny\r\n",
        b"A\r\n0123456789\r\n",
        b"0\r\n\r\n",
        b"0\r\n\r\n",
        b"00;last\r\n",
        b"trailer: x\r\n",
        b"bad trailer\r\n",
        b"\r\n",
        b"\n",
        b"5\nhello\n",
        b"-5\r\n",
        b"ffffffffffffffff\r\n",
        b"10000000000000000\r\n",
        b"00000000000000000005\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil",
    ]);
    prop::collection::vec(part.prop_map(<[u8]>::to_vec), 0..6).prop_map(|parts| parts.concat())
}

fn answer() -> impl Strategy<Value = Vec<u8>> {
    (status_line(), prop::collection::vec(header(), 0..4), body())
        .prop_map(|(line, headers, body)| [line, headers.concat(), b"\r\n".to_vec(), body].concat())
}

/// An answer with some of its bytes changed, left out or put in.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let damage = (any::<prop::sample::Index>(), any::<u8>(), 0..3_u8);
    (answer(), prop::collection::vec(damage, 0..3)).prop_map(|(mut bytes, damages)| {
        for (place, byte, kind) in damages {
            let at = place.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ if bytes.len() > 1 => drop(bytes.remove(at)),
                _ => {}
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn both_clients_understand_the_same(
        method in prop::sample::select(vec![Method::GET, Method::GET, Method::POST, Method::HEAD]),
        bytes in prop_oneof![answer(), damaged()],
        cuts in prop::collection::vec(any::<u8>().prop_map(|cut| cut % 40), 0..4),
    ) {
        let disagreement = disagreement(&method, &bytes, &cuts);
        prop_assert!(disagreement.is_none(), "{method} {}", disagreement.unwrap());
    }
}

#[test]
fn the_same_bytes_are_the_same_answer_in_any_pieces() {
    let answers: [&[u8]; 4] = [
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\nx: y\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\nx: y\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nx: y\r\n\r\nhello",
        b"\r\nHTTP/1.1 200 OK\nx: y\nx:\n\nhello",
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for bytes in answers {
        let whole = runtime.block_on(oracle::ours(Method::GET, oracle::Script::new(bytes, &[])));
        assert_eq!(whole.as_ref().unwrap().2, "hello");
        for first in 1..=u8::try_from(bytes.len()).unwrap() {
            for cuts in [&[first, 255][..], &[first]] {
                let script = oracle::Script::new(bytes, cuts);
                let pieces = runtime.block_on(oracle::ours(Method::GET, script));
                assert_eq!(whole, pieces, "{} in {cuts:?}", bytes.escape_ascii());
                assert_eq!(disagreement(&Method::GET, bytes, cuts), None);
            }
        }
    }
}
