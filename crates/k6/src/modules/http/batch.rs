//! `http.batch`: several requests under way at once, answered in the shape they were asked in.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use http::HeaderValue;
use rquickjs::function::{Opt, Rest};
use rquickjs::{Array, Coerced, Ctx, Exception, Object, Value};
use seaworthy_net::Pool;
use seaworthy_script::{Cut, wait};

use super::call::{ended, paced, pool, unsent};
use super::exchange::{Order, Outcome, perform};
use super::parameters::{Read, Refused, read};
use super::response::{Form, failure, hand_over};
use crate::shared::Settled;
use crate::vu::Vu;

/// `http.batch(requests)`.
pub(crate) fn batch<'js>(
    ctx: Ctx<'js>,
    requests: Opt<Value<'js>>,
    more: Rest<Value<'js>>,
) -> rquickjs::Result<Value<'js>> {
    let vu = Vu::of(&ctx)?;
    let settled = vu.settled(&ctx, "making HTTP requests with http.batch()")?;
    let throw = |words: &str| Err(Exception::throw_message(&ctx, words));
    let Some(given) = requests.0 else {
        return throw("no argument was provided to http.batch()");
    };
    if !more.0.is_empty() {
        return throw("http.batch() takes one argument: an array or an object of requests");
    }
    let (list, named) = (given.as_array(), given.as_object().filter(|_| !given.is_function()));
    let requests: Vec<(String, Value<'js>)> = match (list, named) {
        (Some(list), _) => {
            let all = list.iter::<Value<'js>>().enumerate();
            all.map(|(at, value)| Ok((at.to_string(), value?))).collect::<rquickjs::Result<_>>()?
        }
        (None, Some(object)) => object.props().collect::<rquickjs::Result<_>>()?,
        (None, None) => {
            let kind = given.type_name();
            return throw(&format!(
                "http.batch() takes an array or an object of requests, not a value of type {kind}"
            ));
        }
    };
    let answers = answers(&ctx, &vu, settled, &requests)?;
    if list.is_some() {
        let array = Array::new(ctx.clone())?;
        for (at, answer) in answers.into_iter().enumerate() {
            array.set(at, answer)?;
        }
        return Ok(array.into_value());
    }
    let object = Object::new(ctx.clone())?;
    for ((name, _), answer) in requests.iter().zip(answers) {
        object.set(name.as_str(), answer)?;
    }
    Ok(object.into_value())
}

/// How an answer is handed over.
struct Wish {
    form: Form,
    throws: bool,
}

/// The answers, in the order of the requests.
fn answers<'js>(
    ctx: &Ctx<'js>,
    vu: &Rc<Vu>,
    settled: &Settled,
    requests: &[(String, Value<'js>)],
) -> rquickjs::Result<Vec<Value<'js>>> {
    let (mut orders, mut done, mut wishes) = (Vec::new(), Vec::new(), Vec::new());
    for (place, (name, value)) in requests.iter().enumerate() {
        let (method, read) = request(vu, settled, name, value);
        match read {
            Ok(Read { order, form, throws }) => {
                orders.push((place, order));
                wishes.push(Wish { form, throws });
            }
            Err(refused) => {
                let (outcome, throws) = unsent(vu, &method, refused)?;
                done.push((place, outcome));
                wishes.push(Wish { form: Form::Text, throws });
            }
        }
    }
    let pool = pool(ctx, vu)?;
    done.extend(wait(all(vu, pool, settled, orders)).map_err(|Cut| ended(ctx))?);
    // The first that failed and is to be thrown is, when all are over.
    let mut thrown = None;
    let mut answers = vec![Value::new_undefined(ctx.clone()); requests.len()];
    for (place, outcome) in done {
        let Wish { form, throws } = wishes[place];
        match failure(&outcome).filter(|_| throws) {
            Some(words) => _ = thrown.get_or_insert(words),
            None => answers[place] = hand_over(ctx, vu, outcome, form, false)?,
        }
    }
    match thrown {
        Some(words) => Err(Exception::throw_message(ctx, &words)),
        None => Ok(answers),
    }
}

