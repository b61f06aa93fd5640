//! `seaworthy load` against real servers, kind and hostile: what is sent, what is counted, what is
//! said, and that it always ends.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::house::{Ended, House, Running};
use crate::target::{Asked, Reply, Target};
use crate::tls_server;

fn load(house: &House, arguments: &[&str]) -> Ended {
    let words: Vec<&str> = ["load"].iter().chain(arguments).copied().collect();
    house.run(&words)
}

/// The summary of a run that is asked for JSON.
fn summary(house: &House, arguments: &[&str], code: i32) -> Value {
    let words: Vec<&str> = arguments.iter().chain(&["--json"]).copied().collect();
    let ended = load(house, &words).expect(code);
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("not a count: {value}"))
}

/// What the summary counts must agree with itself.
fn adds_up(summary: &Value) {
    let requests = number(&summary["requests"]);
    let list = |field: &str| summary[field].as_array().unwrap().clone();
    let sum = |list: &[Value]| list.iter().map(|one| number(&one["count"])).sum::<u64>();
    let errors = list("errors");
    let unanswered: Vec<Value> =
        errors.into_iter().filter(|one| !one["code"].as_str().unwrap().contains(' ')).collect();
    assert_eq!(sum(&list("statuses")) + sum(&unanswered), requests, "{summary:#}");
    assert!(number(&summary["failed"]) <= requests);
    let latency = &summary["latency"];
    assert_eq!(sum(&list("histogram")), number(&latency["n"]), "{summary:#}");
    let times: Vec<u64> =
        latency["quantiles"].as_array().unwrap().iter().map(|at| number(&at["ns"])).collect();
    assert!(times.is_sorted() && !times.is_empty(), "{times:?}");
    assert_eq!(times.last(), latency["maxNs"].as_u64().as_ref());
    assert!(number(&latency["minNs"]) <= times[0]);
    assert!(summary["seconds"].as_f64().unwrap() > 0.0);
    assert!(summary["generator"]["cpuSeconds"].as_f64().unwrap() > 0.0);
}

fn count_of(summary: &Value, code: &str) -> u64 {
    let errors = summary["errors"].as_array().unwrap();
    errors.iter().find(|one| one["code"] == code).map_or(0, |one| number(&one["count"]))
}

fn willing() -> Target {
    Target::start(|_| Reply::text(200, "ok"))
}

#[test]
fn exactly_as_many_requests_are_made_as_were_asked_for() {
    let (house, target) = (House::new(), willing());
    let url = format!("{}/closed?x=1", target.url());
    let closed = summary(&house, &[&url, "-n", "137", "-c", "10"], 0);
    assert_eq!((target.count("/closed"), number(&closed["requests"])), (137, 137));
    assert_eq!(closed["model"], "closed");
    assert_eq!(closed["latencyIs"], "service time");
    assert_eq!(number(&closed["latency"]["n"]), 137);
    adds_up(&closed);
    // More virtual users than requests.
    let url = format!("{}/few", target.url());
    adds_up(&summary(&house, &[&url, "-n", "3", "-c", "50"], 0));
    assert_eq!(target.count("/few"), 3);
    let url = format!("{}/open", target.url());
    let open = summary(&house, &[&url, "-n", "70", "--rate", "300"], 0);
    assert_eq!((target.count("/open"), number(&open["requests"])), (70, 70));
    assert_eq!(open["model"], "open");
    assert_eq!(open["latencyIs"], "response time");
    adds_up(&open);
    // A warm-up is sent and not counted.
    let url = format!("{}/warm", target.url());
    let warm = summary(&house, &[&url, "-n", "20", "--rate", "100", "--warmup", "300ms"], 0);
    assert_eq!((target.count("/warm"), number(&warm["requests"])), (50, 20));
}

