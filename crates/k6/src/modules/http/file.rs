//! `http.file(data, name, type)`: a part of a multipart body.

use bytes::Bytes;
use rquickjs::class::Trace;
use rquickjs::function::Opt;
use rquickjs::{Class, Ctx, Exception, JsLifetime, Value};

use super::body::bytes_of;

/// A file to be sent.
#[derive(Clone, Trace, JsLifetime)]
#[rquickjs::class]
pub(crate) struct FileData {
    #[qjs(skip_trace)]
    pub(crate) data: Bytes,
    #[qjs(skip_trace)]
    pub(crate) name: String,
    #[qjs(skip_trace)]
    pub(crate) media_type: String,
}

#[rquickjs::methods]
impl FileData {
    #[qjs(get, enumerable)]
    fn filename(&self) -> String {
        self.name.clone()
    }

    #[qjs(get, enumerable, rename = "content_type")]
    fn content_type(&self) -> String {
        self.media_type.clone()
    }

    #[qjs(get, enumerable)]
    fn data<'js>(&self, ctx: Ctx<'js>) -> rquickjs::Result<rquickjs::ArrayBuffer<'js>> {
        rquickjs::ArrayBuffer::new(ctx, self.data.to_vec())
    }
}

/// `http.file`.
pub(crate) fn file<'js>(
    ctx: Ctx<'js>,
    data: Value<'js>,
    name: Opt<String>,
    media_type: Opt<String>,
) -> rquickjs::Result<Class<'js, FileData>> {
    let Some(data) = bytes_of(&data) else {
        return Err(Exception::throw_type(&ctx, "http.file needs text or binary data"));
    };
    let vu = crate::vu::Vu::of(&ctx)?;
    let name = name.0.filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| vu.shared.clock.wall().as_nanos().to_string());
    let media_type = media_type.0.filter(|it| !it.is_empty());
    let media_type = media_type.unwrap_or_else(|| "application/octet-stream".to_owned());
    Class::instance(ctx, FileData { data, name, media_type })
}

/// The file that a value is.
pub(crate) fn of_value(value: &Value<'_>) -> rquickjs::Result<Option<FileData>> {
    Ok(Class::<FileData>::from_value(value).ok().map(|file| file.borrow().clone()))
}
