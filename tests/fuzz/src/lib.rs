//! What each fuzz target does with an input, and what must hold whatever the input is.

pub mod accept;
pub mod btf;
pub mod config;
pub mod elf;
pub mod http;
mod http_response;
pub mod instructions;
pub mod labels;
mod loader;
pub mod manifest;
mod mistakes;
mod page;

// The tests' own readers of what the encoders write, and the sample that they write.
#[allow(clippy::float_cmp)]
#[path = "../../exposition/expected.rs"]
mod expected;
#[allow(dead_code)]
#[path = "../../exposition/reader.rs"]
mod reader;
#[path = "../../sample/mod.rs"]
mod sample;
#[allow(dead_code)]
#[path = "../../exposition/wire.rs"]
mod wire;
