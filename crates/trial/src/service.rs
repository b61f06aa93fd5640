//! A trial's whole life in one page: launch, set up, phases, tear down, stop, judge, report, seal.

use std::path::PathBuf;

use seaworthy_base::{Clock, Instant, Timestamp, Verdict, id};
use seaworthy_ledger::{Ledger, Signer};
use seaworthy_load::SharedTimeline;
use seaworthy_report::outcome::{Ending, Note, Outcome, Severity, Trial};
use seaworthy_stats::Histogram;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::capacity;
use crate::check::Checked;
use crate::diary::Diary;
use crate::error::Error;
use crate::folder::{Folder, House};
use crate::judge::{Circumstances, RanPhase, judge_all};
use crate::launch::World;
use crate::phases;
use crate::progress::{Progress, Speaker};
use crate::resume::Former;
use crate::routines;
use crate::script::ScriptRun;
use crate::spool::Spool;
use crate::state::State;
use crate::tally;
use crate::{gave_out, host, judge, thresholds, undo, writing};

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
    /// The plan's file, to be found again when the trial is resumed; none for the default plan.
    pub plan_file: Option<PathBuf>,
    /// The trial to go on with, if any. Its plan, choice and seed must be those given here.
    pub resume: Option<Former>,
    /// Seeds everything drawn at random.
    pub seed: u64,
    /// Searches for the capacity in place of running the plan's phases.
    pub capacity: Option<capacity::Settings>,
    /// Told what happens as it happens.
    pub speaker: Speaker,
    /// Cancelled to stop the trial early and keep what was measured.
    pub stop: CancellationToken,
    /// Where the time comes from.
    pub clock: Clock,
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
    /// What the scripts of its phases did, as k6 tells it; those that began.
    pub scripts: Vec<ScriptRun>,
    /// How late the load generator did what it had a time for, in nanoseconds: the lag of its loops.
    pub lag: Histogram,
    /// Whether it can be gone on with, should it have been stopped.
    pub resumable: bool,
}

/// Why a trial stops before its end.
#[derive(Debug)]
pub(crate) enum Halt {
    /// Somebody asked for it.
    Interrupted,
    /// A script ended its run before its time, and the trial with it; said in words for people.
    Stopped(String),
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
    pub(crate) spool: Spool,
    pub(crate) phases: Vec<RanPhase>,
    /// How many of the phases are a former trial's.
    taken_over: usize,
    pub(crate) notes: Vec<Note>,
    /// What a search for the capacity has found.
    pub(crate) capacity: Option<capacity::Found>,
    /// What scripts did, as k6 tells it.
    pub(crate) scripts: Vec<ScriptRun>,
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
    pub async fn run(mut self) -> Result<Finished, Error> {
        // Stopped by whoever asked, and by ourselves when nothing can be written down any more.
        self.options.stop = self.options.stop.child_token();
        let options = &self.options;
        undo::heal_quietly(&options.house, &options.speaker);

        let (started, now) = match &options.resume {
            Some(former) => former.origin(&options.clock)?,
            None => (options.clock.wall(), options.clock.now()),
        };
        let id = id::trial(options.clock.wall());
        // Opened first: a ledger that is broken is better known before the load than after it.
        let mut house = Ledger::open_or_create(
            &options.house.ledger(),
            options.signer.clone(),
            options.clock.clone(),
        )?;
        let folder = Folder::create(&options.house, &id)?;
        let Begun { mut ledger, diary, mut world } =
            begin(options, &id, &folder, now).inspect_err(|_| folder.discard())?;
        // As soon as it can be: a trial that is killed still says what it was.
        folder.write("plan.yaml", options.plan.text_without_literals().as_bytes())?;
        let mut lived = Lived::begin(options, &id, &folder, started, now)?;
        world.record_to(lived.timeline.clone());
        let halt = live(options, &mut world, &diary, &mut lived).await.err();
        let gone = world.gone();
        // A secret that was never needed may still have been printed by the target that made it.
        let _ = world.reveal(&options.plan);
        for identity in world.identities() {
            ledger.append("target.identity", identity)?;
        }
        let targets = world.stop().await;
        options.speaker.say(Progress::Stage("judging"));
        let interrupted = halt.as_ref().map(Halt::words);
        let ending = match &halt {
            None => Ending::Completed,
            Some(Halt::Interrupted | Halt::Stopped(_)) => Ending::Interrupted,
            Some(Halt::CouldNotRun(_)) => Ending::CouldNotRun,
        };
        let timeline = lived.spool.finish(ending).await?;
        let slow = phases::slow_starts(options.plan.phases(), &lived.phases, &timeline);
        lived.notes.extend(slow);
        let circumstances = Circumstances { interrupted: interrupted.as_deref(), gone: &gone };
        let (assumptions, phases) = (options.plan.assumptions(), &lived.phases);
        let judge = |asked| judge_all(asked, assumptions, &timeline, phases, circumstances);
        let (mut objectives, capacity) = match lived.capacity.take() {
            // A search that came to its end has judged already, each probe by itself.
            Some(found) if halt.is_none() => (found.objectives, Some(found.capacity)),
            found => (judge(options.plan.objectives()), found.map(|found| found.capacity)),
        };
        let thresholds = thresholds::judge(
            &options.plan,
            &lived.scripts,
            &timeline,
            &lived.phases,
            circumstances,
        );
        objectives.extend(thresholds.objectives);
        lived.notes.extend(thresholds.notes);
        let ran: Vec<_> = lived.phases.iter().collect();
        let lag = judge::generator_lag(&timeline, None, &ran);
        let gave_out = gave_out::find(
            &options.plan,
            &timeline,
            lived.phases.split_at(lived.taken_over),
            world.seen(),
            host::free_bytes(folder.path()),
        );
        lived.notes.extend(gave_out.notes);
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
            ending,
            interrupted,
            flows: tally::flows(&timeline, &lived.phases),
            phases: tally::phases(&lived.phases),
            objectives,
            saturation: gave_out.saturation,
            resources: gave_out.resources,
            leaks: gave_out.leaks,
            targets,
            events: diary.events(),
            notes: lived.notes,
            capacity,
            seal: Some(format!("seaworthy receipts verify {}", folder.shown())),
        };

