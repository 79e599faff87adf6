//! Numbers and records of tracepoints, which tracefs alone tells (`events/CATEGORY/NAME`).

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use rustix::fs::{Mode, OFlags, openat};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};

/// Where it is mounted, if it is.
const PLACES: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// The number of a tracepoint.
///
/// # Errors
///
/// As [`event_file`].
pub fn tracepoint_number(category: &str, name: &str) -> io::Result<u64> {
    let text = event_file(category, name, "id")?;
    text.trim().parse().map_err(io::Error::other)
}

/// The text of a file about a tracepoint, such as `id` or `format`.
///
/// Where tracefs is not mounted, or closed to this process, it is opened by way of a mount
/// that is nowhere in the tree and goes with its last descriptor, which takes
/// `CAP_SYS_ADMIN`.
///
/// # Errors
///
/// [`io::ErrorKind::NotFound`] if there is no such tracepoint; otherwise what keeps tracefs
/// from being read.
pub fn event_file(category: &str, name: &str, file: &str) -> io::Result<String> {
    let file = Path::new("events").join(category).join(name).join(file);
    match mounted() {
        Some(place) => fs::read_to_string(place.join(file)),
        None => read_unmounted(&file),
    }
}

/// Whether this process sees it somewhere.
pub fn is_mounted() -> bool {
    mounted().is_some()
}

fn mounted() -> Option<&'static Path> {
    let mut places = PLACES.iter().map(Path::new);
    places.find(|place| place.join("events").is_dir())
}

/// What keeps tracefs from being read, and what would help.
pub fn unreadable(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::PermissionDenied {
        "tracefs cannot be read: run as root or grant CAP_DAC_READ_SEARCH; where it is not \
         mounted, mount -t tracefs tracefs /sys/kernel/tracing"
            .to_owned()
    } else {
        format!("cannot read tracefs: {error}")
    }
}

fn read_unmounted(event: &Path) -> io::Result<String> {
    let tracefs = fsopen("tracefs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(&tracefs)?;
    let attributes = MountAttrFlags::empty();
    let root = fsmount(&tracefs, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?;
    let file = openat(
        &root,
        event,
        OFlags::RDONLY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    let mut text = String::new();
    File::from(file).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::kernel::testing::may_load;

    #[test]
    fn it_is_found_wherever_tracefs_is() {
        if !may_load("it_is_found_wherever_tracefs_is") {
            return;
        }
        let number = tracepoint_number("sched", "sched_switch").unwrap();
        let unmounted = read_unmounted(Path::new("events/sched/sched_switch/id")).unwrap();
        assert_eq!(unmounted.trim(), number.to_string());
        let error = tracepoint_number("sched", "sched_swatch").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
