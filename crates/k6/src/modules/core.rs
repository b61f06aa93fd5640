//! `k6`: `check`, `group`, `sleep`, `fail`, `randomSeed`.

use std::rc::Rc;
use std::time::Duration;

use rquickjs::function::{Func, Opt};
use rquickjs::{Coerced, Ctx, Exception, Object, Value};
use seaworthy_metrics::TagSet;
use seaworthy_script::{Cut, Entries, Text, end_script, wait};

use super::{Exported, is_async};
use crate::vu::{Stage, Vu};

pub(crate) struct Core;

impl Exported for Core {
    const NAMES: &'static [&'static str] = &["check", "fail", "group", "randomSeed", "sleep"];

    fn build<'js>(ctx: &Ctx<'js>) -> rquickjs::Result<Object<'js>> {
        let object = Object::new(ctx.clone())?;
        object.set("check", Func::from(check))?;
        object.set("fail", Func::from(fail))?;
        object.set("group", Func::from(group))?;
        object.set("randomSeed", Func::from(random_seed))?;
        object.set("sleep", Func::from(sleep))?;
        Ok(object)
    }
}

/// Waits; the script blocks, others go on.
pub(crate) fn pause(ctx: &Ctx<'_>, length: Duration) -> rquickjs::Result<()> {
    let slept = match length.is_zero() {
        true => wait(tokio::task::yield_now()),
        false => wait(tokio::time::sleep(length)),
    };
    slept.map_err(|Cut| end_script(ctx, "the iteration was ended"))
}

fn sleep(ctx: Ctx<'_>, seconds: Opt<Coerced<f64>>) -> rquickjs::Result<()> {
    // What is no length of time is none.
    let seconds = seconds.0.map_or(0.0, |seconds| seconds.0);
    let length = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    pause(&ctx, length)
}

fn fail(ctx: Ctx<'_>, reason: Opt<Coerced<String>>) -> rquickjs::Result<()> {
    let reason = reason.0.map(|reason| reason.0).unwrap_or_default();
    Err(Exception::throw_message(&ctx, &reason))
}

fn random_seed(ctx: Ctx<'_>, seed: Opt<Coerced<f64>>) -> rquickjs::Result<()> {
    let vu = Vu::of(&ctx)?;
    // None is 0, as what is no number is.
    vu.chance.set(seed.0.map_or(0.0, |seed| seed.0) as i64 as u64);
    let random = move |ctx: Ctx<'_>| Ok::<_, rquickjs::Error>(Vu::of(&ctx)?.draw());
    ctx.globals().get::<_, Object<'_>>("Math")?.set("random", Func::from(random))
}

fn group<'js>(
    ctx: Ctx<'js>,
    name: Opt<Coerced<String>>,
    call: Opt<Value<'js>>,
) -> rquickjs::Result<Value<'js>> {
    let vu = Vu::of(&ctx)?;
    let throw = |words: &str| Err(Exception::throw_message(&ctx, words));
    if vu.stage.get() == Stage::Init {
        return throw("group() cannot be used in the init context");
    }
    let (Some(name), Some(call)) = (name.0, call.0.and_then(Value::into_function)) else {
        return throw("group() requires a callback as a second argument: group(name, function)");
    };
    if is_async(&call) {
        return throw(
            "group() does not take async functions: what they begin could end outside of it",
        );
    }
    let name = name.0;
    if name.contains("::") {
        return throw("a group's name may not contain `::`, which separates groups");
    }
    let before = (vu.group.borrow().clone(), vu.tags());
    let path = format!("{}::{name}", before.0);
    vu.group.borrow_mut().clone_from(&path);
    let has_tag = vu.shared.settled().is_some_and(|it| it.system_tags.group);
    if has_tag {
        *vu.tags.borrow_mut() = vu.tags_with(&[("group", &path)]);
    }
    let clock = vu.shared.clock.clone();
    let began = clock.now();
    let result = call.call::<_, Value<'js>>(());
    let took = clock.now().saturating_duration_since(began).as_secs_f64() * 1e3;
    vu.record(&vu.tags(), &[(&vu.shared.registry.builtin().group_duration, took)]);
    // What the script tagged inside stays; the group is the outer one again.
    match has_tag {
        true if before.1.get("group").is_none() => *vu.tags.borrow_mut() = before.1,
        true => {
            let outer = vu.tags_with(&[("group", &before.0)]);
            let same = outer.len() == before.1.len() && outer.contains(&before.1);
            *vu.tags.borrow_mut() = if same { before.1 } else { outer };
        }
        false => {}
    }
    *vu.group.borrow_mut() = before.0;
    result
}

