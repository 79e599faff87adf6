//! TOML with positions: what manifests and the configuration have in common.
//!
//! A strict reader wants every mistake at once, each with its place. serde stops at the
//! first, so a document is read into a tree whose every key and value knows its [`Origin`],
//! and [`Fields`] takes it apart.

mod fields;
mod origin;
mod parse;
mod value;

pub use crate::nearest::{did_you_mean, nearest};
pub use fields::{At, Fields};
pub use origin::{Origin, Problem, Problems};
pub use parse::parse;
pub use value::{Entry, Node, Table, Value};

#[cfg(test)]
mod tests;
