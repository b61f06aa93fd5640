//! Where the samples of `seaworthy run` go: files, a disk that is full, the page of a run.

use std::io::Read;
use std::time::Duration;

use serde_json::Value;

use crate::house::{House, Running, until};
use crate::http::exchange;
use crate::run::run;

const SCRIPT: &str = "import { check } from 'k6';
    export const options = { iterations: 5 };
    export default function () { check(1, { one: (it) => it === 1 }, { hull: 'oak' }); }";

/// How many points there are of a metric.
fn points(text: &str, metric: &str) -> usize {
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["type"] == "Point" && line["metric"] == metric).count()
}

#[test]
fn samples_are_written_in_every_form_at_once() {
    let house = House::new();
    let flags = ["-o", "json=points.json", "-o", "json=packed.json.gz", "--out", "csv=points.csv"];
    run(&house, SCRIPT, &flags).expect(0);
    let read = |name: &str| std::fs::read_to_string(house.root().join(name)).unwrap();
    let json = read("points.json");
    assert_eq!((points(&json, "checks"), points(&json, "iterations")), (5, 5));
    assert!(json.contains(r#""hull":"oak""#), "{json}");
    let csv = read("points.csv");
    assert!(csv.starts_with("metric_name,timestamp,metric_value,check,"), "{csv}");
    assert_eq!(csv.lines().filter(|line| line.starts_with("checks,")).count(), 5);
    let packed = std::fs::File::open(house.root().join("packed.json.gz")).unwrap();
    let mut unpacked = std::process::Command::new("gzip")
        .arg("-dc")
        .stdin(packed)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut text = String::new();
    unpacked.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(unpacked.wait().unwrap().success());
    assert_eq!(points(&text, "checks"), 5);
    let stdout = run(&house, SCRIPT, &["-o", "json", "--summary-mode", "disabled"]).expect(0);
    assert_eq!(points(&stdout.stdout, "checks"), 5);
    run(&house, SCRIPT, &["-o", "csv=fileName=times.csv,timeFormat=rfc3339"]).expect(0);
    assert!(read("times.csv").lines().nth(1).unwrap().contains("Z,"));
    run(&house, SCRIPT, &["-o", "csv=colour=red"]).expect(255);
    let ended = run(&house, SCRIPT, &["-o", "json=no/such/folder.json"]).expect(255);
    assert!(ended.stderr.contains("no/such/folder.json"), "{}", ended.stderr);
}

#[test]
fn a_full_disk_fails_the_run_and_loses_nothing_else() {
    let house = House::new();
    let flags = ["-o", "json=/dev/full", "-o", "json=whole.json", "--summary-export", "end.json"];
    let ended = run(&house, SCRIPT, &flags).expect(255);
    assert!(ended.stderr.contains("/dev/full"), "{}", ended.stderr);
    assert!(ended.stdout.contains("checks_total"), "{}", ended.stdout);
    let whole = std::fs::read_to_string(house.root().join("whole.json")).unwrap();
    assert_eq!(points(&whole, "checks"), 5);
    assert!(house.root().join("end.json").exists());
    // What decides the run's own end goes first.
    let failing =
        SCRIPT.replace("iterations: 5", "iterations: 5, thresholds: { checks: ['rate<0.5'] }");
    run(&house, &failing, &["-o", "csv=/dev/full"]).expect(99);
}

#[test]
fn the_page_of_a_run_shows_it_live_and_is_left_as_a_file() {
    let house = House::new();
    let script = "import { sleep, check } from 'k6';
        export const options = { vus: 2, duration: '3s', thresholds: { checks: ['rate>0.5'] } };
        export default function () { check(1, { '</script>': () => true }); sleep(0.05); }";
    house.write("script.js", script);
    let out = "web-dashboard=port=0&period=200ms&export=page.html";
    let running = Running::start(house.command(&["run", "-o", out, "script.js"]));
    running.wait_said("web-dashboard (http://");
    let said = running.said();
    let address = said.split("web-dashboard (http://").nth(1).unwrap().split(')').next().unwrap();
    let page = exchange(address.parse().unwrap(), "GET", "/", &[], None).unwrap();
    assert_eq!(page.status, 200);
    let text = String::from_utf8(page.body).unwrap();
    assert!(text.contains("EventSource"), "{text}");
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    std::io::Write::write_all(&mut stream, b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    let mut seen = String::new();
    until("iterations are shown while the run goes on", || {
        let mut bytes = [0; 4096];
        let read = stream.read(&mut bytes).unwrap();
        seen.push_str(&String::from_utf8_lossy(&bytes[..read]));
        seen.contains("\"passed\":true") && seen.matches("data: ").count() > 3
    });
    running.end().expect(0);
    let page = std::fs::read_to_string(house.root().join("page.html")).unwrap();
    assert!(page.contains("const RECORDED = [{") && page.contains("\"over\":true"), "{page}");
    // What a script calls its checks ends no script of the page.
    assert_eq!(page.matches("</script>").count(), 1, "{page}");
    assert!(page.contains("\\u003c/script>"));
    let busy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let out = format!("web-dashboard=port={}", busy.local_addr().unwrap().port());
    let ended = run(&house, SCRIPT, &["-o", &out]).expect(255);
    assert!(ended.stderr.contains("K6_WEB_DASHBOARD_PORT"), "{}", ended.stderr);
}
