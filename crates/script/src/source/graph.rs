//! A script and everything it imports or requires.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::Error;
use super::exports::Exports;
use super::load::Loading;
use super::location::{Location, Specifier};
use super::map::SourceMap;
use super::parse::Kind;
use super::place::Place;
use super::reader::Reader;
use super::references::{How, Name, Reference};
use super::resolve::{ResolveError, Resolver};
use super::trace::SourceMaps;

/// How a script is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The folder with local copies of `https` modules.
    pub modules_dir: Option<PathBuf>,
    /// The most bytes all modules and their source maps may have together.
    pub limit: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { modules_dir: None, limit: 64 << 20 }
    }
}

/// What a specifier of a module leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A built-in module, by name.
    Builtin(String),
    /// A module of the graph, by its index in [`Graph::modules`].
    Module(usize),
}

/// A module of a script.
#[derive(Clone, Debug)]
pub struct Module {
    /// Where it lies and how it is called.
    pub location: Location,
    /// How it is run.
    pub kind: Kind,
    /// What the engine compiles; see [`Source::code`].
    pub code: Arc<str>,
    /// What it imports and requires, in the order of the text.
    pub references: Vec<Reference>,
    /// Where each specifier leads, as it is written. An error here is one that must be thrown when
    /// a `require` or an `import()` runs: static imports that fail keep the graph from loading.
    pub targets: BTreeMap<String, Result<Target, Error>>,
    /// What its text shows that it exports.
    pub exports: Exports,
    /// For CommonJS and JSON: the names that an ECMAScript wrapper of it must export besides
    /// `default`. They are those its text shows, those of modules it hands on whole, and those any
    /// module of this graph imports from it by name; of all of them, those that are identifiers.
    /// One that is not set once it has been run is an import of something that is not there: see
    /// `asked`.
    pub wrapper: BTreeSet<String>,
    /// The names other modules import from it, each with the places where they do.
    pub asked: BTreeMap<String, Vec<Place>>,
    /// From positions in `code` back to places in the source.
    pub map: SourceMap,
}

/// A use of a built-in module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltinUse {
    /// The built-in module's name.
    pub module: String,
    /// How it is asked for.
    pub how: How,
    /// Where.
    pub place: Place,
    /// The names asked of it.
    pub names: Vec<Name>,
}

/// A script and everything it imports or requires.
#[derive(Clone, Debug)]
pub struct Graph {
    modules: Vec<Module>,
    by_name: HashMap<Arc<str>, usize>,
    maps: SourceMaps,
    warnings: Vec<String>,
}

impl Graph {
    /// Reads a script and everything it imports or requires.
    ///
    /// # Errors
    /// What is wrong with the script or a module it imports, imports of imports included. What is
    /// wrong with one that is only required stands in its [`Module::targets`] instead.
    pub fn load(entry: &Path, reader: &dyn Reader, options: &Options) -> Result<Self, Error> {
        Loading::new(reader, options).load(Location::file(entry), None)
    }

    /// The same for a script that is at hand, and is not read from its location (as standard
    /// input, which has the location of a file named `-`).
    ///
    /// # Errors
    /// As for [`Graph::load`].
    pub fn load_text(
        location: Location,
        text: &str,
        reader: &dyn Reader,
        options: &Options,
    ) -> Result<Self, Error> {
        Loading::new(reader, options).load(location, Some(text))
    }

    pub(super) fn new(modules: Vec<Module>, warnings: Vec<String>) -> Self {
        let names = modules.iter().map(|module| module.location.name().clone());
        let by_name = names.zip(0..).collect();
        let maps = SourceMaps::new(modules.iter().map(|module| module.map.clone()));
        Self { modules, by_name, maps, warnings }
    }

    /// The modules, each behind those it asks for; the script itself is the last. Where modules
    /// ask for each other, the one that is met first comes last.
    pub fn modules(&self) -> &[Module] {
        &self.modules
    }

    /// The script.
    pub fn entry(&self) -> &Module {
        self.modules.last().expect("a graph is made of an entry and what it asks for")
    }

    /// A module by the name the engine knows, and its index.
    pub fn find(&self, name: &str) -> Option<(usize, &Module)> {
        let index = *self.by_name.get(name)?;
        Some((index, &self.modules[index]))
    }

    /// The source maps of all modules, for stack traces.
    pub fn maps(&self) -> &SourceMaps {
        &self.maps
    }

    /// What was ignored: source maps that cannot be used.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Every use of a built-in module, in the order of the modules.
    pub fn builtins(&self) -> impl Iterator<Item = BuiltinUse> + '_ {
        self.modules.iter().flat_map(|module| {
            module.references.iter().filter_map(|reference| {
                let Ok(Target::Builtin(name)) = module.targets.get(&reference.specifier)? else {
                    return None;
                };
                Some(BuiltinUse {
                    module: name.clone(),
                    how: reference.how,
                    place: reference.place.clone(),
                    names: reference.names.clone(),
                })
            })
        })
    }

    /// What a specifier leads to when the module of that index requires it while it runs. A
    /// specifier that its text does not name is looked for among the modules that are loaded.
    ///
    /// # Errors
    /// What to throw.
    pub fn required(&self, module: usize, specifier: &str) -> Result<Target, Error> {
        let Some(base) = self.modules.get(module) else {
            return Err(Error::Unreadable {
                path: PathBuf::from(specifier),
                reason: "the module that requires it is not part of the script".to_owned(),
            });
        };
        if let Some(target) = base.targets.get(specifier) {
            return target.clone();
        }
        let fail = |why: ResolveError| Error::Resolve {
            place: Place::file(base.location.name().clone()),
            quote: String::new(),
            why: Box::new(why),
        };
        let resolver = Resolver { reader: self, modules_dir: None };
        match resolver.resolve(&base.location, specifier).map_err(fail)? {
            Specifier::Builtin(name) => Ok(Target::Builtin(name)),
            Specifier::Module(location) => match self.find(location.name()) {
                Some((index, _)) => Ok(Target::Module(index)),
                None => Err(fail(ResolveError::Computed { specifier: specifier.to_owned() })),
            },
        }
    }
}

/// The files that are loaded already, for names that are only known while a script runs.
impl Reader for Graph {
    fn read(&self, _: &Path, _: u64) -> io::Result<Vec<u8>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn is_file(&self, path: &Path) -> bool {
        self.modules.iter().any(|module| module.location.path() == path)
    }
}