#[test]
fn what_was_typed_arrives_as_it_was_typed() {
    let house = House::new();
    let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
    let kept = Arc::clone(&asked);
    let target = Target::start(move |one| {
        kept.lock().unwrap().push(one.clone());
        Reply::text(200, "ok")
    });
    let last = || asked.lock().unwrap().last().unwrap().clone();
    let url = format!("{}/a/$${{b}}?q=${{uuid}}&r=%24", target.url());
    let body = "{\"cost\": \"${index} $${vu} $\"}";
    let header = "X-Tricky: ${vu}; a: b";
    let words = [&url, "-n", "1", "-d", body, "-H", header, "-H", "Content-Type: application/json"];
    adds_up(&summary(&house, &words, 0));
    let Asked { method, path, headers, body: came } = last();
    assert_eq!((method.as_str(), path.as_str()), ("POST", "/a/$${b}?q=${uuid}&r=%24"));
    assert_eq!(headers["x-tricky"], "${vu}; a: b");
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(String::from_utf8(came).unwrap(), body);
    house.write("body.txt", "from a file: ${x}\n");
    for file in [["-d", "@body.txt"], ["--body-file", "body.txt"]] {
        let words = [&url, "-n", "1", "-X", "put", file[0], file[1]];
        adds_up(&summary(&house, &words, 0));
        assert_eq!(last().method, "PUT");
        assert_eq!(last().body, b"from a file: ${x}\n");
    }
}

#[test]
fn unexpected_answers_are_counted_and_are_no_failure_of_the_command() {
    let house = House::new();
    let target = Target::start(|_| Reply::text(500, "broken \u{1b}[31mon purpose"));
    let found = summary(&house, &[&target.url(), "-n", "12"], 0);
    assert_eq!(number(&found["failed"]), 12);
    assert_eq!(count_of(&found, "status 500"), 12);
    adds_up(&found);
    let page = load(&house, &[&target.url(), "-n", "12"]).expect(0).stdout;
    for part in ["12 × status 500", "broken [31mon purpose", "500", "service time", "p99.9"] {
        assert!(page.contains(part), "`{part}` is missing:\n{page}");
    }
    assert!(!page.contains('\u{1b}'), "{page}");
    let expected = summary(&house, &[&target.url(), "-n", "12", "--expect", "2xx,500"], 0);
    assert_eq!(number(&expected["failed"]), 0);
}

#[test]
fn an_open_model_counts_from_when_a_request_was_due() {
    let house = House::new();
    // Each answer takes 20 ms, one at a time; 200 a second are asked for.
    let target = Target::start(|_| {
        std::thread::park_timeout(Duration::from_millis(20));
        Reply::text(200, "ok")
    });
    let words = [&target.url(), "-n", "40", "--rate", "200", "--max-vus", "1"];
    let found = summary(&house, &words, 0);
    adds_up(&found);
    assert_eq!((number(&found["requests"]), number(&found["dropped"])), (40, 0));
    // The wait is in the response time, not in the service time.
    let (response, service) = (&found["latency"]["maxNs"], &found["serviceTime"]["quantiles"][0]);
    assert!(number(response) > 2 * number(&service["ns"]), "{found:#}");
    let page = load(&house, &words).expect(0).stdout;
    assert!(page.contains("response time, counted from when each request was due"), "{page}");
    let closed = load(&house, &[&target.url(), "-n", "10", "-c", "1"]).expect(0).stdout;
    assert!(closed.contains("coordinated omission") && closed.contains("--rate"), "{closed}");
}

#[test]
fn nobody_there_is_explained() {
    let house = House::new();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/");
    let ended = load(&house, &[&url, "-n", "5"]).expect(3);
    assert!(ended.stdout.contains("5 × connection_refused"), "{}", ended.all());
    assert!(ended.stdout.contains("hint: nothing listens there"), "{}", ended.all());
    assert!(ended.stderr.contains("nothing was answered"), "{}", ended.all());
    let found = summary(&house, &[&url, "-n", "5"], 3);
    assert_eq!((number(&found["failed"]), count_of(&found, "connection_refused")), (5, 5));
}

