//! A real Prometheus scrapes the server or takes what it pushes, and promtool reads its pages.
//!
//! `PROMETHEUS` names the server to use instead of the one on the path, and `PROMTOOL` the
//! tool. Where there is none the tests are skipped, loudly; with
//! `GEOPHONE_REQUIRE_PROMETHEUS=1` that is a failure.
//!
//! `PROMETHEUS_OTLP` names the server to push to, as `cargo xtask fetch prometheus-otlp` gives it,
//! since Debian's is built without a receiver. Where there is none these tests are
//! skipped, loudly; with `GEOPHONE_REQUIRE_OTLP=1` that is a failure, unless the variable is
//! `none`, which says that none could be had.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod agreement;
mod daemon;
mod instance;
mod otlp;
mod promtool;
#[path = "../otlp/pushing.rs"]
mod pushing;
mod rules;
#[path = "../sample/mod.rs"]
mod sample;
mod scrape;
mod target;
