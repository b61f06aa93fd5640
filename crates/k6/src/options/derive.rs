//! The scenarios that options come to, and what must hold of all options together.

use std::collections::BTreeMap;
use std::time::Duration;

use seaworthy_document::{Finding, Place, nearest};

use super::codes;
use super::scenario::{self, DEFAULT_NAME, Executor, Scenario};
use super::segment::Partition;
use super::typed::Options;
use super::values::{SUMMARY_TREND_STATS, SYSTEM_TAGS};

/// The scenarios of a run: those that were typed, or the one that `iterations`, `duration`,
/// `stages` or `vus` make, or one iteration by one virtual user. Options say them from then on.
pub(super) fn scenarios(
    options: &mut Options,
    findings: &mut Vec<Finding>,
) -> BTreeMap<String, Scenario> {
    let scenarios = match executor(options, findings) {
        Some(executor) => BTreeMap::from([(DEFAULT_NAME.to_owned(), Scenario::implicit(executor))]),
        None => options.scenarios.take().unwrap_or_default(),
    };
    options.scenarios = Some(scenarios.clone());
    options
        .summary_trend_stats
        .get_or_insert_with(|| SUMMARY_TREND_STATS.iter().map(|stat| (*stat).to_owned()).collect());
    options.system_tags.get_or_insert_with(|| {
        SYSTEM_TAGS.iter().filter(|(_, default)| *default).map(|(tag, _)| *tag).collect()
    });
    scenarios
}

/// The executor of the one scenario that is not typed; `None` if scenarios were typed, or if what
/// was typed contradicts itself.
fn executor(options: &mut Options, findings: &mut Vec<Finding>) -> Option<Executor> {
    let vus = options.vus;
    let stages = options.stages.clone().unwrap_or_default();
    let mut conflict = |one: &str, other: &str| {
        let reason = format!("`{one}` and `{other}` both say how long the run lasts");
        let hint = "keep one of them; all together are scenarios";
        findings.push(Finding::error(codes::CONFLICT, reason).hint(hint));
        None
    };
    if let Some(iterations) = options.iterations {
        if !stages.is_empty() {
            return conflict("iterations", "stages");
        }
        if options.scenarios.is_some() {
            return conflict("iterations", "scenarios");
        }
        let iterations = Some(iterations);
        return Some(Executor::SharedIterations {
            vus,
            iterations,
            max_duration: options.duration,
        });
    }
    if let Some(duration) = options.duration {
        if !stages.is_empty() {
            return conflict("duration", "stages");
        }
        if options.scenarios.is_some() {
            return conflict("duration", "scenarios");
        }
        if duration.is_zero() {
            let reason = "`duration` must be more than 0";
            let hint = "write a length as '30s'; there is no run without an end";
            findings.push(Finding::error(codes::VALUE, reason).hint(hint));
            return None;
        }
        return Some(Executor::ConstantVus { vus, duration: Some(duration) });
    }
    if !stages.is_empty() {
        if options.scenarios.is_some() {
            return conflict("stages", "scenarios");
        }
        return Some(Executor::RampingVus { start_vus: vus, stages, graceful_ramp_down: None });
    }
    let typed = options.scenarios.as_ref();
    if let Some(vus) = vus
        && (options.stages.is_none() || typed.is_some_and(|typed| !typed.is_empty()))
    {
        if typed.is_some() {
            let reason = format!("`vus` is said ({vus}), so no scenario that was typed is run");
            let hint = "say `vus` in the scenario itself, and leave it out beside scenarios";
            findings.push(Finding::warning(codes::OVERRIDDEN, reason).hint(hint));
        }
        let iterations = Some(u64::from(vus));
        options.iterations = iterations;
        return Some(Executor::SharedIterations { vus: Some(vus), iterations, max_duration: None });
    }
    if typed.is_some_and(|typed| !typed.is_empty()) {
        return None;
    }
    for (name, is_there) in [("stages", options.stages.is_some()), ("scenarios", typed.is_some())] {
        if is_there {
            let reason = format!("`{name}` is there and empty: one VU makes one iteration");
            let hint = format!("leave `{name}` out, or say what is to run");
            findings.push(Finding::warning(codes::EMPTY, reason).hint(hint));
        }
    }
    Some(Executor::PerVuIterations { vus: None, iterations: None, max_duration: None })
}

/// Feature flags that k6 has.
const FEATURES: &[&str] = &["native-histograms", "merge-run-tags", "freeze-env"];

/// What must hold of all options together.
pub(super) fn check(
    options: &Options,
    scenarios: &BTreeMap<String, Scenario>,
    places: &BTreeMap<String, Place>,
    findings: &mut Vec<Finding>,
) {
    for (name, scenario) in scenarios {
        let broken = scenario::rules(scenario).into_iter();
        findings.extend(broken.map(|finding| scenario::placed(finding, places.get(name))));
    }
    if options.setup_timeout == Some(Duration::ZERO) {
        let finding = Finding::error(codes::VALUE, "`setupTimeout` must be more than 0");
        findings.push(finding.hint("write a length as '60s'"));
    }
    if options.paused == Some(true) {
        let reason = "`paused` is not taken: nothing here could resume the run";
        let hint = "start the run when it is to begin; k6's REST API is not in here";
        findings.push(Finding::error(codes::REFUSED, reason).hint(hint));
    }
    for feature in options.features.iter().flatten() {
        let finding = match feature.as_str() {
            "merge-run-tags" => continue,
            "native-histograms" => {
                let reason = "the feature `native-histograms` is not taken: k6 counts Trends into \
                              another kind of histogram there, and tags every sample with it";
                Finding::error(codes::REFUSED, reason)
                    .hint("leave it out: Trends are histograms here in any case")
            }
            "freeze-env" => {
                Finding::error(codes::REFUSED, "the feature `freeze-env` is not taken yet")
                    .hint("leave it out")
            }
            other => {
                let finding =
                    Finding::warning(codes::UNKNOWN, format!("there is no feature `{other}`"));
                finding.hint(match nearest(other, FEATURES.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "leave it out".to_owned(),
                })
            }
        };
        findings.push(finding);
    }
}

/// Which part of the run is ours; `None` if that cannot be.
pub(super) fn partition(options: &Options, findings: &mut Vec<Finding>) -> Option<Partition> {
    let sequence = options.execution_segment_sequence.as_ref();
    match Partition::new(options.execution_segment, sequence) {
        Ok(partition) => Some(partition),
        Err(why) => {
            let hint = "let the sequence have the segment's two ends side by side";
            findings.push(Finding::error(codes::VALUE, why.to_string()).hint(hint));
            None
        }
    }
}
