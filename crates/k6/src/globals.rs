//! What a script finds without importing it: `__VU`, `__ITER`, `__ENV`, `console`, `open`, timers.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use rquickjs::function::{Func, Opt, Rest};
use rquickjs::{ArrayBuffer, Ctx, Exception, IntoJs, Object, Value};

use seaworthy_script::frames;

use crate::console::Level;
use crate::modules;
use crate::vu::{Scenario, Stage, Vu};

/// Sets the globals of a virtual user that is about to be initialised.
pub(crate) fn install<'js>(ctx: &Ctx<'js>, vu: &Rc<Vu>) -> rquickjs::Result<()> {
    let globals = ctx.globals();
    globals.set("__VU", vu.id)?;
    let environment = Object::new(ctx.clone())?;
    for (name, value) in &vu.shared.environment {
        environment.set(name.as_str(), value.as_str())?;
    }
    globals.set("__ENV", environment)?;
    globals.set("console", console(ctx)?)?;
    // As in Node.js, and so in k6.
    globals.set("global", globals.clone())?;
    globals.set("open", Func::from(open))?;
    modules::timers::install(ctx)?;
    modules::text_coding::install(ctx)?;
    modules::web_crypto::install(ctx)?;
    crate::collation::install(ctx)?;
    // What k6 does not have is not there, so that a script that runs here runs there too.
    for name in ["queueMicrotask", "performance"] {
        globals.remove(name)?;
    }
    Ok(())
}

/// Sets what depends on the scenario.
pub(crate) fn enter(ctx: &Ctx<'_>, vu: &Vu, scenario: &Scenario) -> rquickjs::Result<()> {
    if scenario.environment.is_empty() && !vu.has_own_environment.replace(false) {
        return Ok(());
    }
    vu.has_own_environment.set(!scenario.environment.is_empty());
    let environment = Object::new(ctx.clone())?;
    for (name, value) in vu.shared.environment.iter().chain(&scenario.environment) {
        environment.set(name.as_str(), value.as_str())?;
    }
    ctx.globals().set("__ENV", environment)
}

/// Lets go of what holds values of the engine, before that goes.
pub(crate) fn forget(ctx: &Ctx<'_>) {
    if let Ok(vu) = Vu::of(ctx) {
        *vu.scenario.borrow_mut() = None;
    }
}

fn console<'js>(ctx: &Ctx<'js>) -> rquickjs::Result<Object<'js>> {
    let console = Object::new(ctx.clone())?;
    for (name, level) in [
        ("log", Level::Info),
        ("info", Level::Info),
        ("debug", Level::Debug),
        ("warn", Level::Warning),
        ("error", Level::Error),
    ] {
        let say = move |ctx: Ctx<'js>, values: Rest<Value<'js>>| -> rquickjs::Result<()> {
            let vu = Vu::of(&ctx)?;
            let words: Vec<String> =
                values.0.iter().map(|value| shown(&ctx, value)).collect::<Result<_, _>>()?;
            vu.shared.console.script(level, &words.join(" "));
            Ok(())
        };
        console.set(name, Func::from(say))?;
    }
    Ok(console)
}

/// How functions are shown, whatever they are.
const FUNCTION: &str = "[object Function]";

/// A symbol is shown as its description.
fn described<'js>(value: &Value<'js>) -> Option<rquickjs::Result<String>> {
    let symbol = value.as_symbol()?;
    Some(symbol.description().and_then(|text| match text.is_undefined() {
        true => Ok(String::new()),
        false => Ok(text.get::<rquickjs::Coerced<String>>()?.0),
    }))
}

/// A value as the console shows it: text as it is, errors with their stack, the rest as JSON.
pub(crate) fn shown<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> rquickjs::Result<String> {
    let text = |value: &Value<'js>| value.get::<rquickjs::Coerced<String>>().map(|text| text.0);
    if value.is_function() {
        return Ok(FUNCTION.to_owned());
    }
    if !value.is_object() {
        return described(value).unwrap_or_else(|| text(value));
    }
    if value.is_error() {
        let stack = value.as_object().map(|error| error.get::<_, Option<String>>("stack"));
        let stack: String = stack.transpose()?.flatten().unwrap_or_default();
        let message = text(value)?;
        let vu = Vu::of(ctx)?;
        let stack = vu.shared.bundle.map_places(frames(&stack, &message));
        return Ok(if stack.is_empty() { message } else { format!("{message}\n{stack}") });
    }

    let mut shown = String::new();
    write(value, 0, &mut shown)?;
    Ok(shown)
}

