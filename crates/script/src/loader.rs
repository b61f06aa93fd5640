//! A script's modules: compiled once into bytecode, read into each realm when they are imported.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use rquickjs::function::{Function, This};
use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::Declared;
use rquickjs::{Ctx, Error as JsError, Exception, Module, Object, Result as JsResult, Value};

use crate::error::Error;
use crate::realm::{Limits, Realm};
use crate::sys;
use crate::sys::Bytecode;

/// The global function that loads CommonJS modules.
pub(crate) const REQUIRE: &str = "require";

/// Declares a module that is written in Rust, under the name it is given.
pub type Declare = for<'js> fn(&Ctx<'js>, &str) -> JsResult<Module<'js, Declared>>;

/// The modules written in Rust, by name.
pub type Builtins = &'static [(&'static str, Declare)];

/// A file of a script, ready for the engine.
#[derive(Clone, Debug)]
pub struct Unit {
    /// Its name, as it stands in stack traces: a `file://` URL.
    pub name: String,
    /// JavaScript.
    pub code: String,
    /// What kind of module it is.
    pub kind: Kind,
    /// What it imports: the words in the file, and the name of the unit or built-in module.
    pub links: BTreeMap<String, String>,
    /// What it requires and cannot have: the words in the file, and why not.
    pub broken: BTreeMap<String, String>,
    /// Its path, as `__filename` gives it.
    pub path: String,
}

/// What kind of module a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An ECMAScript module.
    Module,
    /// A CommonJS module: its code is an expression, a function of `exports, require, module,
    /// __filename, __dirname`.
    CommonJs {
        /// Names that can be seen to be exported without running it.
        exports: Vec<String>,
    },
}

/// A whole script, compiled. All realms share it.
pub struct Bundle {
    entry: String,
    builtins: Builtins,
    units: BTreeMap<String, Compiled>,
    /// Rewrites the places in a stack trace to those of the files as they were written.
    places: Box<dyn Fn(&str) -> String + Send + Sync>,
}

struct Compiled {
    links: BTreeMap<String, String>,
    broken: BTreeMap<String, String>,
    path: String,
    module: Bytecode,
    /// The function of a CommonJS module.
    function: Option<Bytecode>,
}

impl Bundle {
    /// Compiles the units, the first of which is the entry. To be called on a fiber.
    ///
    /// # Errors
    /// What the engine does not take.
    pub fn compile(
        units: Vec<Unit>,
        builtins: Builtins,
        places: Box<dyn Fn(&str) -> String + Send + Sync>,
        limits: &Limits,
    ) -> Result<Arc<Self>, Error> {
        let entry = units.first().map(|unit| unit.name.clone()).unwrap_or_default();
        let empty = Arc::new(Self { entry, builtins, units: BTreeMap::new(), places });
        let compiled: Arc<Mutex<BTreeMap<String, Compiled>>> = Arc::default();
        {
            let sources = units.into_iter().map(|unit| (unit.name.clone(), unit)).collect();
            let sources = Arc::new(sources);
            let realm = Realm::bare(limits)?;
            let compiling = Compiling {
                builtins,
                sources: Arc::clone(&sources),
                compiled: Arc::clone(&compiled),
            };
            realm.load_with(Arc::clone(&sources), compiling);
            realm.with(|ctx| {
                let all = sources.keys().try_for_each(|name| {
                    let known = {
                        let compiled = compiled.lock().unwrap_or_else(PoisonError::into_inner);
                        compiled.contains_key(name)
                    };
                    if known { Ok(()) } else { compile(&ctx, &sources, &compiled, name).map(drop) }
                });
                all.map_err(|error| Error::thrown(&ctx, error, &empty))
            })?;
        }
        let units = std::mem::take(&mut *compiled.lock().unwrap_or_else(PoisonError::into_inner));
        let Some(empty) = Arc::into_inner(empty) else {
            return Err(Error::Internal("a bundle is still in use".to_owned()));
        };
        Ok(Arc::new(Self { units, ..empty }))
    }

