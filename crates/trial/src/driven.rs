//! What makes a phase's load: the plan's flows, or a k6 script.

use std::sync::Arc;

use seaworthy_load::{Handle, PhaseReport, Service};
use seaworthy_metrics::Thresholds;
use seaworthy_report::outcome::{Note, Severity};
use tokio_util::sync::CancellationToken;

use crate::diary::Diary;
use crate::launch::World;
use crate::progress::Progress;
use crate::resume::Rest;
use crate::script::{Ready, ScriptRun};
use crate::service::{Halt, Lived, Options};

/// A load about to run.
pub(crate) enum Driven {
    Flows(Box<Service>),
    Script(Box<Ready>),
}

/// What a load came to.
pub(crate) struct CameTo {
    /// What it did; none when a script's load never began.
    pub(crate) report: Option<PhaseReport>,
    pub(crate) script: Option<(seaworthy_k6::Report, Thresholds)>,
}

impl Driven {
    /// Of what is left of a phase.
    pub(crate) async fn new(
        options: &Options,
        rest: &Rest,
        world: &World,
        lived: &Lived,
    ) -> Result<Self, Halt> {
        let phase = &rest.phase;
        if let Some(script) = &phase.script {
            let ready = script.ready(phase, options, world, lived).await?;
            options.speaker.say(Progress::Script(ready.service.watch()));
            return Ok(Self::Script(Box::new(ready)));
        }
        let service = Service::new(seaworthy_load::Options {
            phase: phase.name.clone(),
            loads: phase.loads.clone(),
            flows: options.plan.flows().to_vec(),
            targets: world.addresses(),
            variables: world.scope().values().clone(),
            client: world.client(options),
            seed: options.seed,
            workers: None,
            clock: options.clock.clone(),
            timeline: lived.timeline.clone(),
            stop: options.stop.clone(),
        })
        .map_err(|error| Halt::CouldNotRun(world.scope().told(&error.to_string())))?
        .numbered_from(&rest.indexes);
        Ok(Self::Flows(Box::new(service)))
    }

    pub(crate) fn handle(&self) -> Handle {
        match self {
            Self::Flows(service) => service.handle(),
            Self::Script(ready) => ready.service.handle(),
        }
    }

    /// What ends a script when the trial is stopped; flows see the trial's own.
    pub(crate) fn stop(&self) -> Option<CancellationToken> {
        match self {
            Self::Flows(_) => None,
            Self::Script(ready) => Some(ready.script.stop().clone()),
        }
    }

    pub(crate) async fn run(self) -> Result<CameTo, Halt> {
        match self {
            Self::Flows(service) => match service.run().await {
                Ok(report) => Ok(CameTo { report: Some(report), script: None }),
                Err(error) => Err(Halt::CouldNotRun(error.to_string())),
            },
            Self::Script(ready) => {
                let Ready { script, service } = *ready;
                let thresholds = service.thresholds().clone();
                let report = service.run().await;
                drop::<Arc<_>>(script);
                Ok(CameTo { report: report.phase.clone(), script: Some((report, thresholds)) })
            }
        }
    }
}

/// Notes how a script's run ended, and says why the trial stops with it, if it does.
pub(crate) fn remember(
    options: &Options,
    phase: &str,
    (report, thresholds): (seaworthy_k6::Report, Thresholds),
    world: &World,
    diary: &Diary,
    lived: &mut Lived,
) -> Result<(), Halt> {
    let report = Arc::new(report);
    options.speaker.say(Progress::Ran(Arc::clone(&report)));
    let told = |text: &str| world.scope().told(&text.replace("\n\t", " "));
    let mut warn = |kind: &str, text: String| {
        diary.tell(kind, phase, text.clone());
        lived.notes.push(Note { severity: Severity::Warning, text });
    };
    let mut halt = None;
    if let Some(fault) = &report.fault {
        let text = told(&format!("the script of phase `{phase}` broke: {fault}"));
        match report.phase {
            // What was measured stands; that the service was not left clean must be known.
            Some(_) => warn("script.fault", format!("After its load, {text}.")),
            None => {
                diary.tell("script.fault", phase, text.clone());
                halt = Some(Halt::CouldNotRun(text));
            }
        }
    }
    if let Some(reason) = &report.ended.failed {
        let reason = told(reason);
        warn(
            "script.failed",
            format!("The script of phase `{phase}` says that the test failed: {reason}."),
        );
    }
    for name in &report.crossed {
        let text = format!("a threshold on `{name}` with abortOnFail was crossed");
        warn("threshold.crossed", format!("Phase `{phase}` ended early: {text}."));
        halt = halt.or(Some(Halt::Stopped(format!("{text} in phase `{phase}`"))));
    }
    if let Some(reason) = &report.ended.aborted {
        let text = told(&format!("the script of phase `{phase}` ended its run: {reason}"));
        diary.tell("script.aborted", phase, text.clone());
        halt = halt.or(Some(Halt::Stopped(text)));
    }
    lived.scripts.push(ScriptRun { phase: phase.to_owned(), report, thresholds });
    match halt {
        // Whoever asked the trial to stop comes first.
        Some(Halt::Stopped(_)) if options.stop.is_cancelled() => Ok(()),
        Some(halt) => Err(halt),
        None => Ok(()),
    }
}