/// How deep objects are shown.
const DEPTH: usize = 8;

/// Writes a value as k6 shows it: `{ a: 1, b: [ "x" ] }`.
fn write<'js>(value: &Value<'js>, depth: usize, to: &mut String) -> rquickjs::Result<()> {
    if value.is_undefined() || value.is_null() {
        to.push_str("null");
        return Ok(());
    }
    if value.is_function() {
        to.push_str(FUNCTION);
        return Ok(());
    }
    if let Some(text) = described(value) {
        to.push_str(&serde_json::Value::from(text?).to_string());
        return Ok(());
    }
    if value.is_error() {
        to.push_str(&value.get::<rquickjs::Coerced<String>>()?.0);
        return Ok(());
    }
    let Some(object) = value.as_object() else {
        match value.as_string() {
            Some(text) => to.push_str(&serde_json::Value::from(text.to_string()?).to_string()),
            None => to.push_str(&value.get::<rquickjs::Coerced<String>>()?.0),
        }
        return Ok(());
    };
    if let Ok(Some(method)) = object.get::<_, Option<rquickjs::Function<'js>>>("toJSON") {
        let plain: Value<'js> = method.call((rquickjs::function::This(object.clone()),))?;
        if plain.is_object() && depth >= DEPTH {
            to.push_str("null");
            return Ok(());
        }
        return write(&plain, depth + 1, to);
    }
    if depth > DEPTH {
        // A circle, most often.
        to.push_str(if value.is_array() { "[ … ]" } else { "{ … }" });
        return Ok(());
    }
    let (open, close) = if value.is_array() { ('[', ']') } else { ('{', '}') };
    to.push(open);
    let mut first = true;
    let mut next = |to: &mut String| {
        to.push_str(if first { " " } else { ", " });
        first = false;
    };
    if let Some(array) = value.as_array() {
        for element in array.iter::<Value<'js>>() {
            next(to);
            write(&element?, depth + 1, to)?;
        }
    } else {
        for entry in object.props::<String, Value<'js>>() {
            let (name, value) = entry?;
            next(to);
            to.push_str(&name);
            to.push_str(": ");
            write(&value, depth + 1, to)?;
        }
    }
    if !first {
        to.push(' ');
    }
    to.push(close);
    Ok(())
}

/// `open(path, mode)`: a file's text, or its bytes with mode `b`.
fn open<'js>(ctx: Ctx<'js>, path: String, mode: Opt<String>) -> rquickjs::Result<Value<'js>> {
    let vu = Vu::of(&ctx)?;
    let throw = |words: &str| Err(Exception::throw_message(&ctx, words));
    if vu.stage.get() != Stage::Init {
        return throw("open() can only be called in the init context: at the top of the script");
    }
    if path.is_empty() {
        return throw("open() needs the path of a file");
    }
    let full = located(&ctx, &vu, &path);
    let bytes = match vu.shared.open(&full) {
        Ok(bytes) => bytes,
        Err(error) => return throw(&format!("open({path:?}): {}: {error}", full.display())),
    };
    match mode.0.as_deref() {
        Some("b") => ArrayBuffer::new(ctx.clone(), bytes.to_vec())?.into_js(&ctx),
        _ => String::from_utf8_lossy(&bytes).into_owned().into_js(&ctx),
    }
}

/// A path counts from the folder of the file that calls.
fn located(ctx: &Ctx<'_>, vu: &Vu, path: &str) -> PathBuf {
    let path = path.strip_prefix("file://").unwrap_or(path);
    if Path::new(path).is_absolute() {
        return PathBuf::from(path);
    }
    let caller = (0..3)
        .filter_map(|level| ctx.script_or_module_name(level)?.to_string().ok())
        .find_map(|name| vu.shared.bundle.path_of(&name).map(PathBuf::from));
    let folder = caller.as_deref().and_then(Path::parent).unwrap_or(&vu.shared.folder);
    folder.join(path)
}
