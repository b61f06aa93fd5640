//! Networks around the machine's: names that lead elsewhere, blocked hosts and addresses, caches of
//! addresses, and where connections begin.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use seaworthy_base::Clock;
use seaworthy_base::chance::Chance;
use seaworthy_net::network::{
    Dns, Guarded, Hosts, Mapped, Policy, Range, Resolving, Select, Sourced, Sources,
};
use seaworthy_net::{
    Client, Error, Failure, Network, Options, Pending, Request, Response, Stream, Tcp, Url,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Answers with the address of who asks.
async fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, from)) = listener.accept().await {
            tokio::spawn(async move {
                let text = from.ip().to_string();
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", text.len());
                let mut bytes = [0; 1024];
                while matches!(stream.read(&mut bytes).await, Ok(1..)) {
                    if stream.write_all(format!("{head}{text}").as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

async fn ask(url: &str, network: &Arc<dyn Network>) -> Result<Response, Failure> {
    let options = Options { network: Arc::clone(network), ..Options::default() };
    Client::new(options).send(&Url::parse(url).unwrap(), Request::get("/")).await
}

#[tokio::test]
async fn names_lead_where_they_are_told() {
    let address = server().await;
    let mut hosts = Hosts::new();
    hosts.add("*.shop.test", &address.to_string()).unwrap();
    hosts.add("here.test", "127.0.0.1").unwrap();
    let network: Arc<dyn Network> = Arc::new(Mapped::new(hosts, Arc::new(Tcp)));
    for url in [
        "http://a.shop.test/",
        &format!("http://here.test:{}/", address.port()),
        &format!("http://{address}/"),
    ] {
        let response = ask(url, &network).await.unwrap();
        assert_eq!((response.status, response.peer.address()), (200, Some(address)), "{url}");
    }
}

#[tokio::test]
async fn what_is_blocked_is_not_connected_to() {
    let address = server().await;
    let mut hosts = Hosts::new();
    hosts.add("*.test", &address.to_string()).unwrap();
    let mapped: Arc<dyn Network> = Arc::new(Mapped::new(hosts, Arc::new(Tcp)));
    let patterns = ["*.bad.test", "evil.test"].map(|text| text.parse().unwrap()).to_vec();
    let guarded = |ranges: &[&str]| -> Arc<dyn Network> {
        let ranges = ranges.iter().map(|text| Range::parse(text).unwrap()).collect();
        Arc::new(Guarded::new(patterns.clone(), ranges, Arc::clone(&mapped)))
    };
    let network = guarded(&["10.0.0.0/8"]);
    assert_eq!(ask("http://good.test/", &network).await.unwrap().status, 200);
    for url in ["http://a.bad.test/", "http://EVIL.test/"] {
        let failure = ask(url, &network).await.unwrap_err();
        assert_eq!(failure.code(), "host_blocked", "{failure}");
        assert!(matches!(failure.error, Error::HostBlocked { .. }));
    }
    let failure = ask("http://10.1.2.3/", &network).await.unwrap_err();
    assert_eq!(failure.to_string(), "the address 10.1.2.3 is blocked by 10.0.0.0/8");
    // Where a name leads counts, not where the resolver would have led.
    let network = guarded(&["127.0.0.0/8"]);
    let failure = ask("http://good.test/", &network).await.unwrap_err();
    assert_eq!((failure.code(), failure.timings.connecting), ("address_blocked", 0));
    // Whoever dials without looking up meets the guard too.
    let error = network.dial(address).await.unwrap_err();
    assert!(matches!(error.downcast::<Error>(), Ok(Error::AddressBlocked { .. })));
    assert!(network.connect(address).await.is_err());
}

#[tokio::test]
async fn connections_begin_where_they_are_told() {
    let address = server().await;
    let sources = Sources::parse("127.0.3.0/30").unwrap();
    for index in 0..4 {
        let local = sources.nth(index);
        let network: Arc<dyn Network> = Arc::new(Sourced::new(local, Arc::new(Tcp)));
        let response = ask(&format!("http://{address}/"), &network).await.unwrap();
        assert_eq!(response.body, local.to_string());
        assert!(network.connect(address).await.is_ok());
    }
    for local in ["::1", "203.0.113.7"] {
        let network: Arc<dyn Network> =
            Arc::new(Sourced::new(local.parse().unwrap(), Arc::new(Tcp)));
        let failure = ask(&format!("http://{address}/"), &network).await.unwrap_err();
        assert!(["connect_failed", "no_local_port"].contains(&failure.code()), "{failure}");
    }
}

/// A resolver with a list of addresses, that counts how often it is asked.
#[derive(Debug)]
struct Counting {
    ips: Vec<IpAddr>,
    asked: AtomicUsize,
    takes: Duration,
}

impl Counting {
    fn new(ips: &[&str]) -> Arc<Self> {
        let ips = ips.iter().map(|text| text.parse().unwrap()).collect();
        Arc::new(Self { ips, asked: AtomicUsize::new(0), takes: Duration::from_millis(100) })
    }
}

impl Network for Counting {
    fn look_up<'a>(&'a self, host: &'a str, port: u16) -> Pending<'a, io::Result<Vec<SocketAddr>>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            tokio::time::sleep(self.takes).await;
            match host {
                "broken" => Err(io::Error::other("the server is asleep")),
                _ => Ok(self.ips.iter().map(|ip| SocketAddr::new(*ip, port)).collect()),
            }
        })
    }

    fn connect(&self, _: SocketAddr) -> Pending<'_, io::Result<Box<dyn Stream>>> {
        Box::pin(std::future::ready(Err(io::Error::other("nobody connects here"))))
    }
}

fn resolving(dns: Dns, inner: &Arc<Counting>) -> Resolving {
    Resolving::new(dns, Clock::system(), Chance::seeded(7), Arc::clone(inner) as Arc<dyn Network>)
}

async fn looked_up(network: &Resolving, times: usize) -> Vec<String> {
    let mut found = Vec::new();
    for _ in 0..times {
        let addresses = network.look_up("Name.test", 80).await.unwrap();
        assert_eq!(addresses.len(), 1);
        found.push(addresses[0].ip().to_string());
    }
    found
}

#[tokio::test(start_paused = true)]
async fn an_answer_holds_for_its_lifetime() {
    let seconds = Duration::from_secs;
    for (lifetime, expected) in [(None, 1), (Some(Duration::ZERO), 4), (Some(seconds(10)), 2)] {
        let inner = Counting::new(&["10.0.0.1"]);
        let network = resolving(Dns { lifetime, ..Dns::default() }, &inner);
        for pause in [0, 9, 2, 1] {
            tokio::time::advance(seconds(pause)).await;
            looked_up(&network, 1).await;
        }
        assert_eq!(inner.asked.load(Ordering::SeqCst), expected, "{lifetime:?}");
    }
    // Who asks at the same time shares an answer, and a failure is not kept.
    let inner = Counting::new(&["10.0.0.1"]);
    let network = resolving(Dns::default(), &inner);
    let (one, two) = tokio::join!(looked_up(&network, 1), looked_up(&network, 1));
    assert_eq!((one, inner.asked.load(Ordering::SeqCst)), (two, 1));
    for _ in 0..2 {
        assert!(network.look_up("broken", 80).await.is_err());
    }
    assert_eq!(inner.asked.load(Ordering::SeqCst), 3);
    // An address is its own answer.
    assert_eq!(network.look_up("::1", 5).await.unwrap(), ["[::1]:5".parse().unwrap()]);
    assert_eq!(inner.asked.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn one_address_is_taken_as_it_was_asked_for() {
    let (four, six) = (&["10.0.0.1", "10.0.0.2"][..], &["fd00::1"][..]);
    let both = ["fd00::1", "10.0.0.1", "10.0.0.2"];
    let take = async |ips: &[&str], select, policy, times| {
        let inner = Counting::new(ips);
        looked_up(&resolving(Dns { select, policy, ..Dns::default() }, &inner), times).await
    };
    use Policy::{Any, OnlyIpv4, OnlyIpv6, PreferIpv4, PreferIpv6};
    for (ips, policy, expected) in [
        (&both[..], PreferIpv4, "10.0.0.1"),
        (&both, PreferIpv6, "fd00::1"),
        (&both, OnlyIpv4, "10.0.0.1"),
        (&both, OnlyIpv6, "fd00::1"),
        (&both, Any, "fd00::1"),
        (six, PreferIpv4, "fd00::1"),
        (four, PreferIpv6, "10.0.0.1"),
    ] {
        assert_eq!(take(ips, Select::First, policy, 2).await, [expected, expected], "{policy:?}");
    }
    let turns = take(&both, Select::RoundRobin, PreferIpv4, 4).await;
    assert_eq!(turns, ["10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.2"]);
    let random = take(&both, Select::Random, Any, 300).await;
    for ip in both {
        let count = random.iter().filter(|taken| *taken == ip).count();
        assert!((50..200).contains(&count), "{ip}: {count}");
    }
    // What is not there is said as what it is.
    for (ips, policy) in [(four, OnlyIpv6), (six, OnlyIpv4)] {
        let network: Arc<dyn Network> =
            Arc::new(resolving(Dns { policy, ..Dns::default() }, &Counting::new(ips)));
        let failure = ask("http://name.test/", &network).await.unwrap_err();
        assert!(matches!(failure.error, Error::LookupFailed { missing: true, .. }), "{failure:?}");
    }
    let network: Arc<dyn Network> = Arc::new(resolving(Dns::default(), &Counting::new(four)));
    let failure = ask("http://broken/", &network).await.unwrap_err();
    assert!(matches!(failure.error, Error::LookupFailed { missing: false, .. }), "{failure:?}");
}

#[test]
fn k6s_names_are_known() {
    for (name, select) in [("first", Select::First), ("roundRobin", Select::RoundRobin)] {
        assert_eq!(Select::named(name).unwrap(), select);
    }
    assert_eq!(Policy::named("onlyIPv6").unwrap(), Policy::OnlyIpv6);
    assert_eq!(Select::named("last").unwrap_err().code(), "invalid_setting");
    assert_eq!(Policy::named("ipv4").unwrap_err().code(), "invalid_setting");
}
