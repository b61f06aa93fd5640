//! Options about the network, each on real sockets: that it is there is not enough, it must act.

use std::collections::BTreeSet;

use seaworthy_k6::options::Flags;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::harness::{Ran, Server, Tls, run, run_with};

const IMPORT: &str = "import http from 'k6/http'; import { check } from 'k6';";

async fn clean(server: &Server, script: &str) -> Ran {
    let ran = run(&server.fill(&format!("{IMPORT} {script}"))).await;
    ran.is_clean();
    ran
}

/// The connections that requests came on.
fn connections(server: &Server) -> usize {
    server.seen().iter().map(|seen| seen.peer).collect::<BTreeSet<_>>().len()
}

#[tokio::test]
async fn connections_are_kept_or_not() {
    let calls = "export default function () { http.get('BASE/1'); http.get('BASE/2'); }";
    for (options, expected) in
        [("", 1), ("noVUConnectionReuse: true,", 3), ("noConnectionReuse: true,", 6)]
    {
        let server = Server::start().await;
        let options = format!("export const options = {{ {options} iterations: 3, vus: 1 }};");
        clean(&server, &format!("{options} {calls}")).await;
        assert_eq!((server.seen().len(), connections(&server)), (6, expected), "{options}");
        let closing =
            server.seen().iter().filter(|it| it.headers.contains_key("connection")).count();
        assert_eq!(closing, if expected == 6 { 6 } else { 0 });
    }
}

#[tokio::test]
async fn names_are_mapped_blocked_and_resolved_as_told() {
    let server = Server::start().await;
    clean(
        &server,
        "export const options = { blockHostnames: ['*.bad.test', 'x.test'], blacklistIPs: ['10.0.0.0/8'],
           hosts: { 'h.test': '127.0.0.1:PORT', '*.wild.test:81': '127.0.0.1:PORT', 'ten.test': '10.1.2.3' }, userAgent: 'mine/2' };
         const is = (code, error) => (r) => r.status === 0 && r.error_code === code && r.error === error;
         export default function () {
           check(http.get('http://a.bad.test/'), { pattern: is(1111, 'hostname is blocked') });
           check(http.get('http://x.test/'), { name: is(1111, 'hostname is blocked') });
           check(http.get('http://10.9.9.9/'), { address: is(1110, 'ip is blacklisted') });
           check(http.get('http://ten.test/'), { mapped: is(1110, 'ip is blacklisted') });
           check(http.get('http://h.test/a'), { host: (r) => r.status === 200 && r.url === 'http://h.test/a' });
           check(http.get('http://any.wild.test:81/b'), { wild: (r) => r.status === 200 });
           check(http.get('BASE/c', { headers: { 'User-Agent': 'own' } }), { agent: (r) => r.status === 200 });
         }",
    )
    .await;
    let seen = server.seen();
    assert_eq!(seen[0].headers["host"], "h.test");
    assert_eq!(seen[1].headers["host"], "any.wild.test:81");
    let agents: Vec<&str> = seen.iter().map(|seen| &*seen.headers["user-agent"]).collect();
    assert_eq!(agents, ["mine/2", "mine/2", "own"]);
}

