//! The globals `TextEncoder` and `TextDecoder`, for UTF-8 and UTF-16.

use rquickjs::class::Trace;
use rquickjs::function::Opt;
use rquickjs::{Class, Coerced, Ctx, Exception, JsLifetime, Object, TypedArray, Value};
use seaworthy_script::{byte_length, copy_bytes, overwrite_bytes};

use super::input;

/// Sets the globals.
pub(crate) fn install(ctx: &Ctx<'_>) -> rquickjs::Result<()> {
    Class::<TextEncoder>::define(&ctx.globals())?;
    Class::<TextDecoder>::define(&ctx.globals())
}

/// Text to bytes of UTF-8.
#[derive(Trace, JsLifetime)]
#[rquickjs::class]
pub(crate) struct TextEncoder {}

#[rquickjs::methods]
impl TextEncoder {
    #[qjs(constructor)]
    pub(crate) fn new() -> Self {
        Self {}
    }

    #[qjs(get, enumerable)]
    pub(crate) fn encoding(&self) -> &'static str {
        "utf-8"
    }

    pub(crate) fn encode<'js>(
        &self,
        ctx: Ctx<'js>,
        text: Opt<Value<'js>>,
    ) -> rquickjs::Result<TypedArray<'js, u8>> {
        let text = match text.0 {
            Some(text) if !text.is_undefined() => input::text(&ctx, &text)?,
            _ => String::new(),
        };
        TypedArray::new(ctx, text.into_bytes())
    }

    /// Encodes as many whole letters as there is room for.
    #[qjs(rename = "encodeInto")]
    pub(crate) fn encode_into<'js>(
        &self,
        ctx: Ctx<'js>,
        text: Value<'js>,
        to: Value<'js>,
    ) -> rquickjs::Result<Object<'js>> {
        let text = input::text(&ctx, &text)?;
        let array = to.as_object().is_some_and(|to| to.is_typed_array::<u8>());
        let Some(room) = byte_length(&to).filter(|_| array) else {
            return Err(Exception::throw_type(&ctx, "encodeInto() needs a Uint8Array to write to"));
        };
        let mut end = room.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let text = &text[..end];
        overwrite_bytes(&to, text.as_bytes());
        let result = Object::new(ctx)?;
        result.set("read", text.encode_utf16().count())?;
        result.set("written", text.len())?;
        Ok(result)
    }
}

/// Bytes to text.
#[derive(Trace, JsLifetime)]
#[rquickjs::class]
pub(crate) struct TextDecoder {
    #[qjs(skip_trace)]
    form: Form,
    fatal: bool,
    ignore_bom: bool,
    /// What came of the stream so far and is not yet a whole letter.
    rest: Vec<u8>,
    /// Whether the stream's first letter, which may be a mark, is behind.
    begun: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Utf8,
    Utf16Le,
    Utf16Be,
}

impl Form {
    /// The form of a label, as the encoding standard has them.
    fn of(label: &str) -> Option<Self> {
        Some(match label.trim_ascii().to_ascii_lowercase().as_str() {
            "unicode-1-1-utf-8" | "unicode11utf8" | "unicode20utf8" | "utf-8" | "utf8"
            | "x-unicode20utf8" => Self::Utf8,
            "csunicode" | "iso-10646-ucs-2" | "ucs-2" | "unicode" | "unicodefeff" | "utf-16"
            | "utf-16le" => Self::Utf16Le,
            "unicodefffe" | "utf-16be" => Self::Utf16Be,
            _ => return None,
        })
    }
}

