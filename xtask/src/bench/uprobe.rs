//! Cost of a probe on a function of a library, by where in the function it is.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use geophone::kernel::uprobe::Library;
use geophone_test_support::probe::Probe;
use geophone_test_support::replica::{Replica, THUNK};

use super::median;
use crate::row::{Row, Unit};

/// Runs of which the middle one counts.
const RUNS: usize = 7;
const CALLS: u64 = 50_000;
/// Of a function without a probe, whose calls take two nanoseconds.
const PLAIN_CALLS: u64 = 50_000_000;

pub fn measure() -> Result<Vec<Row>> {
    ensure!(
        cfg!(target_arch = "x86_64"),
        "on other architectures than x86-64 all probes are at the first instruction: name the \
         other parts with --only"
    );
    let replica = Replica::build()?;
    let library = Library::open(&replica.library())?;
    let sites = library.sites([THUNK])?;
    let site = sites.first().context("the library lacks its function")?;
    let (first, chosen) = (site.function.offset, site.offset());
    ensure!(first != chosen, "no better place than the first was found");

    let plain = per_call(&replica, PLAIN_CALLS)?;
    let probed = |offset, returns| -> Result<f64> {
        let _probe = Probe::attach(&replica.library(), offset, returns)?;
        per_call(&replica, CALLS)
    };
    let (entry_first, entry) = (probed(first, false)?, probed(chosen, false)?);
    let (both_first, both) = (probed(first, true)?, probed(chosen, true)?);

    let place = site.placement.offset;
    let row = |what: &str, measured| Row::new(what, measured, Unit::Nanoseconds);
    let ratio = |what: &str, first: f64, chosen: f64| {
        Row::new(what, first / chosen, Unit::Times).detail(format!("+0 against +{place}"))
    };
    Ok(vec![
        row("a call without a probe", plain),
        row("entry, at the first instruction (+0)", entry_first),
        row(&format!("entry, at the chosen one (+{place})"), entry).budget(1000.0),
        row("entry and return, at the first (+0)", both_first),
        row(&format!("entry and return, at the chosen (+{place})"), both).budget(2000.0),
        ratio("gain of the choice, entry", entry_first, entry).at_least(8.0),
        ratio("gain of the choice, entry and return", both_first, both),
    ])
}

/// Nanoseconds, the call included.
fn per_call(replica: &Replica, calls: u64) -> Result<f64> {
    let runs: Vec<Duration> = (0..RUNS)
        .map(|_| replica.call(THUNK, calls, 1))
        .collect::<Result<_>>()?;
    Ok(median(runs).as_nanos() as f64 / calls as f64)
}