#[test]
fn what_cannot_be_meant_is_refused_with_a_hint() {
    let house = House::new();
    house.write("binary", [0xff, 0xfe, 0x00]);
    house.write("large", vec![b'x'; 8 * 1024 * 1024 + 1]);
    // Nobody ever writes into it.
    let pipe = house.root().join("pipe");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    for (arguments, said) in [
        (&["localhost:80"][..], "begin with `http://`"),
        (&["http://me:secret@a/"], "send them in a header"),
        (&["http://a/", "-n", "0"], "nothing would be sent"),
        (&["http://a/", "-z", "10"], "write a number and a unit"),
        (&["http://a/", "-H", "no colon"], "write it as `-H 'Name: value'`"),
        (&["http://a/", "-H", "two words: 3"], "hint:"),
        (&["http://a/", "-X", "G ET"], "hint:"),
        (&["http://a/", "-c", "0"], "'--vus <N>': it can be a whole number from 1 to"),
        (&["http://a/", "-c", "-1"], "'--vus <N>': it can be"),
        (&["http://a/", "-q", "5", "--max-vus", "0"], "'--max-vus <N>': it can be"),
        (&["http://a/", "-q", "5", "-c", "9", "--max-vus", "8"], "--max-vus 8 is less"),
        (&["http://a/", "-q", "-5"], "'--rate <R>': rates are above 0"),
        (&["http://a/", "-q", "0"], "'--rate <R>': rates are above 0"),
        (&["http://a/", "-q", "NaN", "-n", "5"], "'--rate <R>': rates are above 0"),
        (&["http://a/", "--rate", "inf"], "'--rate <R>': rates are above 0"),
        (&["http://a/", "-t", "4"], "--workers N or --timeout TIME"),
        (&["http://a/", "--profile", "light", "--time-scale", "1e308"], "take more than 720h"),
        (&["http://a/", "--profile", "light", "--time-scale", "1e-300"], "take less than 1s"),
        (&["http://a/", "--profile", "light", "--time-scale", "inf"], "take more than 720h"),
        (&["http://a/", "--profile", "light", "--time-scale", "NaN"], "a number above 0"),
        (&["http://a/", "--max-vus", "5"], "--rate"),
        (&["http://a/", "--expect", "20"], "hint:"),
        (&["http://a/", "--profile", "lite"], "light"),
        (&["http://a/", "--profile", "light", "-c", "3"], "cannot be used with"),
        (&["http://a/", "--profile", "light", "--time-scale", "0"], "a number above 0"),
        (&["http://a/", "-d", "@nowhere.txt"], "nowhere.txt"),
        (&["http://a/", "-d", "@binary"], "not UTF-8"),
        (&["http://a/", "-D", "large"], "at most 8388608 are sent"),
        (&["http://a/", "-D", "/dev/zero"], "is not a file"),
        (&["http://a/", "-d", "@pipe"], "is not a file"),
        (&["http://a/", "--rte", "5"], "--rate"),
        (&[], "URL"),
    ] {
        let ended = load(&house, arguments).expect(3);
        assert!(ended.stderr.contains(said), "{arguments:?}: {}", ended.all());
        assert!(!ended.all().contains("secret"), "{}", ended.all());
    }
    let target = willing();
    let ended = load(&house, &[&target.url(), "-n", "1", "-d", "30s"]).expect(0);
    assert!(ended.stderr.contains("--duration 30s"), "{}", ended.stderr);
}

#[test]
fn a_profile_may_be_run_in_a_fraction_of_its_time() {
    let (house, target) = (House::new(), willing());
    let words = [&target.url(), "--profile", "baseline", "--time-scale", "0.002"];
    let found = summary(&house, &words, 0);
    adds_up(&found);
    assert_eq!((number(&found["mostVus"]), number(&found["failed"])), (100, 0));
}

