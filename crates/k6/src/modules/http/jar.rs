//! Cookie jars as scripts have them: `http.cookieJar()` and `new http.CookieJar()`.

use std::cell::RefCell;
use std::rc::Rc;

use rquickjs::class::Trace;
use rquickjs::function::Opt;
use rquickjs::{Class, Coerced, Ctx, Exception, JsLifetime, Object, Value};
use seaworthy_net::cookies::{Jar, SetCookie, expires_ms};

use crate::address::Address;
use crate::vu::{Stage, Vu};

/// A jar.
#[derive(Clone, Trace, JsLifetime)]
#[rquickjs::class]
pub(crate) struct CookieJar {
    #[qjs(skip_trace)]
    jar: Rc<RefCell<Jar>>,
}

#[rquickjs::methods]
impl CookieJar {
    #[qjs(constructor)]
    pub(crate) fn new(ctx: Ctx<'_>) -> rquickjs::Result<Self> {
        let vu = Vu::of(&ctx)?;
        Ok(Self { jar: Rc::new(RefCell::new(Jar::new(vu.shared.clock.clone()))) })
    }

    /// The values of the cookies that go to a URL, by name.
    #[qjs(rename = "cookiesForURL")]
    fn cookies_for_url<'js>(&self, ctx: Ctx<'js>, url: String) -> rquickjs::Result<Object<'js>> {
        let address = address(&ctx, &url)?;
        let all = Object::new(ctx.clone())?;
        for (name, value) in self.jar.borrow_mut().cookies(&address.origin, &address.target) {
            super::cookies::add(&ctx, &all, name, value)?;
        }
        Ok(all)
    }

    /// Sets a cookie as an answer from the URL would.
    fn set<'js>(
        &self,
        ctx: Ctx<'js>,
        url: String,
        name: String,
        value: Coerced<String>,
        options: Opt<Value<'js>>,
    ) -> rquickjs::Result<bool> {
        let address = address(&ctx, &url)?;
        let mut text = format!("{name}={}", value.0);
        let throw = |words: &str| Exception::throw_message(&ctx, words);
        let options = options.0.as_ref().and_then(Value::as_object).cloned();
        if let Some(options) = options {
            for (key, attribute) in [
                ("domain", "Domain"),
                ("path", "Path"),
                ("expires", "Expires"),
                ("max_age", "Max-Age"),
            ] {
                if let Some(value) = options.get::<_, Option<Coerced<String>>>(key)? {
                    if key == "expires" && expires_ms(&value.0).is_none() {
                        let words = format!(
                            "a cookie's `expires` is a time like \"Wed, 21 Oct 2037 07:28:00 GMT\", not {:?}",
                            value.0
                        );
                        return Err(throw(&words));
                    }
                    text.push_str(&format!("; {attribute}={}", value.0));
                }
            }
            for (key, attribute) in [("secure", "Secure"), ("http_only", "HttpOnly")] {
                if options.get::<_, Option<Coerced<bool>>>(key)?.is_some_and(|it| it.0) {
                    text.push_str(&format!("; {attribute}"));
                }
            }
        }
        if SetCookie::parse(&text).is_none() {
            return Err(throw("a cookie's text has bytes it may not have, or is too long"));
        }
        self.jar.borrow_mut().set(&address.origin, &address.target, &text);
        Ok(true)
    }

    /// Forgets the cookies that go to a URL.
    fn clear(&self, ctx: Ctx<'_>, url: String) -> rquickjs::Result<()> {
        let address = address(&ctx, &url)?;
        self.jar.borrow_mut().forget(&address.origin, &address.target, None);
        Ok(())
    }

    /// Forgets one cookie that goes to a URL.
    fn delete(&self, ctx: Ctx<'_>, url: String, name: String) -> rquickjs::Result<()> {
        let address = address(&ctx, &url)?;
        self.jar.borrow_mut().forget(&address.origin, &address.target, Some(&name));
        Ok(())
    }
}

fn address(ctx: &Ctx<'_>, url: &str) -> rquickjs::Result<Address> {
    Address::parse(url).map_err(|error| Exception::throw_message(ctx, &error.to_string()))
}

/// `http.cookieJar()`: the virtual user's own.
pub(crate) fn cookie_jar(ctx: Ctx<'_>) -> rquickjs::Result<Class<'_, CookieJar>> {
    let vu = Vu::of(&ctx)?;
    if vu.stage.get() == Stage::Init {
        let words = "http.cookieJar() cannot be used in the init context";
        return Err(Exception::throw_message(&ctx, words));
    }
    let jar = Rc::clone(&vu.jar);
    Class::instance(ctx, CookieJar { jar })
}

/// The jar that a value is.
pub(crate) fn of_value(value: &Value<'_>) -> Option<Rc<RefCell<Jar>>> {
    Class::<CookieJar>::from_value(value).ok().map(|jar| Rc::clone(&jar.borrow().jar))
}
