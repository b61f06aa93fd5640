//! What a scenario must keep to so that it can run: k6's rules.

use std::time::Duration;

use seaworthy_document::Finding;

use super::{Executor, Pool, Scenario, or_one, or_second};
use crate::options::codes;
use crate::options::duration::format;
use crate::options::read::MOST_VUS;
use crate::options::values::Stage;

/// The shortest a scenario may last.
const SHORTEST: Duration = Duration::from_secs(1);

/// What a scenario breaks.
pub(in crate::options) fn rules(scenario: &Scenario) -> Vec<Finding> {
    let mut broken = Broken { name: &scenario.name, findings: Vec::new() };
    let name = &scenario.name;
    if name.is_empty() {
        broken.say("it has no name", "give it a name");
    }
    let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    if !name.chars().all(fits) {
        let why = "its name has more than digits, latin letters, underscores and dashes";
        broken.say(why, "rename it");
    }
    if scenario.exec.as_deref() == Some("") {
        broken.say("`exec` is empty", "name a function the script exports, or leave it out");
    }
    match &scenario.executor {
        Executor::ConstantVus { vus, duration } => {
            broken.vus("vus", or_one(*vus));
            broken.length("duration", *duration);
        }
        Executor::RampingVus { start_vus, stages, .. } => {
            broken.stages(stages);
            let most = stages.iter().map(|stage| stage.target).max().unwrap_or(0);
            if !stages.is_empty() && most.max(or_one(*start_vus)) == 0 {
                let why = "neither `startVUs` nor the target of any stage is above 0";
                broken.say(why, "let a stage rise: `{ duration: '30s', target: 10 }`");
            }
            for (position, stage) in stages.iter().enumerate() {
                if stage.target > MOST_VUS {
                    let why = format!("stage {}: the most VUs are {MOST_VUS}", position + 1);
                    broken.say(&why, "lower its target");
                }
            }
        }
        Executor::SharedIterations { vus, iterations, max_duration } => {
            let (vus, iterations) = (or_one(*vus), or_one(*iterations));
            broken.vus("vus", vus);
            if iterations < u64::from(vus) {
                let why = format!("{iterations} iterations are fewer than its {vus} VUs");
                broken.say(&why, &format!("write `iterations: {vus}` or more, or fewer `vus`"));
            }
            broken.length("maxDuration", max_duration.or(Some(super::MAX_DURATION)));
        }
        Executor::PerVuIterations { vus, iterations, max_duration } => {
            broken.vus("vus", or_one(*vus));
            if or_one(*iterations) == 0 {
                broken.say("`iterations` must be more than 0", "write at least `iterations: 1`");
            }
            broken.length("maxDuration", max_duration.or(Some(super::MAX_DURATION)));
        }
        Executor::ConstantArrivalRate { rate, time_unit, duration, pool } => {
            match rate {
                None => {
                    broken.say("it has no `rate`", "say how many iterations begin per `timeUnit`")
                }
                Some(0) => broken.say("`rate` must be more than 0", "write at least `rate: 1`"),
                Some(_) => {}
            }
            broken.unit(*time_unit);
            broken.length("duration", *duration);
            broken.pool(*pool);
        }
        Executor::RampingArrivalRate { time_unit, stages, pool, .. } => {
            broken.unit(*time_unit);
            broken.stages(stages);
            broken.pool(*pool);
        }
    }
    broken.findings
}

/// The rules that a scenario has broken so far.
struct Broken<'a> {
    name: &'a str,
    findings: Vec<Finding>,
}

impl Broken<'_> {
    fn say(&mut self, why: &str, hint: &str) {
        let reason = format!("scenario `{}`: {why}", self.name);
        self.findings.push(Finding::error(codes::RULE, reason).hint(hint));
    }

    fn vus(&mut self, field: &str, vus: u32) {
        if vus == 0 {
            self.say(
                "the number of VUs must be more than 0",
                &format!("write at least `{field}: 1`"),
            );
        }
    }

    fn length(&mut self, field: &str, length: Option<Duration>) {
        match length {
            None => self.say(&format!("it has no `{field}`"), &format!("write `{field}: '30s'`")),
            Some(length) if length < SHORTEST => {
                let why = format!("`{field}` must be at least 1s and is {}", format(length));
                let hint = "a number is of milliseconds: write seconds as '30s'";
                self.say(&why, hint);
            }
            Some(_) => {}
        }
    }

    fn unit(&mut self, unit: Option<Duration>) {
        if or_second(unit).is_zero() {
            self.say("`timeUnit` must be more than 0", "write `timeUnit: '1s'` or leave it out");
        }
    }

    fn stages(&mut self, stages: &[Stage]) {
        if stages.is_empty() {
            let hint = "write `stages: [{ duration: '30s', target: 10 }]`";
            self.say("it has no stage", hint);
        }
    }

    fn pool(&mut self, pool: Pool) {
        if pool.pre_allocated_vus.is_none() {
            let hint = "say how many VUs there are at the start, about the rate times the seconds \
                        an iteration takes";
            self.say("it has no `preAllocatedVUs`", hint);
        }
        if pool.max() < pool.pre_allocated() {
            let why = format!(
                "`maxVUs` ({}) is less than `preAllocatedVUs` ({})",
                pool.max(),
                pool.pre_allocated()
            );
            self.say(&why, "raise `maxVUs` or leave it out");
        }
    }
}
