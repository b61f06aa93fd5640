//! A virtual user as its script sees it: who it is, what it is doing, what its samples are tagged
//! with.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use rquickjs::{Ctx, Exception, JsLifetime};
use seaworthy_load::{Counters, Load};
use seaworthy_metrics::{Metric, TagSet};
use seaworthy_net::cookies::Jar;
use seaworthy_net::{Keeping, Pool};

use crate::shared::{Settled, Shared};
use crate::worker::Worker;

/// Where in a run's life a virtual user is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Init,
    Setup,
    Iteration,
    Teardown,
    Summary,
}

/// A scenario, as all its virtual users see it.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    pub(crate) exec: String,
    /// As k6 names its executor: `constant-vus`.
    pub(crate) executor: &'static str,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) load: Load,
    /// Which of its iterations, in the whole run, are ours.
    pub(crate) stripes: crate::options::Stripes,
    /// The load entry's place among the run's.
    pub(crate) position: usize,
    /// When it began, in nanoseconds since the run did; 0 before it has.
    pub(crate) began: std::sync::atomic::AtomicU64,
    /// The next iteration's number in this scenario.
    pub(crate) iterations: std::sync::atomic::AtomicU64,
    /// What its virtual users did, by worker.
    pub(crate) counters: Box<[Counters]>,
}

/// What identifies an iteration under way.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Numbers {
    /// `__ITER`: of this virtual user, from 0.
    pub(crate) of_user: u64,
    /// Of this virtual user in the scenario, from 0.
    pub(crate) of_user_in_scenario: u64,
    /// Of the scenario in this instance, from 0.
    pub(crate) in_scenario: u64,
}

/// A virtual user. Its native functions find it with [`Vu::of`].
pub(crate) struct Vu {
    pub(crate) shared: Arc<Shared>,
    /// `None` in the first init context, where nothing is measured.
    pub(crate) worker: Option<Rc<Worker>>,
    /// `__VU`; 0 in the first init context.
    pub(crate) id: u64,
    pub(crate) stage: Cell<Stage>,
    pub(crate) scenario: RefCell<Option<Arc<Scenario>>>,
    pub(crate) numbers: Cell<Numbers>,
    /// All tags that the next sample gets: the run's, the scenario's, the script's own, the group.
    pub(crate) tags: RefCell<TagSet>,
    /// `vu`, `iter` and what the script adds: metadata, no tags.
    pub(crate) metadata: RefCell<BTreeMap<String, String>>,
    /// The path of the group under way, as `::outer::inner`; empty outside of groups.
    pub(crate) group: RefCell<String>,
    pub(crate) pool: Option<Pool>,
    pub(crate) jar: Rc<RefCell<Jar>>,
    /// Bytes out and in since the iteration began.
    pub(crate) passed: Cell<(u64, u64)>,
    /// Which answers count as expected (`http.setResponseCallback`).
    pub(crate) expected: RefCell<crate::modules::http::Expected>,
    /// What random numbers are drawn from.
    pub(crate) chance: Cell<u64>,
    /// Whether `__ENV` is a scenario's.
    pub(crate) has_own_environment: Cell<bool>,
    /// When the iteration was to begin, where arrivals wait; taken by its first request.
    pub(crate) due: Cell<Option<seaworthy_base::Instant>>,
}

