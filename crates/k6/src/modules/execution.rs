//! `k6/execution`: what a script can know of the run, and how it ends it.

use std::sync::atomic::Ordering;

use rquickjs::function::{Func, Opt};
use rquickjs::object::Accessor;
use rquickjs::{Coerced, Ctx, Exception, Object, Value};
use seaworthy_script::{end_script, from_json};
use serde_json::Value as Json;

use super::Exported;
use crate::shared::lock;
use crate::vu::{Scenario, Stage, Vu};

pub(crate) struct Execution;

impl Exported for Execution {
    const NAMES: &'static [&'static str] = &["instance", "scenario", "test", "vu"];

    fn build<'js>(ctx: &Ctx<'js>) -> rquickjs::Result<Object<'js>> {
        let object = Object::new(ctx.clone())?;
        object.set("instance", instance(ctx)?)?;
        object.set("scenario", scenario(ctx)?)?;
        object.set("test", test(ctx)?)?;
        object.set("vu", user(ctx)?)?;
        Ok(object)
    }
}

/// A property that is asked anew each time.
fn property<'js, T: rquickjs::IntoJs<'js> + 'js>(
    object: &Object<'js>,
    name: &str,
    get: impl Fn(&Ctx<'js>, &Vu) -> rquickjs::Result<T> + 'js,
) -> rquickjs::Result<()> {
    let known = name.to_owned();
    let get = move |ctx: Ctx<'js>| {
        let vu = Vu::of(&ctx)?;
        if vu.stage.get() == Stage::Init {
            let words = format!("{known} is not known in the init context");
            return Err(Exception::throw_message(&ctx, &words));
        }
        get(&ctx, &vu)
    };
    object.prop(name, Accessor::from(get).enumerable())
}

fn instance<'js>(ctx: &Ctx<'js>) -> rquickjs::Result<Object<'js>> {
    let object = Object::new(ctx.clone())?;
    property(&object, "iterationsCompleted", |_, vu| {
        Ok(vu.shared.counts.completed.load(Ordering::Relaxed))
    })?;
    property(&object, "iterationsInterrupted", |_, vu| {
        Ok(vu.shared.counts.interrupted.load(Ordering::Relaxed))
    })?;
    property(&object, "vusActive", |ctx, vu| match vu.stage.get() {
        Stage::Teardown => {
            let words = "instance.vusActive is not known in teardown: none is active any more";
            Err(Exception::throw_message(ctx, words))
        }
        _ => Ok(vu.shared.counts.active.load(Ordering::Relaxed)),
    })?;
    property(&object, "vusInitialized", |_, vu| {
        Ok(vu.shared.counts.initialised.load(Ordering::Relaxed))
    })?;
    property(&object, "currentTestRunDuration", |_, vu| {
        Ok(vu.shared.elapsed().as_secs_f64() * 1e3)
    })?;
    Ok(object)
}

/// What is known of the scenario under way; an exception outside of one.
fn of_scenario<'js, T: rquickjs::IntoJs<'js> + 'js>(
    object: &Object<'js>,
    name: &'static str,
    get: impl Fn(&Vu, &Scenario) -> T + 'js,
) -> rquickjs::Result<()> {
    property(object, name, move |ctx, vu| {
        let scenario = vu.scenario.borrow();
        match scenario.as_ref().filter(|_| vu.stage.get() == Stage::Iteration) {
            Some(scenario) => Ok(get(vu, scenario)),
            None => {
                let words = format!("scenario.{name} is known in iterations only");
                Err(Exception::throw_message(ctx, &words))
            }
        }
    })
}

fn scenario<'js>(ctx: &Ctx<'js>) -> rquickjs::Result<Object<'js>> {
    let object = Object::new(ctx.clone())?;
    of_scenario(&object, "name", |_, it| it.name.clone())?;
    of_scenario(&object, "executor", |_, it| it.executor.to_owned())?;
    of_scenario(&object, "startTime", |vu, it| {
        // Milliseconds of the wall's clock, as Date.now() gives them.
        let began = it.began.load(Ordering::Relaxed);
        let since = vu.shared.elapsed().as_nanos() as f64 - began as f64;
        (vu.shared.clock.wall().as_nanos() as f64 - since) / 1e6
    })?;
    of_scenario(&object, "progress", |vu, it| it.progress(vu.shared.elapsed()))?;
    of_scenario(&object, "iterationInInstance", |vu, _| vu.numbers.get().in_scenario)?;
    of_scenario(&object, "iterationInTest", |vu, it| {
        it.stripes.global(vu.numbers.get().in_scenario)
    })?;
    Ok(object)
}

fn test<'js>(ctx: &Ctx<'js>) -> rquickjs::Result<Object<'js>> {
    let object = Object::new(ctx.clone())?;
    object.set(
        "abort",
        Func::from(|ctx: Ctx<'_>, reason: Opt<Coerced<String>>| -> rquickjs::Result<()> {
            let vu = Vu::of(&ctx)?;
            let words = "test aborted";
            let reason = match reason.0 {
                Some(Coerced(reason)) if !reason.is_empty() => format!("{words}: {reason}"),
                _ => words.to_owned(),
            };
            vu.shared.abort(&reason);
            Err(end_script(&ctx, &reason))
        }),
    )?;
    object.set(
        "fail",
        Func::from(|ctx: Ctx<'_>, reason: Opt<Coerced<String>>| -> rquickjs::Result<()> {
            let vu = Vu::of(&ctx)?;
            let reason = reason.0.map(|reason| reason.0).unwrap_or_default();
            lock(&vu.shared.verdict).failed.get_or_insert(reason);
            Ok(())
        }),
    )?;
    property(&object, "options", |ctx, vu| {
        let settled = vu.shared.settled();
        let Some(settled) = settled else {
            let words = "test.options is known when the init context is over";
            return Err(Exception::throw_message(ctx, words));
        };
        let mut options = settled.options.to_json();
        if let Json::Object(options) = &mut options {
            // They have become scenarios.
            for name in ["vus", "duration", "iterations", "stages"] {
                options.shift_remove(name);
            }
            let told = &settled.options;
            options.insert("consoleOutput".to_owned(), told.console_output.clone().into());
            // How k6 writes those that were chosen is not known here: they are left out.
            if told.local_ips.is_none() {
                options.insert("localIPs".to_owned(), Json::Null);
            }
        }
        let value = from_json(ctx, &options)?;
        freeze(ctx, &value)?;
        Ok(value)
    })?;
    Ok(object)
}

