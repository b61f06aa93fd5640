//! The modules a script can import, a file each.

pub(crate) mod core;
pub(crate) mod crypto;
pub(crate) mod data;
pub(crate) mod encoding;
pub(crate) mod execution;
pub(crate) mod html;
pub(crate) mod http;
pub(crate) mod input;
pub(crate) mod metrics;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod text_coding;
pub(crate) mod timers;
pub(crate) mod web_crypto;
pub(crate) mod websockets;
pub(crate) mod ws;

use rquickjs::function::Function;
use rquickjs::module::{Declared, Exports};
use rquickjs::{Ctx, Module, Object, Value};
use seaworthy_script::Builtins;

/// Every module that can be imported.
pub(crate) const ALL: Builtins = &[
    ("k6", declare::<core::Core>),
    ("k6/crypto", declare::<crypto::Crypto>),
    ("k6/data", declare::<data::Data>),
    ("k6/encoding", declare::<encoding::Encoding>),
    ("k6/execution", declare::<execution::Execution>),
    ("k6/html", declare::<html::Html>),
    ("k6/http", declare::<http::Http>),
    ("k6/metrics", declare::<metrics::Metrics>),
    ("k6/timers", declare::<timers::Timers>),
    ("k6/websockets", declare::<websockets::WebSockets>),
    ("k6/ws", declare::<ws::Ws>),
];

/// The names that a module exports, without `default`.
pub(crate) fn names(module: &str) -> &'static [&'static str] {
    match module {
        "k6" => core::Core::NAMES,
        "k6/crypto" => crypto::Crypto::NAMES,
        "k6/data" => data::Data::NAMES,
        "k6/encoding" => encoding::Encoding::NAMES,
        "k6/execution" => execution::Execution::NAMES,
        "k6/html" => html::Html::NAMES,
        "k6/http" => http::Http::NAMES,
        "k6/metrics" => metrics::Metrics::NAMES,
        "k6/timers" => timers::Timers::NAMES,
        "k6/websockets" => websockets::WebSockets::NAMES,
        "k6/ws" => ws::Ws::NAMES,
        _ => &[],
    }
}

/// Modules that k6 has and we do not, each with the reason.
pub(crate) const REFUSED: &[(&str, &str)] = &[
    ("k6/browser", "there is no browser in this version"),
    ("k6/net/grpc", "gRPC comes in a later version"),
    ("k6/crypto/x509", "certificates as data come in a later version"),
    ("k6/secrets", "secret sources come in a later version; use __ENV"),
    ("k6/experimental/csv", "it comes in a later version; use open() and SharedArray"),
    ("k6/experimental/fs", "it comes in a later version; use open()"),
    ("k6/experimental/streams", "it comes in a later version"),
    ("k6/experimental/websockets", "import k6/websockets"),
    ("k6/experimental/redis", "k6 removed it"),
    ("k6/experimental/timers", "import k6/timers"),
    ("k6/experimental/tracing", "k6 removed it"),
    ("k6/experimental/browser", "there is no browser in this version"),
    ("k6/experimental/grpc", "gRPC comes in a later version"),
    ("k6/experimental/webcrypto", "WebCrypto comes in a later version"),
];

/// A module: an object whose properties are exported one by one, and as `default`.
pub(crate) trait Exported {
    /// What it exports, without `default`.
    const NAMES: &'static [&'static str];

    /// The object.
    fn build<'js>(ctx: &Ctx<'js>) -> rquickjs::Result<Object<'js>>;
}

/// A module as rquickjs takes it.
struct Definition<M>(std::marker::PhantomData<M>);

impl<M: Exported> rquickjs::module::ModuleDef for Definition<M> {
    fn declare(declarations: &rquickjs::module::Declarations<'_>) -> rquickjs::Result<()> {
        for name in M::NAMES {
            declarations.declare(*name)?;
        }
        declarations.declare("default").map(drop)
    }

    fn evaluate<'js>(ctx: &Ctx<'js>, exports: &Exports<'js>) -> rquickjs::Result<()> {
        let object = M::build(ctx)?;
        for name in M::NAMES {
            exports.export(*name, object.get::<_, Value<'js>>(*name)?)?;
        }
        exports.export("default", object).map(drop)
    }
}

fn declare<'js, M: Exported>(
    ctx: &Ctx<'js>,
    name: &str,
) -> rquickjs::Result<Module<'js, Declared>> {
    Module::declare_def::<Definition<M>, _>(ctx.clone(), name)
}

/// Whether a value is an `async` function, which some callbacks may not be.
pub(crate) fn is_async(function: &Function<'_>) -> bool {
    // Nearly all are functions as any, whose prototype says so.
    if function.get_prototype() == Some(Function::prototype(function.ctx().clone())) {
        return false;
    }
    let constructor = function.get::<_, Object<'_>>("constructor");
    constructor.and_then(|it| it.get::<_, String>("name")).is_ok_and(|name| name == "AsyncFunction")
}
