//! `k6/encoding`: base64 both ways.

use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, Engine as _};
use rquickjs::function::{Func, Opt};
use rquickjs::{ArrayBuffer, Ctx, Exception, IntoJs, Object, Value};

use super::{Exported, input};

pub(crate) struct Encoding;

impl Exported for Encoding {
    const NAMES: &'static [&'static str] = &["b64decode", "b64encode"];

    fn build<'js>(ctx: &Ctx<'js>) -> rquickjs::Result<Object<'js>> {
        let object = Object::new(ctx.clone())?;
        object.set("b64decode", Func::from(decode))?;
        object.set("b64encode", Func::from(encode))?;
        Ok(object)
    }
}

/// Base64 with `=` at its end, in the alphabet of texts and in that of URLs.
pub(super) const PADDED: GeneralPurpose = GeneralPurpose::new(&STANDARD, config(true));
pub(super) const URL_PADDED: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, config(true));

/// The same without `=`.
const BARE: GeneralPurpose = GeneralPurpose::new(&STANDARD, config(false));
pub(super) const URL_BARE: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, config(false));

/// As Go, which k6 is written in, reads base64: padding must be as it is written, bits left over
/// in the last digit may be anything.
const fn config(padded: bool) -> GeneralPurposeConfig {
    let mode = match padded {
        true => DecodePaddingMode::RequireCanonical,
        false => DecodePaddingMode::RequireNone,
    };
    GeneralPurposeConfig::new()
        .with_encode_padding(padded)
        .with_decode_padding_mode(mode)
        .with_decode_allow_trailing_bits(true)
}

/// The base64 of that name; as in k6, any other name is the standard one.
fn named(encoding: Opt<Value<'_>>) -> &'static GeneralPurpose {
    let name = encoding.0.and_then(|name| name.into_string()?.to_string().ok());
    match name.as_deref() {
        Some("rawstd") => &BARE,
        Some("url") => &URL_PADDED,
        Some("rawurl") => &URL_BARE,
        _ => &PADDED,
    }
}

fn encode<'js>(
    ctx: Ctx<'js>,
    input: Value<'js>,
    encoding: Opt<Value<'js>>,
) -> rquickjs::Result<String> {
    let bytes = input::bytes(&ctx, &input, "the input of b64encode()")?;
    Ok(named(encoding).encode(bytes))
}

fn decode<'js>(
    ctx: Ctx<'js>,
    input: Value<'js>,
    encoding: Opt<Value<'js>>,
    format: Opt<Value<'js>>,
) -> rquickjs::Result<Value<'js>> {
    let mut text = match input.is_null() || input.is_undefined() {
        true => String::new(),
        false => input::text(&ctx, &input)?,
    };
    // Line ends may stand anywhere.
    text.retain(|letter| letter != '\r' && letter != '\n');
    let bytes = named(encoding).decode(text.as_bytes()).map_err(|error| {
        let why = match error {
            base64::DecodeError::InvalidByte(at, _) => {
                let letter = text.get(at..).and_then(|rest| rest.chars().next()).unwrap_or('?');
                format!("{letter:?} at its letter {} is no digit of this base64", at + 1)
            }
            base64::DecodeError::InvalidPadding => {
                "its `=` at the end are not as this base64 has them".to_owned()
            }
            _ => "it ends in the middle of a byte".to_owned(),
        };
        Exception::throw_message(&ctx, &format!("b64decode() cannot read the input: {why}"))
    })?;
    let format = format.0.and_then(|format| format.into_string()?.to_string().ok());
    match format.as_deref() {
        Some("s") => String::from_utf8_lossy(&bytes).into_js(&ctx),
        _ => ArrayBuffer::new(ctx.clone(), bytes)?.into_js(&ctx),
    }
}

#[cfg(test)]
mod tests {
    use crate::modules::testing::{eval, thrown};

    /// RFC 4648, section 10.
    const VECTORS: [(&str, &str); 7] = [
        ("", ""),
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foo", "Zm9v"),
        ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ];

    #[test]
    fn published_vectors_hold_both_ways() {
        for (plain, coded) in VECTORS {
            let raw = coded.trim_end_matches('=');
            let script = format!(
                "import encoding, {{ b64encode, b64decode }} from 'k6/encoding';
                 export const result = [
                   b64encode('{plain}'), b64encode('{plain}', 'std'), b64encode('{plain}', 'rawstd'),
                   encoding.b64decode('{coded}', 'std', 's'), b64decode('{raw}', 'rawstd', 's'),
                   b64decode('{coded}').byteLength,
                 ].join();"
            );
            let length = plain.len();
            assert_eq!(eval(&script), format!("{coded},{coded},{raw},{plain},{plain},{length}"));
        }
    }

    #[test]
    fn bytes_and_letters_outside_ascii() {
        let script = "import { b64encode, b64decode } from 'k6/encoding';
            const bytes = new Uint8Array([0xfb, 0xff, 0xfe, 1]);
            export const result = [
              b64encode(bytes), b64encode(bytes.buffer, 'url'), b64encode(bytes.subarray(0, 3), 'rawurl'),
              new Uint8Array(b64decode('-__-', 'rawurl')).join(' '), b64encode('é😀'), b64encode('\\ud800'),
              b64decode('w6nwn5iA', 'std', 's'), b64decode('/w==', 'std', 's'),
              b64decode('Zm9v\\r\\nYg==', 'std', 's'), b64decode('Zh==', 'std', 's'),
            ].join();";
        assert_eq!(
            eval(script),
            "+//+AQ==,-__-AQ==,-__-,251 255 254,w6nwn5iA,77+9,é😀,\u{fffd},foob,f"
        );
    }

    #[test]
    fn what_is_no_base64_throws() {
        let decode = |arguments: &str| {
            thrown(&format!("import {{ b64decode }} from 'k6/encoding'; b64decode({arguments});"))
        };
        assert!(decode("'Zg'").contains("`=` at the end"), "{}", decode("'Zg'"));
        assert!(decode("'Zg==', 'rawstd'").contains("b64decode() cannot read"));
        assert!(decode("'Z g='").contains("' ' at its letter 2"), "{}", decode("'Z g='"));
        assert!(decode("'-__-'").contains("'-' at its letter 1"));
        assert!(decode("'Z'").contains("b64decode() cannot read"));
        let nothing = thrown("import { b64encode } from 'k6/encoding'; b64encode(null);");
        assert!(nothing.contains("must be a string"), "{nothing}");
    }
}
