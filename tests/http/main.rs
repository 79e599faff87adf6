//! The server over real sockets, with a source that does as it is told.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod addresses;
mod bounds;
mod pages;
#[path = "../sample/mod.rs"]
mod sample;
mod scrape;
mod server;
mod shutdown;
