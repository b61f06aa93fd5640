//! Locust files of our own, and what becomes of them.

mod answers;
mod lost;
mod shapes;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use proptest::prelude::*;
use seaworthy_document::{Finding, Severity, errors, yaml};
use seaworthy_load::check::{self, Known};
use seaworthy_load::spec;
use seaworthy_locust::{Import, Options, read, read_as};
use serde::Deserialize;
use serde_json::Value;

/// The parts of a plan that are looked at here.
#[derive(Deserialize)]
struct Plan {
    #[serde(default)]
    data: Vec<spec::Data>,
    targets: Vec<Target>,
    flows: Vec<spec::Flow>,
    phases: Vec<Phase>,
    objectives: Vec<Value>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    url: String,
    #[serde(default)]
    insecure: bool,
}

#[derive(Deserialize)]
struct Phase {
    name: String,
    duration: seaworthy_base::Span,
    warmup: Option<seaworthy_base::Span>,
    load: Vec<spec::Load>,
}

impl Plan {
    fn flow(&self, name: &str) -> &spec::Flow {
        let names: Vec<&str> = self.flows.iter().map(|flow| flow.name.as_str()).collect();
        let flow = self.flows.iter().find(|flow| *flow.name == name);
        flow.unwrap_or_else(|| panic!("no flow `{name}` among {names:?}"))
    }

    fn requests(&self, flow: &str) -> Vec<String> {
        let steps = &self.flow(flow).steps;
        steps.iter().filter_map(|step| Some(step.request.as_ref()?.value.clone())).collect()
    }
}

/// A file's plan, checked as `seaworthy plan check` checks its flows and loads.
fn import(file: &str, text: &str) -> (Plan, Import, Vec<Finding>) {
    let (import, findings) = read(file, text);
    let import = import.unwrap_or_else(|| panic!("no plan: {findings:#?}"));
    let plan = checked(&import);
    (plan, import, findings)
}

fn checked(import: &Import) -> Plan {
    let plan: Plan =
        yaml("plan.yaml", &import.plan).unwrap_or_else(|wrong| panic!("{wrong}\n{}", import.plan));
    let mut known = Known {
        file: "plan.yaml",
        targets: plan.targets.iter().map(|target| target.name.clone()).collect(),
        names: BTreeSet::from(["env".to_owned()]),
        data: BTreeMap::new(),
        files: import.files.iter().map(|path| (path.clone(), Bytes::new())).collect(),
    };
    let rows = |_: &str| Ok(b"id,name,password\n1,ada,sesame\n".to_vec());
    let (data, wrong) = check::data(&known, &plan.data, &mut { rows });
    assert!(!errors(&wrong), "{wrong:#?}");
    known.data = data;
    let (_, wrong) = check::flows(&known, &plan.flows);
    assert!(!errors(&wrong), "{wrong:#?}\n{}", import.plan);
    for phase in &plan.phases {
        let (_, wrong) = check::loads(&known, &plan.flows, &phase.load, phase.duration.get());
        assert!(!errors(&wrong), "{wrong:#?}\n{}", import.plan);
    }
    plan
}

/// Code and line of each finding.
fn said(findings: &[Finding]) -> Vec<(&str, u32)> {
    let line = |finding: &Finding| finding.place.as_ref().map_or(0, |place| place.line);
    findings.iter().map(|finding| (finding.code, line(finding))).collect()
}

/// A user with these tasks, the first of which begins in line 10.
fn user(tasks: &str) -> String {
    let head = "import json, os, random, time, uuid, csv\n\
                from locust import HttpUser, FastHttpUser, LoadTestShape, SequentialTaskSet, TaskSet\n\
                from locust import between, constant, constant_pacing, events, task\n\n\
                class Visitor(HttpUser):\n    host = \"http://127.0.0.1:8080\"\n    ships = [\"Aurora\", \"Calypso\"]\n\n";
    let tasks: String = tasks.lines().map(|line| format!("    {line}\n")).collect();
    format!("{head}\n{tasks}")
}