/// Reads one request: a URL, `[method, url, body, params]` or an object with these names. Its
/// method, too.
fn request<'js>(
    vu: &Vu,
    settled: &Settled,
    name: &str,
    value: &Value<'js>,
) -> (String, Result<Read, Refused>) {
    let get = || "GET".to_owned();
    let unmade = |words: String| {
        let throws = settled.options.throw == Some(true);
        (get(), Err(Refused::Unmade { words, error_code: 0, throws }))
    };
    let [method, url, body, parameters] = match parts(value) {
        Ok(Some(parts)) => parts,
        Ok(None) => {
            return unmade(format!(
                "the batch's request {name} is an array without at least a method and a URL"
            ));
        }
        Err(error) => return (get(), Err(Refused::Thrown(error))),
    };
    if url.is_undefined() && value.is_object() {
        return unmade(format!("the batch's request {name} has no `url`"));
    }
    let method = match method.is_undefined() || method.is_null() {
        true => get(),
        false => match method.get::<Coerced<String>>() {
            Ok(method) => method.0.to_uppercase(),
            Err(error) => return (get(), Err(Refused::Thrown(error))),
        },
    };
    let read = read(vu, settled, &method, &url, Some(&body), Some(&parameters));
    (method, read)
}

/// Method, URL, body and parameters of a request; `None` for an array that is too short.
fn parts<'js>(value: &Value<'js>) -> rquickjs::Result<Option<[Value<'js>; 4]>> {
    if let Some(list) = value.as_array() {
        if list.len() < 2 {
            return Ok(None);
        }
        return Ok(Some([list.get(0)?, list.get(1)?, list.get(2)?, list.get(3)?]));
    }
    Ok(Some(match value.as_object() {
        Some(object) if !is_template(object) => {
            let of = |name| object.get::<_, Value<'js>>(name);
            [of("method")?, of("url")?, of("body")?, of("params")?]
        }
        _ => {
            let undefined = || Value::new_undefined(value.ctx().clone());
            [undefined(), value.clone(), undefined(), undefined()]
        }
    }))
}

/// What `http.url` returns has a `url` too, and a name.
fn is_template(object: &Object<'_>) -> bool {
    let has = |name| object.contains_key(name).unwrap_or(false);
    has("name") && !has("method") && !has("body") && !has("params")
}

/// A request that is under way.
struct UnderWay<'v> {
    place: usize,
    host: HeaderValue,
    future: Pin<Box<dyn Future<Output = Outcome> + 'v>>,
}

/// Sends all, at most `batch` of them at a time and `batchPerHost` to one host; what came of them, in
/// the order in which they ended. As in k6 one that waits for its host has its place among the
/// `batch`.
async fn all(
    vu: &Vu,
    pool: &Pool,
    settled: &Settled,
    orders: Vec<(usize, Order)>,
) -> Vec<(usize, Outcome)> {
    // 0 is no limit.
    let limit = |most: u32| if most == 0 { usize::MAX } else { most as usize };
    let most = limit(settled.options.batch());
    let most_of_host = limit(settled.options.batch_per_host());
    let mut done = Vec::with_capacity(orders.len());
    let mut coming = orders.into_iter();
    let mut waiting: VecDeque<(usize, Order)> = VecDeque::new();
    let mut under_way: Vec<UnderWay<'_>> = Vec::new();
    loop {
        let free = most - under_way.len() - waiting.len();
        waiting.extend(coming.by_ref().take(free));
        for _ in 0..waiting.len() {
            let Some((place, order)) = waiting.pop_front() else { break };
            let host = order.address.origin.authority().clone();
            if under_way.iter().filter(|it| it.host == host).count() >= most_of_host {
                waiting.push_back((place, order));
                continue;
            }
            let future = Box::pin(async move {
                paced(vu, settled).await;
                perform(vu, pool, order, None).await
            });
            under_way.push(UnderWay { place, host, future });
        }
        if under_way.is_empty() {
            return done;
        }
        let (at, outcome) = poll_fn(|context| {
            let polled = under_way.iter_mut().map(|it| it.future.as_mut().poll(context));
            let ready = polled.enumerate().find_map(|(at, polled)| match polled {
                Poll::Ready(outcome) => Some((at, outcome)),
                Poll::Pending => None,
            });
            ready.map_or(Poll::Pending, Poll::Ready)
        })
        .await;
        done.push((under_way.remove(at).place, outcome));
    }
}
