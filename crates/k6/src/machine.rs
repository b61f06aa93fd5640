//! One virtual user's engine on its fiber: what it is told to do, and what came of it.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rquickjs::function::Function;
use rquickjs::{Ctx, Object, Value};
use seaworthy_base::Instant;
use seaworthy_script::{Error, Fiber, Limits, Port, Realm, STACK, from_json, to_json, wait};
use serde_json::Value as Json;

use crate::globals;
use crate::handed;
use crate::shared::Shared;
use crate::vu::{Numbers, Scenario, Stage, Vu};
use crate::worker::Worker;

/// What a virtual user is told to do.
pub(crate) enum Command {
    /// Run the init context; the first of all commands.
    Init,
    /// Run `setup`; what it returned.
    Setup,
    /// Run one iteration of a scenario.
    Iterate(Iteration),
    /// Run `teardown`.
    Teardown(Option<Arc<Json>>),
    /// Run `handleSummary` on the summary's data; what it returned.
    Summary(Json),
}

/// One iteration to be made.
pub(crate) struct Iteration {
    pub(crate) scenario: Arc<Scenario>,
    /// Of the scenario in this instance, from 0.
    pub(crate) number: u64,
    /// When it was to begin, where arrivals wait for a virtual user.
    pub(crate) due: Option<Instant>,
    /// What `setup` returned.
    pub(crate) data: Option<Arc<Json>>,
}

/// What came of a command.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Of `Init`.
    Ready(Result<Exports, Error>),
    /// Of the others: what the function returned, as JSON where that is asked for.
    Done(Result<Option<Json>, Error>),
}

/// What a script exports.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exports {
    /// The object `options`.
    pub(crate) options: Option<Json>,
    /// The names of all functions.
    pub(crate) functions: Vec<String>,
}

/// A virtual user's engine.
pub(crate) struct Machine(Fiber<Command, Answer>);

impl Machine {
    /// Virtual user `id`, from 1, on worker `worker`; without a worker, the first init context.
    ///
    /// # Errors
    /// When there is no room for its stack.
    pub(crate) fn new(shared: Arc<Shared>, worker: Option<usize>, id: u64) -> Result<Self, Error> {
        let fiber = Fiber::new(STACK, move |port| live(&port, &shared, worker, id));
        fiber.map(Self).map_err(|_| Error::OutOfMemory)
    }

    /// Does what it is told.
    pub(crate) async fn call(&mut self, command: Command) -> Answer {
        self.0.call(command).await.unwrap_or(Answer::Done(Err(Error::Cut)))
    }

    /// Runs the init context.
    pub(crate) async fn init(&mut self) -> Result<Exports, Error> {
        match self.call(Command::Init).await {
            Answer::Ready(result) => result,
            Answer::Done(result) => Err(result.err().unwrap_or(Error::Cut)),
        }
    }

    /// Ends the command it is doing, at once. Whether it can do others: all that the script keeps in
    /// its modules is as it was left then.
    pub(crate) fn cut(&mut self) -> bool {
        self.0.cut().is_some()
    }

    /// Runs a command other than `Init`.
    pub(crate) async fn run(&mut self, command: Command) -> Result<Option<Json>, Error> {
        match self.call(command).await {
            Answer::Done(result) => result,
            Answer::Ready(_) => Err(Error::Internal("a second init".to_owned())),
        }
    }
}

/// The whole life of a virtual user.
fn live(port: &Port<Command, Answer>, shared: &Arc<Shared>, worker: Option<usize>, id: u64) {
    // The first command is always `Init`.
    if port.take().is_none() {
        return;
    }
    let limits = Limits { memory: shared.memory_limit, clock: shared.clock.clone() };
    let realm = match Realm::new(Arc::clone(&shared.bundle), &limits) {
        Ok(realm) => realm,
        Err(error) => return port.reply(Answer::Ready(Err(error))),
    };
    realm.with(|ctx| {
        let worker =
            worker.and_then(|number| Some(Worker::here(shared, shared.settled()?, number)));
        let vu = Rc::new(Vu::new(Arc::clone(shared), worker, id));
        let exports = vu
            .install(&ctx)
            .and_then(|()| globals::install(&ctx, &vu))
            .map_err(|error| realm.thrown(&ctx, error))
            .and_then(|()| realm.evaluate(&ctx));
        let exports = match exports {
            Ok(exports) => exports,
            Err(error) => return port.reply(Answer::Ready(Err(error))),
        };
        let told = tell(&ctx, &exports).map_err(|error| realm.thrown(&ctx, error));
        port.reply(Answer::Ready(told));
        let Ok(iteration) = rquickjs::Atom::from_str(ctx.clone(), "__ITER") else { return };
        let mut user = User {
            ctx: ctx.clone(),
            realm: &realm,
            vu,
            exports,
            functions: Vec::new(),
            globals: ctx.globals(),
            iteration,
            data: None,
            of_scenario: Vec::new(),
        };
        while let Some(command) = port.take() {
            let result = user.act(command);
            // What a cut off iteration has put off must not be done in the next one.
            if matches!(result, Err(Error::Cut)) && realm.has_jobs(&ctx) {
                break;
            }
            port.reply(Answer::Done(result));
        }
        globals::forget(&ctx);
    });
}

