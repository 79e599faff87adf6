use std::sync::OnceLock;

use procfs::process::{LimitValue, Process};

use super::{CPU_SECONDS, Families, MAX_FDS, OPEN_FDS, RESIDENT, START_TIME, VIRTUAL};

/// Adds the `process_*` metrics that client libraries give by convention. Leaves out what
/// `/proc` does not tell, as on a system that hides it.
pub fn process_families(families: &mut Families) {
    let Ok(me) = Process::myself() else { return };
    if let Ok(stat) = me.stat() {
        let ticks = procfs::ticks_per_second() as f64;
        families.seconds_counter(&CPU_SECONDS, &[], (stat.utime + stat.stime) as f64 / ticks);
        families.gauge(&RESIDENT, &[], stat.rss as f64 * procfs::page_size() as f64);
        families.gauge(&VIRTUAL, &[], stat.vsize as f64);
        if let Some(boot) = boot_time() {
            let start = boot as f64 + stat.starttime as f64 / ticks;
            families.gauge(&START_TIME, &[], start);
        }
    }
    if let Ok(open) = me.fd_count() {
        families.gauge(&OPEN_FDS, &[], open as f64);
    }
    if let Ok(limits) = me.limits()
        && let LimitValue::Value(max) = limits.max_open_files.soft_limit
    {
        families.gauge(&MAX_FDS, &[], max as f64);
    }
}

/// When the machine began, in Unix time. Read once: the kernel recomputes it from a clock
/// that is being adjusted, and a start does not move; and `/proc/stat` is a long read on a
/// machine of many CPUs.
fn boot_time() -> Option<u64> {
    static BOOT_TIME: OnceLock<Option<u64>> = OnceLock::new();
    *BOOT_TIME.get_or_init(|| procfs::boot_time_secs().ok())
}
