//! What a module is: one manifest and one eBPF object.
//!
//! Nothing in the daemon is written for one module. [`Manifest`] says which programs attach
//! where, what the maps hold and which metrics they become; [`Catalogue`] holds the built-in
//! pairs and those of the configured directories.

mod builtin;
mod catalogue;
mod clash;
mod describe;
mod model;
mod needs;
mod parse;

pub use catalogue::{Catalogue, Module, ModuleSource};
pub use model::{
    Alternative, Attach, Discovery, Functions, Key, KeySource, Label, Library, Manifest, Map,
    MapKind, Metric, ModuleOption, OptionKind, Program, SCHEMA,
};
pub use parse::DEFAULT_MAX_SERIES;

/// What is wrong in a manifest, with file, line and column.
pub use crate::document::Problem as ManifestError;

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
