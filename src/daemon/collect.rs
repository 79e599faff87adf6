use std::sync::Arc;
use std::time::Duration;

use tracing::info;

use super::bring_up::{bring_up, check_privileges, check_required};
use super::extra::{Counted, extra};
use super::statistics::{Measuring, OnTime};
use super::{DaemonError, threads};
use crate::attach::Scans;
use crate::cli::{CollectFormat, print};
use crate::config::Loaded;
use crate::discover::Drivers;
use crate::export::json;
use crate::export::prometheus::{Escaping, Exposition, Format, encode};
use crate::log::LogCounts;
use crate::snapshot::Snapshot;
use crate::sweep::Pace;

/// Loads the modules, waits, sweeps once, prints the snapshot and leaves. With
/// `run_statistics` the kernel measures the programs' run time all the while.
///
/// # Errors
///
/// It cannot begin, or standard output cannot be written to. A module that must run and is
/// not active is an error once the others' metrics are printed.
pub fn collect(
    loaded: &Loaded,
    duration: Duration,
    format: CollectFormat,
    run_statistics: bool,
    log: Arc<LogCounts>,
) -> Result<(), DaemonError> {
    check_privileges()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(DaemonError::Runtime)?;
    let on = Arc::new(OnTime::default());
    let measuring = run_statistics.then(|| Measuring::start(&on)).transpose();
    let _measuring = measuring.map_err(DaemonError::RunStatistics)?;
    let drivers = Drivers::of_kernel();
    let modules = bring_up(loaded, &drivers)?;
    // The first sweep creates the keys; the second, at the end, is the one that is printed.
    let pace = Pace {
        min_interval: Duration::ZERO,
        interval: Duration::MAX,
    };
    let scans = Scans::default();
    let extra = extra(Counted {
        server: None,
        push: None,
        telemetry: None,
        log,
        on,
        scans: scans.clone(),
    });
    let (sweeper, _searches) =
        threads::start(modules, drivers, &loaded.config, pace, (scans, extra))?;
    if duration > Duration::from_secs(1) {
        info!(time = %humantime::format_duration(duration), "collecting");
    }
    let snapshot = runtime.block_on(async {
        sweeper.snapshot(None).await;
        tokio::time::sleep(duration).await;
        sweeper.snapshot(None).await
    });
    let exposition = Exposition {
        classic_buckets: loaded.config.exposition.classic_buckets,
    };
    // Libraries and drivers may have been found meanwhile.
    let reports = sweeper.reports();
    let page = page(&snapshot, &reports, format, exposition)?;
    print(&page).map_err(DaemonError::Output)?;
    check_required(&loaded.config, &reports)
}

fn page(
    snapshot: &Snapshot,
    reports: &[crate::sweep::ModuleReport],
    format: CollectFormat,
    exposition: Exposition,
) -> Result<Vec<u8>, DaemonError> {
    let format = match format {
        CollectFormat::Text => Format::Text004,
        CollectFormat::OpenMetrics => Format::OpenMetrics100(Escaping::Underscores),
        CollectFormat::Json => return Ok(json::page(snapshot, &reports)),
    };
    Ok(encode(format, &snapshot.families, &exposition)?)
}