/// What is stored in the engine.
#[derive(Clone, JsLifetime)]
struct Stored(#[qjs(skip_trace)] Rc<Vu>);

impl Vu {
    pub(crate) fn new(shared: Arc<Shared>, worker: Option<Rc<Worker>>, id: u64) -> Self {
        let settled = shared.settled();
        let pool = settled.map(|settled| {
            let options = &settled.options;
            let keeping = match options.no_connection_reuse {
                Some(true) => Keeping::NOTHING,
                // As many as a batch uses; without a limit as many as Go's client keeps.
                _ => Keeping {
                    per_origin: match options.batch_per_host() {
                        0 => 2,
                        most => most as usize,
                    },
                    total: match options.batch() {
                        0 => 100,
                        most => most as usize,
                    },
                },
            };
            Pool::new(settled.client_of(id), keeping)
        });
        let jar = Rc::new(RefCell::new(Jar::new(shared.clock.clone())));
        let seed = shared.seed ^ id.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self {
            shared,
            worker,
            id,
            stage: Cell::new(Stage::Init),
            scenario: RefCell::default(),
            numbers: Cell::default(),
            tags: RefCell::new(TagSet::empty()),
            metadata: RefCell::default(),
            group: RefCell::default(),
            pool,
            jar,
            passed: Cell::default(),
            expected: RefCell::default(),
            chance: Cell::new(seed),
            has_own_environment: Cell::new(false),
            due: Cell::new(None),
        }
    }

    /// Makes it findable from native functions.
    pub(crate) fn install(self: &Rc<Self>, ctx: &Ctx<'_>) -> rquickjs::Result<()> {
        let stored = ctx.store_userdata(Stored(Rc::clone(self)));
        stored.map(drop).map_err(|_| Exception::throw_message(ctx, "the engine is in use"))
    }

    /// The virtual user whose script this is.
    pub(crate) fn of(ctx: &Ctx<'_>) -> rquickjs::Result<Rc<Self>> {
        let stored = ctx.userdata::<Stored>().map(|stored| Rc::clone(&stored.0));
        stored.ok_or_else(|| Exception::throw_message(ctx, "there is no virtual user here"))
    }

    /// The run's settings; an exception in the first init context, where `what` cannot be used.
    pub(crate) fn settled<'s>(
        &'s self,
        ctx: &Ctx<'_>,
        what: &str,
    ) -> rquickjs::Result<&'s Settled> {
        let in_init = self.stage.get() == Stage::Init;
        let settled = self.shared.settled().filter(|_| !in_init);
        settled.ok_or_else(|| {
            let words = format!("{what} cannot be used in the init context");
            Exception::throw_message(ctx, &words)
        })
    }

    /// The tags of the next sample.
    pub(crate) fn tags(&self) -> TagSet {
        self.tags.borrow().clone()
    }

    /// The same with some more.
    pub(crate) fn tags_with(&self, more: &[(&str, &str)]) -> TagSet {
        let tags = self.tags.borrow();
        match &self.worker {
            Some(worker) if !more.is_empty() => worker.interner.borrow_mut().with(&tags, more),
            _ => tags.clone(),
        }
    }

    /// Records samples that happened together. Nothing in an init context.
    pub(crate) fn record(&self, tags: &TagSet, samples: &[(&Metric, f64)]) {
        if let Some(worker) = &self.worker {
            worker.record(self, tags, samples);
        }
    }

    /// Notes what went over the network.
    pub(crate) fn passed(&self, sent: u64, received: u64) {
        let (out, into) = self.passed.get();
        self.passed.set((out + sent, into + received));
    }

    /// Begins an iteration of the scenario under way, outside of groups. What the script has tagged
    /// itself with stays until another scenario is entered, as in k6.
    pub(crate) fn begin(&self, entered: bool) {
        if entered {
            self.begin_tags(self.scenario.borrow().as_deref(), "");
        }
    }

    /// The tags of a scenario, or of what is done outside of one.
    pub(crate) fn begin_tags(&self, scenario: Option<&Scenario>, group: &str) {
        let Some(settled) = self.shared.settled() else { return };
        let options = &settled.options;
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        let given = options.tags.iter().flatten();
        pairs.extend(given.map(|(name, value)| (name.as_str(), value.as_str())));
        if let Some(scenario) = scenario {
            let own = scenario.tags.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            pairs.extend(own);
            if options.has_system_tag("scenario") {
                pairs.push(("scenario", &scenario.name));
            }
        }
        if options.has_system_tag("group") {
            pairs.push(("group", group));
        }
        // One object for equal sets: what is remembered by its address is found again.
        let tags = match &self.worker {
            Some(worker) => worker.interner.borrow_mut().with(&TagSet::empty(), &pairs),
            None => TagSet::of(&pairs),
        };
        *self.tags.borrow_mut() = tags;
        group.clone_into(&mut self.group.borrow_mut());
    }

    /// What is known of its samples that is no tag.
    pub(crate) fn metadata(&self) -> TagSet {
        let metadata = self.metadata.borrow();
        let mut pairs: Vec<(&str, &str)> =
            metadata.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let (user, iteration);
        let options = self.shared.settled().map(|settled| &settled.options);
        if options.is_some_and(|options| options.has_system_tag("vu")) {
            user = self.id.to_string();
            pairs.push(("vu", &user));
        }
        if options.is_some_and(|options| options.has_system_tag("iter")) {
            iteration = self.numbers.get().of_user.to_string();
            pairs.push(("iter", &iteration));
        }
        TagSet::of(&pairs)
    }

    /// Its number in the whole run, of which this may be a segment.
    pub(crate) fn id_in_test(&self) -> u64 {
        let stripes = self.shared.settled().map(|settled| settled.partition.stripes());
        match (self.id.checked_sub(1), stripes) {
            (Some(own), Some(stripes)) => stripes.global(own) + 1,
            _ => self.id,
        }
    }

    /// Whether iterations begin at their own pace.
    pub(crate) fn is_open_model(&self) -> bool {
        self.scenario.borrow().as_ref().is_some_and(|it| it.load.is_open_model())
    }

    /// A random number from 0 to 1 (splitmix64).
    pub(crate) fn draw(&self) -> f64 {
        let state = self.chance.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.chance.set(state);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

impl Scenario {
    /// How much of its planned time, or of its iterations, is over: 0 to 1.
    pub(crate) fn progress(&self, elapsed: std::time::Duration) -> f64 {
        use seaworthy_load::Executor;
        // Those that ended, however.
        let ended = |it: &Counters| {
            let load = |number: &std::sync::atomic::AtomicU64| {
                number.load(std::sync::atomic::Ordering::Relaxed)
            };
            load(&it.completed) + load(&it.failed_iterations) + load(&it.cut)
        };
        let done = self.counters.iter().map(ended).sum::<u64>() as f64;
        let part = match self.load.executor {
            Executor::PerVuIterations { vus, iterations, .. } => {
                done / (f64::from(vus) * iterations as f64)
            }
            Executor::SharedIterations { iterations, .. } => done / iterations as f64,
            _ => {
                let began = self.began.load(std::sync::atomic::Ordering::Relaxed);
                let since = elapsed.as_nanos() as f64 - began as f64;
                if began == 0 {
                    return 0.0;
                }
                since / self.load.duration().as_nanos().max(1) as f64
            }
        };
        part.clamp(0.0, 1.0)
    }
}
