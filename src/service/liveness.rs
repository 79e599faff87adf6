use std::time::Duration;

use tokio::sync::watch;

use super::manager::Manager;

/// How often the manager is told how the modules are where it has no watchdog.
const INTERVAL: Duration = Duration::from_secs(30);

/// What a daemon that is alive does again and again.
pub trait Sweeps {
    /// Counts those that are complete.
    fn count(&self) -> watch::Receiver<u64>;

    /// Sees to it that one is made that begins after now.
    fn ask(&self);

    /// How the modules are, in one line.
    fn status(&self) -> String;
}

/// Tells the manager that the daemon is ready once the first sweep is complete, and that it is
/// alive twice in each time that its watchdog waits, but only if a sweep has been completed
/// since it was told so last: one is asked for where none was due. Returns when there will be no
/// further sweep.
pub async fn attend(manager: &Manager, sweeps: &impl Sweeps) {
    let mut count = sweeps.count();
    if count.wait_for(|count| *count > 0).await.is_err() {
        return;
    }
    manager.ready(&sweeps.status()).await;
    let interval = manager.watchdog().map_or(INTERVAL, |limit| limit / 2);
    loop {
        tokio::time::sleep(interval).await;
        if !count.has_changed().unwrap_or(false) {
            sweeps.ask();
        }
        if count.changed().await.is_err() {
            return;
        }
        manager.alive(&sweeps.status()).await;
    }
}
