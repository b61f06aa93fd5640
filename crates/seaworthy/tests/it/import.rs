//! `seaworthy inspect`, `new` and `import`: scripts and plans before anything runs.

use serde_json::Value;

use crate::house::House;

#[test]
fn inspect_shows_options_as_k6_does() {
    let house = House::new();
    house.write(
        "script.js",
        "export const options = { vus: 3, duration: '10s', thresholds: { checks: ['rate>0.9'] }, tags: { home: String(__ENV.HOME) } };
         export default function () {}",
    );
    let json = |flags: &[&str]| -> Value {
        let words: Vec<&str> =
            ["inspect"].iter().chain(flags).chain(&["script.js"]).copied().collect();
        serde_json::from_str(&house.run(&words).expect(0).stdout).unwrap()
    };
    let plain = json(&[]);
    assert_eq!((&plain["vus"], &plain["duration"]), (&3.into(), &"10s".into()));
    assert_eq!(
        (&plain["scenarios"], &plain["thresholds"]["checks"][0]),
        (&Value::Null, &"rate>0.9".into())
    );
    // The system's variables are not there, unless they are asked for.
    assert_eq!(plain["tags"]["home"], "undefined");
    assert_ne!(json(&["--include-system-env-vars"])["tags"]["home"], "undefined");
    let needed = json(&["--execution-requirements"]);
    assert_eq!((&needed["maxVUs"], &needed["totalDuration"]), (&3.into(), &"40s".into()));
    assert_eq!(needed["scenarios"]["default"]["executor"], "constant-vus");
    house.write("script.js", "export default function () {");
    assert!(house.run(&["inspect", "script.js"]).expect(107).stderr.contains("script.js:1"));
}

#[test]
fn a_new_script_runs_and_is_never_written_over_by_accident() {
    let house = House::new();
    for template in ["minimal", "protocol", "queue"] {
        let file = format!("{template}.js");
        house.run(&["new", &file, "--template", template]).expect(0);
        house.run(&["inspect", "--execution-requirements", &file]).expect(0);
    }
    house.run(&["new"]).expect(0);
    house.write("script.js", "mine");
    let refused = house.run(&["new"]).expect(3);
    assert!(refused.stderr.contains("--force"), "{}", refused.stderr);
    assert_eq!(std::fs::read_to_string(house.root().join("script.js")).unwrap(), "mine");
    house.run(&["new", "--force"]).expect(0);
    assert!(
        house
            .run(&["new", "b.js", "--template", "browser"])
            .expect(3)
            .stderr
            .contains("k6/browser")
    );
}

#[test]
fn a_locust_file_becomes_a_plan_that_checks() {
    let house = House::new();
    house.write(
        "locustfile.py",
        "from locust import HttpUser, task, between\n\n\nclass Sailor(HttpUser):\n    host = \"http://127.0.0.1:8080\"\n    wait_time = between(1, 2)\n\n    @task\n    def berth(self):\n        self.client.get(\"/berth\")\n",
    );
    let words = [
        "import",
        "locust",
        "locustfile.py",
        "-o",
        "plan.yaml",
        "--users",
        "5",
        "--run-time",
        "1m",
    ];
    let ended = house.run(&words).expect(0);
    assert!(ended.stderr.contains("1 request(s)"), "{}", ended.stderr);
    house.run(&["plan", "check", "plan.yaml"]).expect(0);
    // What is there is left alone.
    house.run(&words).expect(3);
    let stdout =
        house.run(&["import", "locust", "locustfile.py", "-u", "5", "-t", "1m"]).expect(0).stdout;
    assert_eq!(stdout, std::fs::read_to_string(house.root().join("plan.yaml")).unwrap());
    house.write("none.py", "print('nothing to see')\n");
    assert!(!house.run(&["import", "locust", "none.py"]).expect(3).stderr.is_empty());
}

#[test]
fn a_table_of_profiles_becomes_scripts_that_load() {
    let house = House::new();
    house.write(
        "profiles.csv",
        "name,url,vus,duration\nsmoke,http://127.0.0.1:8080/health,5,30s\nsoak,http://127.0.0.1:8080/,200,4h\n",
    );
    let ended = house.run(&["import", "profiles", "profiles.csv", "-o", "scripts"]).expect(0);
    assert_eq!(ended.stdout, "scripts/smoke.js\nscripts/soak.js\n");
    for script in ended.stdout.lines() {
        house.run(&["inspect", "--execution-requirements", script]).expect(0);
    }
    house.run(&["import", "profiles", "profiles.csv", "-o", "scripts"]).expect(3);
    house.write("bad.csv", "name,url,vus,duration\nsmoke,http://127.0.0.1/,many,30s\n");
    let bad = house.run(&["import", "profiles", "bad.csv", "-o", "others"]).expect(3);
    assert!(bad.stderr.contains("bad.csv:2"), "{}", bad.stderr);
}
