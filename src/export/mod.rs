//! Encoders: they know the [snapshot](crate::snapshot) and nothing of where it came from.

pub mod prometheus;