fn check<'js>(
    ctx: Ctx<'js>,
    value: Opt<Value<'js>>,
    checks: Opt<Value<'js>>,
    tags: Opt<Value<'js>>,
) -> rquickjs::Result<bool> {
    let vu = Vu::of(&ctx)?;
    if vu.stage.get() == Stage::Init {
        return Err(Exception::throw_message(&ctx, "check() cannot be used in the init context"));
    }
    let (Some(value), Some(checks)) = (value.0, checks.0) else {
        let words = "no checks provided to `check`: it takes a value and an object of checks";
        return Err(Exception::throw_message(&ctx, words));
    };
    if checks.is_null() || checks.is_undefined() {
        let words = "check() needs an object of checks as its second argument";
        return Err(Exception::throw_type(&ctx, words));
    }
    // What is no object is made one: the letters of a text are checks, too.
    let checks: Object<'js> = match checks.as_object() {
        Some(checks) => checks.clone(),
        None => ctx.globals().get::<_, rquickjs::Function<'js>>("Object")?.call((checks,))?,
    };
    let before = vu.tags();
    let own = match tags.0.as_ref().and_then(Value::as_object) {
        Some(given) => with_tags(&ctx, &vu, given)?,
        None => before,
    };
    let mut all = true;
    for entry in Entries::of(&checks)? {
        let (name, check) = entry?;
        let name: &str = &name;
        if name.contains("::") {
            let words = format!("the check {name:?} may not contain `::`, which separates groups");
            return Err(Exception::throw_message(&ctx, &words));
        }
        let result = match check.as_function() {
            Some(function) => {
                if is_async(function) {
                    let words =
                        format!("check {name:?} is async; await what it needs before check()");
                    return Err(Exception::throw_type(&ctx, &words));
                }
                function.call::<_, Value<'js>>((value.clone(),))
            }
            None => Ok(check),
        };
        match result {
            Ok(result) => {
                let held = truthy(&result);
                all &= held;
                note(&vu, &own, name, held);
            }
            Err(error) => {
                // A check that throws has failed, and the exception goes on.
                note(&vu, &own, name, false);
                return Err(error);
            }
        }
    }
    Ok(all)
}

fn note(vu: &Rc<Vu>, tags: &TagSet, name: &str, held: bool) {
    let Some(worker) = &vu.worker else { return };
    let has_tag = vu.shared.settled().is_some_and(|it| it.system_tags.check);
    let tags = match has_tag {
        true => worker.interner.borrow_mut().with(tags, &[("check", name)]),
        false => tags.clone(),
    };
    let checks = &vu.shared.registry.builtin().checks;
    worker.record(vu, &tags, &[(checks, f64::from(u8::from(held)))]);
}

/// The virtual user's tags with those of an object; an exception for values that no tag has.
pub(crate) fn with_tags<'js>(
    ctx: &Ctx<'js>,
    vu: &Vu,
    given: &Object<'js>,
) -> rquickjs::Result<TagSet> {
    tags_with(vu, given)?.map_err(|words| Exception::throw_message(ctx, &words))
}

/// The same, but says why not in place of an exception.
pub(crate) fn tags_with(vu: &Vu, given: &Object<'_>) -> rquickjs::Result<Result<TagSet, String>> {
    let mut pairs = Vec::new();
    for entry in Entries::of(given)? {
        let (name, value) = entry?;
        if value.is_undefined() || value.is_null() || value.is_object() || value.is_symbol() {
            return Ok(Err(format!(
                "invalid value for metric tag '{}': a tag's value is text, a number or a boolean",
                &*name
            )));
        }
        pairs.push((name, Text::of(&value)?));
    }
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (&**name, &**value)).collect();
    Ok(Ok(vu.tags_with(&pairs)))
}

/// As `Boolean(value)`.
pub(crate) fn truthy(value: &Value<'_>) -> bool {
    value.as_bool().unwrap_or_else(|| value.get::<Coerced<bool>>().is_ok_and(|value| value.0))
}
