//! What the encoders write, read back by readers that share nothing with them.

// Values are compared with what they were made from, not with results of a computation.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::float_cmp
)]

mod expected;
mod openmetrics;
mod protobuf;
mod reader;
#[path = "../sample/mod.rs"]
mod sample;
mod speed;
mod strategy;
mod text;
mod wire;
