//! The global `crypto`: random values; `crypto.subtle` is refused, method by method.

use rquickjs::function::Func;
use rquickjs::object::Accessor;
use rquickjs::{Ctx, Exception, Object, Value};
use seaworthy_script::{byte_length, overwrite_bytes};

use super::crypto::random;

/// Sets the global.
pub(crate) fn install(ctx: &Ctx<'_>) -> rquickjs::Result<()> {
    let crypto = Object::new(ctx.clone())?;
    crypto.set("getRandomValues", Func::from(get_random_values))?;
    crypto.set("randomUUID", Func::from(random_uuid))?;
    crypto.prop("subtle", Accessor::from(subtle).enumerable().configurable())?;
    ctx.globals().set("crypto", crypto)
}

/// Fills an array of whole numbers, and gives it back.
fn get_random_values<'js>(ctx: Ctx<'js>, array: Value<'js>) -> rquickjs::Result<Value<'js>> {
    const MOST: usize = 65_536;
    const KINDS: [&str; 9] = [
        "Int8Array",
        "Uint8Array",
        "Uint8ClampedArray",
        "Int16Array",
        "Uint16Array",
        "Int32Array",
        "Uint32Array",
        "BigInt64Array",
        "BigUint64Array",
    ];
    let tag = rquickjs::atom::PredefinedAtom::SymbolToStringTag;
    let kind = array.as_object().and_then(|array| array.get::<_, String>(tag).ok());
    let whole = kind.is_some_and(|kind| KINDS.contains(&kind.as_str()));
    let Some(length) = byte_length(&array).filter(|_| whole) else {
        let words = "getRandomValues() needs a typed array of whole numbers";
        return Err(Exception::throw_type(&ctx, words));
    };
    if length > MOST {
        let words = format!("getRandomValues() fills at most {MOST} bytes, not {length}");
        return Err(Exception::throw_range(&ctx, &words));
    }
    overwrite_bytes(&array, &random(&ctx, length)?);
    Ok(array)
}

/// A random UUID, of version 4.
fn random_uuid(ctx: Ctx<'_>) -> rquickjs::Result<String> {
    let mut bytes = random(&ctx, 16)?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    Ok(text)
}

/// What is there of WebCrypto: a name for each method, which says that it comes later. Libraries
/// look whether `subtle` is there long before they call it, if they ever do.
fn subtle(ctx: Ctx<'_>) -> rquickjs::Result<Object<'_>> {
    const METHODS: [&str; 12] = [
        "decrypt",
        "deriveBits",
        "deriveKey",
        "digest",
        "encrypt",
        "exportKey",
        "generateKey",
        "importKey",
        "sign",
        "unwrapKey",
        "verify",
        "wrapKey",
    ];
    let object = Object::new(ctx)?;
    for name in METHODS {
        let refuse = move |ctx: Ctx<'_>| -> rquickjs::Result<()> {
            let words = format!(
                "crypto.subtle.{name}() comes in a later version; k6/crypto has hashes and HMAC"
            );
            Err(Exception::throw_message(&ctx, &words))
        };
        object.set(name, Func::from(refuse))?;
    }
    Ok(object)
}

#[cfg(test)]
mod tests {
    use crate::modules::testing::{eval, thrown};

    #[test]
    fn random_values_fill_arrays_of_whole_numbers() {
        let script = "const a = new Uint8Array(64), b = new BigUint64Array(8), c = new Uint8ClampedArray(64);
            const same = crypto.getRandomValues(a) === a;
            crypto.getRandomValues(b); crypto.getRandomValues(c);
            const inner = new Uint8Array(32); crypto.getRandomValues(inner.subarray(8, 24));
            export const result = [
              same, new Set(a).size > 16, new Set(b).size, new Set(c).size > 16,
              inner.slice(0, 8).some(Boolean), inner.slice(8, 24).some(Boolean), inner.slice(24).some(Boolean),
              crypto.getRandomValues(new Uint8Array(0)).length,
            ].join();";
        assert_eq!(eval(script), "true,true,8,true,false,true,false,0");
        for other in [
            "new Float64Array(1)",
            "new ArrayBuffer(8)",
            "new DataView(new ArrayBuffer(1))",
            "[1]",
            "null",
        ] {
            let told = thrown(&format!("crypto.getRandomValues({other})"));
            assert!(told.contains("typed array of whole numbers"), "{other}: {told}");
        }
        assert!(thrown("crypto.getRandomValues(new Uint8Array(65537))").contains("65536"));
    }

    #[test]
    fn uuids_are_random_and_of_version_4() {
        let script = "const form = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
            const some = Array.from({ length: 100 }, () => crypto.randomUUID());
            export const result = [some.every((uuid) => form.test(uuid)), new Set(some).size].join();";
        assert_eq!(eval(script), "true,100");
    }

    #[test]
    fn web_crypto_is_refused_by_name() {
        assert_eq!(eval("export const result = typeof crypto.subtle.digest;"), "function");
        let told = thrown("crypto.subtle.digest('SHA-256', new Uint8Array(1))");
        assert!(told.contains("crypto.subtle.digest() comes in a later version"), "{told}");
    }
}
