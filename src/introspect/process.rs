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
        if let Ok(boot) = procfs::boot_time_secs() {
            families.gauge(
                &START_TIME,
                &[],
                boot as f64 + stat.starttime as f64 / ticks,
            );
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
