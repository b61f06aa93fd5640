//! k6 scripts, unchanged, on the load engine: options, modules, virtual users and a run's life.

pub mod generate;
