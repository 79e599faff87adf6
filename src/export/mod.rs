//! Encodings of a snapshot. Nothing here knows of maps or the kernel.

pub mod json;
pub mod prometheus;