#[test]
fn the_conversations_of_the_first_load_test() {
    let text = include_str!("files/conversations.py");
    let (plan, import, findings) = import("conversations.py", text);
    assert_eq!((import.flows, import.requests, import.phases), (3, 3, 4));
    assert_eq!(import.files, ["manifest.pdf"]);
    assert_eq!(import.environment, ["LOCUST_HOST"]);
    assert_eq!(plan.targets[0].url, "${env.LOCUST_HOST}");
    let say = &plan.flow("say").steps[0];
    assert_eq!(say.request.as_ref().unwrap().value, "POST /v1/sessions/message");
    assert_eq!(say.body.as_ref().unwrap().value["session_id"], "${session_id}");
    assert_eq!(plan.flow("say").variables[0].value.as_ref().unwrap().value, "session_id-${vu}");
    let listen = &plan.flow("listen").steps;
    assert!(listen[0].stream.is_some());
    assert_eq!(*listen[1].receive.as_ref().unwrap().from, *listen[0].name);
    assert_eq!(
        said(&findings),
        [
            ("locust-no-host", 6),
            ("locust-unset", 16),
            ("locust-file", 23),
            ("locust-unset", 28),
            ("locust-stream", 29)
        ]
    );
    assert!(findings.iter().all(|finding| finding.severity == Severity::Warning));
    assert!(findings.iter().all(|finding| finding.hint.is_some()), "each says how to mend it");
    let phases: Vec<(&str, String, String)> = (plan.phases.iter())
        .map(|it| (it.name.as_str(), it.duration.to_string(), it.warmup.unwrap().to_string()))
        .collect();
    let expected = [
        ("baseline", "10m", "10s"),
        ("stress", "30m", "20s"),
        ("soak", "4h", "40s"),
        ("spike", "5m", "5s"),
    ];
    assert_eq!(phases, expected.map(|(a, b, c)| (a, b.to_owned(), c.to_owned())));
    let load = &plan.phases[0].load[0];
    let weights: Vec<f64> = load.flows.as_ref().unwrap().iter().map(|it| *it.weight).collect();
    assert_eq!(weights, [3.0, 1.0, 2.0]);
    let stages: Vec<f64> = load.stages.as_ref().unwrap().iter().map(|it| *it.target).collect();
    assert_eq!(stages, [100.0, 100.0]);
    assert_eq!(plan.objectives.len(), 2);
}

#[test]
fn a_shop_with_most_of_what_locust_has() {
    let text = include_str!("files/shop.py");
    let (plan, import, findings) = import("shop.py", text);
    assert_eq!(plan.targets.len(), 2);
    assert!(!plan.targets[0].insecure && plan.targets[1].insecure);
    assert_eq!(plan.targets[0].url, "https://shop.example.org");
    assert_eq!(import.files, ["users.csv"]);
    let search = plan.flow("search");
    assert_eq!(search.start[0].request.as_ref().unwrap().value, "POST /login");
    assert_eq!(
        plan.requests("search"),
        ["GET /search?q=two%20words&page=${number}&tag=a&tag=b%26c"]
    );
    assert_eq!(*search.steps[0].headers["Authorization"], "Bearer ${token}");
    assert!(
        search.variables.iter().all(|variable| *variable.name != "ship"),
        "nothing uses it here"
    );
    let order = plan.flow("order");
    assert_eq!(
        plan.requests("order"),
        ["POST /orders", "GET /orders/${order}", "PATCH /orders/${order}", "GET /orders/none"]
    );
    let body = &order.steps[0].body.as_ref().unwrap().value;
    assert_eq!((&body["key"], &body["literal"]), (&"${key}".into(), &"$${not a name}".into()));
    assert_eq!(order.steps[0].expect.json["$.status"].value, "placed");
    assert_eq!(order.variables[0].cycle.as_ref().unwrap().by.value, "${vu}");
    assert_eq!(plan.requests("report"), ["GET /reports/01", "GET /reports/02", "GET /reports/03"]);
    assert_eq!(plan.requests("Checkout"), ["PUT /basket", "POST /pay"]);
    assert_eq!(plan.requests("export"), ["DELETE /users/${users_random.id}"]);
    assert_eq!(
        said(&findings),
        [
            ("locust-environment", 13),
            ("locust-after-failure", 20),
            ("locust-start", 26),
            ("locust-expectation", 61),
            ("locust-tag", 72),
            ("locust-certificate", 92),
            ("locust-file", 116),
            ("locust-listener", 135)
        ]
    );
    let tide = &plan.phases[0];
    assert_eq!((tide.name.as_str(), tide.duration.to_string()), ("Tide", "3m20s".to_owned()));
    let totals: Vec<f64> = (0..6)
        .map(|at| tide.load.iter().map(|it| *it.stages.as_ref().unwrap()[at].target).sum())
        .collect();
    assert_eq!(totals, [20.0, 20.0, 50.0, 50.0, 0.0, 0.0]);
}

