//! A scenario read from an object. Fields are taken strictly: one that is none is an error, as in
//! k6, where a misspelt field would leave a default in its place.

use std::collections::BTreeMap;

use seaworthy_document::{Finding, nearest};
use serde_json::{Map, Value};

use super::{Executor, Pool, Scenario};
use crate::options::codes;
use crate::options::source::Reader;
use crate::options::values::Stage;

const NAMES: &[&str] = &[
    "constant-vus",
    "ramping-vus",
    "shared-iterations",
    "per-vu-iterations",
    "constant-arrival-rate",
    "ramping-arrival-rate",
];

/// What every scenario may have.
const SHARED_FIELDS: &[&str] =
    &["executor", "startTime", "gracefulStop", "env", "exec", "tags", "options"];

/// The fields of an executor beside those of all.
fn own_fields(executor: &str) -> &'static [&'static str] {
    match executor {
        "constant-vus" => &["vus", "duration"],
        "ramping-vus" => &["startVUs", "stages", "gracefulRampDown"],
        "shared-iterations" | "per-vu-iterations" => &["vus", "iterations", "maxDuration"],
        "constant-arrival-rate" => &["rate", "timeUnit", "duration", "preAllocatedVUs", "maxVUs"],
        _ => &["startRate", "timeUnit", "stages", "preAllocatedVUs", "maxVUs"],
    }
}

/// Reads the object of scenarios by name.
pub(in crate::options) fn read(
    reader: &mut Reader<'_>,
    path: &str,
    value: &Value,
) -> Option<BTreeMap<String, Scenario>> {
    let object = reader.object(path, value)?;
    let scenarios = object.iter().filter_map(|(name, value)| {
        scenario(reader, &format!("{path}.{name}"), name, value)
            .map(|scenario| (name.clone(), scenario))
    });
    Some(scenarios.collect())
}

fn scenario(reader: &mut Reader<'_>, path: &str, name: &str, value: &Value) -> Option<Scenario> {
    let nothing = Map::new();
    let object = if value.is_null() { &nothing } else { reader.object(path, value)? };
    let executor = executor_name(reader, path, name, object)?;
    let own = own_fields(executor);
    let names: Vec<&str> = SHARED_FIELDS.iter().chain(own).copied().collect();
    for field in object.keys() {
        if !names.iter().any(|name| name.eq_ignore_ascii_case(field)) {
            reader.unknown_field(&format!("{path}.{field}"), field, &names);
        }
    }
    let at = |field: &str| format!("{path}.{field}");
    let mut scenario = Scenario::new(name, executor_of(reader, path, executor, object));
    scenario.start_time = reader.duration(&at("startTime"), field(object, "startTime"));
    scenario.graceful_stop = reader.duration(&at("gracefulStop"), field(object, "gracefulStop"));
    scenario.env = reader.named_texts(&at("env"), field(object, "env"));
    scenario.exec = reader.text(&at("exec"), field(object, "exec"));
    scenario.tags = reader.named_texts(&at("tags"), field(object, "tags"));
    if let Some(options) = reader.object(&at("options"), field(object, "options")) {
        for (name, value) in options {
            let path = format!("{path}.options.{name}");
            if !name.eq_ignore_ascii_case("browser") {
                reader.unknown_field(&path, name, &["browser"]);
            } else if !value.is_null() {
                let hint = "take the browser's part out of this script, or run it with k6";
                reader.refused(&path, "there is no browser in here", hint);
            }
        }
    }
    Some(scenario)
}

/// The executor's name, if it is one.
fn executor_name(
    reader: &mut Reader<'_>,
    path: &str,
    name: &str,
    object: &Map<String, Value>,
) -> Option<&'static str> {
    let list = || format!("write one of {}", NAMES.join(", "));
    let typed = match field(object, "executor") {
        Value::String(typed) if !typed.is_empty() => typed,
        Value::Null | Value::String(_) => {
            let reason = format!("scenario `{name}` has no executor");
            reader.push(path, Finding::error(codes::EXECUTOR, reason).hint(list()));
            return None;
        }
        other => {
            reader.mistyped(&format!("{path}.executor"), other, "the name of an executor", &list());
            return None;
        }
    };
    let known = NAMES.iter().find(|known| *known == typed);
    if known.is_none() {
        let reason = format!("scenario `{name}`: there is no executor `{typed}`");
        let hint = match nearest(typed, NAMES.iter().copied()) {
            _ if typed == "externally-controlled" => {
                "k6 2.0 has taken it away; write `constant-vus` or `ramping-vus`".to_owned()
            }
            Some(name) => format!("did you mean `{name}`?"),
            None => list(),
        };
        let path = format!("{path}.executor");
        reader.push(&path, Finding::error(codes::EXECUTOR, reason).hint(hint));
    }
    known.copied()
}