/// What a script exports.
fn tell<'js>(ctx: &Ctx<'js>, exports: &Object<'js>) -> rquickjs::Result<Exports> {
    let mut told = Exports::default();
    for entry in exports.props::<String, Value<'js>>() {
        let (name, value) = entry?;
        if name == "options" {
            told.options = to_json(ctx, value)?;
        } else if value.is_function() {
            told.functions.push(name);
        }
    }
    Ok(told)
}

/// A virtual user that has been initialised.
struct User<'r, 'js> {
    ctx: Ctx<'js>,
    realm: &'r Realm,
    vu: Rc<Vu>,
    exports: Object<'js>,
    functions: Vec<(String, Function<'js>)>,
    globals: Object<'js>,
    /// The name `__ITER`.
    iteration: rquickjs::Atom<'js>,
    /// What `setup` returned, as this user's own value.
    data: Option<(Arc<Json>, Value<'js>)>,
    /// Iterations by scenario.
    of_scenario: Vec<u64>,
}

impl<'js> User<'_, 'js> {
    fn act(&mut self, command: Command) -> Result<Option<Json>, Error> {
        match command {
            Command::Init => Err(Error::Internal("a second init".to_owned())),
            Command::Setup => {
                self.vu.stage.set(Stage::Setup);
                self.vu.begin_tags(None, "::setup");
                let value = self.call("setup", ())?;
                self.flush();
                Ok(handed::on(&self.ctx, value)?.map(sorted))
            }
            Command::Teardown(data) => {
                self.vu.stage.set(Stage::Teardown);
                self.vu.begin_tags(None, "::teardown");
                let data = self.data(data.as_ref())?;
                self.call("teardown", (data,))?;
                self.flush();
                Ok(None)
            }
            Command::Summary(data) => {
                self.vu.stage.set(Stage::Summary);
                let data = from_json(&self.ctx, &data);
                let data = data.map_err(|error| self.realm.thrown(&self.ctx, error))?;
                let value = self.call("handleSummary", (data,))?;
                to_json(&self.ctx, value).map_err(|error| self.realm.thrown(&self.ctx, error))
            }
            Command::Iterate(iteration) => self.iterate(&iteration).map(|()| None),
        }
    }

    fn iterate(&mut self, iteration: &Iteration) -> Result<(), Error> {
        let (vu, scenario) = (Rc::clone(&self.vu), &iteration.scenario);
        let same = vu.scenario.borrow().as_ref().is_some_and(|it| Arc::ptr_eq(it, scenario));
        if !same {
            *vu.scenario.borrow_mut() = Some(Arc::clone(scenario));
            let entered = globals::enter(&self.ctx, &vu, scenario);
            entered.map_err(|error| self.realm.thrown(&self.ctx, error))?;
        }
        if self.of_scenario.len() <= scenario.position {
            self.of_scenario.resize(scenario.position + 1, 0);
        }
        let in_scenario = &mut self.of_scenario[scenario.position];
        let before = vu.numbers.get();
        let begun = vu.stage.get() == Stage::Iteration;
        let numbers = Numbers {
            of_user: if begun { before.of_user + 1 } else { 0 },
            of_user_in_scenario: *in_scenario,
            in_scenario: iteration.number,
        };
        *in_scenario += 1;
        vu.numbers.set(numbers);
        vu.stage.set(Stage::Iteration);
        vu.due.set(iteration.due);
        vu.begin(!same);
        let result = self.one(iteration, numbers);
        let settled = vu.shared.settled();
        if let Some(settled) = settled {
            if settled.options.no_vu_connection_reuse == Some(true) {
                vu.pool.iter().for_each(seaworthy_net::Pool::close);
            }
            if settled.options.no_cookies_reset != Some(true) {
                vu.jar.borrow_mut().clear();
            }
        }
        result
    }

    fn one(&mut self, iteration: &Iteration, numbers: Numbers) -> Result<(), Error> {
        let vu = Rc::clone(&self.vu);
        let set = self.globals.set(self.iteration.clone(), numbers.of_user);
        set.map_err(|error| self.realm.thrown(&self.ctx, error))?;
        let data = self.data(iteration.data.as_ref())?;
        let clock = vu.shared.clock.clone();
        let began = clock.now();
        let result = self.call(&iteration.scenario.exec, (data,)).map(drop);
        if matches!(result, Err(Error::Cut)) {
            vu.shared.counts.interrupted.fetch_add(1, Ordering::Relaxed);
            self.flush();
            return result;
        }
        let took = clock.now().saturating_duration_since(began);
        let builtin = vu.shared.registry.builtin();
        let (sent, received) = vu.passed.take();
        let samples = [
            (&builtin.data_sent, sent as f64),
            (&builtin.data_received, received as f64),
            (&builtin.iteration_duration, took.as_secs_f64() * 1e3),
            (&builtin.iterations, 1.0),
        ];
        // The group of what the iteration itself measures is the root.
        vu.record(&vu.tags(), &samples);
        vu.shared.counts.completed.fetch_add(1, Ordering::Relaxed);
        let least = vu.shared.settled().and_then(|it| it.options.min_iteration_duration);
        if let Some(left) = least.and_then(|least| least.checked_sub(took)) {
            wait(tokio::time::sleep(left)).map_err(|_| Error::Cut)?;
        }
        result
    }

    /// Records what went over the network since it was last asked.
    fn flush(&self) {
        let vu = &self.vu;
        let (sent, received) = vu.passed.take();
        let builtin = vu.shared.registry.builtin();
        let samples =
            [(&builtin.data_sent, sent as f64), (&builtin.data_received, received as f64)];
        vu.record(&vu.tags(), &samples);
    }

    /// Calls an exported function and waits for all that it began. When it fails, what it began and
    /// did not end is ended: timers do not ring in the next iteration, and sockets close.
    fn call(
        &mut self,
        name: &str,
        arguments: impl rquickjs::function::IntoArgs<'js>,
    ) -> Result<Value<'js>, Error> {
        let result = self.attempt(name, arguments);
        if result.is_err() {
            self.realm.abandon();
        }
        result
    }