#[test]
fn what_locust_is_told_can_be_told_here() {
    let options = Options {
        host: Some("http://10.0.0.1:9000/".to_owned()),
        users: Some(30),
        spawn_rate: Some(3.0),
        run_time: Some(seaworthy_base::Span::seconds(300)),
    };
    let (import, findings) =
        read_as("conversations.py", include_str!("files/conversations.py"), &options);
    let plan = checked(&import.unwrap());
    assert!(said(&findings).iter().all(|(code, _)| *code != "locust-no-host"));
    assert_eq!(plan.targets[0].url, "http://10.0.0.1:9000");
    assert_eq!(plan.phases.len(), 1);
    assert_eq!(plan.phases[0].warmup.unwrap().to_string(), "10s");
}

#[test]
fn what_is_no_locust_file_is_an_error() {
    for (text, code) in [
        ("def f(:\n", "locust-python"),
        ("print('hello')\n", "locust-no-user"),
        ("from locust import HttpUser\nclass A(HttpUser):\n    pass\n", "locust-no-user"),
        (
            "from locust import HttpUser, task\nclass A(HttpUser):\n    @task\n    def a(self):\n        self.client.get(unknown())\n",
            "locust-empty",
        ),
    ] {
        let (import, findings) = read("locustfile.py", text);
        assert_eq!(import, None);
        let error = findings.iter().find(|finding| finding.severity == Severity::Error);
        assert_eq!(error.map(|finding| finding.code), Some(code), "{findings:#?}");
    }
}

#[test]
fn functions_that_call_each_other_for_ever_end() {
    let text = user(
        "@task\ndef a(self):\n    self.client.get('/')\n    self.b(1)\n\ndef b(self, n):\n    self.c(n + 1)\n    self.c(n + 2)\n\ndef c(self, n):\n    return self.b(self.b(n))\n",
    );
    let (plan, _, findings) = import("locustfile.py", &text);
    assert_eq!(plan.requests("a"), ["GET /"]);
    assert!(!findings.is_empty());
}