fn executor_of(
    reader: &mut Reader<'_>,
    path: &str,
    executor: &str,
    object: &Map<String, Value>,
) -> Executor {
    let at = |field: &str| format!("{path}.{field}");
    let of = |name: &str| field(object, name);
    match executor {
        "constant-vus" => Executor::ConstantVus {
            vus: reader.vus(&at("vus"), of("vus")),
            duration: reader.duration(&at("duration"), of("duration")),
        },
        "ramping-vus" => Executor::RampingVus {
            start_vus: reader.vus(&at("startVUs"), of("startVUs")),
            stages: stages(reader, &at("stages"), of("stages"), true).unwrap_or_default(),
            graceful_ramp_down: reader.duration(&at("gracefulRampDown"), of("gracefulRampDown")),
        },
        "shared-iterations" | "per-vu-iterations" => {
            let vus = reader.vus(&at("vus"), of("vus"));
            let iterations = reader.whole(&at("iterations"), of("iterations"), 1 << 53);
            let max_duration = reader.duration(&at("maxDuration"), of("maxDuration"));
            if executor == "shared-iterations" {
                Executor::SharedIterations { vus, iterations, max_duration }
            } else {
                Executor::PerVuIterations { vus, iterations, max_duration }
            }
        }
        "constant-arrival-rate" => Executor::ConstantArrivalRate {
            rate: reader.count(&at("rate"), of("rate")),
            time_unit: reader.duration(&at("timeUnit"), of("timeUnit")),
            duration: reader.duration(&at("duration"), of("duration")),
            pool: pool(reader, path, object),
        },
        _ => Executor::RampingArrivalRate {
            start_rate: reader.count(&at("startRate"), of("startRate")),
            time_unit: reader.duration(&at("timeUnit"), of("timeUnit")),
            stages: stages(reader, &at("stages"), of("stages"), true).unwrap_or_default(),
            pool: pool(reader, path, object),
        },
    }
}

fn pool(reader: &mut Reader<'_>, path: &str, object: &Map<String, Value>) -> Pool {
    let vus = field(object, "preAllocatedVUs");
    Pool {
        pre_allocated_vus: reader.vus(&format!("{path}.preAllocatedVUs"), vus),
        max_vus: reader.vus(&format!("{path}.maxVUs"), field(object, "maxVUs")),
    }
}

/// Reads a list of stages. Strictly, each has a duration and nothing unknown; otherwise, as k6 has
/// it for the stages beside scenarios, one without a duration is left out, and said to be.
pub(in crate::options) fn stages(
    reader: &mut Reader<'_>,
    path: &str,
    value: &Value,
    strict: bool,
) -> Option<Vec<Stage>> {
    let values = reader.list(path, value)?;
    let mut stages = Vec::new();
    for (position, value) in values.iter().enumerate() {
        let path = format!("{path}[{position}]");
        let Value::Object(object) = value else {
            let hint = "write `{ duration: '30s', target: 10 }`";
            reader.mistyped(&path, value, "a stage", hint);
            continue;
        };
        for name in object.keys() {
            let known = &["duration", "target"];
            if known.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                continue;
            }
            let path = format!("{path}.{name}");
            match strict {
                true => reader.unknown_field(&path, name, known),
                false => reader.unknown(&path, name, known),
            }
        }
        let (duration, target) = (field(object, "duration"), field(object, "target"));
        let number = position + 1;
        if duration.is_null() && !strict {
            let hint = "give it a duration, as '30s'";
            reader.ignored(&path, "a stage without a duration is left out", hint);
            continue;
        }
        for (value, name) in [(duration, "duration"), (target, "target")] {
            if value.is_null() {
                let reason = format!("`{path}`, stage {number}, has no {name}");
                let hint = "write `{ duration: '30s', target: 10 }`";
                reader.push(&path, Finding::error(codes::RULE, reason).hint(hint));
            }
        }
        let duration = reader.duration(&format!("{path}.duration"), duration);
        let target = reader.count(&format!("{path}.target"), target);
        if let (Some(duration), Some(target)) = (duration, target) {
            stages.push(Stage { duration, target });
        }
    }
    Some(stages)
}

/// A field by its name, in capital or small letters as it happens to be typed; the last of several.
fn field<'v>(object: &'v Map<String, Value>, name: &str) -> &'v Value {
    let mut found = object.iter().filter(|(typed, _)| typed.eq_ignore_ascii_case(name));
    found.next_back().map_or(&Value::Null, |(_, value)| value)
}
