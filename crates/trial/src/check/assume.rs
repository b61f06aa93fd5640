//! What the judge assumes, as the plan declares it.

use seaworthy_stats::Assumptions;

use super::Checker;
use crate::plan::Plan;

impl Checker<'_> {
    /// The judge's assumptions. A declared correlation time also moves the earliest pass: nothing
    /// passes before 15 of it, nor before 5 of the declared cycle.
    pub(super) fn assumptions(&mut self, plan: &Plan) -> Assumptions {
        let typed = &plan.assume;
        let mut assumptions = Assumptions::default();
        if let Some(confidence) = &typed.confidence {
            assumptions.confidence = confidence.value;
        }
        let seconds = |span: seaworthy_base::Span| span.get().as_secs_f64();
        if typed.correlation_time.is_some() || typed.clump_time.is_some() {
            let correlation = typed
                .correlation_time
                .as_ref()
                .map_or(assumptions.tau0, |time| seconds(time.value));
            let clump =
                typed.clump_time.as_ref().map_or(assumptions.kappa0, |time| seconds(time.value));
            assumptions = match typed.correlation_time {
                Some(_) => assumptions.learnt(correlation, clump),
                None => Assumptions { kappa0: clump, ..assumptions },
            };
        }
        if let Some(cycle) = &typed.cycle {
            assumptions = assumptions.with_cycle(seconds(cycle.value).ceil() as u32);
        }
        if let Err(error) = assumptions.checked() {
            let hint = error.hint().unwrap_or_default().to_owned();
            let place = match (&typed.confidence, &typed.correlation_time, &typed.clump_time) {
                (Some(confidence), ..) => confidence.with(()),
                (None, Some(time), _) | (None, None, Some(time)) => time.with(()),
                (None, None, None) => plan.kind.with(()),
            };
            self.error(&place, "plan-assume", error.to_string(), &hint);
        }
        assumptions
    }
}
