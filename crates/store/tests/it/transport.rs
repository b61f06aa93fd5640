//! On the way to PostgreSQL: TLS that is checked, and passwords nobody else sees.

use std::path::Path;
use std::process::Command;

use seaworthy_store::{Error, Migration, Options, Part, Result, Server};

use crate::place::{numbers, open, write};
use crate::postgres::{self, own, until_ready};

const SCHEMA: &[Migration] = &[Migration {
    name: "rows",
    sqlite: "CREATE TABLE rows (n INTEGER PRIMARY KEY) STRICT",
    postgres: "CREATE TABLE rows (n BIGINT PRIMARY KEY)",
}];

fn options(address: &str) -> Result<Options> {
    Ok(Options::schema(&Server::new(address)?, "tests", [Part::own(SCHEMA)]))
}

fn certificate(folder: &Path, name: &str) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .arg("-keyout")
        .arg(folder.join(format!("{name}.key")))
        .arg("-out")
        .arg(folder.join(format!("{name}.pem")))
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_checked() {
    let server = tokio::task::spawn_blocking(|| {
        let mut server = postgres::Server::start(&[]);
        server.stop();
        let folder = server.folder().to_owned();
        certificate(&folder, "server");
        certificate(&folder, "stranger");
        own(&folder.join("server.key"));
        server.set("ssl=on");
        server.set(&format!("ssl_cert_file={}", folder.join("server.pem").display()));
        server.set(&format!("ssl_key_file={}", folder.join("server.key").display()));
        server.launch();
        server
    });
    let server = server.await.unwrap();
    let address = server.address("postgres");
    until_ready(&address).await;
    let trusting = |name: &str| {
        let roots = server.folder().join(name);
        options(&format!("{address}?sslmode=require&sslrootcert={}", roots.display())).unwrap()
    };
    let store = open(trusting("server.pem")).await.unwrap();
    write(&store, "INSERT INTO rows VALUES (1)", &[]).await.unwrap();
    assert_eq!(numbers(&store, "SELECT n FROM rows").await, [1]);
    let watcher = postgres::connect(&address).await.unwrap();
    let open_ones = "SELECT bool_and(ssl.ssl) FROM pg_stat_ssl ssl JOIN pg_stat_activity all_of
                     ON all_of.pid = ssl.pid WHERE all_of.application_name = 'seaworthy'";
    assert!(watcher.query_one(open_ones, &[]).await.unwrap().get::<_, bool>(0));
    store.close().await;
    let stranger = open(trusting("stranger.pem")).await.unwrap_err();
    assert_eq!(stranger.code(), "store.unavailable");
    assert!(stranger.to_string().contains("certificate"), "{stranger}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_tls_is_refused_when_it_is_required() {
    let address = postgres::database().await;
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path(), "any");
    let roots = folder.path().join("any.pem");
    let required = format!("{address}?sslmode=require&sslrootcert={}", roots.display());
    let error = open(options(&required).unwrap()).await.unwrap_err();
    assert!(error.to_string().to_lowercase().contains("tls"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_refused_and_no_password_is_shown() {
    let address = postgres::database().await;
    let (user, place) = address.split_once('@').unwrap();
    let password = user.rsplit_once(':').unwrap().1;
    let wrong = options(&format!("postgres://tests:wr0ng-one@{place}")).unwrap();
    assert!(!format!("{wrong:?}").contains("wr0ng-one"));
    let error = open(wrong).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
    assert!(error.to_string().contains("password authentication failed"), "{error}");
    assert!(!format!("{error} {error:?}").contains("wr0ng-one"));
    let right = options(&address).unwrap();
    assert!(!format!("{right:?}").contains(password));
    let store = open(right).await.unwrap();
    assert!(!format!("{store:?}").contains(password));
    store.close().await;
}
