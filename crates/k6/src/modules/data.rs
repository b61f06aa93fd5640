//! `k6/data`: `SharedArray`, one copy for all virtual users.

use std::sync::Arc;

use rquickjs::function::{Func, Function};
use rquickjs::{Ctx, Exception, Object, Value};

use super::{Exported, is_async};
use crate::shared::lock;
use crate::vu::{Stage, Vu};

pub(crate) struct Data;

impl Exported for Data {
    const NAMES: &'static [&'static str] = &["SharedArray"];

    fn build<'js>(ctx: &Ctx<'js>) -> rquickjs::Result<Object<'js>> {
        let object = Object::new(ctx.clone())?;
        let make: Function<'js> = ctx.eval(ARRAY)?;
        let class: Value<'js> = make.call((Func::from(load), Func::from(element)))?;
        object.set("SharedArray", class)?;
        Ok(object)
    }
}

/// The array as scripts see it: each element is made when it is asked for, and cannot be changed.
const ARRAY: &str = r"(function (load, element) {
  'use strict';
  const refuse = () => { throw new TypeError('SharedArray is immutable'); };
  const freeze = (value) => {
    if (value !== null && typeof value === 'object' && !Object.isFrozen(value)) {
      Object.freeze(value);
      for (const key of Object.keys(value)) freeze(value[key]);
    }
    return value;
  };
  const index = (key) => (typeof key === 'string' && /^(0|[1-9][0-9]*)$/.test(key) ? Number(key) : -1);
  return class SharedArray {
    constructor(name, make) {
      const length = load(name, make);
      const at = (i) => (i >= 0 && i < length ? freeze(JSON.parse(element(name, i))) : undefined);
      return new Proxy([], {
        get(target, key, receiver) {
          if (key === 'length') return length;
          const i = index(key);
          return i >= 0 ? at(i) : Reflect.get(Array.prototype, key, receiver);
        },
        has: (target, key) => key === 'length' || (index(key) >= 0 ? index(key) < length : key in Array.prototype),
        set: refuse,
        deleteProperty: refuse,
        defineProperty: refuse,
        setPrototypeOf: refuse,
        preventExtensions: refuse,
      });
    }
  };
})";

/// Makes the array, the first time its name is heard; its length.
fn load<'js>(ctx: Ctx<'js>, name: Value<'js>, make: Value<'js>) -> rquickjs::Result<usize> {
    let vu = Vu::of(&ctx)?;
    let throw = |words: &str| Err(Exception::throw_message(&ctx, words));
    if vu.stage.get() != Stage::Init {
        return throw("new SharedArray must be called in the init context");
    }
    let name = name.as_string().map(|name| name.to_string()).transpose()?.unwrap_or_default();
    if name.is_empty() {
        return throw("a SharedArray needs a name that is not empty");
    }
    let Some(make) = make.into_function() else {
        return throw("a SharedArray needs a function that makes its elements");
    };
    if is_async(&make) {
        return throw("the function that makes a SharedArray's elements may not be async");
    }
    if let Some(known) = lock(&vu.shared.arrays).get(&name) {
        return Ok(known.len());
    }
    let made: Value<'js> = make.call(())?;
    let Some(array) = made.as_array() else {
        return throw("the function of a SharedArray must return an array");
    };
    let elements = array.iter::<Value<'js>>().map(|element| {
        let json = ctx.json_stringify(element?)?;
        // What has no JSON is null in an array of JSON.
        let text = json.map(|json| json.to_string()).transpose()?;
        Ok(text.unwrap_or_else(|| "null".to_owned()).into_boxed_str())
    });
    let elements: Arc<[Box<str>]> = elements.collect::<rquickjs::Result<Vec<_>>>()?.into();
    let length = elements.len();
    lock(&vu.shared.arrays).entry(name).or_insert(elements);
    Ok(length)
}

fn element(ctx: Ctx<'_>, name: String, index: usize) -> rquickjs::Result<String> {
    let vu = Vu::of(&ctx)?;
    let arrays = lock(&vu.shared.arrays);
    let element = arrays.get(&name).and_then(|elements| elements.get(index));
    element.map(|element| element.to_string()).ok_or_else(|| {
        Exception::throw_range(&ctx, &format!("SharedArray {name:?} has no element {index}"))
    })
}
