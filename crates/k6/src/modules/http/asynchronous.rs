//! `http.asyncRequest`: a request in the background of its script, and the promise of its answer.

use std::rc::Rc;

use rquickjs::function::{Function, Opt};
use rquickjs::{Ctx, Exception, Persistent, Promise, Value};
use seaworthy_script::{Completion, Cut, background};

use super::call::{ended, paced, unsent};
use super::exchange::{Outcome, perform};
use super::parameters::{Read, read};
use super::response::{Form, failure, hand_over};
use crate::vu::Vu;

/// `http.asyncRequest(method, url, body, params)`.
pub(crate) fn async_request<'js>(
    ctx: Ctx<'js>,
    method: Opt<rquickjs::Coerced<String>>,
    url: Opt<Value<'js>>,
    body: Opt<Value<'js>>,
    parameters: Opt<Value<'js>>,
) -> rquickjs::Result<Promise<'js>> {
    let vu = Vu::of(&ctx)?;
    let settled = vu.settled(&ctx, "making HTTP requests with http.asyncRequest()")?;
    let method = method.0.map_or_else(|| "GET".to_owned(), |method| method.0);
    let url = url.0.unwrap_or_else(|| Value::new_undefined(ctx.clone()));
    let (promise, resolve, reject) = ctx.promise()?;
    let order = read(&vu, settled, &method, &url, body.0.as_ref(), parameters.0.as_ref());
    let Read { order, form, throws } = match order {
        Ok(read) => read,
        Err(refused) => {
            let (outcome, throws) = unsent(&vu, &method, refused)?;
            settle(&ctx, &vu, (resolve, reject), outcome, Form::Text, throws)?;
            return Ok(promise);
        }
    };
    let (resolve, reject) = (Persistent::save(&ctx, resolve), Persistent::save(&ctx, reject));
    let begun = background(async move {
        let outcome = match (vu.shared.settled(), &vu.pool) {
            (Some(settled), Some(pool)) => {
                paced(&vu, settled).await;
                Some(perform(&vu, pool, order, None).await)
            }
            // Both are there once a script is initialised, which it is here.
            _ => None,
        };
        let done: Completion = Box::new(move |ctx| {
            let ends = (resolve.restore(ctx)?, reject.restore(ctx)?);
            outcome.map_or(Ok(()), |outcome| settle(ctx, &vu, ends, outcome, form, throws))
        });
        done
    });
    begun.map_err(|Cut| ended(&ctx))?;
    Ok(promise)
}

/// Resolves a promise with the answer, or rejects it where that is wanted.
fn settle<'js>(
    ctx: &Ctx<'js>,
    vu: &Rc<Vu>,
    (resolve, reject): (Function<'js>, Function<'js>),
    outcome: Outcome,
    form: Form,
    throws: bool,
) -> rquickjs::Result<()> {
    match failure(&outcome).filter(|_| throws) {
        Some(words) => reject.call((Exception::from_message(ctx.clone(), &words)?,)),
        None => resolve.call((hand_over(ctx, vu, outcome, form, false)?,)),
    }
}
