//! The push, against receivers that are not ours: Python's, made of OpenTelemetry's own messages
//! and gRPC's own library, and Prometheus.
//!
//! `OTLP_PYTHON` names the Python to run the receivers with, as `cargo xtask fetch otlp-python`
//! prints it. Where there is none the tests are skipped, loudly; with `GEOPHONE_REQUIRE_OTLP=1`
//! that is a failure.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
// Counts are exact.
#![allow(
    clippy::float_cmp,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

mod agreement;
mod child;
mod counted;
mod daemon;
mod delivery;
mod faults;
mod lifetime;
mod outage;
mod pushing;
mod python;
mod receiver;
#[path = "../sample/mod.rs"]
mod sample;
mod telemetry;
mod telling;
mod tls;
mod unloved;
