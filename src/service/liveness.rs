use tokio::sync::watch;

use super::manager::Manager;

/// What a daemon that is alive does again and again.
pub trait Sweeps {
    /// Counts those that are complete.
    fn count(&self) -> watch::Receiver<u64>;

    /// Sees to it that one is made that begins after now.
    fn ask(&self);

    /// How the modules are, in one line.
    fn status(&self) -> String;
}

/// Tells the manager that the daemon is ready once the first sweep is complete. Where the manager
/// has a watchdog, tells it that the daemon is alive twice in each time that it waits, but only if a
/// sweep has been completed since it was told so last: one is asked for where none was due. Where
/// it has none, tells it how the modules are after each sweep, if they are not as before. Returns
/// when there will be no further sweep.
pub async fn attend(manager: &Manager, sweeps: &impl Sweeps) {
    let mut count = sweeps.count();
    if count.wait_for(|count| *count > 0).await.is_err() {
        return;
    }
    let mut status = sweeps.status();
    manager.ready(&status).await;
    loop {
        if let Some(limit) = manager.watchdog() {
            tokio::time::sleep(limit / 2).await;
            if !count.has_changed().unwrap_or(false) {
                sweeps.ask();
            }
        }
        if count.changed().await.is_err() {
            return;
        }
        let now = sweeps.status();
        if manager.watchdog().is_some() {
            manager.alive(&now).await;
        } else if now != status {
            manager.changed(&now).await;
        }
        status = now;
    }
}