#[tokio::test]
async fn dns_keeps_to_the_family_it_is_told() {
    let server = Server::start().await;
    for (policy, expected) in [("onlyIPv4", "r.status === 200"), ("onlyIPv6", "r.status === 0")] {
        let script = format!(
            "export const options = {{ dns: {{ policy: '{policy}', select: 'first', ttl: '0' }} }};
             export default function () {{ check(http.get('http://localhost:PORT/'), {{ family: (r) => {expected} }}); }}"
        );
        clean(&server, &script).await;
    }
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn virtual_users_call_from_the_addresses_they_are_given() {
    let server = Server::start().await;
    let script = "import http from 'k6/http';
         export const options = { scenarios: { s: { executor: 'per-vu-iterations', vus: 3, iterations: 1 } } };
         export default function () { http.get('BASE/' + __VU); }";
    // Of the command line and the environment only, as in k6.
    let flags = Flags { local_ips: Some("127.0.0.5-127.0.0.6".to_owned()), ..Flags::default() };
    run_with(&server.fill(script), &flags, &[]).await.unwrap().is_clean();
    let mut from: Vec<(String, String)> =
        server.seen().iter().map(|it| (it.path.clone(), it.peer.ip().to_string())).collect();
    from.sort();
    let from: Vec<(&str, &str)> = from.iter().map(|(path, ip)| (&**path, &**ip)).collect();
    assert_eq!(from, [("/1", "127.0.0.5"), ("/2", "127.0.0.6"), ("/3", "127.0.0.5")]);
}

#[tokio::test]
async fn servers_are_trusted_as_told() {
    let server = Server::start_tls(Tls::Anyone).await;
    let script = "export default function () { check(http.get('BASE/'), { CHECK }); }";
    let with = |options: &str, test: &str| {
        format!("export const options = {{ {options} }}; {}", script.replace("CHECK", test))
    };
    clean(&server, &with("", "unknown: (r) => r.status === 0 && r.error_code === 1310")).await;
    let taken = "insecureSkipTLSVerify: true";
    let ran = clean(&server, &with(taken, "any: (r) => r.status === 200 && r.tls_version === 'tls1.3' && r.tls_cipher_suite !== ''")).await;
    assert_eq!(ran.of("http_reqs")[0].tags.get("tls_version"), Some("tls1.3"));
    assert!(ran.of("http_req_tls_handshaking")[0].value > 0.0);
    let two = "insecureSkipTLSVerify: true, tlsVersion: 'tls1.2'";
    clean(&server, &with(two, "two: (r) => r.status === 200 && r.tls_version === 'tls1.2'")).await;

    let old = Server::start_tls(Tls::Old).await;
    let newer = "insecureSkipTLSVerify: true, tlsVersion: { min: 'tls1.3', max: 'tls1.3' }";
    clean(&old, &with(newer, "apart: (r) => r.status === 0 && r.error_code === 1010")).await;
    let suite = "insecureSkipTLSVerify: true, tlsCipherSuites: ['TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384', 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384']";
    clean(
        &old,
        &with(
            suite,
            "suite: (r) => r.status === 200 && r.tls_cipher_suite.endsWith('AES_256_GCM_SHA384')",
        ),
    )
    .await;
}

#[tokio::test]
async fn a_certificate_is_shown_to_the_hosts_it_is_for() {
    const CERTIFICATE: &str = include_str!("../../../net/tests/data/client.pem");
    const KEY: &str = include_str!("../../../net/tests/data/client.key");
    let server = Server::start_tls(Tls::Known).await;
    for (domain, expected) in [("127.0.0.1", "r.status === 200"), ("other.test", "r.status === 0")]
    {
        let script = format!(
            "export const options = {{ insecureSkipTLSVerify: true, tlsAuth: [{{ domains: ['{domain}'], cert: `{CERTIFICATE}`, key: `{KEY}` }}] }};
             export default function () {{ check(http.get('BASE/'), {{ known: (r) => {expected} }}); }}"
        );
        clean(&server, &script).await;
    }
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn troubles_with_tls_have_k6s_numbers() {
    // What a server says to the first bytes it gets, and k6's number for it.
    const TROUBLES: [(&[u8], u32); 6] = [
        (b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n", 1301),
        (b"SSH-2.0-OpenSSH_9\r\n", 1301),
        (b"\x15\x03\x03\x00\x02\x02\x28", 1010), // handshake_failure
        (b"\x15\x03\x03\x00\x02\x02\x70", 1010), // unrecognized_name
        (b"\x16\x03\x03\x00\x04\x02\x00\x00\x00", 1010), // no ServerHello
        (b"", 1000),
    ];
    for (says, code) in TROUBLES {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(says).await;
            }
        });
        let script = format!(
            "{IMPORT} export default function () {{
               const {{ status, error_code, error }} = http.get('https://{address}/');
               console.log(status, error_code, error); }}"
        );
        let ran = run(&script).await;
        let logged = ran.logged();
        assert!(logged[0].starts_with(&format!("0 {code} ")), "{says:?}: {logged:?}");
        assert_eq!(ran.of("http_reqs")[0].tags.get("error_code"), Some(&*code.to_string()));
        server.abort();
    }
}