        options.speaker.say(Progress::Stage("writing and sealing"));
        diary.close(&folder)?;
        let outcome = writing::write(&folder, &options.plan, outcome, &timeline, world.scope())?;
        for objective in &outcome.objectives {
            ledger.append("objective.judged", writing::statement(objective))?;
        }
        let summary = json!({
            "verdict": outcome.verdict,
            "ending": outcome.ending,
            "interrupted": outcome.interrupted,
        });
        if let Some(capacity) = &outcome.capacity {
            ledger.append("capacity.searched", writing::searched(capacity))?;
        }
        ledger.append("trial.judged", summary)?;
        let written = folder.written();
        seaworthy_ledger::seal_written(folder.path(), &mut ledger, &mut house, &written)?;
        if let Err(error) = world.release() {
            // The verdict stands; what could not be undone is tried again at the next start.
            options.speaker.say(Progress::Said(format!("left to undo: {}", error.explain())));
        }

        Ok(Finished {
            folder: folder.path().to_owned(),
            shown: folder.shown(),
            outcome,
            lag,
            resumable: !options.plan.is_of_script() && lived.scripts.is_empty(),
            scripts: lived.scripts,
        })
    }
}

/// What stands when a trial has begun.
struct Begun {
    ledger: Ledger,
    diary: Diary,
    world: World,
}

fn begin(options: &Options, id: &str, folder: &Folder, now: Instant) -> Result<Begun, Error> {
    let diary = Diary::open(folder, options.clock.clone(), options.speaker.clone())?;
    let mut ledger =
        Ledger::create(&folder.receipts(), options.signer.clone(), options.clock.clone())?;
    ledger.append("trial.started", writing::beginning(options, id)?)?;
    let name = options.plan.name();
    if let Some(former) = &options.resume {
        diary.take_over(former.events());
    }
    diary.note("trial.started", id, format!("trial {id} of plan {name}"));
    if let Some(former) = &options.resume {
        diary.tell("trial.resumed", former.id(), former.gap(&options.clock));
    }
    let world = World::prepare(options, id, folder, now, diary.clone())?;
    Ok(Begun { ledger, diary, world })
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
    world.reveal_environment(&options.plan)?;
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
    match &options.capacity {
        Some(settings) => capacity::run(settings, options, world, diary, lived).await,
        None => phases::run(options, world, diary, lived).await,
    }
}

impl Lived {
    /// Opens the timeline, or goes on with the one of a former trial.
    fn begin(
        options: &Options,
        id: &str,
        folder: &Folder,
        wall: Timestamp,
        started: Instant,
    ) -> Result<Self, Error> {
        let plan = &options.plan;
        let former = options.resume.as_ref();
        let timeline = SharedTimeline::new(wall, started, plan.bounds());
        if former.is_some_and(|former| timeline.snapshot() != *former.empty()) {
            let reason = "its timeline counts against other bounds than this plan".to_owned();
            return Err(Error::Internal(reason));
        }
        let phases = former.map(Former::segments).unwrap_or_default();
        let mut notes = plan.notes();
        let earlier = former.map(|former| former.notes(&options.clock)).unwrap_or_default();
        notes.extend(earlier.into_iter().filter(|note| !plan.notes().contains(note)));
        let choice = plan.choice();
        let state = State {
            api_version: crate::plan::API_VERSION.to_owned(),
            trial: id.to_owned(),
            resumed_from: former.map(|former| former.id().to_owned()),
            plan_file: options.plan_file.as_ref().map(|path| path.display().to_string()),
            plan_sha256: seaworthy_ledger::sha256(plan.text().as_bytes()),
            scripts: plan.scripts(),
            profile: choice.profile,
            time_scale: choice.time_scale,
            seed: options.seed.to_string(),
            started: wall,
            segments: phases.clone(),
            timeline_bytes: 0,
            notes: notes.clone(),
            ending: None,
        };
        let (clock, stop) = (options.clock.clone(), options.stop.clone());
        let spool = Spool::open(folder, timeline.clone(), clock, state, former, stop)?;
        let taken_over = phases.len();
        Ok(Self {
            started,
            timeline,
            spool,
            phases,
            taken_over,
            notes,
            capacity: None,
            scripts: Vec::new(),
        })
    }
}

impl Halt {
    fn words(&self) -> String {
        match self {
            Self::Interrupted => "interrupted by the operator".to_owned(),
            Self::Stopped(why) | Self::CouldNotRun(why) => why.clone(),
        }
    }
}
