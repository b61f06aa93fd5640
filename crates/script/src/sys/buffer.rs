//! The bytes behind an `ArrayBuffer`, a typed array or a `DataView`: copied out, and written into.
//!
//! # Why the unsafe here is sound
//!
//! The engine owns that memory, and a script may detach, shrink or move it. So no slice of it
//! leaves this file: each call asks the engine where the bytes are now, copies, and is done before
//! any JavaScript runs again.

use std::ptr::NonNull;

use rquickjs::{ArrayBuffer, Value, qjs};

/// A copy of the bytes behind an `ArrayBuffer`, a typed array or a `DataView`; `None` for anything
/// else, and for a buffer that was detached.
#[expect(unsafe_code, reason = "a copy before any JavaScript runs")]
pub fn copy_bytes(value: &Value<'_>) -> Option<Vec<u8>> {
    let bytes = located(value)?;
    // SAFETY: `located` asked the engine for the memory just now, and no JavaScript runs before the
    // copy is made.
    Some(unsafe { bytes.as_ref() }.to_vec())
}

/// How many bytes are behind an `ArrayBuffer`, a typed array or a `DataView`.
pub fn byte_length(value: &Value<'_>) -> Option<usize> {
    located(value).map(|bytes| bytes.len())
}

/// Writes over the first bytes behind an `ArrayBuffer`, a typed array or a `DataView`, as many as
/// there are of both, and says how many. `None` for anything else.
#[expect(unsafe_code, reason = "a copy before any JavaScript runs")]
pub fn overwrite_bytes(value: &Value<'_>, with: &[u8]) -> Option<usize> {
    let mut bytes = located(value)?;
    // SAFETY: as above; and `with` is Rust's own, so it does not overlap the engine's memory.
    let bytes = unsafe { bytes.as_mut() };
    let count = bytes.len().min(with.len());
    bytes[..count].copy_from_slice(&with[..count]);
    Some(count)
}

/// Where the bytes are now.
#[expect(unsafe_code, reason = "classes and addresses, asked of the engine itself")]
fn located(value: &Value<'_>) -> Option<NonNull<[u8]>> {
    let object = value.as_object()?;
    let raw = value.as_raw();
    // SAFETY: `raw` belongs to `value`, which lives longer than the call.
    if unsafe { qjs::JS_IsArrayBuffer(raw) } {
        return ArrayBuffer::from_object(object.clone())?.as_raw();
    }
    // SAFETY: as above. Both only look at the object's class.
    let view = unsafe { qjs::JS_GetTypedArrayType(raw) >= 0 || qjs::JS_IsDataView(raw) };
    if !view {
        return None;
    }
    // Read from the prototype's own getters these are right even for views that follow a buffer's
    // length; a script that replaces them gets other bytes of its own buffer, never beyond it.
    let buffer: Value<'_> = object.get("buffer").ok()?;
    // SAFETY: as above.
    if !unsafe { qjs::JS_IsArrayBuffer(buffer.as_raw()) } {
        return None;
    }
    let start: usize = whole(object.get("byteOffset").ok()?)?;
    let length: usize = whole(object.get("byteLength").ok()?)?;
    let whole = ArrayBuffer::from_value(buffer)?.as_raw()?;
    let end = start.checked_add(length)?;
    if end > whole.len() {
        return None;
    }
    // SAFETY: `start` lies within the buffer, or right behind it when the length is 0.
    let first = unsafe { whole.cast::<u8>().add(start) };
    Some(NonNull::slice_from_raw_parts(first, length))
}

/// A number of JavaScript's as a length.
fn whole(number: f64) -> Option<usize> {
    let sound = (0.0..=9_007_199_254_740_991.0).contains(&number) && number.fract() == 0.0;
    sound.then_some(number as usize)
}

#[cfg(test)]
mod tests {
    use rquickjs::{Context, Runtime, Value};

    use super::*;

    fn with(code: &str, check: impl FnOnce(&Value<'_>)) {
        let runtime = Runtime::new().expect("a runtime");
        let context = Context::full(&runtime).expect("a context");
        context.with(|ctx| check(&ctx.eval::<Value<'_>, _>(code).expect("it runs")));
    }

    #[test]
    fn bytes_are_copied_from_every_kind_of_view() {
        let bytes = |code: &str| {
            let mut found = None;
            with(code, |value| found = copy_bytes(value));
            found
        };
        assert_eq!(bytes("new Uint8Array([1, 2, 3]).buffer"), Some(vec![1, 2, 3]));
        assert_eq!(bytes("new Uint8Array([1, 2, 3, 4]).subarray(1, 3)"), Some(vec![2, 3]));
        assert_eq!(bytes("new Uint16Array([0x0201])"), Some(vec![1, 2]));
        assert_eq!(bytes("new DataView(new Uint8Array([1, 2, 3]).buffer, 2)"), Some(vec![3]));
        assert_eq!(bytes("new ArrayBuffer(0)"), Some(vec![]));
        assert_eq!(bytes("new Uint8Array(0)"), Some(vec![]));
        assert_eq!(bytes("new Uint8Array(new ArrayBuffer(2), 2)"), Some(vec![]));
        for other in [
            "1",
            "'text'",
            "[1]",
            "({ buffer: new ArrayBuffer(1), byteOffset: 0, byteLength: 1 })",
            "null",
        ] {
            assert_eq!(bytes(other), None, "{other}");
        }
    }

    #[test]
    fn a_script_cannot_reach_beyond_its_buffer() {
        let lies = "const a = new Uint8Array(4); Object.defineProperty(a, 'byteLength', { value: 4000 }); a";
        with(lies, |value| assert_eq!(copy_bytes(value), None));
        let lies =
            "const b = new Uint8Array(4); Object.defineProperty(b, 'byteOffset', { value: -1 }); b";
        with(lies, |value| assert_eq!(copy_bytes(value), None));
        let gone = "const c = new Uint8Array(4); c.buffer.transfer(); c";
        with(gone, |value| assert!(copy_bytes(value).is_none_or(|bytes| bytes.is_empty())));
        let swapped =
            "const d = new Uint8Array(4); Object.defineProperty(d, 'buffer', { value: {} }); d";
        with(swapped, |value| assert_eq!(copy_bytes(value), None));
    }

    #[test]
    fn bytes_are_written_where_the_view_is() {
        let code = "globalThis.e = new Uint8Array([9, 9, 9, 9]); e.subarray(1, 3)";
        with(code, |value| {
            assert_eq!(byte_length(value), Some(2));
            assert_eq!(overwrite_bytes(value, &[1, 2, 3]), Some(2));
            assert_eq!(overwrite_bytes(value, &[7]), Some(1));
            let all: Vec<u8> = value.ctx().eval("Array.from(e)").expect("an array");
            assert_eq!(all, [9, 7, 2, 9]);
        });
    }
}
