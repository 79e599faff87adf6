use std::io;
use std::time::Duration;

use super::bring_up::Modules;
use crate::attach::{Scans, Watcher};
use crate::sweep::Sweepable;

/// How long to look for libraries. That takes some 0.1 s, and 2 s more for each file system
/// that does not answer.
const LIMIT: Duration = Duration::from_secs(10);

/// Looks once for the libraries that modules are for, attaches to them, and takes into the
/// reports what becomes of that.
///
/// # Errors
///
/// The system has no room for another thread.
pub fn search(modules: &mut Modules) -> io::Result<()> {
    let attachers = std::mem::take(&mut modules.attachers);
    if attachers.is_empty() {
        return Ok(());
    }
    let scans = Scans::default();
    let attention = modules.attention.clone();
    let _watcher = Watcher::start(attachers, attention, scans.clone(), || {})?;
    scans.wait(LIMIT);
    for news in modules.running.iter_mut().filter_map(Sweepable::news) {
        let mut reports = modules.reports.iter_mut();
        if let Some(report) = reports.find(|report| report.name == news.name) {
            *report = news;
        }
    }
    Ok(())
}
