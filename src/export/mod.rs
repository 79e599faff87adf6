//! Encodings of a snapshot. Nothing here knows of maps or the kernel.

mod check;
pub mod json;
pub mod otlp;
pub mod prometheus;
