//! `http.file(data, name, type)`: a part of a multipart body.

use bytes::Bytes;
use rquickjs::class::Trace;
use rquickjs::function::Opt;
use rquickjs::{Class, Coerced, Ctx, Exception, IntoJs, JsLifetime, Value};

use super::body::bytes_of;

/// A file to be sent, as it is when it is sent.
#[derive(Clone, Debug)]
pub(crate) struct FileData {
    pub(crate) data: Bytes,
    pub(crate) name: String,
    pub(crate) media_type: String,
}

/// What tells a file from other objects; all it holds are properties that a script may set.
#[derive(Clone, Trace, JsLifetime)]
#[rquickjs::class]
pub(crate) struct File {}

#[rquickjs::methods]
impl File {}

/// `http.file`.
pub(crate) fn file<'js>(
    ctx: Ctx<'js>,
    data: Value<'js>,
    name: Opt<Coerced<String>>,
    media_type: Opt<Coerced<String>>,
) -> rquickjs::Result<Value<'js>> {
    if bytes_of(&data).is_none() {
        return Err(Exception::throw_type(&ctx, "http.file needs text or binary data"));
    }
    let vu = crate::vu::Vu::of(&ctx)?;
    let name = name.0.map(|name| name.0).filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| vu.shared.clock.wall().as_nanos().to_string());
    let media_type = media_type.0.map(|it| it.0).filter(|it| !it.is_empty());
    let media_type = media_type.unwrap_or_else(|| "application/octet-stream".to_owned());
    let file = Class::instance(ctx.clone(), File {})?.into_js(&ctx)?;
    if let Some(object) = file.as_object() {
        object.set("data", data)?;
        object.set("filename", name)?;
        object.set("content_type", media_type)?;
    }
    Ok(file)
}

/// The file that a value is.
pub(crate) fn of_value(value: &Value<'_>) -> rquickjs::Result<Option<FileData>> {
    let Some(object) = value.as_object() else { return Ok(None) };
    if Class::<File>::from_value(value).is_err() {
        return Ok(None);
    }
    let text = |name| object.get::<_, Coerced<String>>(name).map(|text| text.0);
    let data: Value<'_> = object.get("data")?;
    let Some(data) = bytes_of(&data) else {
        return Err(Exception::throw_type(value.ctx(), "a file's data is text or binary data"));
    };
    Ok(Some(FileData { data, name: text("filename")?, media_type: text("content_type")? }))
}