    /// The entry's name.
    pub fn entry(&self) -> &str {
        &self.entry
    }

    /// Bytes of bytecode, all modules together.
    pub fn size(&self) -> usize {
        let of =
            |unit: &Compiled| unit.module.len() + unit.function.as_ref().map_or(0, Bytecode::len);
        self.units.values().map(of).sum()
    }

    /// The path of a file of the script, by its name in stack traces.
    pub fn path_of(&self, name: &str) -> Option<&str> {
        self.units.get(name).map(|unit| unit.path.as_str())
    }

    /// Whether the entry is a CommonJS module.
    pub(crate) fn entry_is_common_js(&self) -> bool {
        self.units.get(&self.entry).is_some_and(|unit| unit.function.is_some())
    }

    /// A stack trace with the places of the files as they were written.
    pub fn map_places(&self, stack: &str) -> String {
        (self.places)(stack)
    }

    /// `require(name)` in the file `base`.
    pub(crate) fn require<'js>(
        &self,
        ctx: &Ctx<'js>,
        base: &str,
        name: &str,
    ) -> JsResult<Value<'js>> {
        let from = self.units.get(base);
        if let Some(reason) = from.and_then(|unit| unit.broken.get(name)) {
            return Err(Exception::throw_message(ctx, reason));
        }
        let name = from.and_then(|unit| unit.links.get(name)).map_or(name, |it| it);
        let unit = self.units.get(name);
        match unit.and_then(|unit| Some((unit, unit.function.as_ref()?))) {
            Some((unit, function)) => common_js(ctx, name, &unit.path, function),
            None if self.units.contains_key(name) || self.builtin(name).is_some() => {
                let namespace: Value<'js> = Module::import(ctx, name)?.finish()?;
                Ok(namespace)
            }
            None => {
                let words = format!("cannot find module {name:?}, required by {base}");
                Err(Exception::throw_message(ctx, &words))
            }
        }
    }

    fn builtin(&self, name: &str) -> Option<Declare> {
        builtin(self.builtins, name)
    }
}

fn builtin(builtins: Builtins, name: &str) -> Option<Declare> {
    builtins.iter().find(|(known, _)| *known == name).map(|(_, declare)| *declare)
}

/// Runs a CommonJS module, or finds what it gave before.
fn common_js<'js>(
    ctx: &Ctx<'js>,
    name: &str,
    path: &str,
    function: &Bytecode,
) -> JsResult<Value<'js>> {
    const CACHE: &str = "__seaworthy_modules";
    let globals = ctx.globals();
    let cache: Object<'js> = match globals.get::<_, Option<Object<'js>>>(CACHE)? {
        Some(cache) => cache,
        None => {
            let cache = Object::new(ctx.clone())?;
            globals.prop(CACHE, rquickjs::object::Property::from(cache.clone()))?;
            cache
        }
    };
    if let Some(module) = cache.get::<_, Option<Object<'js>>>(name)? {
        return module.get("exports");
    }
    let (module, exports) = (Object::new(ctx.clone())?, Object::new(ctx.clone())?);
    module.set("exports", exports.clone())?;
    module.set("id", name)?;
    cache.set(name, module.clone())?;
    let function: Function<'js> = sys::run_script(ctx, function)?.get()?;
    let require: Function<'js> = globals.get(REQUIRE)?;
    let base = name.to_owned();
    let own = Function::new(ctx.clone(), move |name: String| -> JsResult<Value<'js>> {
        require.call((name, base.clone()))
    })?;
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let arguments = (This(exports.clone()), exports, own, module.clone(), path, folder);
    if let Err(error) = function.call::<_, ()>(arguments) {
        // What failed once is tried again by whoever asks next.
        cache.remove(name)?;
        return Err(error);
    }
    module.get("exports")
}

type Sources = Arc<BTreeMap<String, Unit>>;