#[rquickjs::methods]
impl TextDecoder {
    #[qjs(constructor)]
    pub(crate) fn new<'js>(
        ctx: Ctx<'js>,
        label: Opt<Value<'js>>,
        options: Opt<Value<'js>>,
    ) -> rquickjs::Result<Self> {
        let label = match label.0 {
            Some(label) if !label.is_undefined() => input::text(&ctx, &label)?,
            _ => "utf-8".to_owned(),
        };
        let Some(form) = Form::of(&label) else {
            let words = format!("TextDecoder knows utf-8, utf-16le and utf-16be, not {label:?}");
            return Err(Exception::throw_range(&ctx, &words));
        };
        let fatal = option(&options, "fatal")?;
        let ignore_bom = option(&options, "ignoreBOM")?;
        Ok(Self { form, fatal, ignore_bom, rest: Vec::new(), begun: false })
    }

    #[qjs(get, enumerable)]
    pub(crate) fn encoding(&self) -> &'static str {
        match self.form {
            Form::Utf8 => "utf-8",
            Form::Utf16Le => "utf-16le",
            Form::Utf16Be => "utf-16be",
        }
    }

    #[qjs(get, enumerable)]
    pub(crate) fn fatal(&self) -> bool {
        self.fatal
    }

    #[qjs(get, enumerable, rename = "ignoreBOM")]
    pub(crate) fn ignore_bom(&self) -> bool {
        self.ignore_bom
    }

    pub(crate) fn decode<'js>(
        &mut self,
        ctx: Ctx<'js>,
        input: Opt<Value<'js>>,
        options: Opt<Value<'js>>,
    ) -> rquickjs::Result<String> {
        let stream = option(&options, "stream")?;
        let mut bytes = std::mem::take(&mut self.rest);
        if let Some(input) = input.0.filter(|input| !input.is_undefined()) {
            let Some(more) = copy_bytes(&input) else {
                let words = "decode() needs an ArrayBuffer or a view of one";
                return Err(Exception::throw_type(&ctx, words));
            };
            bytes.extend_from_slice(&more);
        }
        let decoded = match self.form {
            Form::Utf8 => self.utf8(&bytes, stream),
            Form::Utf16Le => self.utf16(&bytes, stream, u16::from_le_bytes),
            Form::Utf16Be => self.utf16(&bytes, stream, u16::from_be_bytes),
        };
        let Some(mut text) = decoded else {
            (self.rest, self.begun) = (Vec::new(), false);
            let words = format!("the bytes are not {}", self.encoding());
            return Err(Exception::throw_type(&ctx, &words));
        };
        if !self.begun && !self.ignore_bom && text.starts_with('\u{feff}') {
            text.remove(0);
            self.begun = true;
        }
        self.begun = stream && (self.begun || !text.is_empty());
        Ok(text)
    }
}

impl TextDecoder {
    /// Decodes UTF-8. `None` if it is broken, and that is fatal.
    fn utf8(&mut self, mut bytes: &[u8], stream: bool) -> Option<String> {
        let mut text = String::with_capacity(bytes.len());
        loop {
            match str::from_utf8(bytes) {
                Ok(rest) => {
                    text.push_str(rest);
                    return Some(text);
                }
                Err(error) => {
                    let (sound, broken) = bytes.split_at(error.valid_up_to());
                    text.push_str(str::from_utf8(sound).ok()?);
                    match error.error_len() {
                        None if stream => {
                            self.rest = broken.to_vec();
                            return Some(text);
                        }
                        _ if self.fatal => return None,
                        length => {
                            text.push('\u{fffd}');
                            bytes = &broken[length.unwrap_or(broken.len())..];
                        }
                    }
                }
            }
        }
    }

    /// Decodes UTF-16, in the same way.
    fn utf16(&mut self, bytes: &[u8], stream: bool, unit: fn([u8; 2]) -> u16) -> Option<String> {
        let (pairs, odd) = bytes.as_chunks::<2>();
        let mut units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
        let half = units.last().is_some_and(|last| (0xd800..0xdc00).contains(last));
        if stream {
            let kept = odd.len() + if half { 2 } else { 0 };
            self.rest = bytes[bytes.len() - kept..].to_vec();
            if half {
                units.pop();
            }
        }
        let mut text = String::with_capacity(units.len());
        for letter in char::decode_utf16(units) {
            match letter {
                Ok(letter) => text.push(letter),
                Err(_) if self.fatal => return None,
                Err(_) => text.push('\u{fffd}'),
            }
        }
        if !stream && !odd.is_empty() {
            if self.fatal {
                return None;
            }
            // A half letter and an odd byte at the end are one mistake.
            if !half {
                text.push('\u{fffd}');
            }
        }
        Some(text)
    }
}