/// Pieces of Locust files, so that chance finds more than text that does not parse.
const PIECES: [&str; 40] = [
    "from locust import HttpUser, task, between\n",
    "class A(HttpUser):\n",
    "class B(A):\n",
    "    @task\n",
    "    @task(2)\n",
    "    def a(self):\n",
    "    def on_start(self):\n",
    "    wait_time = between(1, 2)\n",
    "    tasks = [a, B]\n",
    "    tasks = {a: 1}\n",
    "        self.client.get('/')\n",
    "        self.client.post(f'/{self.x}', json={'a': [1, self.y]})\n",
    "        r = self.client.get('/a', params={'é': 'ü $'})\n",
    "        with self.client.get('/b', catch_response=True) as r:\n",
    "            if r.status_code == 200:\n",
    "            r.failure('x')\n",
    "                r.success()\n",
    "        if r.json()['a']:\n",
    "            self.x = r.json()['b'][0]\n",
    "        for i in range(3):\n",
    "            self.client.get('/' + str(i))\n",
    "        for line in r.iter_lines():\n",
    "            pass\n",
    "        while True:\n",
    "            break\n",
    "        self.a()\n",
    "        x = [i for i in range(9)]\n",
    "        y = '{}'.format(x) + '%s' % x\n",
    "        self.client.headers.update({'A': y})\n",
    "        return y\n",
    "        raise StopUser()\n",
    "        try:\n",
    "        except Exception:\n",
    "        lambda a, b=1: a\n",
    "    S = {'a': {'users': 1, 'spawn_rate': 0.5, 'duration': '1m'}}\n",
    "X = 'a' * 99999\n",
    "Y = X + X\n",
    "Z = -9223372036854775808 // -1\n",
    "        self.client.put('/', data=X, files={'f': open('g')})\n",
    "\n",
];

proptest! {
    #[test]
    fn no_text_panics(text in "(?s).{0,200}") {
        let _ = read("locustfile.py", &text);
    }

    #[test]
    fn no_python_panics(pieces in proptest::collection::vec(0..PIECES.len(), 0..30)) {
        let text: String = pieces.iter().map(|piece| PIECES[*piece]).collect();
        let (import, findings) = read("locustfile.py", &text);
        prop_assert!(import.is_some() || errors(&findings));
    }

    #[test]
    fn whatever_is_sent_the_plan_is_sound(
        path in "/[ -~é]{0,20}",
        key in "[ -~ü\n]{0,12}",
        value in "[ -~\\$\\{\\}é\t]{0,20}",
        number in proptest::num::i64::ANY,
    ) {
        let quoted = |text: &str| serde_json::to_string(text).unwrap();
        let (path, key, value) = (quoted(&path), quoted(&key), quoted(&value));
        let text = user(&format!(
            "@task\ndef a(self):\n    self.client.post({path}, json={{{key}: [{value}, {number}]}}, params={{{key}: {value}}}, name={value})\n    self.client.post({path}, data={{{key}: {value}}})\n    self.client.post({path}, data={value} + 'x')\n"
        ));
        let (import, findings) = read("locustfile.py", &text);
        prop_assert!(import.is_some(), "{:#?}\n{}", findings, text);
        let plan = checked(&import.unwrap());
        let sent = &plan.flow("a").steps[0].body.as_ref().unwrap().value;
        let key: String = serde_json::from_str(&key).unwrap();
        let value: String = serde_json::from_str(&value).unwrap();
        prop_assert_eq!(&sent[&key][0], &Value::String(value.replace("${", "$${")));
        prop_assert_eq!(&sent[&key][1], &Value::from(number));
    }
}

#[test]
fn what_is_deep_takes_no_more_stack_than_there_is() {
    let sum = "'a'".to_owned() + &" + 'a'".repeat(350);
    let call = "self.f(".repeat(150) + "1" + &")".repeat(150);
    let list = "[".repeat(150) + &"]".repeat(150);
    let lambda = "(lambda x: ".repeat(90) + "x" + &")(1)".repeat(90);
    let table = "{'a': ".repeat(150) + "1" + &"}".repeat(150);
    let text = "f'{".repeat(40) + "x" + &"}'".repeat(40);
    for deep in [sum, call, list, lambda, table, text] {
        let blocks: String = (0..60).map(|at| format!("{}if 1:\n", " ".repeat(at + 8))).collect();
        let text = user(&format!(
            "def f(self, x):\n    return x\n@task\ndef a(self):\n    self.client.get('/')\n    self.client.post('/', json={deep})\n"
        )) + &blocks
            + &format!("{}self.client.post('/', json={deep})\n", " ".repeat(70));
        let (import, findings) = read("locustfile.py", &text);
        assert!(import.is_some() || errors(&findings));
        assert!(!findings.is_empty(), "what is too deep is said: {text}");
    }
}
