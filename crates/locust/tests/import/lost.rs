//! What cannot be carried over: each is said, with its place.

use crate::{import, said, user};

/// The findings of these tasks beside those every such file has.
fn lost(tasks: &str) -> Vec<(String, u32)> {
    let text = user(tasks);
    let (_, _, findings) = import("locustfile.py", &text);
    let all = said(&findings).into_iter().map(|(code, line)| (code.to_owned(), line));
    all.filter(|(code, _)| !["locust-no-shape", "locust-after-failure"].contains(&code.as_str()))
        .collect()
}

fn one(code: &str, line: u32) -> Vec<(String, u32)> {
    vec![(code.to_owned(), line)]
}

#[test]
fn requests_of_values_nobody_knows_are_left_out() {
    let tasks = "@task\ndef a(self):\n    self.client.get('/ok')\n    self.client.get('/at/%s' % time.time())\n    r = self.client.post('/b', json={'a': faker.name()})\n    self.client.get('/c/' + r.json()['id'])\n    self.client.get('/d', headers={'A': open('x').read()})\n";
    let codes = lost(tasks);
    assert_eq!(codes, [13, 14, 15, 16].map(|line| ("locust-request".to_owned(), line)));
    let (plan, import, _) = import("locustfile.py", &user(tasks));
    assert_eq!(plan.requests("a"), ["GET /ok"]);
    assert_eq!(import.plan.matches("NOT CARRIED OVER: line ").count(), 4, "{}", import.plan);
}

#[test]
fn loops_and_branches_that_are_open_are_said() {
    let task = |body: &str| format!("@task\ndef a(self):\n    self.client.get('/')\n{body}");
    let while_loop = task("    while self.more():\n        self.client.get('/x')\n");
    assert_eq!(lost(&while_loop), one("locust-loop", 13));
    let chance = task("    if random.random() < 0.3:\n        self.client.get('/x')\n");
    assert_eq!(lost(&chance), one("locust-branch", 13));
    let clock = task("    if time.time() > 3:\n        self.client.get('/x')\n");
    assert_eq!(lost(&clock), one("locust-branch", 13));
    let over =
        task("    for x in self.client.get('/l').json()['x']:\n        self.client.get(x)\n");
    assert_eq!(lost(&over), one("locust-loop", 13));
    let long = task("    for x in range(100):\n        self.client.get(f'/{x}')\n");
    assert_eq!(lost(&long), one("locust-loop", 13));
    let caught = task(
        "    try:\n        self.client.get('/x')\n    except Exception:\n        self.client.get('/y')\n",
    );
    assert_eq!(lost(&caught), one("locust-branch", 15));
    let call = task("    notify(self.client)\n");
    assert_eq!(lost(&call), one("locust-call", 13));
    let quiet =
        task("    print('a', 1)\n    logging.info('b')\n    if self.client:\n        pass\n");
    assert_eq!(lost(&quiet), []);
}

#[test]
fn classes_of_other_kinds_are_said() {
    let text = user("@task\ndef a(self):\n    self.client.get('/')\n")
        + "\nfrom locust import User\nfrom elsewhere import Base\n\nclass Raw(User):\n    @task\n    def b(self):\n        pass\n\nclass Other(Base):\n    @task\n    def c(self):\n        self.client.get('/')\n\nclass Hidden(HttpUser):\n    abstract = True\n    @task\n    def d(self):\n        self.client.get('/')\n\nsetup_tracing('x')\n\n@events.quitting.add_listener\ndef done(environment, **kw):\n    environment.process_exit_code = 3\n";
    let (plan, _, findings) = import("locustfile.py", &text);
    assert_eq!(plan.flows.len(), 1);
    let codes = said(&findings);
    assert!(codes.contains(&("locust-user", 17)), "{codes:?}");
    assert!(codes.contains(&("locust-user", 22)), "{codes:?}");
    assert!(codes.contains(&("locust-module", 33)), "{codes:?}");
    assert!(codes.contains(&("locust-listener", 35)), "{codes:?}");
    let quitting = findings.iter().find(|finding| finding.code == "locust-listener").unwrap();
    assert!(quitting.hint.as_ref().unwrap().contains("objectives"));
}

#[test]
fn attributes_of_other_tasks_are_no_values() {
    let tasks = "@task\ndef a(self):\n    self.order = self.client.post('/orders').json()['id']\n\n@task\ndef b(self):\n    self.client.get('/')\n    self.client.get(f'/orders/{self.order}')\n";
    assert_eq!(lost(tasks), one("locust-request", 17));
}

#[test]
fn an_end_that_comes_early_is_said() {
    let tasks = "@task\ndef a(self):\n    self.client.get('/')\n    raise Exception('no')\n    self.client.get('/never')\n";
    assert_eq!(lost(tasks), one("locust-unreached", 14));
}

#[test]
fn arguments_without_a_place_are_said() {
    let tasks = "@task\ndef a(self):\n    self.client.get('/', proxies={}, hooks=None)\n";
    assert_eq!(lost(tasks), one("locust-argument", 12));
    let tasks = "@task\ndef a(self):\n    self.client.get('users')\n";
    assert_eq!(lost(tasks), one("locust-path", 12));
    let tasks =
        "@task\ndef a(self):\n    self.client.get('/')\n    self.client.cookies.set('a', 'b')\n";
    assert_eq!(lost(tasks), one("locust-call", 13));
}

#[test]
fn verdicts_that_do_not_depend_on_the_answer_are_said() {
    let task = |body: &str| {
        format!(
            "@task\ndef a(self):\n    with self.client.get('/', catch_response=True) as r:\n{body}"
        )
    };
    assert_eq!(lost(&task("        r.success()\n")), one("locust-expectation", 13));
    assert_eq!(lost(&task("        r.failure('x')\n")), one("locust-expectation", 13));
    let unknown =
        task("        if valid(r):\n            pass\n        else:\n            r.failure('x')\n");
    assert_eq!(lost(&unknown), one("locust-expectation", 13));
}

#[test]
fn numbers_that_are_not_known_are_said() {
    let tasks = "weight = int(os.environ['W'])\n@task\ndef a(self):\n    self.client.get('/')\n";
    assert_eq!(lost(tasks), one("locust-share", 5));
    let shape = user("@task\ndef a(self):\n    self.client.get('/')\n")
        + "\nclass S(LoadTestShape):\n    stages = [{'duration': 60, 'users': 5, 'user_classes': ['A']}]\n";
    let (_, _, findings) = import("locustfile.py", &shape);
    assert_eq!(said(&findings), [("locust-stage", 14), ("locust-rate", 14)]);
}

#[test]
fn a_host_may_come_from_the_environment() {
    let text = user("@task\ndef a(self):\n    self.client.get('/')\n")
        .replace("host = \"http://127.0.0.1:8080\"", "host = os.environ['SHOP']");
    let (plan, import, _) = import("locustfile.py", &text);
    assert_eq!(plan.targets[0].url, "${env.SHOP}");
    assert_eq!(import.environment, ["SHOP"]);
}