/// A boolean of an object of options.
fn option(options: &Opt<Value<'_>>, name: &str) -> rquickjs::Result<bool> {
    match options.0.as_ref().and_then(Value::as_object) {
        Some(options) => options.get::<_, Coerced<bool>>(name).map(|value| value.0),
        None => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use crate::modules::testing::{eval, thrown};

    #[test]
    fn text_becomes_bytes() {
        let script = "const e = new TextEncoder(), room = new Uint8Array(6);
            export const result = [
              e.encoding, Array.from(e.encode('aé😀')), e.encode().length, e.encode(undefined).length, e.encode(null).length,
              Array.from(e.encode('\\ud800x')), e.encode('x') instanceof Uint8Array,
              JSON.stringify(e.encodeInto('aé😀', room)), Array.from(room),
              JSON.stringify(e.encodeInto('😀', room.subarray(2))), Array.from(room),
            ].join(' ');";
        assert_eq!(
            eval(script),
            "utf-8 97,195,169,240,159,152,128 0 0 4 239,191,189,120 true {\"read\":2,\"written\":3} 97,195,169,0,0,0 {\"read\":2,\"written\":4} 97,195,240,159,152,128"
        );
        assert!(
            thrown("new TextEncoder().encodeInto('x', new Uint16Array(1))").contains("Uint8Array")
        );
    }

    #[test]
    fn bytes_become_text() {
        let script = "const b = (...bytes) => new Uint8Array(bytes);
            export const result = [
              new TextDecoder().decode(b(97, 0xc3, 0xa9).buffer), new TextDecoder().decode(),
              new TextDecoder().decode(b(0xef, 0xbb, 0xbf, 97)).length,
              new TextDecoder('utf8', { ignoreBOM: true }).decode(b(0xef, 0xbb, 0xbf, 97)).length,
              new TextDecoder().decode(b(0xff, 97, 0xe2, 0x82)), new TextDecoder().decode(b(0xe2, 0x82, 97)),
              new TextDecoder(' UTF-16 ').decode(b(97, 0, 0x3d, 0xd8, 0, 0xde)),
              new TextDecoder('utf-16be').decode(b(0, 97, 0xd8, 0x3d, 0xde, 0)),
              new TextDecoder('utf-16le').decode(b(0, 0xd8, 97, 0, 98)),
              new TextDecoder('utf-16le').encoding, new TextDecoder().fatal, new TextDecoder().ignoreBOM,
            ].join('|');";
        assert_eq!(
            eval(script),
            "aé||1|2|\u{fffd}a\u{fffd}|\u{fffd}a|a😀|a😀|\u{fffd}a\u{fffd}|utf-16le|false|false"
        );
    }

    #[test]
    fn streams_keep_what_is_no_whole_letter_yet() {
        let script = "const parts = (label, bytes) => {
              const d = new TextDecoder(label);
              const parts = bytes.map((byte) => d.decode(new Uint8Array([byte]), { stream: true }));
              return parts.join('_') + '.' + d.decode();
            };
            export const result = [
              parts('utf-8', [0xef, 0xbb, 0xbf, 0xf0, 0x9f, 0x98, 0x80, 97]),
              parts('utf-8', [0xe2, 0x82]),
              parts('utf-16le', [0xff, 0xfe, 0x3d, 0xd8, 0x00, 0xde]),
              parts('utf-16le', [0x3d, 0xd8]),
            ].join('|');";
        assert_eq!(eval(script), "______😀_a.|_.\u{fffd}|_____😀.|_.\u{fffd}");
    }

    #[test]
    fn broken_bytes_are_fatal_if_asked() {
        let fatal = |label: &str, bytes: &str| {
            thrown(&format!(
                "new TextDecoder('{label}', {{ fatal: true }}).decode(new Uint8Array([{bytes}]))"
            ))
        };
        assert!(fatal("utf-8", "0xff").contains("not utf-8"));
        assert!(fatal("utf-8", "0xe2, 0x82").contains("not utf-8"));
        assert!(fatal("utf-16le", "0, 0xdc").contains("not utf-16le"));
        assert!(fatal("utf-16be", "0").contains("not utf-16be"));
        assert!(thrown("new TextDecoder('latin1')").contains("not \"latin1\""));
        assert!(thrown("new TextDecoder().decode('text')").contains("ArrayBuffer"));
    }
}
