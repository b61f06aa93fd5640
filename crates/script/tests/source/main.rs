//! Scripts before they run, as users of the crate see them.

mod deep;
mod engine;
mod files;
mod graph;
mod kinds;
mod maps;
mod properties;
mod syntax;
mod typescript;
