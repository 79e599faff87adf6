//! Geophone, an eBPF metrics exporter.
//!
//! The way of the data is one line: event, per-CPU map, [`sweep`], [`snapshot::Snapshot`],
//! [`export`], socket. `docs/architecture.md` has the picture.

#![deny(unsafe_code)]

pub mod attach;
mod causes;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod discover;
pub mod document;
pub mod export;
pub mod http;
pub mod introspect;
pub mod kernel;
pub mod log;
pub mod module;
pub mod nearest;
pub mod push;
pub mod regular_file;
pub mod service;
pub mod snapshot;
pub mod sweep;
pub mod telemetry;