fn freeze<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> rquickjs::Result<()> {
    let freeze: rquickjs::Function<'js> = ctx.eval(
        "(function deep(v) { if (v !== null && typeof v === 'object') { Object.freeze(v); for (const k of Object.keys(v)) deep(v[k]); } })",
    )?;
    freeze.call((value.clone(),))
}

fn user<'js>(ctx: &Ctx<'js>) -> rquickjs::Result<Object<'js>> {
    let object = Object::new(ctx.clone())?;
    property(&object, "idInInstance", |_, vu| Ok(vu.id))?;
    property(&object, "idInTest", |_, vu| Ok(vu.id_in_test()))?;
    property(&object, "iterationInInstance", |_, vu| Ok(vu.numbers.get().of_user))?;
    property(&object, "iterationInScenario", |_, vu| Ok(vu.numbers.get().of_user_in_scenario))?;
    let tags = map(ctx, Map::Tags)?;
    let metrics = Object::new(ctx.clone())?;
    metrics.set("tags", tags.clone())?;
    metrics.set("metadata", map(ctx, Map::Metadata)?)?;
    object.set("tags", tags)?;
    object.set("metrics", metrics)?;
    Ok(object)
}

/// What of a virtual user's a script may set.
#[derive(Clone, Copy)]
enum Map {
    Tags,
    Metadata,
}

/// An object whose properties are the virtual user's tags, or its metadata.
fn map<'js>(ctx: &Ctx<'js>, which: Map) -> rquickjs::Result<Value<'js>> {
    const PROXY: &str = r"(function (get, set, remove, keys) {
      'use strict';
      return new Proxy({}, {
        get: (target, key) => (typeof key === 'string' ? get(key) : undefined),
        set: (target, key, value) => { set(String(key), value); return true; },
        has: (target, key) => get(String(key)) !== undefined,
        deleteProperty: (target, key) => { remove(String(key)); return true; },
        ownKeys: () => keys(),
        getOwnPropertyDescriptor: (target, key) => {
          const value = typeof key === 'string' ? get(key) : undefined;
          return value === undefined ? undefined : { value, enumerable: true, configurable: true, writable: true };
        },
      });
    })";
    let make: rquickjs::Function<'js> = ctx.eval(PROXY)?;
    make.call((
        Func::from(move |ctx: Ctx<'js>, name: String| {
            Ok::<_, rquickjs::Error>(which.get(&*Vu::of(&ctx)?, &name))
        }),
        Func::from(move |ctx: Ctx<'js>, name: String, value: Value<'js>| {
            let vu = Vu::of(&ctx)?;
            which.set(&ctx, &vu, &name, &value)
        }),
        Func::from(move |ctx: Ctx<'js>, name: String| {
            which.remove(&*Vu::of(&ctx)?, &name);
            Ok::<_, rquickjs::Error>(())
        }),
        Func::from(move |ctx: Ctx<'js>| Ok::<_, rquickjs::Error>(which.keys(&*Vu::of(&ctx)?))),
    ))
}

impl Map {
    fn get(self, vu: &Vu, name: &str) -> Option<String> {
        match self {
            Self::Tags => vu.tags.borrow().get(name).map(ToOwned::to_owned),
            Self::Metadata => vu.metadata.borrow().get(name).cloned(),
        }
    }

    fn set<'js>(
        self,
        ctx: &Ctx<'js>,
        vu: &Vu,
        name: &str,
        value: &Value<'js>,
    ) -> rquickjs::Result<()> {
        if value.is_object() || value.is_null() || value.is_undefined() {
            let words = format!(
                "{name:?} can only be set to text, a number or a boolean, not to {}",
                crate::globals::shown(ctx, value)?
            );
            return Err(Exception::throw_type(ctx, &words));
        }
        let text = value.get::<Coerced<String>>()?.0;
        match self {
            Self::Tags => {
                let tags = vu.tags_with(&[(name, &text)]);
                *vu.tags.borrow_mut() = tags;
            }
            Self::Metadata => drop(vu.metadata.borrow_mut().insert(name.to_owned(), text)),
        }
        Ok(())
    }

    fn remove(self, vu: &Vu, name: &str) {
        match self {
            Self::Tags => {
                let tags = vu.tags.borrow().without(name);
                *vu.tags.borrow_mut() = tags;
            }
            Self::Metadata => drop(vu.metadata.borrow_mut().remove(name)),
        }
    }

    fn keys(self, vu: &Vu) -> Vec<String> {
        match self {
            Self::Tags => vu.tags.borrow().iter().map(|(name, _)| name.to_owned()).collect(),
            Self::Metadata => vu.metadata.borrow().keys().cloned().collect(),
        }
    }
}
