use super::DaemonError;
use super::bring_up::Modules;
use super::follow::Follower;
use crate::attach::{Scans, Watcher};
use crate::config::Config;
use crate::discover::Drivers;
use crate::sweep::{Extra, Pace, Sweeper};

/// What looks for libraries and drivers while the modules are swept. Ends when dropped: first
/// who brings modules up, then who attaches them.
pub struct Searches {
    _follower: Follower,
    _watcher: Watcher,
}

/// Sweeps the modules, and looks for what they measure, each on a thread of its own.
///
/// # Errors
///
/// The system has no room for another thread.
pub fn start(
    modules: Modules,
    drivers: Drivers,
    config: &Config,
    pace: Pace,
    (scans, extra): (Scans, Extra),
) -> Result<(Sweeper, Searches), DaemonError> {
    let sweeper = Sweeper::start(modules.running, modules.reports, pace, extra)
        .map_err(DaemonError::Runtime)?;
    let attention = modules.attention.clone();
    let watcher = Watcher::start(modules.attachers, attention, scans, sweeper.asker())
        .map_err(DaemonError::Runtime)?;
    let follower = Follower::start(
        modules.followed,
        drivers,
        config,
        sweeper.exchange(),
        modules.attention,
    )
    .map_err(DaemonError::Runtime)?;
    let searches = Searches {
        _follower: follower,
        _watcher: watcher,
    };
    Ok((sweeper, searches))
}
