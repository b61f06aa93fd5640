//! Locust files of our own, and what becomes of them.

use std::collections::{BTreeMap, BTreeSet};

use seaworthy_base::Span;
use seaworthy_document::{Finding, Severity, yaml};
use seaworthy_load::spec;
use seaworthy_locust::{Import, Options, read, read_as};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Plan {
    #[serde(default)]
    data: Vec<Value>,
    targets: Vec<Target>,
    flows: Vec<spec::Flow>,
    phases: Vec<Value>,
    objectives: Vec<Value>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    url: String,
    #[serde(default)]
    insecure: bool,
}

fn main_plan(import: &Import) -> Plan {
    yaml("plan.yaml", &import.plan).unwrap_or_else(|wrong| panic!("{wrong}\n{}", import.plan))
}

fn import(text: &str) -> (Import, Vec<Finding>) {
    let (import, findings) = read("locustfile.py", text);
    (import.unwrap_or_else(|| panic!("no plan: {findings:#?}")), findings)
}

#[test]
fn print() {
    for (name, text) in [
        ("conversations.py", include_str!("files/conversations.py")),
        ("shop.py", include_str!("files/shop.py")),
    ] {
        let (import, findings) = read(name, text);
        if let Some(import) = import {
            println!("{}", import.plan);
        }
        println!("{}", seaworthy_document::render_all(&findings, Some(text)));
    }
}
