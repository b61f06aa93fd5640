//! A trial's whole life in one page: launch, set up, phases, tear down, stop, judge, report, seal.

use std::path::PathBuf;

use seaworthy_base::{Clock, Instant, Timestamp, Verdict, id};
use seaworthy_ledger::{Ledger, Signer};
use seaworthy_load::SharedTimeline;
use seaworthy_report::outcome::{Note, Outcome, Severity, Trial};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::check::Checked;
use crate::diary::Diary;
use crate::error::Error;
use crate::folder::{Folder, House};
use crate::judge::{RanPhase, judge_all};
use crate::launch::World;
use crate::phases;
use crate::progress::{Progress, Speaker};
use crate::routines;
use crate::tally;
use crate::{host, undo, writing};

/// Everything a trial is run with.
pub struct Options {
    /// The plan, checked.
    pub plan: Checked,
    /// Where trials are kept.
    pub house: House,
    /// This program: `${seaworthy}` in the plan, and the watchdog.
    pub program: PathBuf,
    /// Who signs the receipts.
    pub signer: Signer,
    /// Seeds everything drawn at random.
    pub seed: u64,
    /// Told what happens as it happens.
    pub speaker: Speaker,
    /// Cancelled to stop the trial early and keep what was measured.
    pub stop: CancellationToken,
    /// Where the time comes from.
    pub clock: Clock,
}

/// How a trial ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It ran to its end, and its verdict stands.
    Completed,
    /// It was told to stop; what was measured is kept and sealed.
    Interrupted,
    /// A target or a setup step failed before the load could tell anything.
    CouldNotRun,
}

/// What a trial leaves behind.
#[derive(Debug)]
pub struct Finished {
    /// The trial's folder, sealed.
    pub folder: PathBuf,
    /// The same as somebody who stands in the working folder would type it.
    pub shown: String,
    /// What `verdict.json` says.
    pub outcome: Outcome,
    /// How it ended.
    pub ending: Ending,
}

/// Why a trial stops before its end.
#[derive(Debug)]
pub(crate) enum Halt {
    /// Somebody asked for it.
    Interrupted,
    /// Something the trial needs failed; said in words for people.
    CouldNotRun(String),
}

impl<E: Into<Error>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::CouldNotRun(error.into().explain())
    }
}

/// What was lived through, however far it came.
pub(crate) struct Lived {
    pub(crate) started: Instant,
    pub(crate) timeline: SharedTimeline,
    pub(crate) phases: Vec<RanPhase>,
    pub(crate) notes: Vec<Note>,
}

/// A trial about to run.
pub struct Service {
    options: Options,
}

impl Service {
    /// A trial with these options.
    pub fn new(options: Options) -> Self {
        Self { options }
    }

