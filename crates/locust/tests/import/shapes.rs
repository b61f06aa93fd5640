//! Users, their waits, their shares and the shapes of their load.

use seaworthy_load::spec::{Drawn, Executor, Pause};

use crate::{import, said, user};

const TASK: &str = "@task\ndef a(self):\n    self.client.get('/')\n";

fn pause(wait: &str) -> Option<Pause> {
    let (plan, _, _) = import("locustfile.py", &user(&format!("{wait}\n{TASK}")));
    plan.flow("a").steps[0].pause.as_ref().map(|pause| pause.value)
}

#[test]
fn waits_become_pauses() {
    let between = |a: &str, b: &str| Some(Pause::Uniform(a.parse().unwrap(), b.parse().unwrap()));
    assert_eq!(pause(""), None);
    assert_eq!(pause("wait_time = between(1, 2.5)"), between("1s", "2s500ms"));
    assert_eq!(pause("wait_time = constant(3)"), between("3s", "3s"));
    assert_eq!(pause("wait_time = lambda self: random.uniform(1, 2)"), between("1s", "2s"));
    assert_eq!(pause("def wait_time(self):\n    return random.randint(1, 4)"), between("1s", "4s"));
    let drawn = pause("wait_time = lambda self: random.expovariate(0.5)");
    assert_eq!(drawn, Some(Pause::Drawn(Drawn::Exponential("2s".parse().unwrap()))));
}

#[test]
fn sleeps_are_pauses_too() {
    let text = user(
        "wait_time = constant(1)\n@task\ndef a(self):\n    self.client.get('/a')\n    time.sleep(0.5)\n    self.client.get('/b')\n    time.sleep(random.uniform(1, 2))\n    self.wait()\n",
    );
    let (plan, _, findings) = import("locustfile.py", &text);
    let written = |at: usize| plan.flow("a").steps[at].pause.as_ref().map(|pause| pause.value);
    let span = |text: &str| text.parse().unwrap();
    assert_eq!(written(0), Some(Pause::Uniform(span("500ms"), span("500ms"))));
    assert_eq!(written(1), Some(Pause::Uniform(span("3s"), span("4s"))));
    assert!(said(&findings).iter().all(|(code, _)| *code != "locust-wait"));
}

#[test]
fn a_pace_is_an_arrival_rate() {
    let text = user(&format!("wait_time = constant_pacing(4)\n{TASK}"))
        + "\nLOAD = {'steady': {'users': 20, 'spawn_rate': 10, 'run_time': 120}}\n";
    let (plan, _, findings) = import("locustfile.py", &text);
    let load = &plan.phases[0].load[0];
    assert_eq!(load.executor.value, Executor::RampingArrivalRate);
    let rates: Vec<f64> = load.stages.as_ref().unwrap().iter().map(|it| *it.target).collect();
    assert_eq!(rates, [5.0, 5.0]);
    assert_eq!(load.max_vus.as_deref(), Some(&20));
    assert!(said(&findings).contains(&("locust-pacing", 5)));
}

#[test]
fn the_pace_of_a_task_set_is_no_rate_of_its_user() {
    let text = user(
        "wait_time = between(1, 3)\n@task(3)\ndef a(self):\n    self.client.get('/a')\n\n@task(1)\nclass Deep(TaskSet):\n    wait_time = constant_pacing(0.5)\n    @task\n    def b(self):\n        self.client.get('/b')\n",
    );
    let (plan, _, findings) = import("locustfile.py", &text);
    assert_eq!(plan.phases[0].load[0].executor.value, Executor::RampingVus);
    let span = |text: &str| text.parse().unwrap();
    let pause = |flow: &str| plan.flow(flow).steps[0].pause.as_ref().map(|pause| pause.value);
    assert_eq!(pause("a"), Some(Pause::Uniform(span("1s"), span("3s"))));
    assert_eq!(pause("b"), Some(Pause::Uniform(span("500ms"), span("500ms"))));
    assert!(said(&findings).iter().any(|(code, _)| *code == "locust-wait"));
}

#[test]
fn users_are_shared_out_by_weight() {
    let text = user(TASK)
        + "\nclass Rare(Visitor):\n    weight = 3\n    @task\n    def a(self):\n        self.client.get('/rare')\n\nclass Few(HttpUser):\n    host = 'http://127.0.0.1:8080'\n    fixed_count = 2\n    tasks = {Visitor.a: 5}\n\nSIZES = [1]\nLOAD = {'only': {'users': 10, 'spawn_rate': 10, 'duration': '1m'}}\n";
    let (plan, _, _) = import("locustfile.py", &text);
    let most = |at: usize| *plan.phases[0].load[at].stages.as_ref().unwrap()[0].target;
    assert_eq!([most(0), most(1), most(2)], [2.0, 6.0, 2.0]);
    // Locust's rule: a class has its own tasks and those of the classes it is made from.
    let rare = plan.phases[0].load[1].flows.as_ref().unwrap();
    assert_eq!(rare.len(), 2);
    assert_eq!(plan.targets.len(), 1, "one host, one target");
}

