//! Runs scripts against the modules, for their tests.

use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::Declared;
use rquickjs::{
    CatchResultExt, CaughtError, Coerced, Context, Ctx, Error, Module, Result, Runtime,
};

use super::{ALL, text_coding, web_crypto};

/// What a script, run as a module, exports as `result`, as text.
pub(crate) fn eval(script: &str) -> String {
    run(script).unwrap_or_else(|error| panic!("the script threw: {error}"))
}

/// What a script throws.
pub(crate) fn thrown(script: &str) -> String {
    match run(&format!("{script}\nexport const result = 'nothing';")) {
        Ok(_) => panic!("the script threw nothing"),
        Err(error) => error,
    }
}

fn run(script: &str) -> std::result::Result<String, String> {
    let runtime = Runtime::new().expect("a runtime");
    runtime.set_loader(Builtin, Builtin);
    let context = Context::full(&runtime).expect("a context");
    context.with(|ctx| {
        text_coding::install(&ctx).expect("installed");
        web_crypto::install(&ctx).expect("installed");
        let run = || -> Result<String> {
            let module = Module::declare(ctx.clone(), "script", script)?;
            let (module, done) = module.eval()?;
            done.finish::<()>()?;
            module.get::<_, Coerced<String>>("result").map(|text| text.0)
        };
        run().catch(&ctx).map_err(|error| match error {
            CaughtError::Exception(error) => error.message().unwrap_or_default(),
            other => other.to_string(),
        })
    })
}

/// Finds the modules of [`ALL`] by their names.
struct Builtin;

impl Resolver for Builtin {
    fn resolve<'js>(
        &mut self,
        _: &Ctx<'js>,
        _: &str,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> Result<String> {
        Ok(name.to_owned())
    }
}

impl Loader for Builtin {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> Result<Module<'js, Declared>> {
        let known = ALL.iter().find(|(known, _)| *known == name);
        let (_, declare) = known.ok_or_else(|| Error::new_loading(name))?;
        declare(ctx, name)
    }
}