    fn attempt(
        &mut self,
        name: &str,
        arguments: impl rquickjs::function::IntoArgs<'js>,
    ) -> Result<Value<'js>, Error> {
        let function = match self.functions.iter().find(|(known, _)| known == name) {
            Some((_, function)) => function.clone(),
            None => {
                let function = self.exports.get::<_, Function<'js>>(name);
                let function = function.map_err(|error| self.realm.thrown(&self.ctx, error))?;
                self.functions.push((name.to_owned(), function.clone()));
                function
            }
        };
        let called = function.call::<_, Value<'js>>(arguments);
        let value = called.map_err(|error| self.realm.thrown(&self.ctx, error))?;
        let value = match value.as_promise() {
            Some(promise) => {
                let result = self.realm.await_promise(&self.ctx, promise);
                result.map_err(Error::in_promise)?
            }
            None => value,
        };
        self.realm.settle(&self.ctx)?;
        Ok(value)
    }

    /// What `setup` returned, as this user's own value, made once.
    fn data(&mut self, data: Option<&Arc<Json>>) -> Result<Value<'js>, Error> {
        let Some(data) = data else { return Ok(Value::new_undefined(self.ctx.clone())) };
        if let Some((known, value)) = &self.data
            && Arc::ptr_eq(known, data)
        {
            return Ok(value.clone());
        }
        let value = from_json(&self.ctx, data);
        let value = value.map_err(|error| self.realm.thrown(&self.ctx, error))?;
        self.data = Some((Arc::clone(data), value.clone()));
        Ok(value)
    }
}

/// The value with the fields of its objects by name, as k6 hands them on.
fn sorted(value: Json) -> Json {
    match value {
        Json::Array(list) => Json::Array(list.into_iter().map(sorted).collect()),
        Json::Object(object) => {
            let fields: std::collections::BTreeMap<String, Json> =
                object.into_iter().map(|(name, value)| (name, sorted(value))).collect();
            Json::Object(fields.into_iter().collect())
        }
        plain => plain,
    }
}
