//! Bytecode: compiled once, read back into the runtime of each virtual user.
//!
//! # Why the unsafe here is sound
//!
//! Bytecode is read only from [`Bytecode`], whose one maker is this module: it is what this very
//! QuickJS wrote in this process. Raw values are wrapped before anything else can happen to them.

use std::ffi::CString;
use std::sync::Arc;

use rquickjs::module::{Declared, Module, WriteOptions};
use rquickjs::{Ctx, Error, Exception, Result, Value, qjs};

/// What was compiled. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Bytecode(Arc<[u8]>);

impl Bytecode {
    /// Of a module that was declared.
    pub(crate) fn of_module(module: &Module<'_, Declared>) -> Result<Self> {
        let options = WriteOptions { strip_source: true, ..WriteOptions::default() };
        Ok(Self(module.write(options)?.into()))
    }

    /// How many bytes it has.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Reads a module back, not yet evaluated.
pub(crate) fn load_module<'js>(
    ctx: &Ctx<'js>,
    bytecode: &Bytecode,
) -> Result<Module<'js, Declared>> {
    // SAFETY: see the module's text.
    #[expect(unsafe_code, reason = "bytecode that this engine wrote")]
    unsafe {
        Module::load(ctx.clone(), &bytecode.0)
    }
}

/// Compiles a script (no module) without running it.
pub(crate) fn compile_script(ctx: &Ctx<'_>, name: &str, text: &str) -> Result<Bytecode> {
    let name = CString::new(name)?;
    let length = text.len();
    let text = CString::new(text)?;
    let flags = qjs::JS_EVAL_TYPE_GLOBAL | qjs::JS_EVAL_FLAG_COMPILE_ONLY;
    // SAFETY: name and text end with a zero and outlive the calls; the value is freed by its
    // wrapper; the buffer is copied, then freed.
    #[expect(unsafe_code, reason = "calls that rquickjs does not wrap")]
    unsafe {
        let raw = ctx.as_raw().as_ptr();
        let value = qjs::JS_Eval(raw, text.as_ptr(), length as _, name.as_ptr(), flags as i32);
        if qjs::JS_IsException(value) {
            return Err(Error::Exception);
        }
        let value = Value::from_raw(ctx.clone(), value);
        let mut size = 0;
        let written = qjs::JS_WriteObject(
            raw,
            &raw mut size,
            value.as_raw(),
            (qjs::JS_WRITE_OBJ_BYTECODE | qjs::JS_WRITE_OBJ_STRIP_SOURCE) as i32,
        );
        if written.is_null() {
            return Err(Error::Exception);
        }
        let bytes: Arc<[u8]> = std::slice::from_raw_parts(written, size as usize).into();
        qjs::js_free(raw, written.cast());
        Ok(Bytecode(bytes))
    }
}

/// Runs a compiled script; what its last expression gives.
pub(crate) fn run_script<'js>(ctx: &Ctx<'js>, bytecode: &Bytecode) -> Result<Value<'js>> {
    // SAFETY: bytecode that this engine wrote; `JS_EvalFunction` takes the function over.
    #[expect(unsafe_code, reason = "calls that rquickjs does not wrap")]
    unsafe {
        let raw = ctx.as_raw().as_ptr();
        let function = qjs::JS_ReadObject(
            raw,
            bytecode.0.as_ptr(),
            bytecode.0.len() as _,
            qjs::JS_READ_OBJ_BYTECODE as i32,
        );
        if qjs::JS_IsException(function) {
            return Err(Error::Exception);
        }
        let value = qjs::JS_EvalFunction(raw, function);
        if qjs::JS_IsException(value) {
            return Err(Error::Exception);
        }
        Ok(Value::from_raw(ctx.clone(), value))
    }
}

/// Throws what no `catch` and no `finally` of the script sees: it leaves every call of it.
pub fn end_script(ctx: &Ctx<'_>, words: &str) -> Error {
    let exception = match Exception::from_message(ctx.clone(), words) {
        Ok(exception) => exception.into_value(),
        Err(error) => return error,
    };
    // SAFETY: an error object of this context.
    #[expect(unsafe_code, reason = "a call that rquickjs does not wrap")]
    unsafe {
        qjs::JS_SetUncatchableError(ctx.as_raw().as_ptr(), exception.as_raw());
    }
    ctx.throw(exception)
}

/// Whether jobs of promises are left to be done.
pub(crate) fn has_jobs(ctx: &Ctx<'_>) -> bool {
    // SAFETY: this context's own runtime, which is asked and not changed.
    #[expect(unsafe_code, reason = "rquickjs asks only those who are outside of the context")]
    unsafe {
        qjs::JS_IsJobPending(qjs::JS_GetRuntime(ctx.as_raw().as_ptr()))
    }
}