#[test]
fn task_sets_are_flattened_and_said() {
    let text = user(
        "@task(2)\ndef a(self):\n    self.client.get('/a')\n\n@task(4)\nclass Deep(TaskSet):\n    def on_start(self):\n        self.client.get('/enter')\n\n    @task(3)\n    def b(self):\n        self.client.get('/b')\n\n    @task(1)\n    def c(self):\n        self.client.get('/c')\n        self.interrupt()\n",
    );
    let (plan, _, findings) = import("locustfile.py", &text);
    let flows = plan.phases[0].load[0].flows.as_ref().unwrap();
    let weights: Vec<(&str, f64)> = flows.iter().map(|it| (it.flow.as_str(), *it.weight)).collect();
    assert_eq!(weights, [("a", 2.0), ("b", 3.0), ("c", 1.0)]);
    assert_eq!(plan.flow("b").start.len(), 1);
    assert_eq!(plan.flow("a").start.len(), 0);
    assert!(said(&findings).contains(&("locust-task-set", 14)), "{findings:#?}");
}

#[test]
fn a_sequence_is_one_flow_with_waits_between() {
    let text = user(
        "wait_time = constant(1)\n\n@task\nclass Visit(SequentialTaskSet):\n    @task\n    def first(self):\n        self.id = self.client.post('/a').json()['id']\n\n    @task(2)\n    def second(self):\n        self.client.get(f'/a/{self.id}')\n\n    @task\n    class Inner(SequentialTaskSet):\n        @task\n        def third(self):\n            self.client.get('/c')\n            self.interrupt()\n",
    );
    let (plan, _, _) = import("locustfile.py", &text);
    assert_eq!(plan.requests("Visit"), ["POST /a", "GET /a/${id}", "GET /a/${id}", "GET /c"]);
    assert!(plan.flow("Visit").steps.iter().all(|step| step.pause.is_some()));
}

#[test]
fn shapes_that_are_computed_are_said() {
    let text = user(TASK)
        + "\nclass Wave(LoadTestShape):\n    def tick(self):\n        return (round(self.get_run_time()), 1)\n\nclass Steps(LoadTestShape):\n    stages = [(60, 10, 5), (120, 30, 5)]\n";
    let (plan, _, findings) = import("locustfile.py", &text);
    assert!(said(&findings).contains(&("locust-shape", 14)), "{findings:#?}");
    assert_eq!(plan.phases.len(), 1);
    assert_eq!(plan.phases[0].duration.to_string(), "2m");
}

#[test]
fn a_rise_that_takes_too_long_is_said() {
    let text = user(TASK) + "\nLOAD = {'x': {'users': 100, 'spawn_rate': 1, 'duration': '50s'}}\n";
    let (plan, _, findings) = import("locustfile.py", &text);
    assert_eq!(*plan.phases[0].load[0].stages.as_ref().unwrap()[0].target, 50.0);
    assert!(said(&findings).contains(&("locust-shape", 14)), "{findings:#?}");
}

#[test]
fn bases_and_super_are_followed() {
    let text = user(TASK)
        + "\nclass Base(HttpUser):\n    abstract = True\n    host = 'http://127.0.0.1:8080'\n\n    def on_start(self):\n        self.client.get('/base')\n\n    def fetch(self, path, *more, kind='x'):\n        return self.client.get(path, params={'kind': kind}, name=kind)\n\nclass Made(Base):\n    def on_start(self):\n        super().on_start()\n        self.client.get('/made')\n\n    @task\n    def go(self):\n        self.fetch('/go', kind='y')\n";
    let (plan, _, _) = import("locustfile.py", &text);
    let start: Vec<&str> =
        plan.flow("go").start.iter().map(|step| step.request.as_ref().unwrap().as_str()).collect();
    assert_eq!(start, ["GET /base", "GET /made"]);
    assert_eq!(plan.requests("go"), ["GET /go?kind=y"]);
    assert_eq!(plan.flow("go").steps[0].name.value, "y");
}

#[test]
fn addresses_in_full_are_kept() {
    let text = user(
        "@task\ndef a(self):\n    self.client.get('http://127.0.0.1:8080/own')\n    self.client.get('https://other.example.org/x y')\n    self.client.get('/path')\n",
    );
    let (plan, _, _) = import("locustfile.py", &text);
    assert_eq!(
        plan.requests("a"),
        [
            "GET http://127.0.0.1:8080/own",
            "GET https://other.example.org/x%20y",
            "GET http://127.0.0.1:8080/path"
        ]
    );
}