/// Loads modules from source, keeping their bytecode.
pub(crate) struct Compiling {
    builtins: Builtins,
    sources: Sources,
    compiled: Arc<Mutex<BTreeMap<String, Compiled>>>,
}

fn compile<'js>(
    ctx: &Ctx<'js>,
    sources: &Sources,
    compiled: &Mutex<BTreeMap<String, Compiled>>,
    name: &str,
) -> JsResult<Module<'js, Declared>> {
    let unit = sources.get(name).ok_or_else(|| JsError::new_loading(name))?;
    let function = match unit.kind {
        Kind::Module => None,
        Kind::CommonJs { .. } => Some(sys::compile_script(ctx, name, &unit.code)?),
    };
    let module = match &unit.kind {
        Kind::Module => Module::declare(ctx.clone(), name, unit.code.as_str())?,
        Kind::CommonJs { exports } => Module::declare(ctx.clone(), name, facade(name, exports))?,
    };
    let bytecode = Bytecode::of_module(&module)?;
    let (links, broken) = (unit.links.clone(), unit.broken.clone());
    let unit = Compiled { links, broken, path: unit.path.clone(), module: bytecode, function };
    compiled.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), unit);
    Ok(module)
}

/// An ECMAScript module that exports what a CommonJS module does.
fn facade(name: &str, exports: &[String]) -> String {
    let name = serde_json::Value::from(name);
    let mut text = format!("const module = {REQUIRE}({name});\nexport default module;\n");
    for export in exports.iter().filter(|export| *export != "default") {
        text.push_str(&format!(
            "const _{export} = module.{export};\nexport {{ _{export} as {export} }};\n"
        ));
    }
    text
}

impl Loader for Compiling {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> JsResult<Module<'js, Declared>> {
        match builtin(self.builtins, name) {
            Some(declare) => declare(ctx, name),
            None => compile(ctx, &self.sources, &self.compiled, name),
        }
    }
}

/// Loads modules from bytecode.
pub(crate) struct Loading(pub(crate) Arc<Bundle>);

impl Loader for Loading {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> JsResult<Module<'js, Declared>> {
        if let Some(declare) = self.0.builtin(name) {
            return declare(ctx, name);
        }
        let unit = self.0.units.get(name).ok_or_else(|| JsError::new_loading(name))?;
        let module = sys::load_module(ctx, &unit.module)?;
        let base = name.to_owned();
        let resolve = move |name: String| match name.starts_with("./") || name.starts_with("../") {
            true => joined(&base, &name),
            false => name,
        };
        module.meta()?.set("resolve", Function::new(ctx.clone(), resolve)?)?;
        Ok(module)
    }
}

impl Resolver for Loading {
    fn resolve<'js>(
        &mut self,
        _: &Ctx<'js>,
        base: &str,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> JsResult<String> {
        let links = self.0.units.get(base).map(|unit| &unit.links);
        Ok(linked(links, name))
    }
}

/// A relative path, as a URL beside a module's own.
fn joined(base: &str, path: &str) -> String {
    let mut parts: Vec<&str> = base.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "." => {}
            // `file:///` stays.
            ".." if parts.len() > 3 => drop(parts.pop()),
            ".." => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Resolves what a unit imports by its links.
pub(crate) struct Linked(pub(crate) Sources);

impl Resolver for Linked {
    fn resolve<'js>(
        &mut self,
        _: &Ctx<'js>,
        base: &str,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> JsResult<String> {
        Ok(linked(self.0.get(base).map(|unit| &unit.links), name))
    }
}

fn linked(links: Option<&BTreeMap<String, String>>, name: &str) -> String {
    links.and_then(|links| links.get(name)).map_or_else(|| name.to_owned(), Clone::clone)
}

impl std::fmt::Debug for Bundle {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let units: Vec<&String> = self.units.keys().collect();
        formatter.debug_struct("Bundle").field("units", &units).finish_non_exhaustive()
    }
}