#[test]
fn told_to_stop_it_says_what_it_has() {
    let (house, target) = (House::new(), willing());
    let url = format!("{}/long", target.url());
    let command = house.command(&["load", &url, "-z", "1h", "-c", "2", "--json"]);
    let running = Running::start(command);
    target.wait_for("/long", 50);
    running.signal(Signal::INT);
    let ended = running.end().expect(4);
    let found: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(found["interruptedByUser"], true);
    assert!(number(&found["requests"]) >= 40, "{found:#}");
    adds_up(&found);
}

#[test]
fn http2_and_tls_are_spoken() {
    let house = House::new();
    let server = tls_server::start();
    let plain = format!("http://{}/x", server.plain);
    let found = summary(&house, &[&plain, "-n", "30", "-c", "3", "--http2"], 0);
    assert_eq!((number(&found["failed"]), &found["http2"]), (0, &Value::Bool(true)));
    adds_up(&found);
    let secure = format!("https://{}/x", server.secure);
    let refused = summary(&house, &[&secure, "-n", "4"], 3);
    assert_eq!(count_of(&refused, "tls_failed"), 4);
    for http2 in [false, true] {
        let mut words = vec![secure.as_str(), "-n", "20", "-c", "2", "--insecure"];
        words.extend(http2.then_some("--http2"));
        let found = summary(&house, &words, 0);
        assert_eq!(number(&found["failed"]), 0, "{found:#}");
        let notes = found["notes"].to_string();
        assert!(notes.contains("certificates were not checked"), "{notes}");
        let parts: Vec<&Value> =
            found["timings"].as_array().unwrap().iter().map(|part| &part["part"]).collect();
        assert!(parts.contains(&&Value::from("tls")), "{parts:?}");
        adds_up(&found);
    }
    // What was asked for by name: HTTP/1.1 and HTTP/2, in the clear and not.
    let versions: BTreeMap<String, u64> = server.versions();
    assert_eq!(versions["plain HTTP/2.0"], 30);
    assert_eq!((versions["secure HTTP/1.1"], versions["secure HTTP/2.0"]), (20, 20));
}

#[test]
fn a_low_limit_on_open_files_is_raised() {
    let (house, target) = (House::new(), Target::start(|_| Reply::text(200, "ok")));
    let url = format!("{}/many", target.url());
    let script = "ulimit -Sn 256; exec \"$@\"";
    let words = ["load", &url, "-z", "1h", "-c", "2"];
    let running = Running::start(house.through(&["sh", "-c", script, "sh"], &words));
    target.wait_for("/many", 1);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", running.pid())).unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let mut numbers = files.split_whitespace().skip(3);
    let (soft, hard) = (numbers.next().unwrap(), numbers.next().unwrap());
    assert_eq!(soft, hard, "two virtual users need no more than there were: {files}");
    running.signal(Signal::INT);
    running.end().expect(4);
    let words = ["load", &url, "-n", "400", "-c", "400", "--json"];
    let ended = Running::start(house.through(&["sh", "-c", script, "sh"], &words)).end().expect(0);
    let found: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((number(&found["requests"]), number(&found["failed"])), (400, 0), "{found:#}");
    // Where the hard limit is the one that is too low, the summary says what was short.
    let words = ["load", &url, "-n", "1", "-c", "400", "--json"];
    let short = house.through(&["sh", "-c", "ulimit -n 256; exec \"$@\"", "sh"], &words);
    let found: Value = serde_json::from_str(&Running::start(short).end().expect(0).stdout).unwrap();
    assert!(found["notes"].to_string().contains("file descriptors"), "{found:#}");
}

