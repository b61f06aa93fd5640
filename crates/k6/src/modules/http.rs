//! `k6/http`: requests that block the script, and what came of them.

mod asynchronous;
mod batch;
mod body;
mod call;
mod code;
mod cookies;
mod debug;
mod exchange;
mod expected;
mod fields;
mod file;
mod jar;
mod page;
mod parameters;
mod response;
mod select;
mod tags;

use rquickjs::function::{Func, Opt};
use rquickjs::{Class, Coerced, Ctx, Object, Value};

use super::Exported;
pub(crate) use exchange::Sent;
pub(crate) use expected::Expected;
pub(crate) use jar::of_value as jar_of_value;
pub(crate) use response::canonical;
pub(crate) use tags::RequestTags;

/// What k6's users know a failure by, where they do.
pub(crate) fn error_words(error: &seaworthy_net::Error) -> String {
    code::of(error).1
}

/// Names of versions of TLS and of what is known of a certificate.
const CONSTANTS: &[(&str, &str)] = &[
    ("TLS_1_0", "tls1.0"),
    ("TLS_1_1", "tls1.1"),
    ("TLS_1_2", "tls1.2"),
    ("TLS_1_3", "tls1.3"),
    ("OCSP_STATUS_GOOD", "good"),
    ("OCSP_STATUS_REVOKED", "revoked"),
    ("OCSP_STATUS_SERVER_FAILED", "server_failed"),
    ("OCSP_STATUS_UNKNOWN", "unknown"),
    ("OCSP_REASON_AA_COMPROMISE", "aa_compromise"),
    ("OCSP_REASON_AFFILIATION_CHANGED", "affiliation_changed"),
    ("OCSP_REASON_CA_COMPROMISE", "ca_compromise"),
    ("OCSP_REASON_CERTIFICATE_HOLD", "certificate_hold"),
    ("OCSP_REASON_CESSATION_OF_OPERATION", "cessation_of_operation"),
    ("OCSP_REASON_KEY_COMPROMISE", "key_compromise"),
    ("OCSP_REASON_PRIVILEGE_WITHDRAWN", "privilege_withdrawn"),
    ("OCSP_REASON_REMOVE_FROM_CRL", "remove_from_crl"),
    ("OCSP_REASON_SUPERSEDED", "superseded"),
    ("OCSP_REASON_UNSPECIFIED", "unspecified"),
];

pub(crate) struct Http;

impl Exported for Http {
    const NAMES: &'static [&'static str] = &[
        "CookieJar",
        "OCSP_STATUS_GOOD",
        "OCSP_STATUS_REVOKED",
        "OCSP_STATUS_SERVER_FAILED",
        "OCSP_STATUS_UNKNOWN",
        "OCSP_REASON_AA_COMPROMISE",
        "OCSP_REASON_AFFILIATION_CHANGED",
        "OCSP_REASON_CA_COMPROMISE",
        "OCSP_REASON_CERTIFICATE_HOLD",
        "OCSP_REASON_CESSATION_OF_OPERATION",
        "OCSP_REASON_KEY_COMPROMISE",
        "OCSP_REASON_PRIVILEGE_WITHDRAWN",
        "OCSP_REASON_REMOVE_FROM_CRL",
        "OCSP_REASON_SUPERSEDED",
        "OCSP_REASON_UNSPECIFIED",
        "TLS_1_0",
        "TLS_1_1",
        "TLS_1_2",
        "TLS_1_3",
        "asyncRequest",
        "batch",
        "cookieJar",
        "del",
        "expectedStatuses",
        "file",
        "get",
        "head",
        "options",
        "patch",
        "post",
        "put",
        "request",
        "setResponseCallback",
        "url",
    ];

    fn build<'js>(ctx: &Ctx<'js>) -> rquickjs::Result<Object<'js>> {
        let object = Object::new(ctx.clone())?;
        object.set("get", Func::from(get))?;
        object.set("head", Func::from(head))?;
        object.set("del", Func::from(del))?;
        object.set("post", Func::from(post))?;
        object.set("put", Func::from(put))?;
        object.set("patch", Func::from(patch))?;
        object.set("options", Func::from(options))?;
        object.set("request", Func::from(request))?;
        object.set("asyncRequest", Func::from(asynchronous::async_request))?;
        object.set("batch", Func::from(batch::batch))?;
        object.set("url", Func::from(parameters::url_template))?;
        object.set("expectedStatuses", Func::from(expected::expected_statuses))?;
        object.set("setResponseCallback", Func::from(expected::set_response_callback))?;
        object.set("file", Func::from(file::file))?;
        object.set("cookieJar", Func::from(jar::cookie_jar))?;
        Class::<jar::CookieJar>::define(&object)?;
        for (name, value) in CONSTANTS {
            object.set(*name, *value)?;
        }
        Ok(object)
    }
}

/// An argument that may be missing: then it is `undefined`.
fn given<'js>(ctx: &Ctx<'js>, value: Opt<Value<'js>>) -> Value<'js> {
    value.0.unwrap_or_else(|| Value::new_undefined(ctx.clone()))
}

fn get<'js>(
    ctx: Ctx<'js>,
    url: Opt<Value<'js>>,
    parameters: Opt<Value<'js>>,
) -> rquickjs::Result<Value<'js>> {
    let url = given(&ctx, url);
    call::get(&ctx, url, parameters.0)
}

fn head<'js>(
    ctx: Ctx<'js>,
    url: Opt<Value<'js>>,
    parameters: Opt<Value<'js>>,
) -> rquickjs::Result<Value<'js>> {
    let url = given(&ctx, url);
    call::request(&ctx, "HEAD", url, None, parameters.0)
}

macro_rules! with_body {
    ($($name:ident: $method:literal),*) => {$(
        fn $name<'js>(
            ctx: Ctx<'js>,
            url: Opt<Value<'js>>,
            body: Opt<Value<'js>>,
            parameters: Opt<Value<'js>>,
        ) -> rquickjs::Result<Value<'js>> {
            let url = given(&ctx, url);
            call::request(&ctx, $method, url, body.0, parameters.0)
        }
    )*};
}

with_body!(del: "DELETE", options: "OPTIONS", patch: "PATCH", post: "POST", put: "PUT");

fn request<'js>(
    ctx: Ctx<'js>,
    method: Opt<Coerced<String>>,
    url: Opt<Value<'js>>,
    body: Opt<Value<'js>>,
    parameters: Opt<Value<'js>>,
) -> rquickjs::Result<Value<'js>> {
    // As it is written: k6 sends `get` where a script says so.
    let method = method.0.map_or_else(|| "GET".to_owned(), |method| method.0);
    let url = given(&ctx, url);
    call::request(&ctx, &method, url, body.0, parameters.0)
}
