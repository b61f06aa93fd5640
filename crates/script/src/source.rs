//! Scripts before they run: read, checked, stripped of types, linked with what they import, and
//! mapped back to what their author wrote. Pure: nothing here runs JavaScript, and the only I/O is
//! the [`Reader`] a graph is loaded through.
//!
//! [`Graph::load`] is the way in: it reads a script and everything it imports or requires. Plain
//! JavaScript goes to the engine untouched; TypeScript is printed anew without its types. Positions
//! the engine reports lead back through [`SourceMaps`].

mod error;
mod graph;
mod load;
mod location;
mod reader;
mod resolve;

mod commonjs;
mod exports;
mod json;
mod literal;
mod parse;
mod references;
mod stack;
mod typescript;

mod map;
mod mapping;
mod place;
mod trace;

pub use self::error::Error;
pub use self::exports::Exports;
pub use self::graph::{BuiltinUse, Graph, Module, Options, Target};
pub use self::literal::Literal;
pub use self::location::{Location, Specifier};
pub use self::map::SourceMap;
pub use self::parse::{Kind, Source, SyntaxError, parse};
pub use self::place::Place;
pub use self::reader::{Disk, Reader};
pub use self::references::{How, Name, Reference};
pub use self::resolve::{ResolveError, Resolver};
pub use self::trace::SourceMaps;