#[test]
fn what_a_reader_must_know_is_said() {
    let house = House::new();
    let notes = |arguments: &[&str], code| {
        let found = summary(&house, arguments, code);
        found["notes"].to_string()
    };
    // A closed model whose time is over has dropped nothing because a million waited.
    let slow = Target::start(|_| {
        std::thread::park_timeout(Duration::from_millis(20));
        Reply::text(200, "ok")
    });
    let said = notes(&[&slow.url(), "-n", "1000000", "-c", "2", "-z", "1s"], 0);
    assert!(said.contains("never began: the load was over") && !said.contains("million"), "{said}");
    // Every answer ends its connection.
    let closing = hostile(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok")?;
        close()
    });
    let said = notes(&[&closing, "-n", "40", "-c", "2"], 0);
    assert!(said.contains("40 of 40 requests opened a new connection"), "{said}");
    let kept = notes(&[&slow.url(), "-n", "40", "-c", "2"], 0);
    assert!(!kept.contains("new connection") && !kept.contains("every request failed"), "{kept}");
    let broken = Target::start(|_| Reply::text(500, "no"));
    let said = notes(&[&broken.url(), "-n", "5"], 0);
    assert!(said.contains("every request failed"), "{said}");
    // Where no times are shown, nothing is said of their quantiles; of nothing, no share is taken.
    let never = hostile(|_| Ok(()));
    let words = [never.as_str(), "-z", "200ms", "-c", "2", "--graceful-stop", "0s"];
    let page = load(&house, &words).expect(3).stdout;
    assert!(page.contains("none ended, 2 cut off"), "{page}");
    assert!(!page.contains("CPU-seconds") && !page.contains("none failed"), "{page}");
    let page = load(&house, &[&never, "-n", "2", "-c", "2", "--timeout", "100ms"]).expect(3).stdout;
    assert!(!page.contains("slower requests"), "{page}");
    let time = page.lines().find(|line| line.trim_start().starts_with("time ")).unwrap();
    assert!(time.contains(" ms"), "{page}");
}

/// What a hostile server does with a connection, once it has read what there is of a request.
type Act = fn(&mut TcpStream) -> std::io::Result<()>;

fn hostile(act: Act) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let mut head = [0; 4096];
                // A caller may go away in the middle of anything.
                while stream.read(&mut head).is_ok_and(|read| read > 0) {
                    if act(&mut stream).is_err() {
                        return;
                    }
                }
            });
        }
    });
    url
}

fn close() -> std::io::Result<()> {
    Err(std::io::ErrorKind::ConnectionAborted.into())
}

#[test]
fn whatever_a_server_does_is_counted_under_its_name() {
    let acts: [(&str, Act); 9] = [
        ("timeout", |_| Ok(())),
        ("timeout", |stream| stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhal")),
        ("connection_closed", |_| close()),
        ("connection_closed", |stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")?;
            close()
        }),
        ("too_many_redirects", |stream| {
            stream.write_all(
                b"HTTP/1.1 302 Found\r\nlocation: /again\r\ncontent-length: 0\r\n\r\n",
            )?;
            close()
        }),
        ("protocol_error", |stream| {
            stream.write_all(b"SSH-2.0-OpenSSH_9.2 is no answer at all\r\n\r\n")?;
            close()
        }),
        ("protocol_error", |stream| {
            stream.write_all(
                b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nokk",
            )?;
            close()
        }),
        ("headers_too_large", |stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
            loop {
                stream.write_all(b"x-more: and more of it, without an end\r\n")?;
            }
        }),
        ("body_too_large", |stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
            let chunk = [&b"10000\r\n"[..], &[b'x'; 0x10000], b"\r\n"].concat();
            loop {
                stream.write_all(&chunk)?;
            }
        }),
    ];
    let house = House::new();
    for (code, act) in acts {
        let timeout = if code == "timeout" { "200ms" } else { "60s" };
        let url = hostile(act);
        let words = [&url, "-n", "4", "-c", "2", "--timeout", timeout];
        // A redirect is an answer, though it leads nowhere; the others never answer.
        let exit = if code == "too_many_redirects" { 0 } else { 3 };
        let found = summary(&house, &words, exit);
        assert_eq!((number(&found["failed"]), count_of(&found, code)), (4, 4), "{code}: {found:#}");
        adds_up(&found);
    }
}
