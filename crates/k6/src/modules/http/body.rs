//! A request's body, from what a script gives: text, binary data, or the fields of a form.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use rquickjs::{Coerced, Object, Value};
use seaworthy_net::form;
use seaworthy_script::copy_bytes;

use super::parameters::{Reading, Refused};

impl<'js> Reading<'_> {
    pub(super) fn body(&mut self, value: &Value<'js>) -> Result<(), Refused> {
        if value.is_null() || value.is_undefined() {
            return Ok(());
        }
        if let Some(bytes) = bytes_of(value) {
            self.order.request.body = bytes;
            return Ok(());
        }
        let object = value.as_object().filter(|_| !value.is_function() && !value.is_array());
        let Some(object) = object else {
            return self.refuse(format!(
                "a request's body is text, binary data or an object of fields, not {}; use \
                 JSON.stringify() to send it as text",
                value.type_name()
            ));
        };
        let mut parts = Vec::new();
        let mut fields = Vec::new();
        let mut files = false;
        for entry in object.props::<String, Value<'js>>() {
            let (name, value) = entry?;
            if let Some(file) = super::file::of_value(&value)? {
                files = true;
                let kind = HeaderValue::from_str(&file.media_type);
                let kind = kind.unwrap_or(HeaderValue::from_static("application/octet-stream"));
                parts.push(form::Part::file(&name, &file.name, kind, file.data));
                continue;
            }
            let values = match value.as_array() {
                Some(list) => list.iter::<Value<'js>>().collect::<Result<Vec<_>, _>>()?,
                None => vec![value],
            };
            for value in values {
                let text = self.field(&value)?;
                parts.push(form::Part::text(&name, text.clone()));
                fields.push((name.clone(), text));
            }
        }
        let (media_type, body) = if files {
            let boundary =
                format!("{:016x}{:016x}", self.vu.draw().to_bits(), self.vu.draw().to_bits());
            form::multipart(&parts, &boundary)
        } else {
            // As Go encodes forms: by name.
            fields.sort_by(|(a, _), (b, _)| a.cmp(b));
            let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
            (kind, form::urlencode(fields))
        };
        self.order.request.body = body;
        self.order.request.headers.push((CONTENT_TYPE, media_type));
        Ok(())
    }

    /// The value of a field.
    fn field(&self, value: &Value<'js>) -> rquickjs::Result<String> {
        if value.is_null() || value.is_undefined() {
            return Ok(String::new());
        }
        if value.is_object() && !value.is_array() {
            self.vu.shared.warn_once(
                "an object cannot be a field of a form; it is sent empty: use JSON.stringify() to send \
                 it as text",
            );
            return Ok(String::new());
        }
        Ok(value.get::<Coerced<String>>()?.0)
    }
}

/// The bytes of a binary value.
pub(crate) fn bytes_of(value: &Value<'_>) -> Option<Bytes> {
    if let Some(text) = value.as_string() {
        return text.to_string().ok().map(Bytes::from);
    }
    let object = value.as_object()?;
    if let Some(buffer) = object.as_array_buffer() {
        return copy_bytes(buffer).map(Bytes::from);
    }
    let view: Option<Object<'_>> = object.get("buffer").ok();
    let buffer = view.as_ref().and_then(|view| view.as_array_buffer())?;
    let from: usize = object.get("byteOffset").ok()?;
    let length: usize = object.get("byteLength").ok()?;
    copy_bytes(buffer)?.get(from..from.checked_add(length)?).map(Bytes::copy_from_slice)
}
