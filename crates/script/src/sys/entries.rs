//! Texts and properties of script values, read where the engine keeps them.
//!
//! What rquickjs offers for this copies each name and each text into a `String` of its own; with a
//! dozen of them in a request of a usual script, that was a tenth of its time.
//!
//! # Why the unsafe here is sound
//!
//! A text holds what the engine gave until it is dropped, and the engine changes no text in place;
//! that it is UTF-8 is checked before anybody sees it. A table of properties holds its atoms until
//! it is dropped, whatever the script does to the object meanwhile. Both keep the engine alive.

use std::ffi::c_char;
use std::ops::Deref;
use std::ptr::{self, NonNull};

use rquickjs::{Ctx, Error, Object, Result, Value, qjs};

/// A text of the engine, borrowed from it. What of it is no Unicode (half a surrogate pair) is
/// replaced by `U+FFFD`.
pub struct Text<'js>(Kept<'js>);

enum Kept<'js> {
    /// `length` bytes of UTF-8, checked when it was made.
    There {
        ctx: Ctx<'js>,
        start: NonNull<c_char>,
        length: usize,
    },
    Here(String),
}

impl<'js> Text<'js> {
    /// A value as `String(value)` gives it.
    ///
    /// # Errors
    /// What the script throws, as `toString` of an object of its own may.
    pub fn of(value: &Value<'js>) -> Result<Self> {
        let ctx = value.ctx();
        let mut length = 0;
        // SAFETY: the value belongs to this engine and lives as long as it is borrowed.
        #[expect(unsafe_code, reason = "a text of the engine")]
        let start =
            unsafe { qjs::JS_ToCStringLen(ctx.as_raw().as_ptr(), &mut length, value.as_raw()) };
        // SAFETY: what was just made belongs to nobody else.
        #[expect(unsafe_code, reason = "what was just made")]
        unsafe {
            Self::take(ctx, start, length)
        }
    }

    /// # Safety
    /// `start` must be what a function of the engine returned that is freed by `JS_FreeCString`, or
    /// null where that threw; `length` must be its length.
    #[expect(unsafe_code, reason = "its caller says whose it is")]
    unsafe fn take(ctx: &Ctx<'js>, start: *const c_char, length: usize) -> Result<Self> {
        let Some(start) = NonNull::new(start.cast_mut()) else { return Err(Error::Exception) };
        let text = Self(Kept::There { ctx: ctx.clone(), start, length });
        // SAFETY: the engine says that there are so many bytes.
        #[expect(unsafe_code, reason = "as long as the engine says")]
        let bytes = unsafe { std::slice::from_raw_parts(start.as_ptr().cast::<u8>(), length) };
        match std::str::from_utf8(bytes) {
            Ok(_) => Ok(text),
            Err(_) => Ok(Self(Kept::Here(String::from_utf8_lossy(bytes).into_owned()))),
        }
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match &self.0 {
            // SAFETY: it was checked when it was made, and the engine changes no text in place.
            #[expect(unsafe_code, reason = "checked UTF-8")]
            Kept::There { start, length, .. } => unsafe {
                let bytes = std::slice::from_raw_parts(start.as_ptr().cast::<u8>(), *length);
                std::str::from_utf8_unchecked(bytes)
            },
            Kept::Here(text) => text,
        }
    }
}

impl Drop for Text<'_> {
    fn drop(&mut self) {
        if let Kept::There { ctx, start, .. } = &self.0 {
            // SAFETY: it is freed once, in the engine that made it.
            #[expect(unsafe_code, reason = "freed once")]
            unsafe {
                qjs::JS_FreeCString(ctx.as_raw().as_ptr(), start.as_ptr())
            }
        }
    }
}

/// Counts one more owner of a value. For what rquickjs 0.14.0 drops although the engine only lent it:
/// the value that is given to `JsClass::exotic_set_property`.
pub fn lent(value: &Value<'_>) {
    // SAFETY: the value belongs to this engine; one owner too many keeps it, and no more.
    #[expect(unsafe_code, reason = "an owner more")]
    let _ = unsafe { qjs::JS_DupValue(value.ctx().as_raw().as_ptr(), value.as_raw()) };
}

/// The own enumerable properties of an object that have names, in its order. Values are read when
/// their turn comes, as a script would see them.
pub struct Entries<'o, 'js> {
    object: &'o Object<'js>,
    table: *mut qjs::JSPropertyEnum,
    count: u32,
    next: u32,
}

impl<'o, 'js> Entries<'o, 'js> {
    /// # Errors
    /// What the script throws: an object may be a proxy.
    pub fn of(object: &'o Object<'js>) -> Result<Self> {
        let (mut table, mut count) = (ptr::null_mut(), 0);
        let wanted = (qjs::JS_GPN_STRING_MASK | qjs::JS_GPN_ENUM_ONLY) as i32;
        let ctx = object.ctx().as_raw().as_ptr();
        // SAFETY: the object belongs to this engine; the table is ours until it is freed below.
        #[expect(unsafe_code, reason = "a table of ours")]
        let status = unsafe {
            qjs::JS_GetOwnPropertyNames(ctx, &mut table, &mut count, object.as_raw(), wanted)
        };
        if status < 0 {
            return Err(Error::Exception);
        }
        Ok(Self { object, table, count, next: 0 })
    }
}

impl<'js> Iterator for Entries<'_, 'js> {
    type Item = Result<(Text<'js>, Value<'js>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.count {
            return None;
        }
        let ctx = self.object.ctx();
        let engine = ctx.as_raw().as_ptr();
        // SAFETY: the table has `count` places, and this one is below it.
        #[expect(unsafe_code, reason = "within the table")]
        let atom = unsafe { (*self.table.add(self.next as usize)).atom };
        self.next += 1;
        let mut length = 0;
        // SAFETY: the table keeps the atom alive; the text is given to nobody else.
        #[expect(unsafe_code, reason = "an atom that the table holds")]
        let name = unsafe {
            let start = qjs::JS_AtomToCStringLen(engine, &mut length, atom);
            Text::take(ctx, start, length as usize)
        };
        let name = match name {
            Ok(name) => name,
            Err(error) => return Some(Err(error)),
        };
        // SAFETY: as above; the value read is owned by what is made of it.
        #[expect(unsafe_code, reason = "an atom that the table holds")]
        let value = unsafe {
            let value = qjs::JS_GetProperty(engine, self.object.as_raw(), atom);
            Value::from_raw(ctx.clone(), value)
        };
        if value.is_exception() {
            return Some(Err(Error::Exception));
        }
        Some(Ok((name, value)))
    }
}

impl Drop for Entries<'_, '_> {
    fn drop(&mut self) {
        let engine = self.object.ctx().as_raw().as_ptr();
        // SAFETY: the table and its atoms are ours, and freed once.
        #[expect(unsafe_code, reason = "freed once")]
        unsafe {
            qjs::JS_FreePropertyEnum(engine, self.table, self.count)
        }
    }
}