    /// Runs the trial to its seal.
    ///
    /// # Errors
    /// When nothing trustworthy could be written down: the folder, the undo journal or the receipts.
    /// A target or setup step that fails is no error here: it ends the trial as
    /// [`Ending::CouldNotRun`], with a sealed folder that says why.
    pub async fn run(self) -> Result<Finished, Error> {
        let options = &self.options;
        undo::heal_quietly(&options.house, &options.speaker);

        let (started, now) = (options.clock.wall(), options.clock.now());
        let id = id::trial(started);
        let folder = Folder::create(&options.house, &id)?;
        let diary = Diary::open(&folder, options.clock.clone(), options.speaker.clone())?;
        // Opened first: a ledger that is broken is better known before the load than after it.
        let mut house = Ledger::open_or_create(
            &options.house.ledger(),
            options.signer.clone(),
            options.clock.clone(),
        )?;
        let mut ledger =
            Ledger::create(&folder.receipts(), options.signer.clone(), options.clock.clone())?;
        ledger.append("trial.started", writing::beginning(options, &id)?)?;
        diary.note("trial.started", &id, format!("trial {id} of plan {}", options.plan.name()));

        let mut world = World::prepare(options, &id, &folder, now, diary.clone())?;
        let mut lived = Lived::new(started, now, &options.plan);
        let halt = live(options, &mut world, &diary, &mut lived).await.err();
        let targets = world.stop().await;
        let timeline = lived.timeline.snapshot();

        options.speaker.say(Progress::Stage("judging"));
        let interrupted = halt.as_ref().map(Halt::words);
        let objectives = judge_all(
            options.plan.objectives(),
            options.plan.assumptions(),
            &timeline,
            &lived.phases,
            interrupted.as_deref(),
        );
        diary.note("trial.ended", &id, interrupted.as_deref().unwrap_or("ran to its end"));
        let outcome = Outcome {
            api_version: crate::plan::API_VERSION.to_owned(),
            trial: Trial {
                id: id.clone(),
                name: options.plan.name().to_owned(),
                description: options.plan.description().to_owned(),
                started,
                ended: options.clock.wall(),
                seaworthy_version: env!("CARGO_PKG_VERSION").to_owned(),
                host: host::describe(),
            },
            verdict: Verdict::all(objectives.iter().map(|objective| objective.verdict)),
            interrupted,
            flows: tally::flows(&timeline, &lived.phases),
            phases: tally::phases(&lived.phases),
            objectives,
            targets,
            events: diary.events(),
            notes: lived.notes,
            seal: Some(format!("seaworthy receipts verify {}", folder.shown())),
        };

        options.speaker.say(Progress::Stage("writing and sealing"));
        diary.close(&folder)?;
        let outcome = writing::write(&folder, &options.plan, outcome, &timeline, world.scope())?;
        for objective in &outcome.objectives {
            ledger.append("objective.judged", writing::statement(objective))?;
        }
        let summary = json!({ "verdict": outcome.verdict, "interrupted": outcome.interrupted });
        ledger.append("trial.judged", summary)?;
        seaworthy_ledger::seal(folder.path(), &mut ledger, &mut house)?;
        world.release()?;

        let ending = match halt {
            None => Ending::Completed,
            Some(Halt::Interrupted) => Ending::Interrupted,
            Some(Halt::CouldNotRun(_)) => Ending::CouldNotRun,
        };
        Ok(Finished { folder: folder.path().to_owned(), shown: folder.shown(), outcome, ending })
    }
}

/// The part of a trial's life that can be cut short: whatever was lived through stays in `lived`.
async fn live(
    options: &Options,
    world: &mut World,
    diary: &Diary,
    lived: &mut Lived,
) -> Result<(), Halt> {
    let say = |stage| options.speaker.say(Progress::Stage(stage));
    say("starting targets");
    world.launch(options).await?;
    let load = set_up_and_load(options, world, diary, lived).await;
    say("tearing down");
    let teardown = routines::run(options.plan.teardown(), "teardown", options, world, diary).await;
    if let Err(Halt::CouldNotRun(why)) = &teardown {
        // What was measured stands; that the service was not left clean must be known.
        lived.notes.push(Note { severity: Severity::Warning, text: why.clone() });
    }
    load
}

async fn set_up_and_load(
    options: &Options,
    world: &mut World,
    diary: &Diary,
    lived: &mut Lived,
) -> Result<(), Halt> {
    options.speaker.say(Progress::Stage("setting up"));
    routines::run(options.plan.setup(), "setup", options, world, diary).await?;
    phases::run(options, world, diary, lived).await
}

impl Lived {
    fn new(wall: Timestamp, started: Instant, plan: &Checked) -> Self {
        Self {
            started,
            timeline: SharedTimeline::new(wall, started, plan.bounds()),
            phases: Vec::new(),
            notes: plan.notes(),
        }
    }
}

impl Halt {
    fn words(&self) -> String {
        match self {
            Self::Interrupted => "interrupted by the operator".to_owned(),
            Self::CouldNotRun(why) => why.clone(),
        }
    }
}
