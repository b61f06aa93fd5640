//! `k6/metrics`: `Counter`, `Gauge`, `Rate` and `Trend` of the script's own.

use rquickjs::class::Trace;
use rquickjs::function::Opt;
use rquickjs::{Class, Coerced, Ctx, Exception, JsLifetime, Object, Type, Value};
use seaworthy_metrics::{Contains, Kind, Metric};

use super::Exported;
use super::core::{tags_with, truthy};
use crate::console::Level;
use crate::vu::{Stage, Vu};

pub(crate) struct Metrics;

impl Exported for Metrics {
    const NAMES: &'static [&'static str] = &["Counter", "Gauge", "Rate", "Trend"];

    fn build<'js>(ctx: &Ctx<'js>) -> rquickjs::Result<Object<'js>> {
        let object = Object::new(ctx.clone())?;
        Class::<Counter>::define(&object)?;
        Class::<Gauge>::define(&object)?;
        Class::<Rate>::define(&object)?;
        Class::<Trend>::define(&object)?;
        Ok(object)
    }
}

macro_rules! kind {
    ($($name:ident),*) => {$(
        #[derive(Trace, JsLifetime)]
        #[rquickjs::class]
        pub(crate) struct $name {
            #[qjs(skip_trace)]
            metric: Metric,
        }

        #[rquickjs::methods]
        impl $name {
            #[qjs(constructor)]
            pub(crate) fn new(
                ctx: Ctx<'_>,
                name: Opt<Coerced<String>>,
                is_time: Opt<Coerced<bool>>,
            ) -> rquickjs::Result<Self> {
                Ok(Self { metric: define(&ctx, name, Kind::$name, is_time)? })
            }

            /// Adds a value; whether it was one.
            pub(crate) fn add<'js>(
                &self,
                ctx: Ctx<'js>,
                value: Opt<Value<'js>>,
                tags: Opt<Value<'js>>,
            ) -> rquickjs::Result<bool> {
                add(&ctx, &self.metric, value, tags)
            }

            #[qjs(get, enumerable)]
            pub(crate) fn name(&self) -> String {
                self.metric.name().to_owned()
            }
        }
    )*};
}

kind!(Counter, Gauge, Rate, Trend);

fn define(
    ctx: &Ctx<'_>,
    name: Opt<Coerced<String>>,
    kind: Kind,
    is_time: Opt<Coerced<bool>>,
) -> rquickjs::Result<Metric> {
    let vu = Vu::of(ctx)?;
    if vu.stage.get() != Stage::Init {
        return Err(Exception::throw_message(
            ctx,
            "metrics must be declared in the init context: at the top of the script",
        ));
    }
    let name = name.0.map(|name| name.0).unwrap_or_default();
    if name.is_empty() {
        let words = format!("a {kind:?} needs a name: new {kind:?}('name')");
        return Err(Exception::throw_message(ctx, &words));
    }
    let contains = match is_time.0 {
        Some(Coerced(true)) => Contains::Time,
        _ => Contains::Default,
    };
    let defined = vu.shared.registry.define(&name, kind, contains);
    defined.map_err(|error| Exception::throw_message(ctx, &error.to_string()))
}

fn add<'js>(
    ctx: &Ctx<'js>,
    metric: &Metric,
    value: Opt<Value<'js>>,
    tags: Opt<Value<'js>>,
) -> rquickjs::Result<bool> {
    let vu = Vu::of(ctx)?;
    if vu.stage.get() == Stage::Init {
        let words = "values cannot be added to metrics in the init context";
        return Err(Exception::throw_message(ctx, words));
    }
    let Some(value) = value.0 else { return refused(ctx, &vu, metric, "nothing") };
    let number = match value.as_number() {
        Some(number) => Some(number),
        None if value.is_null() || value.is_undefined() => None,
        None if value.type_of() == Type::BigInt => {
            return Err(Exception::throw_type(ctx, "a BigInt is no number of a metric"));
        }
        // What is true and no number of its own counts as one: `true`, and `[]` too.
        None => match value.get::<Coerced<f64>>()?.0 {
            0.0 if truthy(&value) => Some(1.0),
            number => Some(number),
        },
    };
    let Some(number) = number.filter(|number| number.is_finite()) else {
        let shown = value.get::<Coerced<String>>()?.0;
        return refused(ctx, &vu, metric, &shown);
    };
    let tags = match tags.0.as_ref().and_then(Value::as_object) {
        Some(given) => tags_with(&vu, given)?.map_err(|words| {
            let name = metric.name();
            let words = format!("cannot add tags for the '{name}' custom metric: {words}");
            Exception::throw_message(ctx, &words)
        })?,
        None => vu.tags(),
    };
    vu.record(&tags, &[(metric, number)]);
    Ok(true)
}

/// Says that a value is none; an exception with the option `throw`.
fn refused(ctx: &Ctx<'_>, vu: &Vu, metric: &Metric, value: &str) -> rquickjs::Result<bool> {
    let words = format!(
        "'{value}' is an invalid value for metric '{}', a number or a boolean value is expected",
        metric.name()
    );
    if vu.shared.settled().is_some_and(|it| it.options.throw == Some(true)) {
        return Err(Exception::throw_message(ctx, &words));
    }
    vu.shared.console.say(Level::Warning, &words, "");
    Ok(false)
}
