//! Descriptors that this process was started with.

use std::io;
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// Those that a service manager has handed over (sd_listen_fds(3)), by their numbers; none where
/// it has not, and none the second time.
///
/// # Errors
///
/// The variables that tell are no numbers, or there are fewer descriptors than they say.
pub fn handed_over() -> io::Result<Vec<(i32, OwnedFd)>> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    let numbers = sd_notify::listen_fds()?;
    if TAKEN.swap(true, Ordering::Relaxed) {
        return Ok(Vec::new());
    }
    let own = |number| {
        // SAFETY: the manager has opened it for this process, which the variables tell by its id;
        // sd_notify has found it open; nothing else here uses it, and it is taken once.
        (number, unsafe { OwnedFd::from_raw_fd(number) })
    };
    Ok(numbers.map(own).collect())
}
