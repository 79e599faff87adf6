//! The daemon on this machine's kernel: every metric against a counter that the kernel
//! keeps for itself, and the daemon's manners as a process.
//!
//! "Equal" means: our count plus the runs of our own programs that the kernel skipped,
//! which it counts too. Needs root; skipped loudly without, and then failed if
//! `GEOPHONE_REQUIRE_BPF` is 1.

#![allow(clippy::unwrap_used)]

mod abuse;
mod block_io;
mod cgroup;
mod collect;
#[cfg(target_arch = "x86_64")]
mod cuda;
mod dma_fence;
mod drivers;
mod isolation;
mod last_scrapes;
#[cfg(target_arch = "x86_64")]
mod libraries;
mod lifecycle;
mod nvidia;
mod options;
mod page;
mod partition;
mod refusals;
mod restricted;
mod runqueue;
mod series;
mod service;
mod statistics;
mod tcp;
mod unprivileged;
#[cfg(target_arch = "x86_64")]
mod uprobe;
mod user_module;

use std::env;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use geophone_test_support::daemon::Options;
use geophone_test_support::privileges;

const BINARY: &str = env!("CARGO_BIN_EXE_geophone");

/// The daemon for what holds it to a time, and whether it is optimized: as it is released, where
/// whoever runs the tests names one (`RELEASED=target/release/geophone`). The one that is built
/// for the tests takes about ten times as long for a page, on processors that others use too.
fn timed() -> (PathBuf, bool) {
    let released = env::var_os("RELEASED").map(PathBuf::from);
    let optimized = released.is_some() || !cfg!(debug_assertions);
    (released.unwrap_or_else(|| BINARY.into()), optimized)
}

/// The right to load eBPF programs and to have the machine's counters to oneself;
/// `None` where there are no privileges.
fn turn() -> Option<MutexGuard<'static, ()>> {
    static TURN: Mutex<()> = Mutex::new(());
    privileges::present().then(|| TURN.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The daemon with these modules only.
fn geophone(modules: &[&str]) -> Options {
    Options::new(BINARY).only(modules)
}
