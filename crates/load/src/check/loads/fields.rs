//! Which executor takes which fields.

use seaworthy_document::{Located, Place};

use super::super::Findings;
use crate::spec::{self, Executor as Kind};

/// A finding for every field that was given and that the executor does not take.
pub(super) fn foreign(findings: &mut Findings<'_>, typed: &spec::Load) {
    use Kind::{
        ConstantArrivalRate, ConstantVus, PerVuIterations, RampingArrivalRate, RampingVus,
        SharedIterations,
    };
    const RATES: &[Kind] = &[ConstantArrivalRate, RampingArrivalRate];
    const FIXED: &[Kind] = &[PerVuIterations, SharedIterations];
    let file = findings.known.file;
    fn at<T>(field: &Option<Located<T>>, file: &str) -> Option<Place> {
        field.as_ref().map(|field| field.place(file))
    }
    let fields: [(&str, Option<Place>, &[Kind]); 13] = [
        ("duration", at(&typed.duration, file), &[ConstantVus, ConstantArrivalRate]),
        ("vus", at(&typed.vus, file), &[ConstantVus, PerVuIterations, SharedIterations]),
        ("iterations", at(&typed.iterations, file), FIXED),
        ("maxDuration", at(&typed.max_duration, file), FIXED),
        ("startVUs", at(&typed.start_vus, file), &[RampingVus]),
        ("stages", at(&typed.stages, file), &[RampingVus, RampingArrivalRate]),
        ("gracefulRampDown", at(&typed.graceful_ramp_down, file), &[RampingVus]),
        ("rate", at(&typed.rate, file), &[ConstantArrivalRate]),
        ("startRate", at(&typed.start_rate, file), &[RampingArrivalRate]),
        ("timeUnit", at(&typed.time_unit, file), RATES),
        ("maxVUs", at(&typed.max_vus, file), RATES),
        ("preAllocatedVUs", at(&typed.pre_allocated_vus, file), RATES),
        ("maxBacklog", at(&typed.max_backlog, file), RATES),
    ];
    let executor = typed.executor.value;
    for (field, place, takers) in fields {
        if let Some(place) = place
            && !takers.contains(&executor)
        {
            let takers: Vec<&str> = takers.iter().map(|taker| taker.as_str()).collect();
            let reason = format!("`{field}` is not a field of {}", executor.as_str());
            let hint = format!("leave it out, or use {}", takers.join(" or "));
            findings.error("load-executor-field", place, reason, hint);
        }
    }
}
